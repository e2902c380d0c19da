"""An Engine with an image, offered to every account as an operator does."""

import pytest
from pytest_django.fixtures import Settings

from tests.engine_image import engine_url, ensure_image


@pytest.fixture
def image(settings: Settings) -> str:
    """The name of an image on the operator's Engine."""
    settings.POWERNODE_DOCKER_HOST = engine_url()
    settings.POWERNODE_CONTAINER_MEMORY_MB = 128
    settings.POWERNODE_CONTAINER_PIDS = 64
    return ensure_image()
