"""Every read of the git integration."""

from django.db.models import QuerySet

from devops.access import Actor, visible
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
