"""A run as the engine holds it in memory: its steps, what they left, what expressions may see."""

import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

from containers.public import resolve_secrets
from devops.errors import DomainError
from devops.safety.masking import Masker
from pipelines.choices import TIMED_OUT, RunStatus, StepStatus, Trust
from pipelines.engine.moves import Lease, Verdict
from pipelines.engine.views import (
    Stage,
    StagePlace,
    layout_of,
    outputs_of,
    stages_of,
    step_views,
)
from pipelines.models import PipelineRun, StepExecution, Worker
from pipelines.steps.base import RunFacts

# Reasons of attempts that say nothing about the step.
NO_TRIES = frozenset({"worker_lost", "worker_stopped"})


@dataclass(slots=True)
class Session:
    """What one worker knows of one run while it executes it."""

    lease: Lease
    worker: Worker
    definitions: dict[str, Mapping[str, Any]]
    executions: list[StepExecution]
    facts: RunFacts
    known_secrets: list[str] = field(default_factory=list)
    # How often each combination of a step was tried; what a lost worker interrupted is no try.
    tries: Counter[tuple[str, int]] = field(default_factory=Counter)
    layout: list[StagePlace] = field(init=False)

    is_cancelled: bool = False
    timed_out: bool = field(init=False)

    def __post_init__(self) -> None:
        self.layout = layout_of(self.executions, self.is_matrix)
        # Its time was over in an earlier turn already, and what runs in any case had begun.
        self.timed_out = self.run.reason == TIMED_OUT

    @classmethod
    def load(cls, lease: Lease, worker: Worker) -> "Session":
        """Read what the run needs: its steps' latest attempts and its repository."""
        run = lease.run
        definitions = {step["key"]: step for step in run.snapshot["steps"]}
        latest: dict[tuple[str, int], StepExecution] = {}
        rows = StepExecution.objects.filter(run=run).order_by("position", "matrix_index", "attempt")
        for execution in rows:
            execution.run = run
            latest[execution.step_key, execution.matrix_index] = execution
        ordered = sorted(latest.values(), key=lambda each: (each.position, each.matrix_index))
        session = cls(lease, worker, definitions, ordered, _facts(run))
        session.tries = Counter(
            (row.step_key, row.matrix_index) for row in rows if row.reason not in NO_TRIES
        )
        return session

    @property
    def run(self) -> PipelineRun:
        return self.lease.run

    def stages(self, phase: str) -> list[Stage]:
        """The latest attempts of a phase, in order; what runs side by side stands together."""
        return stages_of(row for row in self.executions if row.phase == phase)

    def has_failed(self, beside: StepExecution | None = None) -> bool:
        """Whether a step failed that was not allowed to; what runs beside a step does not count."""
        return any(
            row.status == StepStatus.FAILURE
            and not row.continue_on_error
            and not (beside and row.group_key and row.group_key == beside.group_key)
            and not (beside and row.step_key == beside.step_key)
            for row in self.executions
        )

    def follow_up(self, ended: StepExecution, following: StepExecution) -> None:
        """Put the next attempt at a step into the place of the one that ended."""
        following.run = self.run
        self.executions[self.executions.index(ended)] = following
        if ended.reason not in NO_TRIES:
            self.tries[following.step_key, following.matrix_index] += 1

    def read_secrets(self, step: Mapping[str, Any]) -> dict[str, str]:
        """The secrets that a step declares, as they are now; an untrusted run has none.

        Raises:
            DomainError: one does not exist any more or cannot be decrypted.
        """
        names = step.get("secret_refs", ())
        if not names or not self.facts.is_trusted:
            return {}
        values = resolve_secrets(self.run.account_id, names)
        for value in values.values():
            if value not in self.known_secrets:
                self.known_secrets.append(value)
        return values

    def recall_secrets(self) -> None:
        """Learn what steps before a takeover may have left in the workspace, to mask it."""
        for execution in self.executions:
            if execution.started_at is not None:
                self.learn_secrets(execution)

    def learn_secrets(self, execution: StepExecution) -> None:
        """Know a step's secrets for masking; one that cannot be read is its step's trouble."""
        with contextlib.suppress(DomainError):
            self.read_secrets(self.definitions[execution.step_key])

    def mask(self, data: bytes) -> bytes:
        """Take every secret that the run has learnt of out of bytes."""
        masker = Masker(self.known_secrets)
        return masker.feed(data) + masker.flush()

    def pin(self, commit_sha: str) -> None:
        """Have a run that was started on a branch stay with the commit that it stood for."""
        if commit_sha and not self.run.commit_sha:
            self.run.commit_sha = commit_sha
            self.facts = replace(self.facts, commit_sha=commit_sha)

    def functions(self, execution: StepExecution) -> dict[str, Any]:
        """The status functions of the expression language, as a step sees them now."""
        return {
            "success": lambda: (
                not (self.has_failed(execution) or self.is_cancelled or self.timed_out)
            ),
            "failure": lambda: self.has_failed(execution) or self.timed_out,
            "cancelled": lambda: self.is_cancelled,
            "always": lambda: True,
        }

    def contexts(self, execution: StepExecution, secrets: Mapping[str, str]) -> dict[str, Any]:
        """What expressions of a step with these secrets may see."""
        run = self.run
        return {
            "run": {
                "id": str(run.pk),
                "number": run.run_number,
                "attempt": run.attempt,
                "url": self.facts.url,
            },
            "pipeline": {"name": run.snapshot["name"], "slug": run.snapshot["slug"]},
            "trigger": {
                "type": run.trigger_type,
                **run.trigger_context,
                "sha": run.trigger_context.get("sha") or run.commit_sha,
            },
            "repository": {
                "clone_url": self.facts.clone_url,
                **run.trigger_context.get("repository", {}),
            },
            "inputs": run.inputs,
            "env": run.snapshot.get("environment", {}),
            "secrets": dict(secrets),
            "steps": step_views(self.executions, self.layout, execution),
            "matrix": execution.matrix,
            "worker": {"name": self.worker.name, "labels": self.worker.labels},
        }

    def is_matrix(self, step_key: str) -> bool:
        """Whether the step has an execution for each combination of a matrix."""
        return bool(self.definitions[step_key].get("matrix"))

    def outputs(self) -> dict[str, Any]:
        """The outputs of every step, by key; a list in the order of its matrix where it has one."""
        return outputs_of(self.executions, self.layout)

    def verdict(self) -> Verdict:
        """How the run ends, seen from its steps."""
        if self.is_cancelled:
            return Verdict.cancelled(self.run, self.outputs())
        if self.timed_out:
            minutes = self.run.snapshot["timeout_minutes"]
            text = f"The run took longer than its {minutes:g} minutes."
            return Verdict(RunStatus.FAILURE, TIMED_OUT, text, self.outputs())
        failed = next(
            (
                execution
                for execution in self.executions
                if execution.status == StepStatus.FAILURE and not execution.continue_on_error
            ),
            None,
        )
        if failed is not None:
            text = f"Step {failed.step_name} failed: {failed.error_message or failed.reason}"
            return Verdict(RunStatus.FAILURE, failed.reason or "failed", text, self.outputs())
        return Verdict(RunStatus.SUCCESS, "", "", self.outputs())

    def base_environment(self) -> dict[str, str]:
        """What every command of the run finds in its environment."""
        run, facts = self.run, self.facts
        return {
            "CI": "true",
            "POWERNODE": "true",
            "POWERNODE_RUN_ID": str(run.pk),
            "POWERNODE_RUN_NUMBER": str(run.run_number),
            "POWERNODE_RUN_ATTEMPT": str(run.attempt),
            "POWERNODE_RUN_URL": facts.url,
            "POWERNODE_PIPELINE": run.snapshot["slug"],
            "POWERNODE_TRIGGER": run.trigger_type,
            "POWERNODE_REF": run.ref,
            "POWERNODE_BRANCH": run.branch,
            "POWERNODE_SHA": run.commit_sha,
            "POWERNODE_REPOSITORY": str(
                run.trigger_context.get("repository", {}).get("full_name", "")
            ),
            "POWERNODE_WORKER": self.worker.name,
        }


def _facts(run: PipelineRun) -> RunFacts:
    return RunFacts(
        id=run.pk,
        number=run.run_number,
        attempt=run.attempt,
        account_id=run.account_id,
        pipeline_id=run.pipeline_id,
        pipeline_name=run.snapshot["name"],
        url=f"{settings.SITE_URL}/runs/{run.pk}",
        ref=run.ref,
        branch=run.branch,
        commit_sha=run.commit_sha,
        clone_url=run.repository.clone_url if run.repository else "",
        repository_id=run.repository_id,
        is_trusted=run.trust_level == Trust.TRUSTED,
        snapshot=run.snapshot,
    )
