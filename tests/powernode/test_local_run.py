"""`powernode run FILE`: the same engine, no platform."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = """\
name: Local
on:
  manual:
    inputs:
      times: {type: number, default: 1}
steps:
  - name: Greet
    uses: custom
    with: {command: "seq ${{ inputs.times }}; echo who=World >> $POWERNODE_OUTPUT"}
  - name: Use
    uses: run_command
    env: {WHO: "${{ steps.greet.outputs.who }}"}
    with: {command: 'echo "Hello $WHO"; exit $CODE'}
"""


def run(document: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    file = folder / "pipeline.yml"
    file.write_text(document)
    return subprocess.run(
        [sys.executable, "-m", "powernode", "run", str(file), *arguments],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_document_runs_and_its_exit_code_says_how(tmp_path: Path) -> None:
    green = run(DOCUMENT.replace("$CODE", "0"), tmp_path, "-i", "times=3", "--json")
    red = run(DOCUMENT.replace("$CODE", "7"), tmp_path, "--json")

    events = [json.loads(line) for line in green.stdout.splitlines()]
    lines = [event["text"] for event in events if event["type"] == "log"]
    assert (green.returncode, red.returncode) == (0, 1)
    assert lines == ["1", "2", "3", "Hello World"]
    assert "exit status 7" in red.stdout


def test_a_document_with_an_error_names_its_line(tmp_path: Path) -> None:
    done = run("name: X\nsteps:\n  - {name: A, uses: nothing_like_it}\n", tmp_path)

    assert done.returncode == 1
    assert "pipeline.yml:3:" in done.stderr


def test_an_input_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    done = run(DOCUMENT.replace("$CODE", "0"), tmp_path, "-i", "times=many")

    assert done.returncode == 1
    assert "Give a number." in done.stderr
