"""A fake model behind an AI provider of the workshop's account."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from devops.clients.anthropic.fake import FakeApi, serving
from devops.models import AiConfig
from devops.operations.ai_configs import create_ai_config
from tests.pipelines.conftest import Workshop


@pytest.fixture
def model(workshop: Workshop, settings: Settings) -> Iterator[FakeApi]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    with serving() as api:
        create_ai_config(workshop.actor, {
            "name": "Fake", "provider": "anthropic", "model": "claude-sonnet-5-5",
            "base_url": api.url, "api_key": api.api_key, "is_default": True,
            "monthly_budget_usd": Decimal("5.00"), "max_tokens": 2000, "timeout_seconds": 20,
        })  # fmt: skip
        yield api
        assert api.violations == []


@pytest.fixture
def provider(model: FakeApi) -> AiConfig:
    return AiConfig.objects.get()
