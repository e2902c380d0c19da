"""`fake-host`: a git host on this machine, to try the connection with before the real one."""

import signal
import threading
from typing import Annotated

import typer

from powernode.cli.loading import setup_django
from powernode.cli.terminal import JsonFlag, say, show_json, whisper


def fake_host(
    kind: Annotated[str, typer.Argument(help="github, gitlab, gitea or bitbucket.")],
    *,
    port: Annotated[int, typer.Option(help="A port of the loopback; 0 takes a free one.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Serve a fake git host with a repository until Ctrl-C; it forgets everything then."""
    setup_django()
    from gitintegration.public import FAKE_HOSTS, serving_fake_host  # noqa: PLC0415

    if kind not in FAKE_HOSTS:
        raise typer.BadParameter(f"Choose one of {', '.join(FAKE_HOSTS)}.")
    with serving_fake_host(kind, port) as facts:
        _tell(facts, as_json=as_json)
        wait_for_signal()


def _tell(facts: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        show_json(facts)
        return
    for name, value in facts.items():
        say(f"{name:<14} {value}")
    whisper("Start the platform with POWERNODE_EGRESS_ALLOW=127.0.0.1, then connect this host.")


def wait_for_signal() -> None:
    """Return when the process is asked to end."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
