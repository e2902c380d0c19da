"""Every read of artifacts: those of a run, one with what it holds, what keeps them."""

import uuid
from collections.abc import Collection

from django.db.models import F, Q, QuerySet, Sum

from devops.access import Actor, visible
from devops.errors import NotFound
from pipelines import selectors
from pipelines.choices import RunStatus, Trust
from pipelines.models import Artifact, PipelineRun


def artifacts(actor: Actor) -> QuerySet[Artifact]:
    """The files that runs of the account kept."""
    return (
        visible(actor, Artifact, selectors.READ_RUNS)
        .select_related("blob", "step_execution", "run")
        .defer("contents", *(f"run__{name}" for name in selectors.HEAVY))
    )


def artifacts_of(actor: Actor, run_id: uuid.UUID) -> list[Artifact]:
    """The files that a run kept, and those of steps that it took over, each name once."""
    rows = artifacts(actor).filter(selectors.made_for(run_id)).order_by("name")
    # A step of this run that kept something under the same name replaces it.
    ordered = sorted(rows, key=lambda row: (row.name, row.run_id == run_id))
    return list({row.name: row for row in ordered}.values())


def one_artifact(actor: Actor, pk: uuid.UUID | str) -> Artifact:
    """One artifact of the account.

    Raises:
        NotFound: the account has none with that key.
    """
    row = artifacts(actor).filter(pk=pk).first()
    if row is None:
        raise NotFound("No artifact with that identifier.")
    return row


def account_of(pk: uuid.UUID) -> uuid.UUID | None:
    """The account that an artifact belongs to, before anybody's right to see it was checked."""
    return Artifact._base_manager.filter(pk=pk).values_list("account_id", flat=True).first()


def total_bytes(actor: Actor) -> int:
    """How much the artifacts of the account take."""
    rows = visible(actor, Artifact, selectors.READ_RUNS)
    return rows.aggregate(size=Sum("size_bytes"))["size"] or 0


def last_green_of(pipeline_id: uuid.UUID) -> uuid.UUID | None:
    """The newest successful run of a pipeline on its repository's default branch."""
    rows = PipelineRun._base_manager.filter(
        Q(repository=None) | Q(branch=F("repository__default_branch")),
        pipeline_id=pipeline_id, status=RunStatus.SUCCESS, trust_level=Trust.TRUSTED,
    )  # fmt: skip
    return rows.order_by("-id").values_list("pk", flat=True).first()


def kept_by_last_green(pipeline_id: uuid.UUID, keys: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of some artifacts the pipeline's last green run made or took over: they stay."""
    green = last_green_of(pipeline_id)
    if green is None:
        return set()
    rows = Artifact._base_manager.filter(selectors.made_for(green), pk__in=keys)
    return set(rows.values_list("pk", flat=True))


def is_of_last_green(artifact: Artifact) -> bool:
    """Whether an artifact stays because of the last green run of the default branch."""
    return bool(kept_by_last_green(artifact.run.pipeline_id, [artifact.pk]))
