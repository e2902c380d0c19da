"""A generous limit for each caller; without a cache there is none, rather than no service."""

import logging
import time
from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from typing_extensions import override

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60


class ActorThrottle(BaseThrottle):
    """Counts the requests of a token or person from one address in windows of a minute."""

    limit = 6000

    @override
    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the window has room; counts the request."""
        actor: Any = request.auth
        who = (
            f"{actor.token_id or actor.user_id}:{actor.ip_address}" if actor else _address(request)
        )
        window = int(time.time() // WINDOW_SECONDS)
        return self._count(f"throttle:{who}:{window}") <= self.limit

    def wait(self) -> float:
        """Seconds until the next window."""
        return WINDOW_SECONDS - time.time() % WINDOW_SECONDS

    def _count(self, key: str) -> int:
        try:
            return cache.incr(key)
        except ValueError:
            return self._begin(key)
        except (RedisError, OSError) as error:
            logger.debug("throttle is off, the cache does not answer: %s", error)
            return 0

    def _begin(self, key: str) -> int:
        """The first request of a window; of two at once the second counts on."""
        if cache.add(key, 1, WINDOW_SECONDS * 2):
            return 1
        return cache.incr(key)


class LinkThrottle(ActorThrottle):
    """A narrow limit for what anybody may ask: addresses that are secrets are not to be guessed."""

    limit = 60

    @override
    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the caller's address has room left in this window; counts the request."""
        return self.has_room(_address(request))

    def has_room(self, address: str) -> bool:
        """Count a request from an address; false when it asked too often."""
        window = int(time.time() // WINDOW_SECONDS)
        return self._count(f"throttle:link:{address}:{window}") <= self.limit


def _address(request: Request) -> str:
    address: str = request.META.get("REMOTE_ADDR", "")
    return address
