"""A pipeline file executed on this machine by the engine itself, without any platform.

Everything lives in a temporary folder: a database, the workspace, the logs. The same operations
create the run, the same loop takes it through its steps, the same executor runs its commands.
"""

import logging
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection
from django.utils import timezone

from containers.operations.secrets import create_secret
from devops.access import Actor, system_actor
from devops.models import Account, Repository
from devops.outages import outage_words
from devops.storage import log_reader
from gitintegration.public import GitFailedError, head_of_local
from pipelines.choices import RUN_TERMINAL, RunStatus, StepStatus
from pipelines.engine.control import RunControl, StepControl
from pipelines.engine.executors.process import describe
from pipelines.engine.loop import execute_run
from pipelines.models import Pipeline, PipelineRepository, PipelineRun, StepExecution, Worker
from pipelines.operations.attempts import RETRY
from pipelines.operations.definitions import create_pipeline
from pipelines.operations.dispatch import dispatch_waiting
from pipelines.operations.runs import trigger_run, wake_step
from pipelines.operations.workers import register_worker, renew_lease
from pipelines.states import run_facts, step_facts
from powernode.clients.following import Event, Finished, LogLine, RunChanged, StepChanged

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A run that is ready to be executed in this process."""

    run_id: uuid.UUID
    worker: Worker
    control: RunControl = field(default_factory=RunControl)
    failures: list[str] = field(default_factory=list)

    def execute(self) -> None:
        """Take the run to its end; to be called from a thread of its own.

        What ends the engine itself is left in `failures`, in words.
        """
        try:
            execute_run(self.run_id, self.worker, self.control)
            while (waiting := self._next_attempt()) is not None:
                self._await(waiting)
                execute_run(self.run_id, self.worker, self.control)
        except Exception as error:
            words = outage_words(error)
            if words is None:
                logger.exception("run %s could not be executed", self.run_id)
            self.failures.append(words or "the engine failed; the lines above say why")

    def _next_attempt(self) -> StepExecution | None:
        """The attempt for which the run was left: nobody but us would come back to it."""
        rows = StepExecution.objects.filter(
            run_id=self.run_id, run__status=RunStatus.RUNNING, run__worker=None,
            status=StepStatus.PENDING, parked_kind=RETRY,
        )  # fmt: skip
        return rows.order_by("deadline_at").first()

    def _await(self, attempt: StepExecution) -> None:
        """Sleep until the attempt is due, then take the run again."""
        if attempt.deadline_at is not None:
            left = (attempt.deadline_at - timezone.now()).total_seconds()
            StepControl(self.control).wait(max(0.0, left))
        renew_lease(self.worker.pk)
        wake_step(str(attempt.pk), {})
        dispatch_waiting()


def prepare(
    definition: Mapping[str, Any],
    *,
    inputs: Mapping[str, Any],
    secrets: Mapping[str, str],
    repository: Path | None,
) -> LocalRun:
    """Make the database, the pipeline and its run.

    Raises:
        Invalid: the definition or an input breaks a rule.
        GitFailedError: the repository has no commit.
    """
    _make_tables()
    account = Account.objects.create(name="Local", slug="local")
    actor = system_actor(account.pk, "you")
    worker = register_worker(
        "local", host=socket.gethostname(), pid=0, labels=definition["runner_labels"], capacity=1,
        version="local", executor=describe(),
    )  # fmt: skip
    for name, value in secrets.items():
        create_secret(actor, name, value)
    pipeline = create_pipeline(actor, definition)
    run = _run(actor, pipeline, inputs, repository)
    return LocalRun(run.pk, worker)


def _make_tables() -> None:
    """The tables as the models have them; migrating an empty database takes ten times as long."""
    with connection.schema_editor() as editor:
        for model in apps.get_models():
            if model._meta.managed and not model._meta.proxy:
                editor.create_model(model)


def _run(
    actor: Actor, pipeline: Pipeline, inputs: Mapping[str, Any], repository: Path | None
) -> PipelineRun:
    if repository is None:
        return trigger_run(actor, pipeline, inputs=inputs, title="Local run")
    branch, sha = head_of_local(repository)
    row = Repository.objects.create(
        account_id=actor.account_id, name=repository.name, full_name=repository.name,
        clone_url=str(repository), default_branch=branch or "main",
    )  # fmt: skip
    PipelineRepository.objects.create(pipeline=pipeline, repository=row)
    return trigger_run(actor, pipeline, inputs=inputs, ref=branch, sha=sha, title="Local run")


def work_tree_of(folder: Path) -> Path | None:
    """The repository that a folder belongs to, or None."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
    return None


@dataclass(slots=True)
class LocalFollower:
    """The events of a local run, read from its rows while a thread executes it.

    The last one is `Finished`, unless the engine itself failed: see `LocalRun.failures`.
    """

    local: LocalRun
    thread: threading.Thread
    _statuses: dict[uuid.UUID, str] = field(default_factory=dict)
    _offsets: dict[uuid.UUID, int] = field(default_factory=dict)
    _rests: dict[uuid.UUID, bytes] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Event]:
        is_over = False
        while not is_over:
            # Looked at before the rows are read: what was written by then is told below.
            is_over = not self.thread.is_alive()
            run = PipelineRun.objects.get(pk=self.local.run_id)
            facts = run_facts(run)
            for step in run.step_executions.order_by("position", "attempt"):
                yield from self._step(facts, step)
            if run.status in RUN_TERMINAL:
                is_over = True
            elif not is_over:
                self.thread.join(POLL_SECONDS)
                yield RunChanged(facts)
        if not self.local.failures:
            yield Finished(run_facts(PipelineRun.objects.get(pk=self.local.run_id)))

    def _step(self, run: dict[str, Any], step: StepExecution) -> Iterator[Event]:
        facts = step_facts(step)
        before = self._statuses.get(step.pk, "pending")
        if step.status == before:
            if step.status == "running":
                yield from self._lines(facts, step.pk)
            return
        self._statuses[step.pk] = step.status
        if before == "pending" and step.started_at:
            yield StepChanged(run, {**facts, "status": "running", "error_message": ""})
        yield from self._lines(facts, step.pk, is_over=step.status != "running")
        if step.status != "running":
            yield StepChanged(run, facts)

    def _lines(
        self, step: dict[str, Any], stream: uuid.UUID, *, is_over: bool = False
    ) -> Iterator[Event]:
        offset, rest = self._offsets.get(stream, 0), self._rests.get(stream, b"")
        for piece in log_reader.chunks_after(stream, offset, _BYTES):
            rest += piece.data
            offset = piece.next_offset
        *whole, rest = rest.split(b"\n")
        if is_over and rest:
            whole, rest = [*whole, rest], b""
        self._offsets[stream], self._rests[stream] = offset, rest
        for line in whole:
            yield LogLine(step, line.decode("utf-8", errors="replace"))


__all__ = [
    "GitFailedError",
    "LocalFollower",
    "LocalRun",
    "outage_words",
    "prepare",
    "work_tree_of",
]
