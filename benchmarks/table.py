"""Writes docs/benchmarks.md from the samples."""

import os
import platform
import sqlite3
import subprocess
from pathlib import Path

from benchmarks.measures import middle, percentile

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
# Line, unit, and what it is to reach (median / p95, or one figure) on SQLite and PostgreSQL.
TARGETS = {
    "webhook answer at 50/s": ("ms", "p99 < 50"),
    "webhook answer at 100/s": ("ms", ""),
    "webhook errors at 100/s": ("", "0"),
    "webhook received → first child": ("ms", "p95 < 100"),
    "no-op step, plain child": ("ms", "≤ 6 / ≤ 12 (PostgreSQL 8 / 15)"),
    "no-op step, bubblewrap": ("ms", "≤ 13 / ≤ 20"),
    "re-run from step 90 of 100": ("ms", "< 300"),
    "log line → websocket, sparse": ("ms", "p95 ≤ 40"),
    "log line → websocket, 200 lines/s": ("ms", "p95 ≤ 130"),
    "100 MB log": ("MB/s", "≥ 60 (PostgreSQL ≥ 40)"),
    "worker's growth meanwhile": ("MB", "< 30"),
    "10,000 schedules over 60 s, lateness": ("ms", "p99 < 2,000"),
    "1,000 schedules in one second, the last": ("s", "< 5"),
    "1,000 triggers from 8 threads, `allow_concurrent` off": ("s", ""),
    "their runs, one after the other": ("s", ""),
    "runs that overlapped another": ("", "0"),
    "simulator over 1,000 pipelines": ("ms", "p95 < 50"),
    "200 runs of `sleep 5`": ("s", "< 10 (PostgreSQL < 12)"),
    "runs not successful": ("", "0"),
    "idle PSS": ("MB", "< 280"),
    "list of 50 runs": ("ms", "p95 < 30"),
    "overview": ("ms", "p95 < 100"),
    "page of runs": ("ms", "p95 < 100"),
    "page of pipelines": ("ms", "p95 < 100"),
    "thrice-sent delivery, answer": ("ms", "p99 < 100"),
    "events of 1,000 deliveries sent thrice": ("", "exactly 1,000"),
    "import of 1,000 repositories": ("s", "< 60"),
    "import of 10,000 repositories": ("s", "< 300"),
    "synchronisation of 10,000 repositories": ("s", "< 120"),
    "worker's growth by both": ("MB", "< 100"),
    "deliveries normalised, one core": ("1/s", "> 5,000"),
    "kill -9, supervised": ("s", "p95 < 2.5"),
    "kill -9, by lease alone": ("s", "≤ 20"),
}


def write(found: dict[str, dict[str, list[float]]], steal: float, rows: int) -> None:
    """Replace the document."""
    lines = [
        "# Benchmarks", "",
        "Every figure is measured on the real platform: `powernode up` with its own broker, real",
        "HTTP and websocket clients, a fresh database per measure, rounds of SQLite and PostgreSQL",
        "in turn. Cells read *median / p95 (p99)* with the number of samples.", "",
        "| measure | unit | target | SQLite | PostgreSQL |", "|---|---|---|---|---|",
    ]  # fmt: skip
    earlier = _earlier_lines()
    for name, (unit, target) in TARGETS.items():
        if name in found:
            cells = [_cell(found[name].get(base, [])) for base in ("sqlite", "postgresql")]
            lines.append(f"| {name} | {unit} | {target} | {' | '.join(cells)} |")
        elif name in earlier:
            lines.append(earlier[name])
    lines += [
        "", *_list_note(found, rows), "## The machine", "",
        *[f"- {fact}" for fact in _machine()],
        f"- CPU steal while measuring: {steal:.1%} of busy time; the same command varies by ±1.7.",
        "", "## How to repeat", "", "```",
        "make bench                                 # everything",
        "python -m benchmarks --only steps burst    # some measures",
        "python -m benchmarks --rows 100000 --rounds 1", "```", "",
        "One webhook in fifty starts a run. The webhook's time counts from the planned moment of",
        "sending, so a queue before the server counts too. A step's time runs from its start to",
        "the next one's, so it holds the spawn, the commit and the log. PostgreSQL runs with",
        "`fsync=on`.",
        "",
    ]  # fmt: skip
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text("\n".join(lines))


def _earlier_lines() -> dict[str, str]:
    """The lines of the document as it is, by measure: a round of some measures keeps the others."""
    if not DOCUMENT.exists():
        return {}
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in rows[1:]}


def _list_note(found: dict[str, dict[str, list[float]]], rows: int) -> list[str]:
    kept = [name for name in TARGETS if name not in found]
    notes = [f"Kept from an earlier round: {', '.join(kept)}.", ""] if kept else []
    if "list of 50 runs" in found:
        notes += [
            f"List and pages: {rows:,} runs of 90 days in one account; the list by four filters.",
            "",
        ]
    return notes


def _cell(values: list[float]) -> str:
    if not values:
        return "not measured"
    if len(values) < 3:
        return f"{values[0]:.2f}"
    shown = f"**{middle(values):.1f}** / {percentile(values, 0.95):.1f}"
    if len(values) >= 200:
        shown += f" ({percentile(values, 0.99):.1f})"
    return f"{shown} · {len(values)}"


def _machine() -> list[str]:
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), "unknown",
    )  # fmt: skip
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024**2
    said = subprocess.run(
        ["sh", "-c", "ls -d /usr/lib/postgresql/* 2>/dev/null | tail -1"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    return [
        f"{os.cpu_count()} cores ({cpu}), {memory} GB",
        (
            f"{platform.freedesktop_os_release().get('PRETTY_NAME', platform.system())}, "
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
            f"PostgreSQL {Path(said.stdout.strip() or 'none').name}"
        ),
    ]
