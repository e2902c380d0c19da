"""Assembles the commands; Django is loaded by those that need it, when they need it."""

import json
import sys
from collections.abc import Callable

import typer
from rich.text import Text

from powernode.cli import (
    approvals,
    conversion,
    demo,
    doctor,
    documents,
    fake_host,
    fake_model,
    installation,
    keys,
    local,
    people,
    platform,
    runs,
    simulation,
    tests,
    tokens,
)
from powernode.cli.terminal import INTERRUPTED, CommandError, console

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Powernode: pipelines, containers, Swarm, git hosts and integrations on your own servers.",
)  # fmt: skip
_OPERATE, _USE, _OFFLINE = "Operate the platform", "Use a platform", "Without a platform"
_COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    _OPERATE: (platform.up, platform.worker, platform.beat, demo.demo, doctor.doctor),
    _USE: (
        runs.trigger,
        runs.runs,
        runs.logs,
        runs.cancel,
        runs.retry,
        approvals.approve,
        approvals.reject,
        approvals.schedules,
        simulation.simulate,
    ),
    _OFFLINE: (documents.lint, documents.expr, conversion.convert, local.run),
}
for _panel, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.command("tests", rich_help_panel=_USE)(tests.list_tests)
app.command("rotate-keys", rich_help_panel=_OPERATE)(keys.rotate_keys)
app.command("fake-host", rich_help_panel=_OFFLINE)(fake_host.fake_host)
app.command("fake-model", rich_help_panel=_OFFLINE)(fake_model.fake_model)
app.command("first-start", hidden=True)(demo.first_start)
app.command("verify-audit", rich_help_panel=_OPERATE)(installation.verify_audit)
app.command("hook", rich_help_panel=_OPERATE)(installation.hook)
app.add_typer(people.app, name="user", rich_help_panel=_OPERATE)
app.add_typer(tokens.app, name="token", rich_help_panel=_OPERATE)


def main() -> None:
    """Run the command that was typed, and end with its exit code."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; what is wrong is told on stderr."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        app(args=given)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except CommandError as error:
        _tell(error, as_json="--json" in given)
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe has seen enough; Python must not complain at the flush on exit.
        sys.stdout = None
        return 0
    return 0


def _tell(error: CommandError, *, as_json: bool) -> None:
    if as_json:
        body = {"error": {"message": error.message, "remedy": error.remedy, "code": error.code}}
        sys.stderr.write(json.dumps(body, ensure_ascii=False) + "\n")
        return
    out = console(stderr=True)
    out.print(Text.assemble(("Error: ", "bold red"), error.message))
    if error.remedy:
        out.print(Text(error.remedy, style="dim"))
