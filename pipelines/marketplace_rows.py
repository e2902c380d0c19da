"""Which templates somebody sees: the account's, the built-in ones, what operators approved."""

from django.db.models import Q, QuerySet

from devops.access import Actor
from devops.errors import NotFound
from pipelines.choices import MarketplaceStatus, TemplateStatus
from pipelines.models import (
    Pipeline,
    PipelineTemplate,
    PipelineTemplateVersion,
    TemplateInstallation,
)
from pipelines.selectors import READ_PIPELINES


def templates(actor: Actor) -> QuerySet[PipelineTemplate]:
    """The templates that the actor may look at, newest first."""
    actor.require(READ_PIPELINES)
    return PipelineTemplate.objects.filter(
        Q(account_id=actor.account_id)
        | Q(
            is_public=True,
            status=TemplateStatus.PUBLISHED,
            marketplace_status=MarketplaceStatus.APPROVED,
        )
    )


def template(actor: Actor, slug: str) -> PipelineTemplate:
    """One template by the name in its address.

    Raises:
        NotFound: there is none that the actor may look at.
    """
    row = templates(actor).filter(slug=slug).first()
    if row is None:
        raise NotFound(f"No template is called {slug[:80]!r}.")
    return row


def versions(actor: Actor, template: PipelineTemplate) -> QuerySet[PipelineTemplateVersion]:
    """The published versions of a template, newest first; of others', what an operator approved."""
    actor.require(READ_PIPELINES)
    rows = PipelineTemplateVersion.objects.filter(template=template).select_related("template")
    is_own = template.account_id in (actor.account_id, None)
    return rows if is_own else rows.filter(approved_at__isnull=False)


def version(actor: Actor, template: PipelineTemplate, text: str) -> PipelineTemplateVersion:
    """One published version.

    Raises:
        NotFound: there is none that the actor may look at.
    """
    row = versions(actor, template).filter(version=text).first()
    if row is None:
        raise NotFound(f"{template.name} has no published version {text[:40]!r}.")
    return row


def installation(actor: Actor, pipeline: Pipeline) -> TemplateInstallation | None:
    """Which template a pipeline was made of, if it was."""
    actor.require(READ_PIPELINES)
    rows = TemplateInstallation.objects.select_related("template").filter(
        pipeline=pipeline, pipeline__account_id=actor.account_id
    )
    return rows.first()
