"""The folders of a run on this machine, and what a step writes into its own files."""

import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from devops.safety.process_groups import kill_group
from pipelines.choices import OUTPUTS_MAX_BYTES, SUMMARY_MAX_BYTES
from pipelines.steps.base import StepFailedError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Workspace:
    """`<root>/work` is where steps run; `home` and `tmp` last as long as the run does."""

    root: Path

    @classmethod
    def of(cls, run_id: uuid.UUID) -> "Workspace":
        return cls(Path(settings.POWERNODE_WORKSPACE_ROOT) / run_id.hex)

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def writable(self) -> list[str]:
        """What commands may write to: not the root, or they could put links in its place."""
        return [str(folder) for folder in (self.work, self.home, self.temporary)]

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def exists(self) -> bool:
        return self.work.is_dir()

    def prepare(self) -> None:
        """Make the folders, readable by nobody else."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.work, self.home, self.temporary):
            folder.mkdir(exist_ok=True)

    def clear(self) -> None:
        """Empty the working folder."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)

    def _child(self, pid: int) -> Path:
        # Beside the folders that commands may write to: a forged note would kill a stranger.
        return self.root / f"child-{pid}"

    def note_child(self, pid: int, start_time: int) -> None:
        """Remember a command that runs now, for a successor on this machine."""
        self._child(pid).write_text(f"{pid} {start_time}")

    def forget_child(self, pid: int) -> None:
        """The command is over."""
        self._child(pid).unlink(missing_ok=True)

    def end_orphans(self) -> int:
        """Kill the commands that a dead worker left running; their effects must not meet ours."""
        killed = 0
        for note in self.root.glob("child-*"):
            try:
                pid, start_time = map(int, note.read_text().split())
            except (FileNotFoundError, ValueError):
                pid = start_time = 0
            killed += bool(pid) and kill_group(pid, start_time)
            note.unlink(missing_ok=True)
        return killed

    def step_files(self, execution_id: uuid.UUID) -> "StepFiles":
        """The files through which an attempt speaks to us."""
        return StepFiles(self.root / "steps" / execution_id.hex)

    def resolve(self, relative: str) -> Path:
        """A folder below the working folder.

        Raises:
            StepFailedError: the path leaves the workspace or is no folder.
        """
        base = self.work.resolve()
        path = (base / relative).resolve()
        if path != base and base not in path.parents:
            raise StepFailedError(f"The path {relative!r} leaves the workspace.")
        if not path.is_dir():
            raise StepFailedError(f"The workspace has no folder {relative!r}.")
        return path


@dataclass(frozen=True, slots=True)
class StepFiles:
    """`$POWERNODE_OUTPUT` and `$POWERNODE_SUMMARY` of one attempt."""

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.md"

    def prepare(self) -> None:
        """Make the files anew, empty."""
        for file in (self.output, self.summary):
            # A command may have put a link or a folder in its place: what a link names is not ours.
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)
        self.ensure()

    def ensure(self) -> None:
        """Make the files unless an earlier worker did: what they hold stays."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in (self.output, self.summary):
            # A command may have put a link in its place; it is not followed when read, either.
            if not file.is_symlink():
                file.touch()

    def read_outputs(self) -> dict[str, str]:
        """The outputs that the step's commands wrote.

        Raises:
            StepFailedError: the file is too long or a line has no meaning; names the line.
        """
        return parse_outputs(_read_bounded(self.output, OUTPUTS_MAX_BYTES, "outputs"))

    def read_summary(self) -> str:
        """The Markdown that the step's commands wrote."""
        return _read_bounded(self.summary, SUMMARY_MAX_BYTES, "summary")


def _read_bounded(path: Path, limit: int, what: str) -> str:
    try:
        # The step could have put a link or a pipe in the file's place.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, not a path)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        data = file.read(limit + 1)
    if len(data) > limit:
        raise StepFailedError(f"The step's {what} are longer than {limit} bytes.")
    return data.decode("utf-8", errors="replace").replace("\x00", "\ufffd")


def parse_outputs(text: str) -> dict[str, str]:
    """`key=value` lines, and `key<<WORD` … `WORD` for values of several lines.

    Raises:
        StepFailedError: naming the line that has no meaning.
    """
    outputs: dict[str, str] = {}
    lines = iter(enumerate(text.split("\n"), start=1))
    for number, line in lines:
        if not line.strip():
            continue
        key, found, value = line.partition("=")
        name, heredoc, word = line.partition("<<")
        if heredoc and (not found or len(name) < len(key)):
            key, value = name, _heredoc(lines, word.strip(), number)
        elif not found:
            raise StepFailedError(
                f"Line {number} of the step's outputs is not key=value or key<<WORD: {line[:80]!r}."
            )
        if not _NAME.fullmatch(key.strip()):
            raise StepFailedError(f"Line {number} of the step's outputs: {key[:80]!r} is no name.")
        outputs[key.strip()] = value
    return outputs


def _heredoc(lines: Iterator[tuple[int, str]], word: str, start: int) -> str:
    if not word:
        raise StepFailedError(f"Line {start} of the step's outputs names no word after <<.")
    collected: list[str] = []
    for _, line in lines:
        if line == word:
            return "\n".join(collected)
        collected.append(line)
    raise StepFailedError(f"The value that begins on line {start} never ends with {word!r}.")
