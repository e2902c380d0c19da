"""Every read of pipelines: the rows that an actor may see, shaped for lists and pages."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from devops import selectors as devops_selectors
from devops.access import Actor, get_visible, visible
from devops.errors import NotFound
from devops.models import OutboxMessage, Repository
from pipelines.choices import RUN_LIVE, BadgeState, RunStatus, TriggerType, Trust
from pipelines.models import (
    CommitCheck,
    Pipeline,
    PipelineRepository,
    PipelineRun,
    PipelineStep,
    StepCache,
    StepExecution,
    TestCase,
    TestReport,
    Worker,
)

READ_PIPELINES = "devops.pipelines.read"
READ_RUNS = "devops.pipeline_runs.read"

_FAILED = ("failed", "error")
# Wide columns that no list shows.
HEAVY = ("snapshot", "trigger_context", "outputs", "inputs")
_FIRST = uuid.UUID(int=0)
_BARS = ("pipeline", "run_number", "title", "status", "waiting_for", "duration_ms", "created_at")


def pipelines(actor: Actor) -> QuerySet[Pipeline]:
    """The account's pipelines with their step count and latest run's key."""
    latest = PipelineRun.objects.filter(pipeline=OuterRef("pk")).order_by("-id")
    return (
        visible(actor, Pipeline, READ_PIPELINES)
        .filter(deleted_at=None)
        .annotate(
            step_count=Count("steps", distinct=True), last_run_id=Subquery(latest.values("pk")[:1])
        )
    )


def plain_pipelines(actor: Actor) -> QuerySet[Pipeline]:
    """The account's pipelines, with nothing counted beside them."""
    return visible(actor, Pipeline, READ_PIPELINES).filter(deleted_at=None)


def plain_pipeline(actor: Actor, pk: uuid.UUID | str) -> Pipeline:
    """One of them.

    Raises:
        NotFound: no such pipeline in the actor's account.
    """
    row = plain_pipelines(actor).filter(pk=pk).first()
    if row is None:
        raise NotFound("No pipeline with that identifier.")
    return row


def pipelines_with_steps(keys: Iterable[uuid.UUID]) -> QuerySet[Pipeline]:
    """Pipelines that were seen already, with their steps."""
    return Pipeline.objects.filter(pk__in=list(keys)).prefetch_related("steps")


def overrides_of(repository_id: uuid.UUID) -> dict[uuid.UUID, dict[str, Any]]:
    """What a repository changes in each pipeline that is attached to it."""
    links = PipelineRepository.objects.filter(repository_id=repository_id)
    return dict(links.values_list("pipeline_id", "overrides"))


def pipeline(actor: Actor, pk: uuid.UUID | str) -> Pipeline:
    """One pipeline with its ordered steps.

    Raises:
        NotFound: no such pipeline in the actor's account.
    """
    row = pipelines(actor).filter(pk=pk).prefetch_related("steps").first()
    if row is None:
        raise NotFound("No pipeline with that identifier.")
    return row


def pipeline_by_slug(actor: Actor, slug: str) -> Pipeline:
    """One pipeline by the name in its address.

    Raises:
        NotFound: no such pipeline in the actor's account.
    """
    row = pipelines(actor).filter(slug=slug).prefetch_related("steps").first()
    if row is None:
        raise NotFound(f"No pipeline is called {slug!r}.")
    return row


def links(actor: Actor, pipeline_id: uuid.UUID) -> QuerySet[PipelineRepository]:
    """The repositories that start a pipeline."""
    actor.require(READ_PIPELINES)
    return PipelineRepository.objects.filter(
        pipeline_id=pipeline_id, pipeline__account_id=actor.account_id
    ).select_related("repository")


def newest_of(
    actor: Actor, keys: list[uuid.UUID], limit: int, since: uuid.UUID = _FIRST
) -> QuerySet[PipelineRun]:
    """The newest runs of each of several pipelines, in no order; none with a key before `since`.

    A query finds where in its index each pipeline's part begins; then those runs alone are read.
    """
    actor.require(READ_RUNS)
    newest = PipelineRun.objects.filter(pipeline=OuterRef("pk")).order_by("-id").values("pk")
    rows = visible(actor, Pipeline, READ_PIPELINES).filter(pk__in=keys).order_by()
    wanted = Q(pk__in=[])
    for key, begin in rows.values_list("pk", Subquery(newest[limit - 1 : limit])):
        wanted |= Q(pipeline_id=key, pk__gte=max(begin or since, since))
    # A condition on all of them, or an order, would lead SQLite through every run.
    return PipelineRun.objects.filter(wanted).order_by()


def recent_runs_of(
    actor: Actor, pipeline_ids: list[uuid.UUID], limit: int
) -> dict[uuid.UUID, list[PipelineRun]]:
    """The newest runs of several pipelines, newest first, with what bars and chips show of them."""
    found: dict[uuid.UUID, list[PipelineRun]] = {}
    rows = newest_of(actor, pipeline_ids, limit).only(*_BARS)
    for row in sorted(rows, key=lambda run: run.pk, reverse=True):
        found.setdefault(row.pipeline_id, []).append(row)
    return found


def first_links(actor: Actor, pipeline_ids: list[uuid.UUID]) -> dict[uuid.UUID, Repository]:
    """The first repository of each of several pipelines."""
    actor.require(READ_PIPELINES)
    rows = PipelineRepository.objects.filter(
        pipeline_id__in=pipeline_ids, pipeline__account_id=actor.account_id
    ).select_related("repository")
    return {row.pipeline_id: row.repository for row in rows.order_by("-id")}


def pipelines_of_repository(actor: Actor, repository_id: uuid.UUID) -> list[Pipeline]:
    """The pipelines that a repository's pushes start."""
    return list(pipelines(actor).filter(links__repository_id=repository_id).order_by("name")[:100])


def definition_of(row: Pipeline) -> dict[str, Any]:
    """The pipeline as the plain definition that runs keep as their snapshot."""
    return {
        "name": row.name,
        "slug": row.slug,
        "description": row.description,
        "pipeline_type": row.pipeline_type,
        "triggers": row.triggers,
        "environment": row.environment,
        "secret_refs": row.secret_refs,
        "runner_labels": row.runner_labels,
        "timeout_minutes": row.timeout_minutes,
        "allow_concurrent": row.allow_concurrent,
        "features": row.features,
        "settings": row.settings,
        "notification_recipients": row.notification_recipients,
        "notification_settings": row.notification_settings,
        "steps": [step_definition(step) for step in row.steps.all()],
    }


def effective_definition(
    definition: dict[str, Any], overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """A pipeline's definition as one repository wants it: three of its objects deep-merged."""
    changed = {
        name: merged(definition[name], overrides[name])
        for name in ("triggers", "environment", "features")
        if isinstance(overrides.get(name), Mapping)
    }
    return definition | changed


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Objects merged member by member; what is none of them replaces."""
    found = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = merged(found[key], value) if both else value
    return found


STEP_FIELDS = (
    "key", "name", "step_type", "configuration", "condition", "continue_on_error", "is_active",
    "requires_approval", "approval_settings", "inputs", "outputs", "environment", "secret_refs",
    "timeout_minutes", "retry", "matrix", "cache", "image", "services", "group_key", "phase",
)  # fmt: skip


def step_definition(step: PipelineStep) -> dict[str, Any]:
    """A step as the plain definition."""
    return {name: getattr(step, name) for name in STEP_FIELDS}


def runs(actor: Actor) -> QuerySet[PipelineRun]:
    """The account's runs without their wide columns, newest first."""
    return (
        visible(actor, PipelineRun, READ_RUNS)
        .select_related("pipeline")
        .defer(*HEAVY, *(f"pipeline__{name}" for name in ("triggers", "settings", "environment")))
        .order_by("-id")
    )


def run(actor: Actor, pk: uuid.UUID | str) -> PipelineRun:
    """One run with all attempts at its steps.

    Raises:
        NotFound: no such run in the actor's account.
    """
    row = (
        visible(actor, PipelineRun, READ_RUNS)
        .filter(pk=pk)
        .select_related("pipeline", "repository", "worker", "triggered_by", "retry_of")
        .prefetch_related(
            Prefetch(
                "step_executions",
                StepExecution.objects.order_by("position", "matrix_index", "attempt"),
            )
        )
        .first()
    )
    if row is None:
        raise NotFound("No run with that identifier.")
    return row


def account_of_run(pk: uuid.UUID) -> uuid.UUID | None:
    """The account that a run belongs to, before anybody's right to see it was checked."""
    return PipelineRun.objects.filter(pk=pk).values_list("account_id", flat=True).first()


def pipeline_names(actor: Actor) -> list[Pipeline]:
    """The account's pipelines by name, for filters."""
    rows = visible(actor, Pipeline, READ_PIPELINES).filter(deleted_at=None)
    return list(rows.only("id", "name", "slug").order_by("name")[:500])


def attempts_of(actor: Actor, row: PipelineRun) -> list[PipelineRun]:
    """The run, what it repeats and what repeats it, oldest first."""
    first = row
    while first.retry_of_id is not None and (before := first.retry_of) is not None:
        first = before
    found, layer = [first], [first.pk]
    while layer:
        rows = list(runs(actor).filter(retry_of_id__in=layer).order_by("id")[:50])
        found += rows
        layer = [row.pk for row in rows] if len(found) < 50 else []
    return found if len(found) > 1 else []


def last_green_before(actor: Actor, row: PipelineRun) -> PipelineRun | None:
    """The newest successful run of the same pipeline and branch before this one."""
    return (
        runs(actor)
        .filter(pipeline_id=row.pipeline_id, status="success", branch=row.branch, pk__lt=row.pk)
        .first()
    )


def step_execution(actor: Actor, pk: uuid.UUID | str) -> StepExecution:
    """One attempt at a step.

    Raises:
        NotFound: no such attempt in the actor's account.
    """
    return get_visible(actor, StepExecution, READ_RUNS, pk)


def steps_of_runs(actor: Actor, run_ids: list[uuid.UUID]) -> QuerySet[StepExecution]:
    """The attempts of several runs, in order, without what a list does not show."""
    rows = visible(actor, StepExecution, READ_RUNS).filter(run_id__in=run_ids)
    return rows.defer("outputs", "summary").order_by("position", "matrix_index", "attempt")


def live_run_count(pipeline_id: uuid.UUID) -> int:
    """How many runs of a pipeline are not over."""
    return PipelineRun.objects.filter(pipeline_id=pipeline_id, status__in=RUN_LIVE).count()


def newest_stream_seq(actor: Actor) -> int:
    """The number of the account's newest published message."""
    actor.require(READ_RUNS)
    return devops_selectors.newest_stream_seq(actor)


def run_messages(actor: Actor, run_id: uuid.UUID, after: int = 0) -> QuerySet[OutboxMessage]:
    """What happened in a run, in order, after a number of its topic."""
    actor.require(READ_RUNS)
    return OutboxMessage.objects.filter(
        account_id=actor.account_id, topic=f"run.{run_id.hex}", seq__gt=after
    ).order_by("seq")


def made_for(run_id: uuid.UUID) -> Q:
    """What attempts left that count in a run: its own, and those that it took over."""
    carried = StepExecution.objects.filter(run_id=run_id, carried_from__isnull=False)
    return Q(run_id=run_id) | Q(step_execution__in=carried.values("carried_from"))


def test_reports(actor: Actor, run_id: uuid.UUID) -> QuerySet[TestReport]:
    """The test reports of a run with their cases, failures first."""
    return plain_test_reports(actor, run_id).prefetch_related("cases")


def plain_test_reports(actor: Actor, run_id: uuid.UUID) -> QuerySet[TestReport]:
    """The test reports of a run, their counts only."""
    return visible(actor, TestReport, READ_RUNS).filter(made_for(run_id))


def commit_checks(actor: Actor, sha: str) -> list[CommitCheck]:
    """What the hosts were told of a commit as a whole; one for each repository that has it."""
    if not sha:
        return []
    rows = visible(actor, CommitCheck, READ_RUNS).filter(commit_sha=sha)
    return list(rows.exclude(state="").select_related("repository")[:20])


_BADGES = {
    RunStatus.SUCCESS: BadgeState.PASSING,
    RunStatus.FAILURE: BadgeState.FAILING,
    RunStatus.CANCELLED: BadgeState.CANCELLED,
}


def badge_state(token: str, branch: str = "") -> BadgeState | None:
    """What the badge with a token says of a branch, whoever asks; None without such a badge.

    Without a branch the repository's default one counts. Pull requests do not: theirs may carry
    any branch's name. While a run is under way the last that ended still counts.
    """
    pipeline = Pipeline.objects.filter(badge_token=token, deleted_at=None).only("pk").first()
    if pipeline is None:
        return None
    link = PipelineRepository.objects.filter(pipeline=pipeline).select_related("repository").first()
    wanted = branch or (link.repository.default_branch if link else "")
    rows = PipelineRun.objects.filter(pipeline=pipeline, trust_level=Trust.TRUSTED).exclude(
        trigger_type=TriggerType.PULL_REQUEST
    )
    if wanted:
        rows = rows.filter(branch=wanted)
    # A run that a newer one replaced says nothing.
    ended = rows.filter(status__in=list(_BADGES)).exclude(reason="superseded")
    status = ended.order_by("-id").values_list("status", flat=True).first()
    if status is not None:
        return _BADGES[RunStatus(status)]
    return BadgeState.RUNNING if rows.exists() else BadgeState.NO_RUNS


def workers(actor: Actor) -> QuerySet[Worker]:
    """The workers of this installation; they serve every account."""
    actor.require("devops.workers.read")
    # Of the live ones alone: a worker may have a million runs behind it.
    held = PipelineRun.objects.filter(worker=OuterRef("pk"), status__in=["queued", "running"])
    counts = held.order_by().values("worker").annotate(number=Count("pk")).values("number")
    return Worker.objects.annotate(busy=Coalesce(Subquery(counts), 0)).order_by("-status", "name")


def repositories(actor: Actor) -> QuerySet[Repository]:
    """The repositories that pipelines can attach to."""
    return visible(actor, Repository, "devops.repositories.read").annotate(
        pipeline_count=Count("pipeline_links", distinct=True)
    )


def caches(actor: Actor) -> QuerySet[StepCache]:
    """What steps keep from run to run, newest first."""
    rows = visible(actor, StepCache, READ_RUNS)
    heavy = (f"made_by__{name}" for name in HEAVY)
    return (
        rows.select_related("repository", "pipeline", "made_by")
        .defer(*heavy, "pipeline__triggers", "pipeline__settings", "pipeline__environment")
        .order_by("-id")
    )


def failed_cases(actor: Actor, row: PipelineRun, limit: int = 50) -> QuerySet[TestCase]:
    """The tests that failed in a run."""
    reports = visible(actor, TestReport, READ_RUNS).filter(run=row)
    rows = TestCase.objects.filter(report__in=reports, status__in=_FAILED)
    return rows.select_related("report").order_by("id")[:limit]


def runs_between(actor: Actor, earlier: PipelineRun, later: PipelineRun) -> QuerySet[PipelineRun]:
    """The runs of the same pipeline and branch after one run, up to and with another, in order."""
    rows = visible(actor, PipelineRun, READ_RUNS).filter(
        pipeline_id=later.pipeline_id, branch=later.branch, pk__gt=earlier.pk, pk__lte=later.pk
    )
    return rows.only("id", "run_number", "commit_sha", "title", "status").order_by("id")
