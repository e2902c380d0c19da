"""Which sockets and event streams there are, and who may open a socket."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.urls import re_path

from gitintegration.consumers import GitJobLogsConsumer
from pipelines.consumers import PipelineConsumer, RunLogConsumer

patterns = [
    re_path(r"^ws/devops/pipelines$", PipelineConsumer.as_asgi()),
    re_path(r"^ws/runs/(?P<run_id>[0-9a-f-]{36})/logs$", RunLogConsumer.as_asgi()),
    re_path(r"^ws/git/jobs/(?P<job_id>[0-9a-f-]{36})/logs$", GitJobLogsConsumer.as_asgi()),
]

_KEY = "[0-9a-fA-F-]{32,36}"
# Where `Accept: text/event-stream` is answered live.
event_streams = [
    re.compile(rf"/api/v1/devops/pipeline_runs/{_KEY}/(logs|events)"),
    re.compile(rf"/api/v1/devops/step_executions/{_KEY}/logs"),
    re.compile(rf"/api/v1/git/pipelines/{_KEY}/jobs/{_KEY}/logs"),
]


class AllowedOriginOrBearer:
    """A browser must come from one of our origins; a bearer token may come without any.

    A browser always sends an Origin and sends our cookie to whoever asks, so a foreign page could
    otherwise read along with its visitor's session.
    """

    def __init__(self, application: Callable[..., Awaitable[Any]]) -> None:
        self._application = application

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> Any:
        headers = dict(scope.get("headers", ()))
        origin = headers.get(b"origin", b"").decode("latin-1")
        bearer = headers.get(b"authorization", b"").lower().startswith(b"bearer ")
        allowed = is_allowed_origin(origin, headers.get(b"host", b"").decode("latin-1"))
        if allowed or (bearer and not origin):
            return await self._application(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)


def is_allowed_origin(origin: str, host: str) -> bool:
    """Whether a page of this origin may open sockets: our site, or the host that served it."""
    if not origin:
        return False
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return False
    if origin == settings.SITE_URL:
        return True
    return parts.netloc == host and parts.hostname in settings.ALLOWED_HOSTS
