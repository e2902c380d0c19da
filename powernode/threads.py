"""Synchronous views on a few threads that live as long as the process.

Django under ASGI runs each request on a fresh thread, and so with a fresh database connection:
at a hundred webhooks a second PostgreSQL then refuses clients. These threads keep theirs.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# Django and Channels each have their own words for the three; they agree in what they mean.
Application = Callable[[Any, Any, Any], Awaitable[None]]

# Two cores are busy with two; the others cover waits for the database. Last in, first out keeps
# the warm ones warm.
THREADS = 4


class PersistentThreads:
    """An ASGI application whose synchronous parts run on `THREADS` long-lived threads."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._free: asyncio.LifoQueue[ThreadPoolExecutor] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        free = self._executors()
        executor = await free.get()
        try:
            async with ThreadSensitiveContext(executor=executor):
                await self._application(scope, receive, send)
        finally:
            free.put_nowait(executor)

    def _executors(self) -> asyncio.LifoQueue[ThreadPoolExecutor]:
        if self._free is None:
            self._free = asyncio.LifoQueue()
            for number in range(THREADS):
                name = f"request-{number + 1}"
                self._free.put_nowait(ThreadPoolExecutor(1, thread_name_prefix=name))
        return self._free
