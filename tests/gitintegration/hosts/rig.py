"""What the contract suite must know of a host, and the world that it is run in."""

import contextlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitintegration.clients.fakes.model import Repo, User
from gitintegration.clients.fakes.server import AppFactory, FakeHost, serving
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.host import HostAccess, HostClient

MODULES = ("github_rig", "gitlab_rig", "gitea_rig", "bitbucket_rig")
FILES: dict[str, str | bytes] = {
    "README.md": "# Widgets\n",
    "src/app.py": "print('hello')\n",
    "src/lib/deep.py": "DEEP = 1\n",
    "logo.bin": b"\x00\x01\x02\xff",
}
MakeClient = Callable[[HostAccess, Callable[[float], None], float], HostClient]


@dataclass(frozen=True)
class Rig:
    """One host.

    Attributes:
        make_client: from access, how to sleep, and the seconds that one call may take in all.
        api_path: what stands behind the fake's address.
        unsupported: names of `HostClient` methods that answer NotSupported.
        not_in_fake: method → why the suite's test of it does not fit this host.
        has_etags: whether the host answers readings conditionally.
        prepare: adds to the world what only this host needs.
    """

    name: str
    create_app: AppFactory
    make_client: MakeClient
    api_path: str = ""
    scheme: str = "token"
    unsupported: frozenset[str] = frozenset()
    not_in_fake: Mapping[str, str] = field(default_factory=dict)
    has_etags: bool = True
    shares_numbers: bool = True
    prepare: Callable[[HostState], None] = lambda _state: None


@dataclass
class World:
    """A running fake host with ada (owner of acme), bob (a stranger) and acme/widgets in it.

    `widgets` has the branches main and feature (one commit ahead), the tag v1.0 and `FILES`.
    """

    rig: Rig
    host: FakeHost
    state: HostState
    ada: User
    bob: User
    widgets: Repo
    token: str
    client: HostClient
    sleeps: list[float]
    clients: list[HostClient] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.widgets.full_name

    @property
    def head(self) -> str:
        return self.widgets.store.branches()["main"]

    def fill(self, count: int) -> list[Repo]:
        """So many more repositories of acme's; they share their commits with widgets."""
        made = []
        for number in range(count):
            name = f"acme/r{number:05}"
            made.append(Repo(self.state.next_id(), name, self.widgets.store))
            self.state.repositories[name] = made[-1]
        return made

    def another_client(
        self, token: str | None = None, *, seconds: float = 60.0, url: str = "", who: str = "ada"
    ) -> HostClient:
        made = self.rig.make_client(
            HostAccess(
                name=f"Our {self.rig.name}",
                api_url=(url or self.host.url) + self.rig.api_path,
                web_url=url or self.host.url,
                token=self.token if token is None else token,
                scheme=self.rig.scheme,
                username=who,
                partition="test",
            ),
            self.sleeps.append,
            seconds,
        )
        self.clients.append(made)
        return made


@contextlib.contextmanager
def world_of(rig: Rig, folder: Path) -> Iterator[World]:
    state = HostState(folder)
    state.talk.shares_numbers = rig.shares_numbers
    ada, bob = state.add_user("ada"), state.add_user("bob")
    state.add_organization("acme", ada="admin")
    widgets = state.add_repository("acme/widgets", files=FILES, description="All widgets")
    state.push_file(widgets, "feature", "src/app.py", "print('bye')\n", message="Say bye\n\nNow.")
    widgets.store.tag("v1.0", widgets.store.branches()["main"], "First")
    rig.prepare(state)
    token = state.add_token("ada", ("repo", "workflow"))
    sleeps: list[float] = []
    with serving(rig.create_app, state) as host:
        host.has_etags = rig.has_etags
        # Made below by the world itself, which knows how to make others.
        world = World(rig, host, state, ada, bob, widgets, token, None, sleeps)  # type: ignore[arg-type]
        world.client = world.another_client()
        yield world
        for client in world.clients:
            client.close()


def rigs() -> list[str]:
    names = [f"tests.gitintegration.hosts.{name}" for name in MODULES]
    return [name for name in names if importlib.util.find_spec(name) is not None]


def load(name: str) -> Rig:
    found = importlib.import_module(name).RIG
    assert isinstance(found, Rig)
    return found
