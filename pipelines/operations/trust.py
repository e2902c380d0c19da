"""Runs of people whom nobody vouched for wait until a member lets them go ahead."""

from django.db import transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import Conflict
from pipelines.choices import Answer, GateKind, GateStatus, RunStatus, WaitingFor
from pipelines.jobs import DISPATCH
from pipelines.models import ApprovalGate, ApprovalVote, PipelineRun
from pipelines.operations.approvers import RESPOND
from pipelines.operations.checks import settle_check
from pipelines.operations.gates import Opening, close_gate, open_gate
from pipelines.operations.reporting import announce_run
from pipelines.states import run_states


def ask_to_trust(run: PipelineRun) -> ApprovalGate:
    """Ask whether a stranger's run may start, in the transaction that makes it."""
    return open_gate(run, None, Opening(kind=GateKind.TRUST))


@transaction.atomic(durable=True)
def allow_run(actor: Actor, run: PipelineRun) -> PipelineRun:
    """Let a waiting run go ahead; it stays untrusted: without secrets and network.

    Raises:
        Conflict: it does not wait for this.
    """
    actor.require(RESPOND)
    run = PipelineRun.objects.select_for_update().get(pk=run.pk)
    if run.status != RunStatus.PENDING or run.waiting_for != WaitingFor.TRUST:
        raise Conflict(f"Run #{run.run_number} does not wait to be allowed.")
    run_states.transition(
        run, RunStatus.QUEUED, queued_at=timezone.now(), waiting_for=WaitingFor.WORKER,
        waiting_detail=f"Allowed by {actor.label}; it starts as soon as a worker has a free slot.",
    )  # fmt: skip
    gate = ApprovalGate.objects.filter(
        run=run, kind=GateKind.TRUST, status=GateStatus.PENDING
    ).first()
    if gate is not None:
        ApprovalVote.objects.create(
            account_id=run.account_id, gate=gate, voter=str(actor.user_id or actor.label)[:254],
            user_id=actor.user_id, label=actor.label[:200], answer=Answer.APPROVE, via=actor.kind,
        )  # fmt: skip
        close_gate(gate, GateStatus.APPROVED, by=actor.label)
    DISPATCH.send()
    announce_run(run)
    settle_check(run.repository, run.commit_sha)
    audit.record(actor, "devops.pipeline_run.allow", run)
    return run
