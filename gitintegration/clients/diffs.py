"""Unified diffs as text, for hosts that count no lines themselves.

Lines belong to a hunk because its header counts them, not because of how they look: a removed
line `-- old` is written `--- old`. Source: git-diff(1), "Generating patch text with -p".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gitintegration.clients.shapes import FileChange, FileChangeStatus

LineType = Literal["addition", "deletion", "context"]

# Ten digits: no file has more lines, and a number of a million digits costs seconds to read.
_HUNK = re.compile(r"@@ -(\d{1,10})(?:,(\d{1,10}))? \+(\d{1,10})(?:,(\d{1,10}))? @@")
_GIT = "diff --git "
_NOWHERE = "/dev/null"
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r'\\([0-7]{3}|[abtnvfr"\\])')
_KINDS: dict[str, LineType] = {"+": "addition", "-": "deletion", " ": "context"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk; a number is None on the side that does not have the line."""

    type: LineType
    content: str
    old_line_number: int | None
    new_line_number: int | None


@dataclass(frozen=True, slots=True)
class Hunk:
    """One changed region; `header` is its first line whole, with what follows the numbers."""

    header: str
    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: tuple[Line, ...]


def hunks(patch: str) -> tuple[Hunk, ...]:
    """The hunks of one file's patch; a cut patch gives the lines that are there."""
    lines = _lines(patch)
    return tuple(
        _hunk(lines[start:end], match) for start, end, match in _regions(lines) if match is not None
    )


def count(patch: str) -> tuple[int, int]:
    """How many lines one file's patch adds and removes."""
    kinds = [line.type for hunk in hunks(patch) for line in hunk.lines]
    return kinds.count("addition"), kinds.count("deletion")


def parse_unified(text: str) -> tuple[FileChange, ...]:
    """The files of a whole git diff in its order; what precedes the first is not read."""
    lines = _lines(text)
    found: list[FileChange] = []
    heading: list[str] = []
    body: list[str] = []
    for start, end, match in _regions(lines):
        if match is not None:
            body += lines[start:end]
        elif lines[start].startswith(_GIT):
            found += _file(heading, body)
            heading, body = [lines[start]], []
        elif heading and not body:
            heading.append(lines[start])
    return (*found, *_file(heading, body))


def _lines(text: str) -> list[str]:
    # Not splitlines(): carriage returns and form feeds are content.
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _regions(lines: list[str]) -> Iterator[tuple[int, int, re.Match[str] | None]]:
    """Whole hunks with the match of their header, and every other line by itself without."""
    at = 0
    while at < len(lines):
        match = _HUNK.match(lines[at])
        end = at + 1
        if match is not None:
            end = _end_of_hunk(lines, end, _number(match, 2), _number(match, 4))
        yield at, end, match
        at = end


def _end_of_hunk(lines: list[str], at: int, old: int, new: int) -> int:
    while at < len(lines):
        mark = lines[at][:1] or " "
        if mark == "\\":
            at += 1
            continue
        if mark not in _KINDS or (old <= 0 and mark != "+") or (new <= 0 and mark != "-"):
            break
        old -= mark != "+"
        new -= mark != "-"
        at += 1
    return at


def _number(match: re.Match[str], group: int) -> int:
    return int(match[group]) if match[group] is not None else 1


def _hunk(lines: list[str], match: re.Match[str]) -> Hunk:
    old, new = int(match[1]), int(match[3])
    found: list[Line] = []
    for line in lines[1:]:
        if line.startswith("\\"):
            continue
        # Mail programs and editors strip the blank of an empty context line.
        kind = _KINDS[line[:1] or " "]
        has_old, has_new = kind != "addition", kind != "deletion"
        found.append(Line(kind, line[1:], old if has_old else None, new if has_new else None))
        old += has_old
        new += has_new
    return Hunk(
        header=lines[0], old_start=int(match[1]), old_lines=_number(match, 2),
        new_start=int(match[3]), new_lines=_number(match, 4), lines=tuple(found),
    )  # fmt: skip


def _file(heading: list[str], body: list[str]) -> list[FileChange]:
    if not heading:
        return []
    told = _told(heading)
    old, new = _names(heading[0], told)
    status = _status(told)
    patch = "\n".join(body)
    additions, deletions = count(patch)
    return [
        FileChange(
            filename=old if status == "removed" else new,
            status=status,
            additions=additions,
            deletions=deletions,
            patch=patch,
            previous_filename=old if status in {"renamed", "copied"} else "",
        )
    ]


def _told(heading: list[str]) -> dict[str, str]:
    """The extended header lines of a file by their first words."""
    names = ("new file", "deleted file", "rename from", "rename to", "copy from", "copy to")
    told: dict[str, str] = {}
    for line in heading[1:]:
        for name in (*names, "---", "+++"):
            if line.startswith(name + " "):
                told.setdefault(name, line[len(name) + 1 :])
    return told


def _status(told: dict[str, str]) -> FileChangeStatus:
    if "new file" in told or told.get("---") == _NOWHERE:
        return "added"
    if "deleted file" in told or told.get("+++") == _NOWHERE:
        return "removed"
    if "rename to" in told:
        return "renamed"
    return "copied" if "copy to" in told else "modified"


def _names(first: str, told: dict[str, str]) -> tuple[str, str]:
    """The file's name before and after; the first line is ambiguous and asked last."""
    old = _plain(told.get("rename from") or told.get("copy from") or "")
    new = _plain(told.get("rename to") or told.get("copy to") or "")
    if not (old and new):
        old, new = (_stripped(told.get(side, _NOWHERE)) for side in ("---", "+++"))
    if not (old or new):
        old, new = _names_of_first_line(first.removeprefix(_GIT))
    return old or new, new or old


def _stripped(name: str) -> str:
    if name == _NOWHERE:
        return ""
    # Git ends a name that has blanks with a tab.
    return _plain(name.removesuffix("\t"))[2:]


def _names_of_first_line(rest: str) -> tuple[str, str]:
    """Both names, which are equal unless other lines name them."""
    if rest.endswith('"') and (quoted := _QUOTED.findall(rest)):
        name = _unescaped(quoted[-1])[2:]
        return name, name
    # `a/NAME b/NAME`: the blank in the middle divides it.
    name = rest[len(rest) // 2 + 1 :][2:]
    return name, name


def _plain(name: str) -> str:
    match = _QUOTED.fullmatch(name)
    return _unescaped(match[1]) if match else name


def _unescaped(name: str) -> str:
    """What git's quoting stands for. Source: git-config(1), core.quotePath."""
    out = bytearray()
    at = 0
    for match in _ESCAPE.finditer(name):
        out += name[at : match.start()].encode(errors="surrogateescape")
        code = match[1]
        out.append(_ESCAPES[code] if code in _ESCAPES else int(code, 8) & 0xFF)
        at = match.end()
    out += name[at:].encode(errors="surrogateescape")
    return out.decode(errors="replace")
