"""Server-sent events: Django decides who may read, then the feed is followed without a thread.

Source: WHATWG HTML, server-sent events. A view offers a feed through the request's scope, so a
stream has the authentication, the limits and the refusals of every other request.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from typing import Any

import orjson
from channels.layers import get_channel_layer

from devops.feeds import Feed, Frame
from devops.following import Follower

# Where in the scope a view puts the feed.
OFFERS = "powernode.feeds"
# What a reader names that had everything; it is told to come no more.
END = "end"
HEARTBEAT_SECONDS = 15.0
# Seconds between two looks at whether the reader may still read along.
RECHECK_SECONDS = 60.0
_RETRY = b"retry: 2000\n\n"
_NO_LONGER = frozenset({401, 403, 404})
_REPLACED = frozenset({b"content-type", b"content-length"})
_HEADERS = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class EventStreams:
    """An ASGI application that streams at some addresses and passes on everything else."""

    def __init__(
        self,
        application: Application,
        paths: Sequence[re.Pattern[str]],
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        self._application, self._paths = application, paths
        self._heartbeat_seconds, self._recheck_seconds = heartbeat_seconds, recheck_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_wanted(scope):
            await self._application(scope, receive, send)
            return
        answer = Answer(send)
        feeds = await self._ask(scope, answer)
        if feeds:
            await self._stream(feeds[0], answer, scope, receive)

    def _is_wanted(self, scope: Scope) -> bool:
        accept = dict(scope["headers"]).get(b"accept", b"")
        return (
            scope["method"] == "GET"
            and b"text/event-stream" in accept.lower()
            and any(path.fullmatch(scope["path"]) for path in self._paths)
        )

    async def _ask(self, scope: Scope, answer: "Answer") -> list[Feed]:
        """Let Django answer; the feed that its view offers, or none after a refusal."""
        feeds: list[Feed] = []
        answer.offered = feeds
        await self._application({**scope, OFFERS: feeds}, _no_body(), answer.pass_on)
        return feeds

    async def _stream(self, feed: Feed, answer: "Answer", scope: Scope, receive: Receive) -> None:
        await answer.begin()
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        follower = Follower(feed, layer, channel, answer.emit)

        async def follow() -> None:
            await follower.start()
            await follower.poll()
            await answer.end()

        async def hear() -> None:
            while True:
                await layer.receive(channel)
                await follower.wake()

        try:
            await _first(follow(), hear(), _gone(receive), self._beat(answer), self._recheck(scope))
        finally:
            await follower.stop()
        await answer.close()

    async def _beat(self, answer: "Answer") -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            await answer.write(b": still here\n\n")

    async def _recheck(self, scope: Scope) -> None:
        """Return once the reader may read no longer."""
        while True:
            await asyncio.sleep(self._recheck_seconds)
            unsent = Answer(_drop)
            if not await self._ask(scope, unsent) and unsent.status in _NO_LONGER:
                return


class Answer:
    """What goes to the client: either Django's answer as it is, or the stream."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._writing = asyncio.Lock()
        self._start: Message = {}
        self.offered: list[Feed] = []

    @property
    def status(self) -> int:
        """The status of Django's answer."""
        return int(self._start.get("status", 0))

    async def pass_on(self, message: Message) -> None:
        """Send Django's answer, unless it is only the offer of a stream."""
        if message["type"] == "http.response.start":
            self._start = message
        if not self.offered:
            await self._send(message)

    async def begin(self) -> None:
        """Start the stream with the headers that Django's middleware gave."""
        kept = [pair for pair in self._start["headers"] if pair[0].lower() not in _REPLACED]
        await self._send({**self._start, "headers": [*kept, *_HEADERS]})
        await self.write(_RETRY)

    async def emit(self, frame: Frame) -> None:
        """Send a frame as one event."""
        data = orjson.dumps({"type": frame.type, **frame.members})
        place = f"id: {frame.place}\n" if frame.place else ""
        await self.write(f"{place}event: {frame.type}\ndata: ".encode() + data + b"\n\n")

    async def end(self) -> None:
        """Say that nothing will follow."""
        await self.emit(Frame(END, {}, END))

    async def write(self, data: bytes) -> None:
        """Send bytes, one event at a time."""
        async with self._writing:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def close(self) -> None:
        """End the answer."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def _first(*parts: Coroutine[Any, Any, None]) -> None:
    """Run until one part returns, then stop the others.

    Raises:
        Exception: what the part raised.
    """
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _gone(receive: Receive) -> None:
    """Return once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        continue


def _no_body() -> Receive:
    """What Django receives: an empty body, then nothing; it must not take our disconnect."""
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive


async def _drop(_message: Message) -> None:
    """Django's answer to our own question is not the client's."""
