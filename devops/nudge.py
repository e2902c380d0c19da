"""Hints to open sockets and to the workers' threads: sent after commit, allowed to be lost.

The sockets' consumers replay rows; a nudge only says that there are some. It is a plain
PUBLISH from the calling thread: an event loop per message would cost more than the step it tells.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgpack
import redis
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)

POKE_CHANNEL = "powernode.poke"
# The names under which the workers' threads are poked.
RELAY = "relay"
DELIVERIES = "deliveries"
# Source: channels_redis 4.3 pubsub layer, default prefix; a test receives one through a consumer.
_GROUP_CHANNEL = "asgi__group__{}"

_local: dict[str, Callable[[], None]] = {}


def _client() -> redis.Redis:
    if _shared.client is None:
        _shared.client = redis.Redis.from_url(
            settings.REDIS_LAYER_URL, socket_timeout=2, socket_connect_timeout=1
        )
    return _shared.client


class _Shared:
    client: redis.Redis | None = None


_shared = _Shared()


def send(group: str, message: Mapping[str, Any]) -> None:
    """Hint the sockets of a group; a dead broker is logged, never raised."""
    _publish(_GROUP_CHANNEL.format(group), msgpack.packb(dict(message)))


def send_after_commit(group: str, message: Mapping[str, Any]) -> None:
    """`send`, once the present transaction has committed."""
    transaction.on_commit(lambda: send(group, message))


def poke(name: str) -> None:
    """Tell a thread of the workers that something waits; one in this process needs no broker."""
    if name in _local:
        _local[name]()
    else:
        _publish(POKE_CHANNEL, name.encode())


def poke_after_commit(name: str) -> None:
    """`poke`, once the present transaction has committed."""
    transaction.on_commit(lambda: poke(name))


def poke_relay() -> None:
    """Tell the relay that unpublished messages wait."""
    poke(RELAY)


def listen_locally(name: str, poke: Callable[[], None] | None) -> None:
    """Name the thread of this process that is poked under a name, or none."""
    if poke is None:
        _local.pop(name, None)
    else:
        _local[name] = poke


def heard(name: str) -> None:
    """Pass on what another process said; threads that this one does not have are none of ours."""
    if name in _local:
        _local[name]()


def _publish(channel: str, data: bytes) -> None:
    if not settings.REDIS_LAYER_URL:
        return
    try:
        _client().publish(channel, data)
    except (redis.RedisError, OSError) as error:
        logger.debug("nudge on %s not sent: %s", channel, error)


def broker_problem() -> str:
    """Why the broker cannot be reached, or empty."""
    try:
        _client().ping()
    except (redis.RedisError, OSError) as error:
        return str(error)[:200]
    return ""
