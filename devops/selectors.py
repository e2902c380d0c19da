"""Every read of accounts, people, tokens, the audit trail and providers."""

from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from devops.access import Actor, get_visible, visible
from devops.models import (
    Account,
    AiConfig,
    ApiToken,
    AuditEvent,
    Invitation,
    Membership,
    OutboxMessage,
    PromptTemplate,
    Provider,
    User,
)
from devops.tokens import digest


def account(actor: Actor) -> Account:
    """The account that the actor acts in."""
    return get_visible(actor, Account, "account.read", actor.account_id)


def person(actor: Actor) -> User | None:
    """The actor's person; the system has none."""
    return User.objects.filter(pk=actor.user_id).first() if actor.user_id else None


def person_memberships(actor: Actor) -> QuerySet[Membership]:
    """The accounts that the actor's person can switch to; a token knows only its own."""
    if actor.user_id is None:
        return Membership.objects.none()
    rows = Membership.objects.filter(user_id=actor.user_id, account__is_active=True)
    if actor.kind == "token":
        rows = rows.filter(account_id=actor.account_id)
    return rows.select_related("account").order_by("id")


def members(actor: Actor) -> QuerySet[Membership]:
    """The people of the account with their roles."""
    return visible(actor, Membership, "account.members.read").select_related("user")


def invitations(actor: Actor) -> QuerySet[Invitation]:
    """The invitations that nobody has accepted yet."""
    rows = visible(actor, Invitation, "account.members.manage").filter(accepted_at=None)
    return rows.select_related("invited_by")


def open_invitation(token: str) -> Invitation | None:
    """The invitation that a link's token names, while it can still be accepted."""
    return (
        Invitation.objects.select_related("account", "invited_by")
        .filter(
            token_digest=digest(token),
            account__is_active=True,
            accepted_at=None,
            expires_at__gt=timezone.now(),
        )
        .first()
    )


def tokens(actor: Actor) -> QuerySet[ApiToken]:
    """The live tokens: one's own, and all for whoever manages members."""
    rows = visible(actor, ApiToken, "account.tokens.manage").filter(revoked_at=None)
    if not actor.may("account.members.manage"):
        rows = rows.filter(user__in=[actor.user_id] if actor.user_id else [])
    return rows.select_related("user")


def audit_events(actor: Actor) -> QuerySet[AuditEvent]:
    """What was done in the account, newest first."""
    return visible(actor, AuditEvent, "account.audit.read").order_by("-id")


def providers(actor: Actor) -> QuerySet[Provider]:
    """The account's connections, with the number of repositories of each."""
    rows = visible(actor, Provider, "devops.providers.read")
    return rows.annotate(repository_count=Count("repositories", distinct=True))


def provider_counts(actor: Actor) -> dict[str, Any]:
    """`{total, active, by_type}` of the account's connections."""
    rows = visible(actor, Provider, "devops.providers.read").order_by()
    counts = rows.values_list("provider_type", "is_active").annotate(number=Count("pk"))
    by_type: dict[str, int] = {}
    active = 0
    for kind, is_active, number in counts:
        by_type[kind] = by_type.get(kind, 0) + number
        active += number if is_active else 0
    return {"total": sum(by_type.values()), "active": active, "by_type": by_type}


def newest_stream_seq(actor: Actor) -> int:
    """The number of the account's newest published message; 0 before the first."""
    rows = OutboxMessage.objects.filter(account_id=actor.account_id).exclude(stream_seq=None)
    return rows.order_by("-stream_seq").values_list("stream_seq", flat=True).first() or 0


def ai_configs(actor: Actor) -> QuerySet[AiConfig]:
    """The account's connections to language models, defaults first."""
    rows = visible(actor, AiConfig, "devops.ai.manage").select_related("created_by")
    return rows.order_by("-is_default", "name")


def prompt_templates(actor: Actor) -> QuerySet[PromptTemplate]:
    """The account's prompt templates for pipelines, every version."""
    rows = visible(actor, PromptTemplate, "devops.prompt_templates.read")
    return rows.exclude(domain=PromptTemplate.Domain.AI_WORKFLOW).select_related("created_by")


def prompt_versions(template: PromptTemplate, limit: int = 10) -> list[PromptTemplate]:
    """The newest versions of a template's text, the template among them."""
    family = PromptTemplate.objects.filter(account_id=template.account_id, slug=template.slug)
    return list(family.select_related("created_by").order_by("-version")[:limit])
