"""`run FILE`: a pipeline document executed here and now, without a platform."""

import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from powernode.cli.loading import setup_django
from powernode.cli.run_view import RunView, show_events
from powernode.cli.runs import input_pair, typed_inputs
from powernode.cli.terminal import FAILED, USAGE, CommandError, JsonFlag, console, whisper
from powernode.local_environment import local_environment

Inputs = Annotated[list[str], typer.Option("--input", "-i", help="An input, NAME=VALUE.")]
Secrets = Annotated[
    list[str], typer.Option("--secret", "-s", help="A secret taken from this environment variable.")
]


def run(
    file: Annotated[Path, typer.Argument(help="The pipeline document.", dir_okay=False)],
    *,
    inputs: Inputs = [],  # noqa: B006  (typer's way; never changed)
    secrets: Secrets = [],  # noqa: B006  (typer's way; never changed)
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Execute a pipeline document on this machine; exits 1 when it fails."""
    text = _read(file)
    folder = Path(tempfile.mkdtemp(prefix="powernode-run-"))
    values = {name: os.environ.get(name, "") for name in secrets}  # noqa: TID251  (asked for by name)
    try:
        status = _execute(
            file, text, folder, dict(input_pair(pair) for pair in inputs), values, as_json=as_json
        )
    finally:
        if keep:
            whisper(f"Kept in {folder}", "")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if status != "success":
        raise typer.Exit(FAILED)


def _execute(
    file: Path,
    text: str,
    folder: Path,
    inputs: dict[str, str],
    secrets: dict[str, str],
    *,
    as_json: bool,
) -> str:
    _use(folder, file)
    setup_django()
    from pipelines import documents  # noqa: PLC0415
    from pipelines.linting import lint_text  # noqa: PLC0415

    errors = [found for found in lint_text(text) if found.severity == "error"]
    if errors:
        first = errors[0]
        raise CommandError(
            f"{file}:{first.line}:{first.column}: {first.message}",
            remedy=f"`powernode lint {file}` lists everything.",
        )
    definition = documents.to_definition(documents.parse(text).value)
    finished = _follow(file, definition, inputs, secrets, as_json=as_json)
    if not as_json:
        words = finished["error_message"] or f"The run ended with {finished['status']}."
        whisper(words, "" if finished["status"] == "success" else "bold red")
    return str(finished["status"])


def _follow(
    file: Path,
    definition: dict[str, Any],
    inputs: dict[str, str],
    secrets: dict[str, str],
    *,
    as_json: bool,
) -> dict[str, Any]:
    from django.db import DatabaseError  # noqa: PLC0415

    from devops.errors import DomainError  # noqa: PLC0415
    from powernode import local_run  # noqa: PLC0415

    failures: list[str] = []
    finished: dict[str, Any] = {}
    try:
        local = local_run.prepare(
            definition,
            inputs=typed_inputs(definition, inputs),
            secrets=secrets,
            repository=local_run.work_tree_of(file.resolve().parent),
        )
        failures = local.failures
        thread = threading.Thread(target=local.execute, name="slot-1")
        signal.signal(signal.SIGINT, lambda *_: local.control.stop("cancelled"))
        thread.start()
        follower: Any = local_run.LocalFollower(local, thread)
        finished = show_events(follower) if as_json else RunView(console()).tell(follower)
        thread.join()
    except (DomainError, local_run.GitFailedError) as error:
        problems = [problem.detail for problem in getattr(error, "errors", ())]
        raise CommandError(" ".join([str(error), *problems])) from error
    except (DatabaseError, OSError) as error:
        failures = [local_run.outage_words(error) or str(error)]
    if failures:
        raise CommandError(
            f"The run could not be finished: {failures[0]}.",
            remedy=f"Its data was under {tempfile.gettempdir()}; TMPDIR names another folder.",
        )
    return finished


def _use(folder: Path, file: Path) -> None:
    """Have the settings describe an installation of one process in a temporary folder."""
    os.environ.update(local_environment(folder, file))  # noqa: TID251  (read by settings next)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}", code=USAGE) from error
