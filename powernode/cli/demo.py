"""`demo`: a real push to a real repository, and the run that it starts, told live."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from powernode.cli.connection import own_address, refusal
from powernode.cli.loading import plain_configuration, setup_django
from powernode.cli.platform import announce_site, supervise
from powernode.cli.run_view import RunView, show_tests, show_verdict
from powernode.cli.terminal import (
    FAILED,
    UNREACHABLE,
    CommandError,
    JsonFlag,
    clean,
    console,
    show_json,
)
from powernode.clients.api import PowernodeClient
from powernode.clients.errors import Refused, ServerUnreachable
from powernode.clients.following import RunFollower
from powernode.clients.sockets import account_events

if TYPE_CHECKING:
    from powernode.demonstration.setup import Demonstration
    from powernode.supervisor import Supervisor

# Seconds within which a push must have started its run.
RUN_SECONDS = 30.0


def demo(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="With --once: port to serve; 0: a free one.")
    ] = 0,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Start the platform for it when none runs, then stop it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Push to the demonstration's repository and follow the run; exits 1 when it fails."""
    from powernode.diagnosis import platform_runs  # noqa: PLC0415  (loads Django)

    if platform_runs(plain_configuration().var):
        run = _perform(_attach(), as_json=as_json)
    elif once:
        run = _with_own_platform(port, as_json=as_json)
    else:
        raise CommandError(
            "No platform runs on this data folder.",
            remedy="Start it with `make run`, or let this command do so: powernode demo --once",
            code=UNREACHABLE,
        )
    if run["status"] != "success":
        raise typer.Exit(FAILED)


def first_start() -> None:
    """Perform the demonstration on the first start; later only say where to log in.

    It runs beside the platform: what goes wrong is told, and the platform stays up.
    """
    url = _attach()
    from powernode.demonstration.setup import (  # noqa: PLC0415
        Demonstration,
        DemonstrationError,
        install_hook,
    )

    out = console()
    made = Demonstration.load()
    if made is not None:
        try:
            install_hook(made)  # the port may be another one today
        except DemonstrationError as error:
            out.print(Text(str(error), style="yellow"))
        out.print(Text.assemble(("Log in as ", "dim"), (made.email, "bold")))
        out.print(Text(f"The password is in {Demonstration.path()}.", style="dim"))
        out.print(Text("Another demonstration push: powernode demo", style="dim"))
        return
    try:
        _perform(url, as_json=False)
    except CommandError as error:
        out.print(Text(f"The demonstration failed: {error}", style="bold red"))
        if error.remedy:
            out.print(Text(error.remedy, style="dim"))


@dataclass(slots=True)
class _Outcome:
    """What the demonstration's thread hands to the main thread."""

    run: dict[str, Any] | None = None
    error: CommandError | None = None


def _with_own_platform(port: int, *, as_json: bool) -> dict[str, Any]:
    outcome = _Outcome()

    def perform(supervisor: "Supervisor", port: int) -> None:
        try:
            outcome.run = _perform(f"http://127.0.0.1:{port}", as_json=as_json)
        except CommandError as error:
            outcome.error = error
        finally:
            supervisor.request_stop()

    supervise("127.0.0.1", port or _free_port(), perform, quiet=as_json)
    if outcome.error is not None:
        raise outcome.error
    if outcome.run is None:
        raise CommandError("The demonstration was interrupted.")
    return outcome.run


def _perform(url: str, *, as_json: bool) -> dict[str, Any]:
    """Set up what is missing, push, follow the run, tell the verdict."""
    setup_django()  # the supervisor itself runs without
    from powernode.demonstration.setup import DemonstrationError  # noqa: PLC0415

    out = Console(quiet=True) if as_json else console()
    try:
        made, is_first = _prepared(out)
        with PowernodeClient(url, made.token) as client:
            run_id = _push(client, made, out)
            ended = RunView(out=out).tell(RunFollower(client, run_id))
            reports = client.test_reports(run_id)["reports"]
    except DemonstrationError as error:
        raise CommandError(str(error)) from error
    except ServerUnreachable as error:
        raise CommandError(str(error), code=UNREACHABLE) from error
    except Refused as error:
        raise refusal(error) from error
    _conclude(ended, reports, made, out, is_first=is_first)
    if as_json:
        show_json({"run": ended, "test_reports": reports, "url": _site(), "login": made.email})
    return ended


def _prepared(out: Console) -> tuple["Demonstration", bool]:
    from powernode.demonstration.setup import (  # noqa: PLC0415
        Demonstration,
        commit_something,
        set_up,
    )

    made = Demonstration.load()
    if made is not None:
        commit_something(made)
        return made, False
    out.print(Text("Making an account, a small Python project and its repository …", style="dim"))
    return set_up(), True


def _push(client: PowernodeClient, made: "Demonstration", out: Console) -> str:
    """Push, and wait for the run that the hook's delivery starts; returns its identifier."""
    import threading  # noqa: PLC0415

    from powernode.demonstration import setup  # noqa: PLC0415

    events = account_events(client)
    alarm = threading.Timer(RUN_SECONDS, events.close)
    alarm.daemon = True
    said = ""
    try:
        for frame in events:
            # Listen first: the run may start before the push returns.
            if frame["type"] == "subscribed" and not said:
                out.print(Text(f"$ cd {made.clone} && git push", style="bold"))
                said = setup.push(made)
                commit = setup.head(made)
                _show_push(said, out)
                alarm.start()
            run = frame.get("pipeline_run")
            if isinstance(run, dict) and run.get("commit_sha") == commit:
                out.print(_headline(run))
                return str(run["id"])
    finally:
        alarm.cancel()
        events.close()
    raise CommandError(
        f"The push started no run within {RUN_SECONDS:.0f} seconds. Git said:\n{said}",
        remedy=f"The deliveries are listed at {_site()}/webhooks; `powernode doctor` checks more.",
    )


def _show_push(said: str, out: Console) -> None:
    for line in said.splitlines():
        if line.strip() and not line.startswith(("Done", "To ")):
            out.print(Text(f"  {clean(line)}", style="dim"))


def _headline(run: dict[str, Any]) -> Text:
    title = clean(str(run.get("title") or ""))
    return Text.assemble(
        (f"{clean(str(run['pipeline_name']))} #{run['run_number']}", "bold"),
        (f"  {run['trigger_type']} to {run['branch']} at {run['commit_sha'][:7]}  ", "dim"),
        title,
    )


def _conclude(
    ended: dict[str, Any],
    reports: list[dict[str, Any]],
    made: "Demonstration",
    out: Console,
    *,
    is_first: bool,
) -> None:
    from powernode.demonstration.setup import Demonstration  # noqa: PLC0415

    show_tests(reports, out)
    show_verdict(ended, _site(), out)
    out.print()
    out.print(Text.assemble(("  Log in at  ", "dim"), (_site(), "bold")))
    out.print(Text.assemble(("  E-mail     ", "dim"), made.email))
    if is_first:
        out.print(Text.assemble(("  Password   ", "dim"), made.password))
    out.print(
        Text(f"  Both are kept in {Demonstration.path()}, readable by you alone.", style="dim")
    )
    out.print(
        Text(f"  Your turn: change {made.clone}/shop/cart.py, commit, git push.", style="dim")
    )


def _attach() -> str:
    """Load Django with the address of the platform that runs; hooks are made from it."""
    from urllib.parse import urlsplit  # noqa: PLC0415

    address = own_address()
    parts = urlsplit(address)
    announce_site(parts.hostname or "127.0.0.1", parts.port or 80)
    setup_django()
    return address


def _free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _site() -> str:
    from django.conf import settings  # noqa: PLC0415

    site: str = settings.SITE_URL
    return site
