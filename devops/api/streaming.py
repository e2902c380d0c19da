"""Long answers, block by block, under ASGI and WSGI alike."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO, Self
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.renderers import EventStreamRenderer
from devops.errors import DomainError
from devops.event_streams import END, OFFERS
from devops.feeds import Feed
from devops.problems import problem_response

BLOCK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class FileBlocks:
    """So many bytes of a file in blocks, or all; it is closed with the answer, read or not."""

    def __init__(self, file: BinaryIO, count: int | None = None) -> None:
        self._file = file
        self._left = count

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        wanted = BLOCK_BYTES if self._left is None else min(BLOCK_BYTES, self._left)
        block = self._file.read(wanted) if wanted else b""
        if not block:
            raise StopIteration
        if self._left is not None:
            self._left -= len(block)
        return block

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class Stream(StreamingHttpResponse):
    """An answer that closes what it reads from, also when nobody read it to its end."""

    def __init__(
        self, request: Request | HttpRequest, blocks: Iterator[bytes], content_type: str
    ) -> None:
        # REST framework keeps the server's own request inside its own, and shows no other way.
        own = request._request if isinstance(request, Request) else request  # noqa: SLF001
        # Django reads a synchronous iterator to its end before it sends anything under ASGI.
        is_async = isinstance(own, ASGIRequest)
        super().__init__(_in_thread(blocks) if is_async else blocks, content_type=content_type)
        self._blocks = blocks

    def close(self) -> None:
        """End the answer."""
        super().close()
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()


def stream(
    request: Request | HttpRequest, blocks: Iterator[bytes], content_type: str
) -> StreamingHttpResponse:
    """An answer of unknown length that is never in memory as a whole."""
    response = Stream(request, blocks, content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def send_file(
    request: Request, file: BinaryIO, size: int, etag: str, content_type: str
) -> HttpResponseBase:
    """A file that never changes, or the part of it that `Range` asks for, block by block.

    Source: RFC 9110 §13 and §14. Several ranges at once are answered with the whole file.
    """
    tag = f'"{etag}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    if _names(request.headers.get("If-None-Match", ""), tag):
        file.close()
        return HttpResponse(status=304, headers=headers)
    condition = request.headers.get("If-Range", tag)
    wanted = request.headers.get("Range", "") if condition == tag else ""
    part = _read_range(wanted, size)
    if part is not None and part.start >= size:
        file.close()
        return problem_response(
            416, f"The file has {size} bytes; the range begins after its end.",
            instance=request.path, headers={"Content-Range": f"bytes */{size}"},
        )  # fmt: skip
    shown = range(size) if part is None else part
    file.seek(shown.start)
    response = stream(request, FileBlocks(file, len(shown)), content_type)
    if part is not None:
        response.status_code = 206
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    for name, value in headers.items():
        response[name] = value
    response["Content-Length"] = str(len(shown))
    return response


def attachment(name: str) -> str:
    """The header that has a browser save an answer under a name, and never show it."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _names(condition: str, tag: str) -> bool:
    tags = [each.strip().removeprefix("W/") for each in condition.split(",")]
    return tag in tags or tags == ["*"]


def _read_range(text: str, size: int) -> range | None:
    """The bytes that a `Range` names, None for all; one that begins after the end is empty."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or found.group() == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        return range(max(0, size - int(last)), size) if int(last) else range(size, size)
    start, stop = int(first), min(size, int(last) + 1 if last else size)
    if last and int(last) < start:
        return None
    return range(start, max(start, stop))


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
