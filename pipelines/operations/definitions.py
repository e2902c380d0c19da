"""Pipelines are written, changed, copied and taken away."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from devops import audit, versions
from devops.access import Actor, get_visible
from devops.errors import Conflict, FieldProblem, InUse, Invalid, NotFound
from devops.models import Repository
from devops.slugs import free_slug
from pipelines import selectors
from pipelines.choices import RUN_LIVE
from pipelines.linting import lint_stored
from pipelines.models import (
    Pipeline,
    PipelineDocument,
    PipelineRepository,
    PipelineRun,
    PipelineStep,
    Schedule,
)
from pipelines.operations.schedules import sync_schedules

WRITE = "devops.pipelines.write"
DEFINED = (
    "name", "description", "pipeline_type", "triggers", "environment", "secret_refs",
    "runner_labels", "timeout_minutes", "allow_concurrent", "features", "settings",
    "notification_recipients", "notification_settings",
)  # fmt: skip


@transaction.atomic(durable=True)
def create_pipeline(
    actor: Actor,
    definition: Mapping[str, Any],
    *,
    repository_id: uuid.UUID | None = None,
    is_active: bool = True,
    text: str = "",
) -> Pipeline:
    """Write a new pipeline from its plain definition; `text` is the document that says it.

    Raises:
        Invalid: naming each field or step that breaks a rule.
        Conflict: the slug is taken.
    """
    actor.require(WRITE)
    check_definition(definition)
    pipeline = insert_pipeline(actor.account_id, definition, user_id=actor.user_id)
    if not is_active:
        Pipeline.objects.filter(pk=pipeline.pk).update(is_active=False)
    keep_text(pipeline, text)
    if repository_id is not None:
        repository = get_visible(actor, Repository, "devops.repositories.read", repository_id)
        PipelineRepository.objects.create(pipeline=pipeline, repository=repository)
    audit.record(actor, "devops.pipeline.create", pipeline)
    return selectors.pipeline(actor, pipeline.pk)


@transaction.atomic(durable=True)
def update_pipeline(
    actor: Actor,
    pipeline: Pipeline,
    changes: Mapping[str, Any],
    *,
    is_active: bool | None = None,
    text: str = "",
    seen: str = "",
) -> Pipeline:
    """Change fields of a pipeline; a `steps` list replaces all steps. Runs keep their snapshot.

    `text` is the document that says what it then is, `seen` the version that was edited.

    Raises:
        Invalid: naming each field or step that breaks a rule.
        Conflict: a system pipeline's definition cannot be changed.
        Stale: somebody else changed it meanwhile.
    """
    actor.require(WRITE)
    pipeline = versions.lock(pipeline, seen)
    if pipeline.deleted_at is not None:
        raise NotFound(f"{pipeline.name} was deleted meanwhile.")
    if pipeline.is_system and changes:
        raise Conflict(
            f"{pipeline.name} is a system pipeline; its definition cannot be changed.",
            remedy="Duplicate it and change the copy.",
        )
    if changes:
        definition = {**selectors.definition_of(pipeline), **changes}
        check_definition(definition)
        replace_definition(pipeline, definition)
        keep_text(pipeline, text)
    if is_active is not None:
        Pipeline.objects.filter(pk=pipeline.pk).update(is_active=is_active)
    audit.record(actor, "devops.pipeline.update", pipeline, detail={"fields": sorted(changes)})
    return selectors.pipeline(actor, pipeline.pk)


@transaction.atomic(durable=True)
def set_active(actor: Actor, pipeline: Pipeline, *, is_active: bool) -> None:
    """Switch a pipeline on or off; off, no trigger starts it."""
    actor.require(WRITE)
    Pipeline.objects.filter(pk=pipeline.pk).update(is_active=is_active)
    audit.record(actor, "devops.pipeline.update", pipeline, detail={"is_active": is_active})


@transaction.atomic(durable=True)
def duplicate_pipeline(actor: Actor, pipeline: Pipeline) -> Pipeline:
    """Copy a pipeline with its steps; runs and repository links stay with the original."""
    actor.require(WRITE)
    definition = selectors.definition_of(pipeline)
    definition |= {"name": f"{pipeline.name} (Copy)", "slug": ""}
    copy = insert_pipeline(actor.account_id, definition, user_id=actor.user_id)
    audit.record(actor, "devops.pipeline.duplicate", copy, detail={"of": str(pipeline.pk)})
    return selectors.pipeline(actor, copy.pk)


@transaction.atomic(durable=True)
def delete_pipeline(actor: Actor, pipeline: Pipeline) -> None:
    """Take a pipeline away; its finished runs stay readable until retention.

    Raises:
        InUse: a run is still going on; lists which.
    """
    actor.require(WRITE)
    if pipeline.is_system:
        raise Conflict(f"{pipeline.name} is a system pipeline and cannot be deleted.")
    live = PipelineRun.objects.filter(pipeline=pipeline, status__in=RUN_LIVE)
    numbers = [f"#{number}" for number in live.values_list("run_number", flat=True)[:10]]
    if numbers:
        raise InUse(
            f"Pipeline {pipeline.name} still has live runs: {', '.join(numbers)}.",
            remedy="Cancel them or wait for their end, then delete the pipeline.",
        )
    PipelineRepository.objects.filter(pipeline=pipeline).delete()
    Schedule.objects.filter(pipeline=pipeline).delete()
    Pipeline.objects.filter(pk=pipeline.pk).update(deleted_at=timezone.now(), is_active=False)
    audit.record(actor, "devops.pipeline.delete", pipeline)


@transaction.atomic(durable=True)
def attach_repository(
    actor: Actor, repository: Repository, pipeline: Pipeline, overrides: Mapping[str, Any]
) -> PipelineRepository:
    """Let events of a repository start a pipeline.

    Raises:
        Conflict: they are attached already.
    """
    actor.require("devops.repositories.write")
    try:
        with transaction.atomic():
            link = PipelineRepository.objects.create(
                pipeline=pipeline, repository=repository, overrides=dict(overrides)
            )
    except IntegrityError as error:
        raise Conflict(f"{repository} already starts {pipeline}.") from error
    audit.record(actor, "devops.repository.attach_pipeline", repository)
    return link


@transaction.atomic(durable=True)
def detach_repository(actor: Actor, repository: Repository, pipeline: Pipeline) -> bool:
    """Events of the repository no longer start the pipeline; false when they never did."""
    actor.require("devops.repositories.write")
    gone, _ = PipelineRepository.objects.filter(pipeline=pipeline, repository=repository).delete()
    if gone:
        audit.record(actor, "devops.repository.detach_pipeline", repository)
    return bool(gone)


def check_definition(definition: Mapping[str, Any]) -> None:
    """Refuse a definition with errors; warnings pass.

    Raises:
        Invalid: every finding with its pointer into the definition.
    """
    findings = lint_stored(dict(definition))
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise Invalid(
            f"The pipeline has {len(errors)} error(s); the first: {errors[0].message}",
            errors=[
                FieldProblem(found.pointer, found.code, found.message, found.remedy)
                for found in errors
            ],
        )


def insert_pipeline(
    account_id: uuid.UUID,
    definition: Mapping[str, Any],
    *,
    user_id: uuid.UUID | None = None,
    source: tuple[Repository, str, str] | None = None,
) -> Pipeline:
    """Insert a checked definition inside the caller's transaction.

    `source` is repository, path and SHA of the file that it comes from.

    Raises:
        Conflict: the given slug is taken.
    """
    slug = definition.get("slug") or ""
    live = Pipeline.objects.filter(account_id=account_id, deleted_at=None)
    if slug and live.filter(slug=slug).exists():
        raise Conflict(f"Another pipeline has the key {slug!r}.", remedy="Choose another key.")
    repository, path, sha = source or (None, "", "")
    pipeline = Pipeline.objects.create(
        account_id=account_id,
        slug=slug or free_slug(live, definition["name"], fallback="pipeline", longest=56, first=1),
        created_by_id=user_id,
        source_repository=repository,
        source_path=path,
        source_sha=sha,
        **{name: definition[name] for name in DEFINED if name in definition},
    )
    _insert_steps(pipeline, definition["steps"])
    sync_schedules(pipeline, definition.get("triggers") or {})
    return pipeline


def replace_definition(pipeline: Pipeline, definition: Mapping[str, Any], *, sha: str = "") -> None:
    """Replace fields and steps inside the caller's transaction and count the version up."""
    Pipeline.objects.filter(pk=pipeline.pk).update(
        definition_version=F("definition_version") + 1,
        source_sha=sha or pipeline.source_sha,
        **{name: definition[name] for name in DEFINED if name in definition},
    )
    PipelineStep.objects.filter(pipeline=pipeline).delete()
    _insert_steps(pipeline, definition["steps"])
    sync_schedules(pipeline, definition.get("triggers") or {})


def keep_text(pipeline: Pipeline, text: str) -> None:
    """Keep the document that a definition was written as, inside the caller's transaction."""
    if text:
        PipelineDocument.objects.update_or_create(pipeline=pipeline, defaults={"text": text})


def _insert_steps(pipeline: Pipeline, steps: list[Mapping[str, Any]]) -> None:
    PipelineStep.objects.bulk_create(
        PipelineStep(
            pipeline=pipeline,
            position=position,
            **{name: step[name] for name in selectors.STEP_FIELDS if name in step},
        )
        for position, step in enumerate(steps, start=1)
    )
