"""What commands say: coloured on a terminal, plain lines in a pipe, JSON when asked."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

JsonFlag = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]

# Exit codes; docs/reference/cli.md explains them.
FAILED, USAGE, UNREACHABLE, REFUSED, INTERRUPTED = 1, 2, 3, 4, 130

STATUS_STYLES: Mapping[str, tuple[str, str]] = {
    "pending": ("○", "dim"),
    "queued": ("◌", "yellow"),
    "running": ("●", "cyan"),
    "waiting_approval": ("◆", "magenta"),
    "success": ("✓", "green"),
    "failure": ("✗", "bold red"),
    "cancelled": ("⊘", "yellow"),
    "skipped": ("⤼", "dim"),
}

# Everything that moves a cursor, renames a window or turns text round; colours come back below.
_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"
    r"|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]?|\x9b[0-?]*[ -/]*[@-~]"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,40}m")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class CommandError(Exception):
    """A command cannot do what was asked; `remedy` says how to mend it, `code` is the exit code."""

    def __init__(self, message: str, *, remedy: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code


def console(*, stderr: bool = False) -> Console:
    """A console on the present stdout or stderr; text is never taken as markup by surprise."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """One line for a person."""
    console().print(Text(text, style=style))


def whisper(text: str, style: str = "dim") -> None:
    """One line beside the answer, on stderr, so that pipes stay clean."""
    console(stderr=True).print(Text(text, style=style))


def show_json(value: Any) -> None:
    """The answer as JSON: indented on a terminal, one line in a pipe."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def show_table(headers: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Rows: a table on a terminal, tab-separated without a heading in a pipe."""
    found = [[clean(cell) for cell in row] for row in rows]
    out = console()
    if not out.is_terminal:
        for row in found:
            sys.stdout.write("\t".join(row) + "\n")
        return
    if not found:
        out.print(Text(empty, style="dim"))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in found:
        table.add_row(*(_coloured(cell) for cell in row))
    out.print(table, soft_wrap=False)


def status_text(status: str) -> Text:
    """A status as sign, word and colour: never by colour alone."""
    sign, style = STATUS_STYLES.get(status, ("?", ""))
    return Text(f"{sign} {status.replace('_', ' ')}", style=style)


def clean(text: str) -> str:
    """Foreign text without anything that a terminal would obey."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text).replace("\n", " ").replace("\t", " "))


def log_line(text: str) -> Text:
    """One line of a log with its colours and nothing else of its escapes."""
    kept = "".join(
        part if _COLOUR.fullmatch(part) else _CONTROLS.sub("", _ESCAPES.sub("", part))
        for part in re.split(f"({_COLOUR.pattern})", _last_written(text))
    )
    return Text.from_ansi(kept)


def plain_log_line(text: str) -> str:
    """One line of a log for a pipe: no escapes at all."""
    return _CONTROLS.sub("", _ESCAPES.sub("", _last_written(text)))


def seconds_text(seconds: float | None) -> str:
    """A duration as people say it: 0.4s, 12.0s, 3m 05s, 2h 04m."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest:02d}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02d}m"


def _last_written(text: str) -> str:
    """What a progress bar left on its line after the last carriage return."""
    return text.rstrip("\r").rpartition("\r")[2]


def _coloured(cell: str) -> Text:
    return status_text(cell) if cell in STATUS_STYLES else Text(cell)
