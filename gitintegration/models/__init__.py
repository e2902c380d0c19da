"""Rows of the git integration."""

from gitintegration.models.webhooks import GitWebhookEvent, WebhookEndpoint

__all__ = ["GitWebhookEvent", "WebhookEndpoint"]
