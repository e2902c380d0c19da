"""Programs that steps run for their report: found or missed in words, their JSON read with care."""

import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devops.safety.beneath import PathNotAllowedError, open_beneath, parts_of
from devops.safety.documents import DocumentError, load_json
from pipelines.steps.base import CommandResult, StepContext, StepFailedError

REPORT_MAX_BYTES = 64 * 1024 * 1024
_DEEPEST_REPORT = 200
_NOT_FOUND = 127
_LOOK_UP = f'command -v "$0" >/dev/null || exit {_NOT_FOUND}; exec "$0" "$@"'


def run_tool(
    ctx: StepContext, arguments: Sequence[str], *, folder: str = "", remedy: str = ""
) -> CommandResult:
    """Run a program to its end; `remedy` says how to come by it.

    Raises:
        StepFailedError: the worker does not have it, or it was stopped.
    """
    # Only the shell inside the sandbox can tell a missing program from one that fails.
    looked_up = ["sh", "-c", _LOOK_UP, *arguments]
    result = ctx.commands.run(looked_up, environment=ctx.environment, working_directory=folder)
    if result.stopped:
        raise StepFailedError(f"{arguments[0]} was stopped.", reason=result.stopped)
    if result.exit_code == _NOT_FOUND:
        missing = f"The program {arguments[0]!r} is not on this worker. {remedy}"
        raise StepFailedError(missing.strip(), reason="program_missing")
    return result


def workspace_path(path: str, what: str) -> str:
    """A path below the workspace in its plain form.

    Raises:
        StepFailedError: it leaves the workspace.
    """
    try:
        return posixpath.join(*parts_of(path)) if parts_of(path) else "."
    except PathNotAllowedError as error:
        raise StepFailedError(f"{what}: {error}", reason="configuration") from error


def remove_stale(ctx: StepContext, path: str) -> None:
    """Take a report of an earlier attempt away: it must not be taken for this one's."""
    target = ctx.workspace / path
    if target.is_symlink() or target.is_file():
        target.unlink()


def read_bytes(ctx: StepContext, path: str, what: str, limit: int = REPORT_MAX_BYTES) -> bytes:
    """The content of a file below the workspace, no link followed.

    Raises:
        StepFailedError: there is none, or it is too large.
    """
    try:
        descriptor = open_beneath(ctx.workspace, path)
    except (OSError, ValueError) as error:
        raise StepFailedError(
            f"{what} {path!r} cannot be read: {error}", reason="report"
        ) from error
    with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, not a path)
        data = file.read(limit + 1)
    if len(data) > limit:
        text = f"{what} {path!r} is longer than {limit // 1024**2} MB."
        raise StepFailedError(text, reason="report")
    return data


def read_report(ctx: StepContext, path: str, what: str) -> Any:
    """The JSON that a program wrote.

    Raises:
        StepFailedError: it wrote none, or it cannot be read.
    """
    data = read_bytes(ctx, path, what)
    try:
        return load_json(data, max_bytes=REPORT_MAX_BYTES, max_depth=_DEEPEST_REPORT)
    except DocumentError as error:
        raise StepFailedError(f"{what} is no JSON: {error}", reason="report") from error


def members(value: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of the list at a path of a report; a report without it has none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return (
        [member for member in value if isinstance(member, dict)] if isinstance(value, list) else []
    )


def text_at(value: Any, *path: str) -> str:
    """The text at a path of a report, else the empty text."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def exists_in_workspace(ctx: StepContext, path: str) -> bool:
    """Whether a plain file of that path is in the workspace and has content."""
    target = Path(ctx.workspace) / path
    return target.is_file() and not target.is_symlink() and target.stat().st_size > 0
