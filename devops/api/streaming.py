"""Long answers, block by block, under ASGI and WSGI alike."""

from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO, Self

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.renderers import EventStreamRenderer
from devops.errors import DomainError
from devops.event_streams import END, OFFERS
from devops.feeds import Feed

BLOCK_BYTES = 256 * 1024


class FileBlocks:
    """A file in blocks; it is closed with the answer, read or not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        block = self._file.read(BLOCK_BYTES)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class Stream(StreamingHttpResponse):
    """An answer that closes what it reads from, also when nobody read it to its end."""

    def __init__(self, request: Request, blocks: Iterator[bytes], content_type: str) -> None:
        # Django reads a synchronous iterator to its end before it sends anything under ASGI.
        is_async = isinstance(request._request, ASGIRequest)  # noqa: SLF001  (DRF shows no other way)
        super().__init__(_in_thread(blocks) if is_async else blocks, content_type=content_type)
        self._blocks = blocks

    def close(self) -> None:
        """End the answer."""
        super().close()
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()


def stream(request: Request, blocks: Iterator[bytes], content_type: str) -> StreamingHttpResponse:
    """An answer of unknown length that is never in memory as a whole."""
    response = Stream(request, blocks, content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


class NoLiveStream(DomainError):
    """The server that runs here cannot stream events."""

    code = "no-live-stream"
    status = 406
    title = "No live stream"
    remedy = "Ask for JSON, or run the platform's own web process, which speaks ASGI."


def wants_events(request: Request) -> bool:
    """Whether the client asked for server-sent events."""
    return isinstance(request.accepted_renderer, EventStreamRenderer)


def last_place(request: Request) -> str:
    """What the client saw last: `Last-Event-ID` of a reconnect, else `?after=`, else empty."""
    named = request.headers.get("Last-Event-ID", "")
    return named or request.query_params.get("after", "")


def is_over_for(request: Request) -> bool:
    """Whether the client had everything."""
    return request.headers.get("Last-Event-ID") == END


def live(request: Request, feed: Feed | None) -> Response:
    """Hand a feed to the server, which follows it once this answer is through; None is 204.

    Raises:
        NoLiveStream: this is not the ASGI server, or it does not stream at this address.
    """
    if feed is None:
        return Response(status=204)
    scope = getattr(request._request, "scope", {})  # noqa: SLF001  (DRF shows no other way)
    if OFFERS not in scope:
        raise NoLiveStream("This server answers a request only once.")
    scope[OFFERS].append(feed)
    return Response(b"")


async def _in_thread(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    def following() -> bytes | None:
        return next(blocks, None)

    read = sync_to_async(following, thread_sensitive=True)
    while (block := await read()) is not None:
        yield block
