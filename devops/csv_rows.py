"""Rows as CSV that a spreadsheet shows and never calculates."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

# With these a cell is a formula to the usual spreadsheets; some skip blanks before them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_block(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows in UTF-8 as RFC 4180 has them; text that would be a formula gets an apostrophe."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", errors="replace")


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA)
    return f"'{value}" if is_formula else value
