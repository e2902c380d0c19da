"""Rows of the git integration."""

import factory
from factory.django import DjangoModelFactory

from gitintegration.choices import Dialect, WebhookEventStatus
from gitintegration.models import GitWebhookEvent
from tests.factories.devops import AccountFactory


class WebhookEventFactory(DjangoModelFactory[GitWebhookEvent]):
    class Meta:
        model = GitWebhookEvent

    account = factory.SubFactory(AccountFactory)
    dialect = Dialect.GIT
    status = WebhookEventStatus.PROCESSED
    event_type = "push"
    delivery_id = factory.Sequence(lambda number: f"delivery-{number}")
    body_digest = factory.Sequence(lambda number: f"{number:064x}")
    payload = factory.LazyFunction(lambda: {"event": "push"})
