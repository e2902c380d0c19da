"""Rows as CSV: read back as they were, and never calculated."""

import csv
import io

import pytest

from devops.csv_rows import csv_block


def read(block: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(block.decode())))


def test_cells_are_read_back_as_they_were() -> None:
    rows = [("a,b", 'say "yes"', "two\nlines", 7, -1.5, None, "näh ✓"), ("", "x", "", 0, 0, "", "")]

    assert read(csv_block(rows)) == [
        ["a,b", 'say "yes"', "two\nlines", "7", "-1.5", "", "näh ✓"],
        ["", "x", "", "0", "0", "", ""],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=HYPERLINK(0)",
        "=cmd|' /C calc'!A0",
    ],
)  # fmt: skip
def test_what_would_be_a_formula_is_text(text: str) -> None:
    ((cell,),) = read(csv_block([(text,)]))

    assert cell == f"'{text}"


def test_what_cannot_be_written_is_marked_and_ends_nothing() -> None:
    assert csv_block([("a\ud800b",)]) == b"a?b\r\n"
