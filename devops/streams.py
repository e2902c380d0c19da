"""Sockets that follow a feed."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from devops.access import Actor, member_actor, membership_of, token_actor
from devops.errors import DomainError, NotFound
from devops.feeds import Feed, Frame
from devops.following import Follower, in_database
from devops.ids import parse_uuid
from devops.models import ApiToken, Membership
from devops.tokens import find_token

# Seconds between two looks at whether the person may still read along.
RECHECK_SECONDS = 60
UNAUTHENTICATED, FORBIDDEN, REVOKED = 4401, 4404, 4401


class ReplayConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """The base of every socket: authorise, then follow the feed that a subclass opens."""

    actor: Actor

    async def connect(self) -> None:
        """Accept, then either subscribe or say why not and close."""
        await self.accept()
        self._tasks: list[asyncio.Task[None]] = []
        actor = await in_database(self._identify)()
        if actor is None:
            await self._refuse(
                "not_authenticated", "Log in or send a bearer token.", UNAUTHENTICATED
            )
            return
        self.actor = actor
        try:
            feed = await self.open()
        except DomainError as error:
            await self._refuse(error.code, error.detail, FORBIDDEN)
            return
        self._follower = Follower(feed, self.channel_layer, self.channel_name, self._emit)
        await self._follower.start()
        self._tasks = [
            asyncio.create_task(self._recheck()),
            asyncio.create_task(self._follower.poll()),
        ]

    async def open(self) -> Feed:
        """Check what was asked for and open it.

        Raises:
            DomainError: the actor may not read it.
        """
        raise NotImplementedError

    async def disconnect(self, _code: int) -> None:
        """Stop what runs beside and leave the groups."""
        for task in getattr(self, "_tasks", []):
            task.cancel()
        if hasattr(self, "_follower"):
            await self._follower.stop()

    async def receive_json(self, content: Any, **_: Any) -> None:
        """The one thing that a client may say."""
        if isinstance(content, dict) and content.get("type") == "ping":
            await self.send_json({"type": "pong"})

    async def topic_nudge(self, _message: dict[str, Any]) -> None:
        """Something was written to the object's topic."""
        await self._follower.wake()

    async def stream_nudge(self, _message: dict[str, Any]) -> None:
        """Something was published in the account."""
        await self._follower.wake()

    async def log_nudge(self, _message: dict[str, Any]) -> None:
        """Something was appended to the log."""
        await self._follower.wake()

    async def _emit(self, frame: Frame) -> None:
        await self.send_json({"type": frame.type, **frame.members})

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
