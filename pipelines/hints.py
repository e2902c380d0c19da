"""What models guessed about failed runs, as people may see it."""

from devops.access import Actor, visible
from pipelines.models import FailureHint, PipelineRun
from pipelines.selectors import READ_RUNS


def last_hint(actor: Actor, run: PipelineRun) -> FailureHint | None:
    """The newest question about a run, answered or not."""
    rows = visible(actor, FailureHint, READ_RUNS).filter(run_id=run.pk)
    return rows.order_by("-number").first()
