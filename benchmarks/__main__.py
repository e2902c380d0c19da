"""`make bench`: measures the real platform on SQLite and PostgreSQL, writes docs/benchmarks.md."""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measures import MEASURES, Samples, listing
from benchmarks.table import DOCUMENT, write
from tests.schemas import copy_postgres
from tests.services import postgres, postgres_programs
from tests.stack import running

ENVIRONMENT = {
    "steps_plain": {"POWERNODE_SANDBOX": "none"},
    # The runs meet in a folder outside their workspaces.
    "overlaps": {"POWERNODE_SANDBOX": "none"},
    "burst": {"POWERNODE_WORKER_CAPACITY": "200", "POWERNODE_SANDBOX": "none"},
    "imports": {"POWERNODE_EGRESS_ALLOW": "127.0.0.1"},
    "many_imports": {"POWERNODE_EGRESS_ALLOW": "127.0.0.1"},
    "big_log": {"POWERNODE_LOG_CAP_BYTES": str(256 * 1024 * 1024)},
}
ROUNDS_ONCE = {"listing", "overlaps", "lease", "normaliser", "many_imports"}


def steal() -> tuple[int, int]:
    """Stolen and all ticks of the machine so far."""
    ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]))
    return ticks[7], sum(ticks[:8]) - ticks[3] - ticks[4]


def main() -> int:
    """Measure what was asked for, in interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000, help="runs of the list's database")
    parser.add_argument("--databases", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--raw", type=Path, default=None, help="keep the samples as JSON")
    options = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {}
    before = steal()
    for number in range(options.rounds):
        for name in options.only:
            if number and name in ROUNDS_ONCE:
                continue
            for database in options.databases:
                samples = measure(name, database, options.rows)
                for line, values in samples.items():
                    found.setdefault(line, {}).setdefault(database, []).extend(values)
                print(f"round {number + 1}: {name} on {database}: {brief(samples)}", flush=True)
                # After each measure: an interrupted round keeps what it has.
                keep(found, before, options)
    print(f"written: {DOCUMENT}")
    return 0


def keep(
    found: dict[str, dict[str, list[float]]], before: tuple[int, int], options: argparse.Namespace
) -> None:
    """Write the document, and the samples where they are wanted."""
    after = steal()
    if options.raw:
        options.raw.write_text(json.dumps(found))
    write(found, (after[0] - before[0]) / max(1, after[1] - before[1]), options.rows)


def measure(name: str, database: str, rows: int) -> Samples:
    """One measure on a fresh platform."""
    environment = {"POWERNODE_EGRESS_ALLOW": "", **ENVIRONMENT.get(name, {})}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        root = Path(folder)
        root.chmod(0o755)
        if database == "postgresql":
            if postgres_programs() is None:
                return {}
            copy_postgres(root / "pg")
            url = stack.enter_context(postgres(root / "pg", fast=False))
            environment["POWERNODE_DATABASE_URL"] = url
        platform = stack.enter_context(running(root / "stack", environment))
        time.sleep(1)
        return listing(platform, rows) if name == "listing" else MEASURES[name](platform)


def brief(samples: Samples) -> str:
    """The medians of a measure."""
    return ", ".join(
        f"{name} {sorted(values)[len(values) // 2]:.1f}" for name, values in samples.items()
    )


if __name__ == "__main__":
    sys.exit(main())
