"""A world per test and host."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from gitintegration.clients.exchange import forget_hosts
from tests.gitintegration.hosts.rig import World, load, rigs, world_of


@pytest.fixture(params=rigs(), ids=lambda name: name.rsplit(".", 1)[-1].removesuffix("_rig"))
def world(request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[World]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    with world_of(load(request.param), tmp_path) as made:
        yield made
    assert made.host.violations == []
    forget_hosts()
