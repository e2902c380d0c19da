"""Every host with an account of ours."""

import pytest

from tests.gitintegration.hosts.conftest import world
from tests.gitintegration.hosts.rig import World
from tests.gitintegration.operations.site import Site, make_site

__all__ = ["site", "world"]


@pytest.fixture
def site(world: World, db: None) -> Site:
    return make_site(world)
