"""Follows a feed: joins its groups first, then reads; a nudge only says to look again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async

from devops.connections import release_connection
from devops.feeds import Feed, Frame

# The broker confirms no subscription: what was nudged in the first moments may be missed.
FIRST_POLL_SECONDS = 0.1


def in_database(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a read on a thread and give its connection back to the pool afterwards."""

    def read(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            release_connection()

    wrapped: Callable[..., Any] = database_sync_to_async(read)
    return wrapped


class Follower:
    """Hands each frame of a feed to `emit`, once and in order, however often it is woken."""

    def __init__(
        self, feed: Feed, layer: Any, channel: str, emit: Callable[[Frame], Awaitable[None]]
    ) -> None:
        self._feed, self._layer, self._channel, self._emit = feed, layer, channel, emit
        self._joined: frozenset[str] = frozenset()
        self._busy = asyncio.Lock()
        self._again = False
        self._complete = asyncio.Event()

    async def start(self) -> None:
        """Join, say what is followed, and send what there is."""
        async with self._busy:
            # Join before the first read: what commits in between is nudged, not missed.
            await self._join()
            for frame in await in_database(self._feed.begin)():
                await self._emit(frame)
        await self.wake()

    async def wake(self) -> None:
        """Send what is new; one reads at a time, a call that comes meanwhile causes one more."""
        self._again = True
        if self._busy.locked():
            return
        async with self._busy:
            while self._again:
                self._again = False
                await self._read()
        if self._feed.is_complete:
            self._complete.set()

    async def poll(self) -> None:
        """Look by itself until the feed is complete."""
        pause = FIRST_POLL_SECONDS
        while not self._complete.is_set():
            try:
                await asyncio.wait_for(self._complete.wait(), pause)
            except TimeoutError:
                await self.wake()
            pause = min(self._feed.poll_seconds, pause * 2)

    async def stop(self) -> None:
        """Leave the groups."""
        for group in self._joined:
            await self._layer.group_discard(group, self._channel)
        self._joined = frozenset()

    async def _read(self) -> None:
        while frames := await in_database(self._feed.read)():
            for frame in frames:
                await self._emit(frame)
            await self._join()

    async def _join(self) -> None:
        wanted = self._feed.groups()
        for group in wanted - self._joined:
            await self._layer.group_add(group, self._channel)
        for group in self._joined - wanted:
            await self._layer.group_discard(group, self._channel)
        self._joined = wanted
