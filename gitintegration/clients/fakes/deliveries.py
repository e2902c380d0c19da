"""Hooks of a fake host are really delivered, by a thread that notes every try."""

import queue
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from django.utils import timezone

from devops.errors import TransientError
from devops.safety import egress
from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.fakes.model import Delivery, Hook

SETTLE_SECONDS = 60
DELIVERY_SECONDS = 10
# A fake delivers to programs of this machine and to nothing else.
_LOOPBACK = egress.Policy(allow=("127.0.0.0/8", "::1/128"))


@dataclass(frozen=True, slots=True)
class Message:
    """A happening in a host's words; `subscription` is what a hook must list to be told."""

    event: str
    subscription: str
    body: bytes
    action: str = ""
    media_type: str = "application/json"


class Speaker(Protocol):
    """How a host words and signs."""

    def messages(self, hook: Hook, happening: Happening, /) -> Iterable[Message]: ...

    def headers(self, hook: Hook, message: Message, guid: str, /) -> Mapping[str, str]: ...


Post = Callable[[str, Mapping[str, str], bytes], int]


class Courier:
    """Delivers in the order of what happened; `post` sends one and returns the status.

    `drops` is asked for each delivery; one that it answers True for is noted with status 0 and
    never sent, as one that was lost on the way.
    """

    def __init__(self, next_id: Callable[[], int]) -> None:
        self.post: Post = _post
        self.drops: Callable[[Hook, Message], bool] = lambda _hook, _message: False
        self._next_id = next_id
        self._queue: queue.SimpleQueue[tuple[Hook, Delivery] | None] = queue.SimpleQueue()
        self._open = 0
        self._done = threading.Condition()
        self._thread: threading.Thread | None = None

    def tell(self, speaker: Speaker, hook: Hook, happening: Happening) -> None:
        """Queue what a hook is to be told of a happening."""
        if not hook.is_active:
            return
        for message in speaker.messages(hook, happening):
            if message.subscription not in hook.events and "*" not in hook.events:
                continue
            guid = str(uuid.uuid4())
            headers = {
                "content-type": message.media_type, **speaker.headers(hook, message, guid)
            }  # fmt: skip
            delivery = Delivery(
                self._next_id(), guid, message.event, message.action, headers, message.body
            )
            hook.deliveries.append(delivery)
            if self.drops(hook, message):
                delivery.delivered_at = timezone.now()
            else:
                self._start(hook, delivery)

    def redeliver(self, hook: Hook, delivery: Delivery) -> Delivery:
        """Queue the same bytes again, as a delivery with the same identifier."""
        again = Delivery(
            self._next_id(), delivery.guid, delivery.event, delivery.action, delivery.headers,
            delivery.body, is_redelivery=True,
        )  # fmt: skip
        hook.deliveries.append(again)
        self._start(hook, again)
        return again

    def settle(self) -> None:
        """Wait until every started delivery has ended.

        Raises:
            TimeoutError: one has not within a minute.
        """
        with self._done:
            if not self._done.wait_for(lambda: self._open == 0, SETTLE_SECONDS):
                raise TimeoutError(f"{self._open} deliveries have not ended.")

    def close(self) -> None:
        """End the thread after what is queued."""
        with self._done:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _start(self, hook: Hook, delivery: Delivery) -> None:
        with self._done:
            self._open += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
                self._thread.start()
        self._queue.put((hook, delivery))

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            hook, delivery = item
            try:
                delivery.status = self.post(hook.url, delivery.headers, delivery.body)
            except (TransientError, OSError, egress.AddressNotAllowed, egress.AnswerTooLarge):
                delivery.status = 0
            finally:
                delivery.delivered_at = timezone.now()
                with self._done:
                    self._open -= 1
                    self._done.notify_all()


def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    return egress.request(
        "POST", url, headers=headers, body=body, policy=_LOOPBACK, total_seconds=DELIVERY_SECONDS
    ).status
