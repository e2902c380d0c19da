"""Templates are made of pipelines, published, rated, and installed as pipelines."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Avg, Count, F
from django.utils import timezone

from devops import audit
from devops.access import Actor, get_visible
from devops.errors import Conflict, PermissionDenied
from devops.models import Repository
from devops.slugs import free_slug
from pipelines import selectors
from pipelines.choices import MarketplaceStatus, TemplateCategory, TemplateStatus
from pipelines.marketplace.stripping import strip
from pipelines.marketplace.variables import check_declared, filled
from pipelines.models import Pipeline, PipelineRepository, PipelineTemplate, TemplateRating
from pipelines.operations.definitions import WRITE, check_definition, insert_pipeline
from pipelines.operations.template_versions import (
    definition_of,
    next_version,
    present,
    published,
    record_version,
    remember,
    version_parts,
)

# What an installation says for itself, or a template keeps in columns of its own.
_OWN = ("name", "slug", "description", "triggers", "timeout_minutes")
_PLAIN = ("name", "description", "category", "difficulty_level", "tags", "icon_url", "metadata")
_DEFINING = (
    "pipeline_definition", "default_variables", "triggers", "timeout_minutes", "changelog",
)  # fmt: skip


@transaction.atomic(durable=True)
def create_template(actor: Actor, values: Mapping[str, Any]) -> PipelineTemplate:
    """Write a template as a draft.

    Raises:
        Invalid: the definition, a variable or the version breaks a rule.
    """
    actor.require(WRITE)
    row = PipelineTemplate(account_id=actor.account_id, created_by_id=actor.user_id)
    for name in (*_PLAIN, *_DEFINING, "version"):
        if name in values:
            setattr(row, name, values[name])
    row.slug = _slug(row.name)
    _check(row)
    row.save(force_insert=True)
    audit.record(actor, "devops.pipeline_template.create", row)
    return row


@transaction.atomic(durable=True)
def create_from_pipeline(
    actor: Actor, pipeline: Pipeline, values: Mapping[str, Any]
) -> tuple[PipelineTemplate, list[dict[str, str]]]:
    """Make a draft of a pipeline, and tell what was taken out of it, place by place."""
    actor.require(WRITE)
    stripped = strip(selectors.definition_of(pipeline))
    definition = stripped.definition
    row = PipelineTemplate(
        account_id=actor.account_id,
        created_by_id=actor.user_id,
        source_pipeline=pipeline,
        name=values.get("name") or f"{pipeline.name[:190]} Template",
        description=values.get("description", pipeline.description),
        category=values.get("category") or pipeline.pipeline_type,
        triggers=definition["triggers"],
        timeout_minutes=definition["timeout_minutes"],
        pipeline_definition={name: definition[name] for name in definition if name not in _OWN},
        default_variables=stripped.variables,
    )
    row.slug = _slug(row.name)
    _check(row)
    row.save(force_insert=True)
    audit.record(actor, "devops.pipeline_template.create", row, detail={"of": str(pipeline.pk)})
    return row, stripped.report


@transaction.atomic(durable=True)
def update_template(
    actor: Actor, template: PipelineTemplate, changes: Mapping[str, Any]
) -> PipelineTemplate:
    """Change a template; what it defines changes only together with a higher version.

    Raises:
        Invalid: the definition, a variable or the version breaks a rule.
        Conflict: a published definition would change under its version.
    """
    row = _own(actor, template)
    was = version_parts(row.version)
    renamed = "name" in changes and changes["name"] != row.name
    defines = any(name in changes and changes[name] != getattr(row, name) for name in _DEFINING)
    for name in (*_PLAIN, *_DEFINING, "version"):
        if name in changes:
            setattr(row, name, changes[name])
    if "changelog" not in changes and version_parts(row.version) > was:
        row.changelog = ""
    _check(row)
    if version_parts(row.version) < was or (
        defines and row.status == TemplateStatus.PUBLISHED and version_parts(row.version) == was
    ):
        raise Conflict(
            f"{row.name} has the version {'.'.join(map(str, was))}; the change needs a higher one.",
            remedy=f"Send `version`, for example {next_version(was, 'minor')}.",
        )
    if renamed:
        row.slug = _slug(row.name, but=row.pk)
    if defines and row.marketplace_status == MarketplaceStatus.APPROVED:
        # What an operator has not seen is not shown to other accounts.
        row.marketplace_status = MarketplaceStatus.SUBMITTED
        row.marketplace_submitted_at = timezone.now()
    row.save()
    if row.status == TemplateStatus.PUBLISHED:
        record_version(row)
    audit.record(actor, "devops.pipeline_template.update", row, detail={"fields": sorted(changes)})
    return row


@transaction.atomic(durable=True)
def publish(actor: Actor, template: PipelineTemplate) -> PipelineTemplate:
    """Let the account install it, and submit it to the operator for the other accounts.

    Raises:
        Conflict: it is no draft, or its version was published with something else in it.
    """
    row = _own(actor, template)
    if row.status != TemplateStatus.DRAFT:
        raise Conflict(f"{row.name} is {row.status}; only a draft is published.")
    row.status, row.is_public, row.published_at = TemplateStatus.PUBLISHED, True, timezone.now()
    row.marketplace_status = MarketplaceStatus.SUBMITTED
    row.marketplace_submitted_at = row.published_at
    row.save()
    record_version(row)
    audit.record(actor, "devops.pipeline_template.publish", row)
    return row


@transaction.atomic(durable=True)
def unpublish(actor: Actor, template: PipelineTemplate) -> PipelineTemplate:
    """Make it a draft again; pipelines that were installed from it stay.

    Raises:
        Conflict: it is not published.
    """
    row = _own(actor, template)
    if row.status != TemplateStatus.PUBLISHED:
        raise Conflict(f"{row.name} is {row.status}; only a published template is withdrawn.")
    row.status, row.published_at = TemplateStatus.DRAFT, None
    _withdraw(row)
    audit.record(actor, "devops.pipeline_template.unpublish", row)
    return row


@transaction.atomic(durable=True)
def archive(actor: Actor, template: PipelineTemplate) -> PipelineTemplate:
    """Put it away: nobody installs it any more; pipelines that were installed from it stay."""
    row = _own(actor, template)
    row.status = TemplateStatus.ARCHIVED
    _withdraw(row)
    audit.record(actor, "devops.pipeline_template.archive", row)
    return row


@transaction.atomic(durable=True)
def delete_template(actor: Actor, template: PipelineTemplate) -> None:
    """Remove it; pipelines that were installed from it stay."""
    row = _own(actor, template)
    audit.record(actor, "devops.pipeline_template.delete", row)
    row.delete()


@transaction.atomic(durable=True)
def rate(actor: Actor, template: PipelineTemplate, rating: Decimal) -> PipelineTemplate:
    """Say what the acting member thinks of it; a second rating replaces the first.

    Raises:
        PermissionDenied: no person is acting.
        Conflict: it is not published.
    """
    actor.require(selectors.READ_PIPELINES)
    if actor.user_id is None:
        raise PermissionDenied("Only a person can rate a template.")
    if template.status != TemplateStatus.PUBLISHED:
        raise Conflict(f"{template.name} is not published; there is nothing to rate yet.")
    # Locked, so that of two ratings at once the average counts both.
    row = PipelineTemplate.objects.select_for_update().get(pk=template.pk)
    TemplateRating.objects.update_or_create(
        template=row, user_id=actor.user_id, defaults={"rating": rating}
    )
    found = row.ratings.aggregate(average=Avg("rating"), count=Count("id"))
    row.rating = Decimal(found["average"]).quantize(Decimal("0.01"))
    row.rating_count = found["count"]
    row.save(update_fields=["rating", "rating_count", "updated_at"])
    return row


@transaction.atomic(durable=True)
def install(
    actor: Actor,
    template: PipelineTemplate,
    *,
    name: str = "",
    version: str = "",
    variables: Mapping[str, Any],
    repository_id: uuid.UUID | None = None,
    is_active: bool = True,
) -> Pipeline:
    """Write the pipeline of a template, with the variables put in their places.

    Without a `version` it is what the template is now.

    Raises:
        Invalid: naming each variable that is unknown, missing or of the wrong type, or the version.
        Conflict: the template is neither published nor the account's own, or is archived.
    """
    actor.require(WRITE)
    is_own = template.account_id == actor.account_id
    if template.status == TemplateStatus.ARCHIVED or not (
        is_own or template.status == TemplateStatus.PUBLISHED
    ):
        raise Conflict(f"{template.name} is {template.status} and cannot be installed.")
    wanted = published(actor, template, version) if version else present(template)
    definition = filled(wanted.pipeline_definition, wanted.default_variables, variables)
    definition |= {"name": name or template.name, "description": template.description}
    check_definition(definition)
    pipeline = insert_pipeline(actor.account_id, definition, user_id=actor.user_id)
    if not is_active:
        Pipeline.objects.filter(pk=pipeline.pk).update(is_active=False)
    if repository_id is not None:
        repository = get_visible(actor, Repository, "devops.repositories.read", repository_id)
        PipelineRepository.objects.create(pipeline=pipeline, repository=repository)
    remember(pipeline, wanted, variables, definition)
    PipelineTemplate.objects.filter(pk=template.pk).update(
        usage_count=F("usage_count") + 1, install_count=F("install_count") + 1
    )
    audit.record(
        actor, "devops.pipeline_template.install", pipeline,
        detail={"template": template.slug, "version": wanted.version},
    )  # fmt: skip
    return selectors.pipeline(actor, pipeline.pk)


def _check(row: PipelineTemplate) -> None:
    version_parts(row.version)
    if row.category not in TemplateCategory.values:
        row.category = TemplateCategory.CUSTOM
    definition = definition_of(row)
    check_definition(definition)
    check_declared(row.default_variables, definition)


def _own(actor: Actor, template: PipelineTemplate) -> PipelineTemplate:
    actor.require(WRITE)
    if template.account_id != actor.account_id:
        raise PermissionDenied(
            f"{template.name} belongs to someone else.", remedy="Install it and change the copy."
        )
    return PipelineTemplate.objects.select_for_update().get(pk=template.pk)


def _withdraw(row: PipelineTemplate) -> None:
    row.is_public = row.is_featured = row.is_marketplace_published = False
    row.marketplace_status = MarketplaceStatus.DRAFT
    row.save()


def _slug(name: str, *, but: uuid.UUID | None = None) -> str:
    rows = PipelineTemplate.objects.all()
    if but is not None:
        rows = rows.exclude(pk=but)
    return free_slug(rows, name, fallback="template", longest=64)
