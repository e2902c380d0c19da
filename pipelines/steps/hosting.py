"""What the steps share that write to the repository's git host."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devops.errors import DomainError
from gitintegration.public import GitFailedError, GitRefusedError
from pipelines.steps.base import StepContext, StepFailedError

MAX_BODY = 60_000
_OUTPUT = re.compile(r"([a-z_][a-z0-9_-]{0,63})\.([A-Za-z_][A-Za-z0-9_-]{0,127})")


@contextmanager
def host_words() -> Iterator[None]:
    """What the host or git refuses ends the step in their words and ours."""
    try:
        yield
    except (GitRefusedError, GitFailedError) as error:
        raise StepFailedError(str(error), reason="refused") from error
    except DomainError as error:
        remedy = f" {error.remedy}" if error.remedy else ""
        raise StepFailedError(f"{error}{remedy}", reason="host") from error


def check_trust(ctx: StepContext) -> None:
    """Refuse what only trusted runs may do.

    Raises:
        StepFailedError: the run is none.
    """
    if not ctx.run.is_trusted:
        raise StepFailedError("An untrusted run may not write to the git host.", reason="untrusted")


def checked_source(value: str) -> str:
    """A setting that names an output, as `step_key.output`.

    Raises:
        ValueError: it does not.
    """
    if value and "${{" not in value and not _OUTPUT.fullmatch(value):
        raise ValueError("Give a step and one of its outputs, as `tests.summary`.")
    return value


def text_of(ctx: StepContext, body: str, file: str, source: str) -> str:
    """The file's text, else the output's, else the text itself."""
    if file:
        return _file(ctx.workspace, file)
    if source:
        key, _, name = source.partition(".")
        outputs = (ctx.contexts.get("steps") or {}).get(key, {}).get("outputs") or {}
        if name not in outputs:
            raise StepFailedError(f"The step {key} has no output {name}.")
        return str(outputs[name])
    return body


def _file(workspace: Path, name: str) -> str:
    root = workspace.resolve()
    path = (root / name).resolve()
    if root not in path.parents or not path.is_file():
        raise StepFailedError(f"There is no file {name!r} in the workspace.")
    with path.open("rb") as file:
        return file.read(MAX_BODY).decode("utf-8", errors="replace")


def trigger_facts(ctx: StepContext, name: str) -> dict[str, Any]:
    """What the trigger says of a pull request or an issue; empty without one."""
    found = (ctx.contexts.get("trigger") or {}).get(name)
    return found if isinstance(found, dict) else {}


def signature_of(ctx: StepContext) -> str:
    """The line that names the run."""
    return f"_{ctx.run.pipeline_name} [#{ctx.run.number}]({ctx.run.url})_"
