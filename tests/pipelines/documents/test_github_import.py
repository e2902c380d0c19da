"""GitHub's workflows in our words, and what of them has none."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
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
    assert document["env"] == {"REF": "${{ (trigger.branch || trigger.tag) }}"}
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
    text = dump_yaml(imported.document)
    findings = lint_text(text)
    assert [each.message for each in findings if each.severity == "error"] == []
    for step in imported.document["steps"]:
        # They become further steps and jobs there.
        for key in ("matrix", "approval"):
            step.pop(key, None)
    again = import_github(generate(to_definition(imported.document), "github").text)
    assert [step["uses"] for step in again.document["steps"]] == [
        step["uses"] for step in imported.document["steps"]
    ]


IN_THE_WILD = """\
name: Wild
on: push
env: {TOKEN: "${{ secrets.TOKEN }}", PLAIN: x}
concurrency:
  group: ${{ github.workflow }}-${{ github.head_ref || github.run_id }}
  cancel-in-progress: true
jobs:
  test:
    runs-on: ubuntu-latest
    env: {KEY: "${{ secrets.KEY }}"}
    strategy:
      fail-fast: false
      max-parallel: 2
      matrix:
        python-version: ["3.11", "3.12"]
        config: [{a: 1}]
    steps:
      - uses: actions/setup-python@v5
        id: python
      - run: echo 'by ${{ github.actor }}' "at ${{ github.sha }}" ${{ steps.python.outputs.path }}
      - uses: actions/upload-artifact@v4
        if: always() && matrix.config.a == 1
        with:
          name: results ${{ matrix.python-version }}
          retention-days: 900
          path: |
            ./out/*.xml
            log/**
  report:
    needs: test
    runs-on: ubuntu-latest
    if: always() && contains(needs.*.result, 'failure')
    steps:
      - run: echo a rather long line before a first expression, so that it is cut ${{ github.ref }}
"""


def test_what_workflows_commonly_say_is_taken_over_soundly() -> None:
    made = import_github(IN_THE_WILD)
    document = made.document
    command, upload, report = document["steps"]

    assert document["env"] == {"PLAIN": "x"}
    assert document["concurrency"]["group"] == (
        "${{ pipeline.name }}-"
        "${{ (trigger.type == 'pull_request' && trigger.branch || '') || run.id }}"
    )
    assert command["matrix"] == upload["matrix"] == {
        "python-version": ["3.11", "3.12"], "fail_fast": False, "max_parallel": 2,
    }  # fmt: skip
    assert "matrix" not in report
    # Where a shell takes all as it stands, the quotes are left for the value.
    assert command["with"]["command"] == ("echo 'by '\"${VALUE_1}\"'' \"at ${VALUE_2}\" ${VALUE_3}")
    assert command["env"] == {
        "TOKEN": "${{ secrets.TOKEN }}", "KEY": "${{ secrets.KEY }}",
        "VALUE_1": "${{ trigger.actor }}", "VALUE_2": "${{ trigger.sha }}", "VALUE_3": "${{ '' }}",
    }  # fmt: skip
    assert command["secrets"] == ["KEY", "TOKEN"]
    assert upload["with"] == {
        "name": "results ${{ matrix.python-version }}", "path": "{out/*.xml,log/**}",
    }  # fmt: skip
    assert upload["if"] == "always() && '' == 1"
    assert report["if"] == (
        "always() && "
        "contains((failure() && 'failure' || cancelled() && 'cancelled' || 'success'), 'failure')"
    )
    assert report["name"].endswith("so that i")
    messages = " ".join(remark.message for remark in made.remarks)
    for said in ("steps.python.outputs.path", "from 1 to 400", "matrix.config.a"):
        assert said in messages, said


@pytest.mark.parametrize("written", ["pull_request", "[push, pull_request]", "{pull_request: }"])
def test_a_pull_request_starts_what_it_starts_there(written: str) -> None:
    text = f"on: {written}\njobs: {{a: {{steps: [{{run: make}}]}}}}\n"
    rule = import_github(text).document["on"]["pull_request"]
    assert rule == {"actions": ["opened", "synchronize", "reopened"]}


@pytest.mark.parametrize(
    ("values", "expected"), [("[a, b]", "${{ matrix.os }}"), ("['${{ github.head_ref }}']", None)]
)
def test_a_matrix_that_a_stranger_writes_chooses_no_image(
    values: str, expected: str | None
) -> None:
    made = import_github(f"""
on: push
jobs:
  a:
    strategy: {{matrix: {{os: {values}}}}}
    container: "${{{{ matrix.os }}}}"
    steps: [{{run: make}}]
""")

    assert made.document["steps"][0].get("image") == expected
    text = dump_yaml(made.document)
    assert [each for each in lint_text(text) if each.severity == "error"] == [], text


_REFERENCES = st.sampled_from([
    "github.ref", "github.ref_name", "github.head_ref || github.run_id", "github.event.label.name",
    "github.event.pull_request.title", "github.workspace", "runner.os", "vars.V", "matrix.os",
    "matrix.python-version", "matrix.x.y", "steps.a.outputs.v", "steps.nope.outcome",
    "needs.j1.result", "needs.*.result", "needs.j1.outputs.o", "needs.j2.outputs.o",
    "inputs.level", "inputs.nope", "github.event.inputs.dry-run", "env.A", "secrets.TOKEN",
    "secrets.GITHUB_TOKEN", "hashFiles('**/x')", "always()", "failure() && !cancelled()",
    "fromJSON(needs.j1.outputs.o)", "toJSON(github)", "github['ref']", "bad(", "'un",
])  # fmt: skip
_EXPRESSIONS = _REFERENCES.map(lambda source: f"${{{{ {source} }}}}")
_TEXTS = st.sampled_from(["a", "x y", "", "./b", "/abs", "${{ open", "don't", "a\nb\n", "ä" * 300])
_TEXTS |= _EXPRESSIONS | _EXPRESSIONS.map(lambda text: f"pre-{text}")
_SCALARS = _TEXTS | st.sampled_from([1, 0, -3, 1.5, 1000, True, False, None])
_VARIABLES = st.dictionaries(st.sampled_from(["A", "B_C", "9x", "a b", "ü"]),
                             _SCALARS | st.just([1]), max_size=3)  # fmt: skip
_STEPS = st.fixed_dictionaries({}, optional={
    "run": _TEXTS | _EXPRESSIONS.map(lambda text: f"echo '{text}' {'b' * 60}{text}"),
    "uses": st.sampled_from(["actions/checkout@v4", "actions/upload-artifact@v4", "./x",
                             "actions/download-artifact@v4", "actions/cache@v4", "docker://a:1"]),
    "name": _TEXTS,
    "id": st.sampled_from(["a", "my-step", "9", "x y"]),
    "if": _EXPRESSIONS | _REFERENCES | st.booleans(),
    "env": _VARIABLES,
    "with": st.dictionaries(st.sampled_from(["name", "path", "key", "restore-keys", "fetch-depth",
                                             "retention-days", "if-no-files-found", "ref"]),
                            _SCALARS, max_size=4),
    "timeout-minutes": _SCALARS,
    "continue-on-error": _SCALARS,
    "working-directory": _TEXTS,
    "shell": st.sampled_from(["bash", "pwsh"]),
})  # fmt: skip
_LISTS = st.lists(_SCALARS | st.just({"y": 1}) | st.just({"os": "a"}), max_size=3)
_MATRICES = _EXPRESSIONS | st.dictionaries(
    st.sampled_from(["os", "python-version", "x", "include", "exclude", "fail_fast"]),
    _LISTS | _SCALARS, max_size=3,
)  # fmt: skip
_JOBS = st.fixed_dictionaries({"steps": st.lists(_STEPS, max_size=3)}, optional={
    "runs-on": _TEXTS | st.just(["self-hosted", "gpu"]),
    "needs": st.sampled_from(["j1", ["j1", "j2"], "nope"]),
    "strategy": st.fixed_dictionaries({"matrix": _MATRICES, "max-parallel": _SCALARS}),
    "if": _EXPRESSIONS | _REFERENCES,
    "env": _VARIABLES,
    "outputs": st.fixed_dictionaries({"o": _TEXTS}),
    "environment": st.just("prod"),
    "timeout-minutes": _SCALARS,
    "container": _TEXTS | st.fixed_dictionaries({"image": _TEXTS}),
    "services": st.dictionaries(st.sampled_from(["db", "my_db", "Bad Name"]),
                                st.fixed_dictionaries({"image": _TEXTS, "env": _VARIABLES}),
                                max_size=2),
})  # fmt: skip
_INPUTS = st.fixed_dictionaries({}, optional={
    "type": st.sampled_from(["choice", "boolean", "number", "string", "environment"]),
    "default": _SCALARS, "options": st.just(["a"]),
})  # fmt: skip
_EVENTS = st.sampled_from(["push", ["push", "pull_request"]]) | st.fixed_dictionaries(
    {"push": st.dictionaries(st.sampled_from(["branches", "tags", "paths", "zz"]), _SCALARS)},
    optional={"workflow_dispatch": st.fixed_dictionaries({"inputs": st.dictionaries(
        st.sampled_from(["level", "dry-run"]), _INPUTS)})},
)  # fmt: skip
_WORKFLOWS = st.fixed_dictionaries(
    {"on": _EVENTS, "jobs": st.dictionaries(st.sampled_from(["j1", "j2"]), _JOBS, min_size=1)},
    optional={"name": _SCALARS, "env": _VARIABLES, "concurrency": _TEXTS,
              "defaults": st.fixed_dictionaries({"run": st.fixed_dictionaries({"shell": _TEXTS})})},
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(workflow=_WORKFLOWS)
def test_what_is_made_of_a_workflow_has_no_errors(workflow: object) -> None:
    try:
        imported = import_github(json.dumps(workflow))
    except DocumentError:
        return
    text = dump_yaml(imported.document)
    errors = [each for each in lint_text(text) if each.severity == "error"]
    assert errors == [], text


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
