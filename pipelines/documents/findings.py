"""What the linter says."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a JSON pointer; `offset` is a character of the string there."""

    pointer: str
    code: str
    message: str
    remedy: str = ""
    severity: Severity = "error"
    offset: int | None = None
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with its place in the text; `line` and `column` are 1-based, 0 without a text."""

    severity: Severity
    code: str
    message: str
    line: int
    column: int
    pointer: str
    remedy: str
