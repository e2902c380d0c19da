"""Threads of a worker that do what waits when they are poked, and every so often anyway.

A poke is a hint that may get lost or come twice: what is due stands in rows. It costs one PUBLISH
where a task would cost a message, its consumer and a thread's turn, and a hundred of them are one.
"""

import logging
import threading
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from devops import nudge
from devops.connections import release_connection

logger = logging.getLogger(__name__)


class PokedThread(threading.Thread):
    """Does `work` when poked under its name, at most once in `pause`, and each second anyway.

    What comes within the pause is done together, so that background work leaves the processor to
    steps and answers. The first poke after a silence never waits.
    """

    def __init__(self, name: str, work: Callable[[], object], *, pause: float) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._pause = pause
        self._poked = threading.Event()
        self._stopping = threading.Event()

    def poke(self) -> None:
        """Say that something waits."""
        self._poked.set()

    def stop(self) -> None:
        """Do what waits, then end."""
        self._stopping.set()
        self._poked.set()
        self.join(timeout=3)

    def run(self) -> None:
        nudge.listen_locally(self.name, self.poke)
        while not self._stopping.is_set():
            self._poked.wait(timeout=1.0)
            self._poked.clear()
            self._do()
            self._stopping.wait(self._pause)
        nudge.listen_locally(self.name, None)

    def _do(self) -> None:
        try:
            self._work()
        except DatabaseError:
            logger.exception("%s failed, trying again within a second", self.name)
            close_old_connections()
        except Exception:
            # The thread must outlive whatever this was; the sweepers find what is left.
            logger.exception("%s failed", self.name)
        finally:
            release_connection()


class Ear(threading.Thread):
    """Hears the pokes of other processes; a dead broker is tried again each second."""

    def __init__(self) -> None:
        super().__init__(name="ear", daemon=True)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End within a second."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                client = redis.Redis.from_url(settings.REDIS_LAYER_URL, socket_timeout=None)
                with client.pubsub(ignore_subscribe_messages=True) as ear:  # type: ignore[no-untyped-call]  # redis ships it untyped
                    ear.subscribe(nudge.POKE_CHANNEL)
                    self._hear(ear)
            except (redis.RedisError, OSError) as error:
                logger.debug("the broker cannot be heard: %s", error)
                self._stopping.wait(1.0)

    def _hear(self, ear: "redis.client.PubSub") -> None:
        while not self._stopping.is_set():
            message = ear.get_message(timeout=1.0)
            if message is not None:
                nudge.heard(bytes(message["data"]).decode(errors="replace"))
