"""A fake git host with something in it, to look around with."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from gitintegration.choices import ProviderType

_API_PATHS: Mapping[str, str] = {
    ProviderType.GITHUB: "/api/v3",
    ProviderType.GITLAB: "/api/v4",
    ProviderType.GITEA: "/api/v1",
    ProviderType.BITBUCKET: "/2.0",
}
FAKE_HOSTS = tuple(_API_PATHS)
_FILES = {
    "README.md": "# Widgets\n",
    ".powernode/ci.yml": (
        'name: Widgets\nkey: widgets\n"on": {push: {branches: [main]}}\nsteps:\n'
        "  - {name: Check out, uses: checkout}\n"
        "  - {name: Look, uses: run_command, with: {command: cat README.md}}\n"
    ),
}


@contextmanager
def serving_fake_host(kind: str, port: int = 0) -> Iterator[dict[str, str]]:
    """Serve one on the loopback; gives what to enter when connecting it."""
    from gitintegration.clients.fakes.server import serving  # noqa: PLC0415
    from gitintegration.clients.fakes.state import HostState  # noqa: PLC0415

    create_app: Callable[..., Any] = import_module(
        f"gitintegration.clients.{kind}.fake.app"
    ).create_app
    with tempfile.TemporaryDirectory(prefix="powernode-host-") as folder:
        state = HostState(Path(folder))
        state.add_user("ada")
        state.add_organization("acme", ada="admin")
        state.add_repository("acme/widgets", files=_FILES, description="All widgets")
        token = state.add_token("ada", ("repo", "workflow"))
        with serving(create_app, state, port) as host:
            yield {
                "provider_type": kind,
                "api_base_url": host.url + _API_PATHS[kind],
                "web_base_url": host.url,
                "token": token,
                "clone_url": f"{host.git_url}/acme/widgets.git".replace("://", f"://ada:{token}@"),
            }
