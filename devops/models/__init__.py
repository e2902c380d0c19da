"""Rows of the kernel; other apps point at them by string."""

from devops.models.ai import AiCall, AiConfig, PromptTemplate
from devops.models.base import Lifecycle, Row
from devops.models.messages import AuditEvent, IdempotencyKey, OutboxMessage, WebhookDelivery
from devops.models.people import Account, ApiToken, Invitation, Membership, User
from devops.models.sources import Provider, Repository
from devops.models.storage import Blob, LogChunk, LogStream

__all__ = [
    "Account",
    "AiCall",
    "AiConfig",
    "ApiToken",
    "AuditEvent",
    "Blob",
    "IdempotencyKey",
    "Invitation",
    "Lifecycle",
    "LogChunk",
    "LogStream",
    "Membership",
    "OutboxMessage",
    "PromptTemplate",
    "Provider",
    "Repository",
    "Row",
    "User",
    "WebhookDelivery",
]
