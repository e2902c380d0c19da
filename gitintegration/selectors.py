"""Every read of the git integration."""

from django.db.models import QuerySet

from devops.access import Actor, visible
from devops.models import Repository
from gitintegration.models import GitWebhookEvent, WebhookEndpoint


def webhook_events(actor: Actor) -> QuerySet[GitWebhookEvent]:
    """The account's deliveries without their bodies, newest first."""
    return (
        visible(actor, GitWebhookEvent, "git.webhooks.read")
        .select_related("repository")
        .defer("payload", "headers")
        .order_by("-id")
    )


def endpoints(actor: Actor) -> QuerySet[WebhookEndpoint]:
    """The account's webhook addresses."""
    return visible(actor, WebhookEndpoint, "git.webhooks.read").select_related("repository")


def hooked_repositories(actor: Actor) -> list[Repository]:
    """The repositories that have a webhook address, by name."""
    rows = visible(actor, Repository, "devops.repositories.read")
    return list(rows.filter(webhook_endpoint__isnull=False).order_by("full_name")[:500])
