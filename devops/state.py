"""The one way a `status` changes: compare, swap, count, tell."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import F
from django.db.transaction import TransactionManagementError

from devops import outbox
from devops.errors import Fenced, IllegalTransition, LostRace
from devops.models import Lifecycle

L = TypeVar("L", bound=Lifecycle)
Describe = Callable[[Any], tuple[str, Mapping[str, Any]]]


class StateMachine(Generic[L]):
    """The legal moves of one model, and the message that tells of each.

    Attributes:
        topic: messages go to `<topic>.<hex of the row's id>`, numbered by the row's version.
        moves: from each status, the ones that may follow.
        leased: statuses in which a worker holds the row; leaving them wants its fence.
    """

    def __init__(
        self,
        topic: str,
        moves: Mapping[str, Iterable[str]],
        describe: Describe,
        *,
        leased: Iterable[str] = (),
    ) -> None:
        self.topic = topic
        self.moves = {state: frozenset(targets) for state, targets in moves.items()}
        self.describe = describe
        self.leased = frozenset(leased)

    def is_terminal(self, status: str) -> bool:
        """Whether nothing follows."""
        return not self.moves[status]

    def transition(
        self,
        obj: L,
        to: str,
        *,
        fence: int | None = None,
        takeover: bool = False,
        **changes: object,
    ) -> None:
        """Move `obj` on from the status its reader saw, once, and tell listeners.

        `takeover` replaces the holder of a lease: it raises the fence instead of matching it.

        Raises:
            IllegalTransition: the graph has no such move.
            Fenced: the lease was taken over by another worker.
            LostRace: someone moved the row after it was read.
            TransactionManagementError: outside a transaction.
        """
        if not connection.in_atomic_block:
            raise TransactionManagementError("transition() needs atomic()")
        seen: str = obj.status
        if to not in self.moves[seen]:
            raise IllegalTransition(f"A {self.topic} that is {seen} cannot become {to}.")
        rows = type(obj)._base_manager.filter(pk=obj.pk, status=seen)
        if fence is not None:
            rows = rows.filter(fence=fence)
        elif takeover:
            changes["fence"] = F("fence") + 1
        elif seen in self.leased:
            raise Fenced(f"A {self.topic} that is {seen} is held by a worker; give its fence.")
        if rows.update(status=to, version=F("version") + 1, **changes) != 1:
            raise (Fenced if fence is not None else LostRace)(
                f"The {self.topic} is no longer {seen}."
            )
        # Only what the UPDATE wrote: a row may hold kilobytes of payload.
        obj.refresh_from_db(fields=["status", "version", *changes])
        self.tell(obj)

    def tell(self, obj: L) -> None:
        """Record the message that describes the row as it now is."""
        name, payload = self.describe(obj)
        # The UPDATE holds the row lock until commit, so `version` numbers messages in commit order.
        outbox.record(
            obj.account_id,
            f"{self.topic}.{obj.pk.hex}",
            obj.version,
            name,
            payload,
        )
