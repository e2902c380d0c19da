"""Steps side by side: the members of a group and the combinations of a matrix.

Each runs in a thread of the run's slot, with a log, an attempt and an ear of its own. They share
the run's one lease: every plan and commit happens under the turn's lock.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from devops.connections import release_connection
from pipelines.choices import StepStatus, WaitingFor
from pipelines.documents import DEFAULT_PARALLEL
from pipelines.engine.attempt import FAIL_FAST, Attempt
from pipelines.engine.control import StepControl
from pipelines.engine.gates import Waiting
from pipelines.engine.moves import Repeat, StepMove
from pipelines.engine.retrying import HELD_SECONDS, retry_delay
from pipelines.engine.turn import Turn, delay_words, parking
from pipelines.engine.views import Stage, stage_as_it_is
from pipelines.models import StepExecution
from pipelines.operations.gates import latest_gate, waiting_words
from pipelines.steps.base import Parked

_LIVE = frozenset({StepStatus.PENDING, StepStatus.RUNNING, StepStatus.WAITING_APPROVAL})


@dataclass(slots=True)
class SideBySide:
    """Takes the members of a stage to their ends, a bounded number at a time.

    A member that parks or that is tried again much later does not hold the others: they end
    first, then the run is left.
    """

    turn: Turn
    stage: Stage
    queue: list[StepExecution] = field(default_factory=list)
    controls: dict[StepExecution, StepControl] = field(default_factory=dict)
    stopped: list[StepMove] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    freed: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self.freed = threading.Condition(self.turn.lock)

    def take(self) -> bool:
        """Take the stage to its end; false when the run must be left here."""
        while members := self._live():
            self.turn.note_cancel()
            self.turn.note_deadline()
            members = self._heard(members)
            if not members:
                continue
            ready = [each for each in members if self._is_ready(each)]
            if ready:
                self._run(ready)
            elif not self._wait(members):
                return False
            if self.turn.control.reason == "worker_stopped":
                self.turn.hand_over(self.stopped)
                return False
        return True

    def _live(self) -> Stage:
        """The latest attempts of the stage that are not over."""
        rows = stage_as_it_is(self.turn.session.executions, self.stage)
        return [row for row in rows if row.status in _LIVE]

    def _is_ready(self, member: StepExecution) -> bool:
        if member.status == StepStatus.PENDING:
            return not self.turn.seconds_left(member)
        if member.status == StepStatus.WAITING_APPROVAL:
            return self.turn.session.is_cancelled or not _is_asked(member)
        is_due = member.deadline_at is not None and member.deadline_at <= timezone.now()
        is_told = member.wake_message is not None or not member.parked_kind
        return is_told or is_due or self.turn.is_called_off(member)

    def _wait(self, members: Stage) -> bool:
        """Nothing can be done now; false when the run is left for it."""
        delays = [self.turn.seconds_left(each) for each in members]
        soonest = min(filter(None, delays), default=HELD_SECONDS + 1)
        if soonest <= HELD_SECONDS:
            StepControl(self.turn.control).wait(soonest)
            return True
        asked = [each for each in members if each.status == StepStatus.WAITING_APPROVAL]
        parked = [each for each in members if each.status == StepStatus.RUNNING]
        if asked:
            words = (str(WaitingFor.APPROVAL), _asking_words(asked))
        elif parked:
            words = (parked[0].parked_kind, _parked_words(parked))
        else:
            first = min(members, key=self.turn.seconds_left)
            words = delay_words(first, first.deadline_at)
        return not self.turn.leave(*words, asked=len(asked))

    def _heard(self, members: Stage) -> Stage:
        """Read what members that wait outside or for people were told meanwhile."""
        waiting = {
            each.pk: each
            for each in members
            if each.status == StepStatus.WAITING_APPROVAL or each.parked_kind
        }
        if waiting:
            for row in StepExecution.objects.filter(pk__in=waiting):
                for name in ("status", "reason", "error_message", "wake_message", "completed_at"):
                    setattr(waiting[row.pk], name, getattr(row, name))
            release_connection()
        return self._live()

    # Within one round.

    def _run(self, ready: Stage) -> None:
        """Run members until none is left to begin; a cancel or a stop ends the round early."""
        for member in ready:
            # Their folder is shared: what one gets must not be seen in the log of another.
            self.turn.session.learn_secrets(member)
        self.queue = list(ready)
        count = min(self._width(), len(ready))
        threads = [
            threading.Thread(target=self._serve, name=f"{threading.current_thread().name}-{n}")
            for n in range(1, count + 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _width(self) -> int:
        """How many members run at the same time."""
        first = self.stage[0]
        settings = self.turn.session.run.snapshot.get("settings") or {}
        if first.group_key:
            said = (settings.get("groups") or {}).get(first.group_key) or {}
        else:
            said = self._matrix(first)
        return int(said.get("max_parallel") or DEFAULT_PARALLEL)

    def _matrix(self, member: StepExecution) -> dict[str, Any]:
        return dict(self.turn.session.definitions[member.step_key].get("matrix") or {})

    def _serve(self) -> None:
        try:
            while (member := self._next()) is not None:
                control = self.controls[member]
                try:
                    self._take_member(member, control)
                finally:
                    with self.freed:
                        del self.controls[member]
                        self.freed.notify_all()
        except BaseException as error:  # noqa: BLE001  (raised again by the run's own thread)
            with self.freed:
                self.errors.append(error)
                for control in self.controls.values():
                    control.stop("engine_failed")
                self.freed.notify_all()
        finally:
            connection.close()

    def _next(self) -> StepExecution | None:
        """The next member that may begin, once one may; None when there is none."""
        with self.freed:
            while self.queue and not self.errors and not self.turn.control.reason:
                running = Counter(each.step_key for each in self.controls)
                for member in self.queue:
                    most = self._matrix(member).get("max_parallel")
                    if not most or running[member.step_key] < most:
                        self.queue.remove(member)
                        self.controls[member] = StepControl(self.turn.control)
                        return member
                self.freed.wait()
            return None

    def _take_member(self, member: StepExecution, control: StepControl) -> None:
        """Take a member through its attempts, as far as it goes without waiting long."""
        following: StepExecution | None = member
        while following is not None:
            member = following
            if self._is_called_off(member):
                return
            attempt = self.turn.begin(member, control)
            if attempt is None:
                with self.turn.lock:
                    self._fail_fast(member)
                return
            if isinstance(attempt, Waiting):
                self._ask(attempt)
                return
            following = self._ended(attempt, self.turn.perform(attempt), control)

    def _ask(self, gate: Waiting) -> None:
        """Ask people now; the run is left once the others are over."""
        with self.turn.lock:
            if self.turn.control.reason != "cancelled":
                self.turn.moves += gate.move()
                self.turn.commit(also=[gate.ask])

    def _is_called_off(self, member: StepExecution) -> bool:
        """Whether the member does not begin any more because one beside it failed."""
        with self.turn.lock:
            if member.status != StepStatus.PENDING or not self._is_failing_fast(member):
                return False
            changes = {"reason": "fail_fast", "error_message": FAIL_FAST}
            self.turn.settle(StepMove(member, StepStatus.CANCELLED, changes))
        return True

    def _ended(
        self, attempt: Attempt, outcome: StepMove | Parked, control: StepControl
    ) -> StepExecution | None:
        """Take in how an attempt ended; the attempt that follows now, if one does."""
        member = attempt.execution
        with self.turn.lock:
            if self.errors:
                return None
            if isinstance(outcome, Parked):
                self.turn.moves.append(parking(attempt, outcome))
                self.turn.commit()
                return None
            if outcome.changes["reason"] == "worker_stopped":
                self.stopped.append(outcome)
                return None
            delay = None if control.reason else retry_delay(self.turn.session, outcome)
            if delay is None:
                self.turn.settle(outcome)
                self.turn.commit()
                self._fail_fast(member)
                return None
            self.turn.warnings += outcome.warnings
            self.turn.moves.append(outcome)
            due_at = timezone.now() + delay if delay else None
            (following,) = self.turn.commit([Repeat(member, due_at)])
        return following if self._comes_soon(delay, control) else None

    def _comes_soon(self, delay: timedelta, control: StepControl) -> bool:
        """Wait for the next attempt in this thread, unless that is long or someone speaks."""
        return delay.total_seconds() <= HELD_SECONDS and control.wait(delay.total_seconds())

    def _fail_fast(self, failed: StepExecution) -> None:
        """End the members that a failure takes with it."""
        for member, control in self.controls.items():
            if member is not failed and self._is_failing_fast(member):
                control.stop("fail_fast")

    def _is_failing_fast(self, member: StepExecution) -> bool:
        """Whether a failure of the stage takes this member with it."""
        rows = [
            row
            for row in self.turn.session.executions
            if row.status == StepStatus.FAILURE and not row.continue_on_error and row is not member
        ]
        same_step = self._matrix(member).get("fail_fast", True)
        if same_step and any(row.step_key == member.step_key for row in rows):
            return True
        settings = self.turn.session.run.snapshot.get("settings") or {}
        group = (settings.get("groups") or {}).get(member.group_key) or {}
        return bool(group.get("fail_fast")) and any(
            row.group_key == member.group_key for row in rows
        )


def _is_asked(member: StepExecution) -> bool:
    """Whether people still have to answer."""
    gate = latest_gate(member)
    release_connection()
    return gate is not None and gate.is_pending


def _asking_words(asked: Stage) -> str:
    gate = latest_gate(asked[0])
    words = waiting_words(gate) if gate is not None else ""
    release_connection()
    return words if len(asked) == 1 else f"{words} {len(asked)} steps wait for people."


def _parked_words(parked: Stage) -> str:
    names = ", ".join(each.step_name for each in parked)
    return f"Waits for {names}; the steps beside it are over."
