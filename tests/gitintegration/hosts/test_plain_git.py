"""Plain git reads what every host serves; the hardened program is the only one that asks."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from gitintegration.clients.git import repository
from gitintegration.clients.git.program import GitFailedError, GitRefusedError
from tests.gitintegration.hosts.rig import World


def address(world: World, token: str = "") -> str:
    user = f"ada:{token}@" if token else ""
    return world.host.git_url.replace("://", f"://{user}") + f"/{world.name}.git"


@pytest.fixture(autouse=True)
def _cache(settings: Settings, tmp_path: Path) -> None:
    settings.POWERNODE_GIT_CACHE_ROOT = tmp_path / "cache"


def test_the_heads_are_listed(world: World) -> None:
    assert repository.list_heads(address(world)) == world.widgets.store.branches()


def test_files_of_a_commit_are_read(world: World, tmp_path: Path) -> None:
    found = repository.read_files(address(world), world.head, ["src/*.py"], tmp_path / "objects")
    assert found == {"src/app.py": "print('hello')\n"}


def test_a_branch_is_checked_out(world: World, tmp_path: Path) -> None:
    said: list[str] = []
    into = tmp_path / "work"
    found = repository.checkout(address(world), into, ref="feature", log=said.append)
    assert (found.sha, found.title) == (world.widgets.store.branches()["feature"], "Say bye")
    assert (into / "src/app.py").read_text() == "print('bye')\n"


def test_a_private_repository_needs_the_token_and_never_shows_it(
    world: World, tmp_path: Path
) -> None:
    world.widgets.is_private = True
    assert repository.list_heads(address(world, world.token))["main"] == world.head
    with pytest.raises(GitFailedError):
        repository.list_heads(address(world))
    said: list[str] = []
    with pytest.raises(GitFailedError) as caught:
        repository.checkout(
            address(world, "wrong-token-here"), tmp_path / "work", ref="main", log=said.append
        )
    assert "wrong-token-here" not in str(caught.value) + "".join(said)


def test_http_is_refused_unless_the_operator_names_the_host(
    world: World, settings: Settings
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ()
    with pytest.raises(GitRefusedError):
        repository.list_heads(address(world))
