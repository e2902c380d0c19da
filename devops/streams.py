"""Sockets that replay: join first, then send rows by number; a nudge only says to look again."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from devops.access import Actor, member_actor, membership_of, token_actor
from devops.connections import release_connection
from devops.errors import DomainError, NotFound
from devops.ids import parse_uuid
from devops.models import ApiToken, Membership
from devops.tokens import find_token

# Seconds between two looks at whether the person may still read along.
RECHECK_SECONDS = 60
UNAUTHENTICATED, FORBIDDEN, REVOKED = 4401, 4404, 4401


def in_database(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a read on a thread and give its connection back to the pool afterwards."""

    def read(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            release_connection()

    wrapped: Callable[..., Any] = database_sync_to_async(read)
    return wrapped


class ReplayConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """The base of every live stream: authorise, join, replay, follow.

    A subclass names its group in `open`, and sends in `replay` every row after what it sent last.
    """

    actor: Actor

    async def connect(self) -> None:
        """Accept, then either subscribe or say why not and close."""
        await self.accept()
        self._busy = asyncio.Lock()
        self._again = False
        self._tasks: list[asyncio.Task[None]] = []
        actor = await in_database(self._identify)()
        if actor is None:
            await self._refuse(
                "not_authenticated", "Log in or send a bearer token.", UNAUTHENTICATED
            )
            return
        self.actor = actor
        try:
            self.group = await self.open()
        except DomainError as error:
            await self._refuse(error.code, error.detail, FORBIDDEN)
            return
        # Join before the first replay: what commits in between is nudged, not missed.
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.subscribed()
        await self._replay()
        self._tasks = [asyncio.create_task(self._recheck()), *self.background()]

    async def open(self) -> str:
        """Check what was asked for and return the group to join.

        Raises:
            DomainError: the actor may not read it.
        """
        raise NotImplementedError

    async def subscribed(self) -> None:
        """Say what the reader now follows."""
        raise NotImplementedError

    async def replay(self) -> None:
        """Send every row after the last one that was sent."""
        raise NotImplementedError

    def background(self) -> list["asyncio.Task[None]"]:
        """Further tasks that live as long as the socket."""
        return []

    async def disconnect(self, _code: int) -> None:
        """Leave the group and stop what runs beside."""
        for task in getattr(self, "_tasks", []):
            task.cancel()
        if hasattr(self, "group"):
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any, **_: Any) -> None:
        """The one thing that a client may say."""
        if isinstance(content, dict) and content.get("type") == "ping":
            await self.send_json({"type": "pong"})

    async def topic_nudge(self, _message: dict[str, Any]) -> None:
        """Something was written to the object's topic."""
        await self._replay()

    async def stream_nudge(self, _message: dict[str, Any]) -> None:
        """Something was published in the account."""
        await self._replay()

    async def log_nudge(self, _message: dict[str, Any]) -> None:
        """Something was appended to the log."""
        await self._replay()

    async def _replay(self) -> None:
        """One replay at a time; nudges that come meanwhile cause one more."""
        if self._busy.locked():
            self._again = True
            return
        async with self._busy:
            self._again = True
            while self._again:
                self._again = False
                await self.replay()

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            if await in_database(self._identify)() is None:
                await self._refuse("revoked", "The session or token is no longer valid.", REVOKED)

    async def _refuse(self, code: str, detail: str, close_code: int) -> None:
        await self.send_json({"type": "error", "code": code, "detail": detail})
        await self.close(code=close_code)

    def _identify(self) -> Actor | None:
        """Who opened the socket: a bearer token, or the browser's session."""
        headers = dict(self.scope["headers"])
        given = headers.get(b"authorization", b"").decode("latin-1")
        if given:
            token: ApiToken | None = find_token(given.removeprefix("Bearer ").strip())
            if token is None:
                return None
            membership = membership_of(token.user, token.account_id)
            return token_actor(token, membership) if membership else None
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            return None
        wanted = self.query("account") or self.scope["session"].get("account_id")
        membership = membership_of(user, parse_uuid(wanted) if wanted else None)
        return member_actor(membership) if membership else None

    def query(self, name: str) -> str:
        """A parameter of the socket's address, or empty."""
        values = parse_qs(self.scope["query_string"].decode("latin-1")).get(name)
        return values[0] if values else ""

    def number(self, name: str) -> int:
        """A non-negative number of the socket's address; anything else is 0."""
        text = self.query(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0

    async def actor_for(self, memberships: Callable[[], Membership | None]) -> None:
        """Act through the membership that an object's account wants."""
        membership = await in_database(memberships)()
        if membership is None:
            raise NotFound("No such object.")
        self.actor = member_actor(membership)
