"""The real application behind the API's client, within the test's process and transaction."""

import httpx
from django.test import Client


class InProcess(httpx.BaseTransport):
    """Hands each request to Django as its own test client would."""

    def __init__(self) -> None:
        self._client = Client(raise_request_exception=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        answer = self._client.generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=request.headers.get("Content-Type", "application/octet-stream"),
            headers=headers,
        )
        return httpx.Response(
            answer.status_code, headers=dict(answer.headers), content=answer.getvalue()
        )
