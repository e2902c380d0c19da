"""`make test`: everything that this machine can run, on private servers, each skip with a reason.

Two invocations of pytest, because Playwright's and pytest-asyncio's event loops do not share a
process: first all tests but the browser's, then the browser's.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.schemas import FOLDER_VARIABLE
from tests.services import started

ROOT = Path(__file__).resolve().parent.parent
# What `--only` names: folders, and the marker expression within them.
# What needs no platform of its own runs on two processors at once, with a database for each.
_UNIT = [
    "tests", "--ignore=tests/browser", "--ignore=tests/e2e", "--ignore=tests/chaos",
    "--numprocesses=2",
]  # fmt: skip
PARTS: dict[str, list[list[str]]] = {
    "all": [
        _UNIT,
        ["tests/e2e", "--numprocesses=2", "--dist=loadfile"],
        # These wait more than they work.
        ["tests/chaos", "-m", "chaos_smoke", "--numprocesses=2"],
        ["tests/browser"],
    ],
    "unit": [_UNIT],
    "e2e": [["tests/e2e"], ["tests/browser"]],
    # F1, a kill at every commit, lives beside the engine that it kills.
    "chaos": [["tests/chaos", "tests/pipelines/engine/test_failpoints.py"]],
}


def main() -> int:
    """Run the chosen part; the exit status is pytest's worst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, default="all")
    options, rest = parser.parse_known_args()
    worst = 0
    with tempfile.TemporaryDirectory(prefix="powernode-test-") as folder:
        Path(folder).chmod(0o755)
        with started(Path(folder)) as services:
            print("Tests run on " + ", ".join(services.notes), flush=True)
            environment = {
                **os.environ,
                **services.environment,
                "POWERNODE_VAR": f"{folder}/var",
                FOLDER_VARIABLE: f"{folder}/schemas",
                "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
            }
            for arguments in PARTS[options.only]:
                if not (ROOT / arguments[0]).exists():
                    continue
                command = [sys.executable, "-m", "pytest", "-q", *arguments, *rest]
                done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
                # 5: nothing was collected, which is no failure of a part.
                worst = max(worst, 0 if done.returncode == 5 else done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
