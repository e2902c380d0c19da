"""Runs of people whom nobody vouched for wait until a member lets them go ahead."""

from django.db import transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import Conflict
from pipelines.choices import RunStatus, WaitingFor
from pipelines.jobs import DISPATCH
from pipelines.models import PipelineRun
from pipelines.states import run_states

RESPOND = "devops.approvals.respond"


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
    DISPATCH.send()
    audit.record(actor, "devops.pipeline_run.allow", run)
    return run
