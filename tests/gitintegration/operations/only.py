"""For tests of what is the same with every host: one of them is enough."""

import pytest

ON_GITEA = pytest.mark.parametrize(
    "world", ["tests.gitintegration.hosts.gitea_rig"], indirect=True, ids=["gitea"]
)
