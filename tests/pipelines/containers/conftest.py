"""An Engine with an image, offered to every account as an operator does."""

import subprocess
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from devops.models import Account
from tests.engine_image import engine_url, ensure_image


@pytest.fixture
def image(db: None, settings: Settings) -> Iterator[str]:
    """The name of an image on the operator's Engine; what a test leaves there is removed."""
    settings.POWERNODE_DOCKER_HOST = engine_url()
    settings.POWERNODE_CONTAINER_MEMORY_MB = 128
    settings.POWERNODE_CONTAINER_PIDS = 64
    yield ensure_image()
    for account in Account.objects.values_list("pk", flat=True):
        left = on_engine("ps", "-aq", "--filter", f"label=io.powernode.account={account}")
        if left:
            on_engine("rm", "-f", *left)


def on_engine(*arguments: str) -> list[str]:
    """What the Engine's client prints, by words."""
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.split()
