"""`fake-host`: a git host on this machine, to try the connection with before the real one."""

import signal
import tempfile
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from powernode.cli.loading import setup_django
from powernode.cli.terminal import JsonFlag, say, show_json, whisper

_API_PATHS = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1", "bitbucket": "/2.0"}
_FILES = {
    "README.md": "# Widgets\n",
    ".powernode/ci.yml": (
        'name: Widgets\nkey: widgets\n"on": {push: {branches: [main]}}\nsteps:\n'
        "  - {name: Check out, uses: checkout}\n"
        "  - {name: Look, uses: run_command, with: {command: cat README.md}}\n"
    ),
}


def fake_host(
    kind: Annotated[str, typer.Argument(help="github, gitlab, gitea or bitbucket.")],
    *,
    port: Annotated[int, typer.Option(help="A port of the loopback; 0 takes a free one.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Serve a fake git host with a repository until Ctrl-C; it forgets everything then."""
    if kind not in _API_PATHS:
        raise typer.BadParameter(f"Choose one of {', '.join(_API_PATHS)}.")
    setup_django()
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
            facts = {
                "provider_type": kind,
                "api_base_url": host.url + _API_PATHS[kind],
                "web_base_url": host.url,
                "token": token,
                "clone_url": f"{host.git_url}/acme/widgets.git".replace("://", f"://ada:{token}@"),
            }
            _tell(facts, as_json=as_json)
            _wait()


def _tell(facts: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        show_json(facts)
        return
    for name, value in facts.items():
        say(f"{name:<14} {value}")
    whisper("Start the platform with POWERNODE_EGRESS_ALLOW=127.0.0.1, then connect this host.")


def _wait() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
