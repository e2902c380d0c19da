"""The processes of the platform: `up` supervises them all, the others run one."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from powernode.configuration import Configuration

console = Console(highlight=False, soft_wrap=True)


def up(
    port: Annotated[int, typer.Option(envvar="PORT", help="Port of the web server.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option(help="Perform the demo on the first start.")] = False,
) -> None:
    """Start the whole platform in this terminal; Ctrl-C stops it."""
    from powernode.supervisor import StartError  # noqa: PLC0415

    try:
        _supervise(host, port, with_demo=demo)
    except StartError as error:
        console.print(f"[bold red]Powernode cannot start.[/] {error}", style=None)
        raise typer.Exit(1) from error


def _supervise(host: str, port: int, *, with_demo: bool) -> None:
    from powernode.supervisor import Supervisor, check_port  # noqa: PLC0415

    os.environ.setdefault("POWERNODE_SITE_URL", f"http://{_name(host)}:{port}")
    check_port(host, port)
    configuration = setup_django()
    configuration.var.mkdir(mode=0o700, parents=True, exist_ok=True)
    supervisor = Supervisor(configuration.var, lambda text: console.print(f"[yellow]{text}[/]"))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.request_stop())
    with supervisor.lock():
        try:
            start_services(supervisor, host, port)
            console.print(f"[bold green]Powernode is ready:[/] {os.environ['POWERNODE_SITE_URL']}")
            if with_demo:
                from powernode.cli.demo import first_start  # noqa: PLC0415

                threading.Thread(target=first_start, args=(port,), daemon=True).start()
            supervisor.watch()
        finally:
            console.print("Stopping …")
            supervisor.stop()
    console.print("Stopped. Data is kept.")


def start_services(supervisor: "Supervisor", host: str, port: int) -> None:
    """Bring the embedded services up in order, the database migrated first."""
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    from pipelines.operations.workers import retire_dead_process  # noqa: PLC0415
    from powernode.configuration import socket_path  # noqa: PLC0415
    from powernode.settings import CONFIGURATION  # noqa: PLC0415
    from powernode.supervisor import (  # noqa: PLC0415
        Supervisor,
        broker_service,
        web_service,
        worker_service,
    )

    if not CONFIGURATION.redis_url:
        supervisor.start(broker_service(socket_path(CONFIGURATION), settings.POWERNODE_VAR / "broker"))
    call_command("migrate", verbosity=0, interactive=False)

    def release(pid: int) -> None:
        retire_dead_process(_hostname(), pid)

    supervisor.start(worker_service(settings.POWERNODE_VAR, release))
    supervisor.start(web_service(host, port))


def worker(
    name: Annotated[str, typer.Option(help="Unique name; default: host and process.")] = "",
    labels: Annotated[str, typer.Option(help="Runner labels, comma-separated.")] = "",
    capacity: Annotated[int, typer.Option(help="Runs at once; 0: the configured number.")] = 0,
    beat: Annotated[bool, typer.Option(help="Run the scheduler in this process too.")] = False,
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
    setup_django()
    from powernode.celery import app as celery  # noqa: PLC0415

    folder = setup_django().var / "run"
    folder.mkdir(parents=True, exist_ok=True)
    celery.start(["beat", "--loglevel=WARNING", f"--schedule={folder / 'beat-schedule'}"])


def setup_django() -> "Configuration":
    """Load Django once and give back the configuration.

    A configuration that is wrong ends the command with the reason.
    """
    import django  # noqa: PLC0415
    from django.apps import apps  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        if not apps.ready:
            django.setup()
    except (ValidationError, ValueError) as error:
        Console(stderr=True).print(f"[bold red]Configuration:[/] {error}", highlight=False)
        sys.exit(2)
    from powernode.settings import CONFIGURATION  # noqa: PLC0415

    return CONFIGURATION


def default_labels() -> list[str]:
    """What every worker can say of itself."""
    import platform  # noqa: PLC0415

    return [platform.system().lower(), platform.machine().lower()]


def _hostname() -> str:
    import socket  # noqa: PLC0415

    return socket.gethostname()


def _name(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104


def project_root() -> Path:
    """The folder of the source tree."""
    return Path(__file__).resolve().parent.parent.parent
