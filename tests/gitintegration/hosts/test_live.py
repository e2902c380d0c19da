"""The reading part of the contract against real hosts, named by the environment.

POWERNODE_LIVE_<HOST>_URL is the API's address, _TOKEN a token that may read, _REPOSITORY a full
name; _USERNAME only where a token is sent with one. Nothing is written.
"""

import os
from collections.abc import Iterator

import pytest

from gitintegration.clients import shapes as s
from gitintegration.clients.host import HostAccess, HostClient
from tests.gitintegration.hosts.rig import load, rigs

pytestmark = pytest.mark.live


@pytest.fixture(params=rigs(), ids=lambda name: name.rsplit(".", 1)[-1].removesuffix("_rig"))
def host(request: pytest.FixtureRequest) -> Iterator[tuple[HostClient, str]]:
    rig = load(request.param)
    prefix = f"POWERNODE_LIVE_{rig.name.upper()}"
    given = {}
    for name in ("URL", "TOKEN", "REPOSITORY"):
        if f"{prefix}_{name}" not in os.environ:
            pytest.skip(f"needs {prefix}_{name} in the environment")
        given[name] = os.environ[f"{prefix}_{name}"]
    access = HostAccess(
        name=f"live {rig.name}",
        api_url=given["URL"].rstrip("/"),
        web_url="",
        token=given["TOKEN"],
        scheme=rig.scheme,
        username=os.environ.get(f"{prefix}_USERNAME", ""),
        partition="live",
    )
    client = rig.make_client(access, lambda _seconds: None, 60.0)
    yield client, given["REPOSITORY"]
    client.close()


def test_a_real_host_is_read_as_its_fake_is(host: tuple[HostClient, str]) -> None:
    client, name = host
    assert client.current_user().username
    repository = client.get_repository(name)
    assert repository.full_name.lower() == name.lower()
    assert client.get_repository_by_id(repository.id) == repository
    branches = [branch.name for branch in client.list_branches(name).items]
    assert branches
    tip = client.get_branch(name, repository.default_branch)
    commits = client.list_commits(name, ref=repository.default_branch, per_page=5).items
    assert commits[0].sha == tip.sha
    assert client.get_commit(name, tip.sha).sha == tip.sha
    assert client.get_tree(name, tip.sha).entries
    folder = client.get_contents(name, "", tip.sha)
    assert isinstance(folder, s.FolderContent)
    assert client.compare(name, tip.sha, tip.sha).status == "identical"
    for pull in client.list_pull_requests(name, state="all", per_page=5).items:
        assert client.get_pull_request(name, pull.number).number == pull.number
