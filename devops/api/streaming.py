"""Long answers, block by block, under ASGI and WSGI alike."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from rest_framework.request import Request


def stream(request: Request, blocks: Iterator[bytes], content_type: str) -> StreamingHttpResponse:
    """An answer of unknown length that is never in memory as a whole."""
    # Django reads a synchronous iterator to its end before it sends anything under ASGI.
    is_async = isinstance(request._request, ASGIRequest)  # noqa: SLF001  (DRF shows no other way)
    content = _in_thread(blocks) if is_async else blocks
    response = StreamingHttpResponse(content, content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


async def _in_thread(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(next, thread_sensitive=True)
    while (block := await following(blocks, None)) is not None:
        yield block
