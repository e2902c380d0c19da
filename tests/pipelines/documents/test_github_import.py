"""GitHub's workflows in our words, and what of them has none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devops.safety.documents import DocumentError, dump_yaml
from pipelines.documents import to_definition
from pipelines.documents.generators import generate
from pipelines.documents.github_import import import_github
from pipelines.linting import lint_text

WORKFLOW = """\
name: CI
on:
  push: {branches: [main], paths-ignore: ["docs/**"]}
  issues: {types: [opened]}
  merge_group:
  schedule: [{cron: "0 3 * * *"}]
  workflow_dispatch:
    inputs:
      target: {type: choice, options: [a, b], default: a}
      where: {type: environment}
concurrency: {group: "ci-${{ github.ref }}", cancel-in-progress: true}
env: {REF: "${{ github.ref_name }}"}
jobs:
  ship:
    needs: test
    runs-on: [self-hosted, gpu]
    environment: production
    steps:
      - uses: actions/checkout@v4
      - name: Ship
        run: |
          ./ship "${{ needs.test.outputs.version }}" "${{ github.event.pull_request.title }}"
        env: {KEY: "${{ secrets.DEPLOY_KEY }}"}
        if: ${{ github.ref == 'refs/heads/main' && always() }}
  test:
    runs-on: ubuntu-latest
    outputs:
      version: ${{ steps.v.outputs.version }}
    strategy:
      matrix: {python: ["3.11", "3.12"]}
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0, lfs: true}
      - uses: actions/setup-python@v5
      - uses: actions/cache@v4
        with: {path: ~/.cache/pip, key: "pip-${{ hashFiles('requirements.txt') }}"}
      - id: v
        run: echo "version=1" >> "$GITHUB_OUTPUT"; echo "$GITHUB_JOB"
        working-directory: app
        shell: bash
      - uses: actions/upload-artifact@v4
        with: {name: dist, path: dist/*, if-no-files-found: ignore}
        continue-on-error: true
        timeout-minutes: 5
"""


def test_a_workflow_becomes_a_pipeline() -> None:
    document = import_github(WORKFLOW).document
    assert document["on"] == {
        "push": {"branches": ["main"], "paths-ignore": ["docs/**"]},
        "issue": {"actions": ["opened"]},
        "schedule": [{"cron": "0 3 * * *"}],
        "manual": {
            "inputs": {
                "target": {"type": "choice", "default": "a", "options": ["a", "b"]},
                "where": {"type": "string"},
            }
        },
    }
    assert document["concurrency"] == {"group": "ci-${{ trigger.ref }}", "policy": "cancel_running"}
    assert document["runner_labels"] == ["gpu"]
    assert document["secrets"] == ["DEPLOY_KEY"]
    assert document["env"] == {"REF": "${{ trigger.branch }}"}
    checkout, version, upload, ship = document["steps"]
    assert checkout == {
        "name": "Checkout", "key": "checkout", "uses": "checkout", "with": {"fetch_depth": 0},
    }  # fmt: skip
    assert version["with"] == {
        "command": 'echo "version=1" >> "$POWERNODE_OUTPUT"; echo "$GITHUB_JOB"',
        "working_directory": "app",
        "shell": "bash",
    }
    assert version["cache"] == {
        "key": "pip-${{ hashFiles('requirements.txt') }}", "paths": ["~/.cache/pip"],
    }  # fmt: skip
    assert version["matrix"] == {"python": ["3.11", "3.12"]}
    assert upload["with"]["if_no_files"] == "warn"
    assert (upload["continue_on_error"], upload["timeout_minutes"]) == (True, 5)
    assert ship["if"] == "trigger.ref == 'refs/heads/main' && always()"


def test_a_strangers_text_never_enters_a_script() -> None:
    ship = import_github(WORKFLOW).document["steps"][-1]
    assert ship["with"]["command"] == './ship "${VALUE_1}" "${VALUE_2}"\n'
    assert ship["env"] == {
        "KEY": "${{ secrets.DEPLOY_KEY }}",
        "VALUE_1": "${{ (steps.v.outputs.version) }}",
        "VALUE_2": "${{ trigger.pull_request.title }}",
    }
    assert ship["secrets"] == ["DEPLOY_KEY"]


def test_what_does_not_map_is_said_with_its_line() -> None:
    remarks = {(remark.line, remark.kind, remark.message) for remark in
               import_github(WORKFLOW).remarks}  # fmt: skip
    lines = WORKFLOW.splitlines()

    def line_of(text: str) -> int:
        return next(number for number, line in enumerate(lines, start=1) if text in line)

    assert (line_of("setup-python"), "left_out",
            "The action actions/setup-python@v5 has no counterpart.") in remarks  # fmt: skip
    assert (line_of("lfs"), "left_out", "`lfs` of checkout is not taken over.") in remarks
    messages = " ".join(message for _, _, message in remarks)
    for said in ("merge_group", "input type environment", "hosted machine", "reviewers",
                 "GITHUB_JOB", "share a workspace", "matrix of the job"):  # fmt: skip
        assert said in messages, said


@pytest.mark.parametrize(
    "text",
    ["", "- a", "name: x", "jobs: 1", "jobs: {}", "on: push\njobs: {a: {steps: [{uses: x/y@v1}]}}",
     "jobs: {a: {steps: [1, null, {run: }]}}", "a: &b 1", "jobs: {a: {b: c"],
)  # fmt: skip
def test_what_is_no_workflow_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(DocumentError) as refused:
        import_github(text)
    assert refused.value.line >= 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab${} .'", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["on", "jobs", "steps", "run", "uses", "with", "if", "env", "needs",
                         "runs-on", "strategy", "matrix", "concurrency", "group", "push", "a",
                         "defaults", "outputs", "schedule", "cron", "path", "key"]),
        inner, max_size=4),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(job=_JSON, on=_JSON, rest=_JSON)
def test_any_workflow_is_read_or_refused(job: object, on: object, rest: object) -> None:
    steps = [{"run": "true"}, rest]
    text = json.dumps({"on": on, "concurrency": rest, "jobs": {"a": {"steps": steps}, "b": job}})
    try:
        imported = import_github(text)
    except DocumentError:
        return
    assert imported.document["steps"]


def test_what_we_generate_for_github_comes_back_sound() -> None:
    imported = import_github(WORKFLOW)
    for step in imported.document["steps"]:
        # What this test is not about: the linter judges these by what the engine offers.
        for key in ("matrix", "cache", "approval"):
            step.pop(key, None)
    text = dump_yaml(imported.document)
    findings = lint_text(text)
    assert [each.message for each in findings if each.severity == "error"] == []
    again = import_github(generate(to_definition(imported.document), "github").text)
    assert [step["uses"] for step in again.document["steps"]] == [
        step["uses"] for step in imported.document["steps"]
    ]


IN_A_CONTAINER = """\
name: CI
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    container: {image: "node:20", options: --cpus 1}
    services:
      db:
        image: postgres:16
        env: {POSTGRES_PASSWORD: x}
        ports: ["5432:5432"]
        options: >-
          --health-cmd "pg_isready -U postgres" --health-interval=10s --health-retries 5
    steps: [{run: npm test}]
"""


def test_a_jobs_container_and_services_become_those_of_its_commands() -> None:
    made = import_github(IN_A_CONTAINER)

    (step,) = made.document["steps"]
    assert step["image"] == "node:20"
    assert step["services"] == {
        "db": {
            "image": "postgres:16", "env": {"POSTGRES_PASSWORD": "x"},
            "healthcheck": {"command": "pg_isready -U postgres", "interval_seconds": 10.0,
                            "retries": 5},
        }
    }  # fmt: skip
    said = " ".join(remark.message for remark in made.remarks)
    assert "Only its image is taken over" in said
    assert "by its name, at every port" in said
    assert [
        found for found in lint_text(dump_yaml(made.document))
        if found.severity == "error"
    ] == []  # fmt: skip


def test_services_without_a_container_are_left_out_and_said() -> None:
    made = import_github(IN_A_CONTAINER.replace("    container: ", "    x-container: "))

    assert "services" not in made.document["steps"][0]
    assert any(remark.pointer == "/jobs/test/services" for remark in made.remarks)
