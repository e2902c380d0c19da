"""The processes of the platform: `up` supervises them all, the others run one."""

import os
import platform as machine
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from powernode.cli.connection import address_file
from powernode.cli.loading import plain_configuration, setup_django
from powernode.cli.terminal import FAILED, CommandError, console, whisper
from powernode.configuration import Configuration

if TYPE_CHECKING:
    from powernode.supervisor import Supervisor

Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port of the web server.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Beat = Annotated[bool, typer.Option("--beat", help="Run the scheduler in this process too.")]
# What runs beside the supervised services, told where they answer.
Companion = Callable[["Supervisor", int], None]


def up(
    port: Port = 8000,
    host: Host = "127.0.0.1",
    *,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Perform the demo on the first start.")
    ] = False,
) -> None:
    """Start the whole platform in this terminal; Ctrl-C stops it."""
    companion: Companion | None = None
    # Once performed, its hook must learn the port of every later start.
    if demo or (plain_configuration().var / "demo.json").exists():
        # A process of its own: this one stays small, however long the platform runs.
        def companion(supervisor: "Supervisor", _port: int) -> None:
            supervisor.run_beside([sys.executable, "-m", "powernode", "first-start"])

    supervise(host, port, companion)


def supervise(
    host: str, port: int, companion: Companion | None = None, *, quiet: bool = False
) -> None:
    """Run the platform until it is told to stop; the companion gets a thread of its own.

    With `quiet` nothing is said on stdout: it belongs to the command's answer.

    Raises:
        CommandError: it cannot start; the message says why and what to do.
    """
    from powernode.supervisor import StartError, Supervisor, check_port  # noqa: PLC0415

    announce_site(host, port)
    configuration = plain_configuration()
    configuration.var.mkdir(mode=0o700, parents=True, exist_ok=True)
    # What nothing was collected into must be there all the same, or each start warns.
    (configuration.var / "static").mkdir(exist_ok=True)
    supervisor = Supervisor(configuration.var, whisper if quiet else _tell)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.request_stop())
    try:
        # The lock comes first: that the same platform runs explains a taken port better.
        with supervisor.lock():
            check_port(host, port)
            _serve(supervisor, configuration, host, port, companion)
    except StartError as error:
        raise CommandError(f"Powernode cannot start. {error}", code=FAILED) from error
    except (OSError, UnicodeError) as error:
        raise CommandError(f"Powernode cannot start: {error}", code=FAILED) from error
    supervisor.say("stopped; all data is kept")


def _serve(
    supervisor: "Supervisor",
    configuration: Configuration,
    host: str,
    port: int,
    companion: Companion | None,
) -> None:
    address = address_file(supervisor.var)
    try:
        start_services(supervisor, configuration, host, port)
        address.parent.mkdir(parents=True, exist_ok=True)
        address.write_text(f"http://{_name(host)}:{port}")
        if not supervisor.is_stopping:
            _greet(supervisor, f"http://{_name(host)}:{port}")
            if companion is not None:
                threading.Thread(target=companion, args=(supervisor, port), daemon=True).start()
        supervisor.watch()
    finally:
        supervisor.say("stopping …")
        address.unlink(missing_ok=True)
        supervisor.stop()
        console().show_cursor()


def start_services(
    supervisor: "Supervisor", configuration: Configuration, host: str, port: int
) -> None:
    """Bring the embedded services up in order, the database migrated first.

    A dead worker's successor has its name: when it registers, the runs are its own at once.
    """
    from powernode.configuration import socket_path  # noqa: PLC0415
    from powernode.supervisor import (  # noqa: PLC0415
        broker_service,
        web_service,
        worker_service,
    )

    if not configuration.redis_url:
        supervisor.start(broker_service(socket_path(configuration), configuration.var / "broker"))
    supervisor.run_once(
        "migrate", [sys.executable, "-m", "django", "migrate", "--no-input", "--verbosity", "0"]
    )
    supervisor.start(worker_service(configuration.var))
    supervisor.start(web_service(host, port))


def worker(
    name: Annotated[str, typer.Option(help="Unique name; default: host and process.")] = "",
    labels: Annotated[str, typer.Option(help="Runner labels, comma-separated.")] = "",
    capacity: Annotated[int, typer.Option(min=0, max=1000, help="Runs at once; 0: as set.")] = 0,
    *,
    beat: Beat = False,
) -> None:
    """Run one worker: it takes the runs whose labels it has."""
    configuration = setup_django()
    from powernode.worker import run_worker  # noqa: PLC0415

    given = [label.strip() for label in labels.split(",") if label.strip()]
    run_worker(
        name=name,
        labels=given or configuration.worker_labels or default_labels(),
        capacity=capacity or configuration.worker_capacity,
        with_beat=beat,
    )


def beat() -> None:
    """Run the scheduler alone; two of them do no harm."""
    configuration = setup_django()
    from powernode.celery import app as celery  # noqa: PLC0415

    folder = configuration.var / "run"
    folder.mkdir(parents=True, exist_ok=True)
    celery.start(["beat", "--loglevel=WARNING", f"--schedule={folder / 'beat-schedule'}"])


def announce_site(host: str, port: int) -> None:
    """Let links and hooks name the port that is served, unless the operator named an address."""
    configured: Configuration = plain_configuration()
    if "site_url" not in configured.model_fields_set:
        site = f"http://{_name(host)}:{port}"
        os.environ["POWERNODE_SITE_URL"] = site  # noqa: TID251  (the children inherit it)


def default_labels() -> list[str]:
    """What every worker can say of itself."""
    return [machine.system().lower(), machine.machine().lower()]


def _greet(supervisor: "Supervisor", address: str) -> None:
    from django.conf import settings  # noqa: PLC0415

    site: str = settings.SITE_URL
    listening = "" if site == address else f"  (listening on {address})"
    supervisor.say(f"ready: {site}{listening}")


def _tell(text: str) -> None:
    console().print(Text.assemble(("powernode │ ", "dim"), (text, "yellow")))


def _name(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
