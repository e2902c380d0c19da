"""Which templates somebody sees: the account's, the built-in ones, what operators approved."""

from django.db.models import Q, QuerySet

from devops.access import Actor
from devops.errors import NotFound
from pipelines.choices import MarketplaceStatus, TemplateStatus
from pipelines.models import PipelineTemplate
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
