"""What waits for people: the questions of an account, who may answer, and what changed since."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from devops.access import Actor, visible
from devops.errors import NotFound
from gitintegration.public import Commit, GitRefusedError, commits_between
from pipelines import selectors
from pipelines.choices import Answer, GateKind, GateStatus, RunStatus, TokenStatus
from pipelines.models import (
    ApprovalGate,
    ApprovalVote,
    PipelineRun,
    StepApprovalToken,
    StepExecution,
)

RESPOND = "devops.approvals.respond"
SHOWN_CHANGES = 20


def gates(actor: Actor) -> QuerySet[ApprovalGate]:
    """The account's questions with their runs, recipients and answers, newest first."""
    return (
        visible(actor, ApprovalGate, selectors.READ_RUNS)
        .select_related("run__pipeline", "run__triggered_by", "run__repository", "step_execution")
        .defer("run__snapshot", "run__outputs", "run__inputs")
        .prefetch_related("tokens__recipient_user", "votes")
        .order_by("-id")
    )


def for_actor(actor: Actor, rows: QuerySet[ApprovalGate]) -> QuerySet[ApprovalGate]:
    """Those that wait for this very person's word."""
    if not actor.may(RESPOND):
        return rows.none()
    me = actor.user_id
    asked = visible(actor, StepApprovalToken, RESPOND).filter(
        recipient_user_id=me, status=TokenStatus.PENDING
    )
    said = visible(actor, ApprovalVote, RESPOND).filter(voter=str(me))
    own = Q(run__triggered_by_id=me, allow_self_approval=False, kind=GateKind.APPROVAL)
    return (
        rows.filter(status=GateStatus.PENDING)
        .filter(Q(is_open=True) | Q(pk__in=asked.values("gate")))
        .exclude(pk__in=said.values("gate"))
        .exclude(own)
    )


def waiting_count(actor: Actor) -> int:
    """How many questions wait for this person."""
    if not actor.may(selectors.READ_RUNS):
        return 0
    return for_actor(actor, visible(actor, ApprovalGate, selectors.READ_RUNS)).count()


def asked_of(actor: Actor, count: int) -> list[ApprovalGate]:
    """The newest questions that wait for this very person, with their runs alone."""
    if not actor.may(selectors.READ_RUNS):
        return []
    rows = visible(actor, ApprovalGate, selectors.READ_RUNS).select_related("run__pipeline")
    heavy = (f"run__{name}" for name in selectors.HEAVY)
    return list(for_actor(actor, rows).defer("plan", *heavy).order_by("-id")[:count])


def question_of(gate: ApprovalGate) -> str:
    """What is asked, in words."""
    if gate.kind == GateKind.TRUST:
        return "May this contributor's run start?"
    if gate.kind == GateKind.DECISION:
        return f"What becomes of {gate.step_name}?"
    return f"May {gate.step_name} begin?"


def gates_of_run(actor: Actor, run: PipelineRun) -> list[ApprovalGate]:
    """All questions that a run asked, the newest first."""
    return list(gates(actor).filter(run=run))


def step_of_gate(actor: Actor, pk: uuid.UUID | str) -> StepExecution:
    """The attempt whose gate is to be answered.

    Raises:
        NotFound: no such attempt in the actor's account.
    """
    row = visible(actor, StepExecution, RESPOND).filter(pk=pk).select_related("run").first()
    if row is None:
        raise NotFound("No step execution with that identifier.")
    return row


@dataclass(frozen=True, slots=True)
class Baseline:
    """The last run of the pipeline that was approved at this step, or else was green."""

    run: PipelineRun
    is_approved: bool
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What came between the baseline and a run, newest first.

    `commits` are known of repositories on this machine; `runs` stand for the others'.
    """

    baseline: Baseline | None
    runs: list[PipelineRun] = field(default_factory=list)
    commits: Sequence[Commit] | None = None


def changes_since(actor: Actor, gate: ApprovalGate) -> Changes:
    """What an approval would let through, as far as this installation saw it happen.

    Each run between stands for the commit that it was started for; hosts know more.
    """
    baseline = _baseline(actor, gate)
    if baseline is None:
        return Changes(None)
    commits = _commits(baseline.run, gate.run)
    if commits is not None:
        return Changes(baseline, commits=commits)
    between = selectors.runs(actor).filter(
        pipeline_id=gate.run.pipeline_id, branch=gate.run.branch,
        pk__gt=baseline.run.pk, pk__lte=gate.run_id,
    ).exclude(commit_sha=baseline.run.commit_sha)  # fmt: skip
    seen: set[str] = set()
    runs = []
    for run in between[: SHOWN_CHANGES * 3]:
        if run.commit_sha not in seen:
            seen.add(run.commit_sha)
            runs.append(run)
    return Changes(baseline, runs[:SHOWN_CHANGES])


def _commits(before: PipelineRun, after: PipelineRun) -> Sequence[Commit] | None:
    repository = after.repository
    if repository is None or not (before.commit_sha and after.commit_sha):
        return None
    cache = Path(settings.POWERNODE_GIT_CACHE_ROOT) / repository.pk.hex
    try:
        return commits_between(
            repository.clone_url, before.commit_sha, after.commit_sha, cache, SHOWN_CHANGES
        )
    except GitRefusedError:
        # The address is none that we hand to git; then the runs tell.
        return None


def _baseline(actor: Actor, gate: ApprovalGate) -> Baseline | None:
    approved = (
        visible(actor, ApprovalGate, selectors.READ_RUNS)
        .filter(
            run__pipeline_id=gate.run.pipeline_id, run__branch=gate.run.branch,
            step_key=gate.step_key, kind=gate.kind, status=GateStatus.APPROVED,
            run_id__lt=gate.run_id,
        )
        .select_related("run__pipeline")
        .order_by("-id")
        .first()
    )  # fmt: skip
    if approved is not None:
        return Baseline(approved.run, is_approved=True, at=approved.decided_at)
    green = (
        selectors.runs(actor)
        .filter(
            pipeline_id=gate.run.pipeline_id, branch=gate.run.branch,
            status=RunStatus.SUCCESS, pk__lt=gate.run_id,
        )
        .first()
    )  # fmt: skip
    return Baseline(green, is_approved=False, at=green.completed_at) if green else None


def may_answer(actor: Actor, gate: ApprovalGate) -> bool:
    """Whether the actor's word would count now, by what is loaded; the operation decides."""
    if not gate.is_pending or not actor.may(RESPOND):
        return False
    is_own = gate.kind == GateKind.APPROVAL and not gate.allow_self_approval
    if is_own and gate.run.triggered_by_id == actor.user_id:
        return False
    if any(vote.voter == str(actor.user_id) for vote in gate.votes.all()):
        return False
    return gate.is_open or any(
        token.recipient_user_id == actor.user_id and token.status == TokenStatus.PENDING
        for token in gate.tokens.all()
    )


def approvals_so_far(gate: ApprovalGate) -> int:
    """How many approved."""
    return sum(1 for vote in gate.votes.all() if vote.answer == Answer.APPROVE)


def recipients_of(gate: ApprovalGate) -> list[dict[str, Any]]:
    """Who is asked, and how their mail fared."""
    return [
        {
            "email": token.recipient_email,
            "user_id": token.recipient_user_id,
            "name": str(token.recipient_user) if token.recipient_user else "",
            "status": token.status,
            "is_delegate": token.delegated_from_id is not None,
            "email_sent_at": token.email_sent_at,
            "email_error": token.email_error,
            "responded_at": token.responded_at,
        }
        for token in gate.tokens.all()
    ]


def newest_by_step(rows: Iterable[ApprovalGate]) -> dict[object, ApprovalGate]:
    """The newest question of each attempt."""
    found: dict[object, ApprovalGate] = {}
    for gate in rows:
        found.setdefault(gate.step_execution_id, gate)
    return found
