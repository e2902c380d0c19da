"""How far live runs have come."""

import uuid
from collections.abc import Iterable

from django.db.models import OuterRef, Subquery

from devops.access import Actor, visible
from pipelines import selectors
from pipelines.choices import StepStatus
from pipelines.models import PipelineRun, StepExecution

_UNDER_WAY = (StepStatus.RUNNING, StepStatus.WAITING_APPROVAL)


def current_steps(actor: Actor, run_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The name of the first step that is under way in each of several runs, in one query."""
    steps = visible(actor, StepExecution, selectors.READ_RUNS).filter(
        run=OuterRef("pk"), status__in=_UNDER_WAY
    )
    first = steps.order_by("position", "matrix_index").values("step_name")[:1]
    rows = visible(actor, PipelineRun, selectors.READ_RUNS).filter(pk__in=list(run_ids))
    found = rows.order_by().values_list("pk", Subquery(first))
    return {key: name for key, name in found if name is not None}
