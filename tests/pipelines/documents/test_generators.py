"""Workflows of every host, held to the hosts' own published schemas."""

import json
import re
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from devops.safety.documents import load_yaml
from pipelines.documents import parse, to_definition
from pipelines.documents.generators import TARGETS, Generated, generate
from tests.pipelines.documents.document_fixtures import EXAMPLE

SCHEMA_FILES = {
    "github": "github-workflows", "gitea": "github-workflows",
    "gitlab": "gitlab-ci", "bitbucket": "bitbucket-pipelines",
}  # fmt: skip


@cache
def validator(target: str) -> Draft7Validator:
    vendor = files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((vendor / f"{SCHEMA_FILES[target]}.json").read_text())
    if target == "gitlab":
        # The vendor's patterns are written for a browser's expressions, which Python does not read.
        schema = _without_patterns(schema)
    return Draft7Validator(schema)


def _without_patterns(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_patterns(member)
            for key, member in value.items()
            if not (key == "pattern" and isinstance(member, str) and not _is_readable(member))
        }
    return [_without_patterns(member) for member in value] if isinstance(value, list) else value


def _is_readable(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def valid(definition: dict[str, Any], target: str) -> tuple[Generated, dict[str, Any]]:
    made = generate(definition, target)
    workflow: dict[str, Any] = load_yaml(made.text)
    problems = [
        f"{'/'.join(map(str, error.path))}: {error.message[:200]}"
        for error in validator(target).iter_errors(workflow)
    ]
    assert problems == [], made.text
    return made, workflow


def definition_of(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return to_definition({"name": "CI", "on": {"manual": {}}, "steps": list(steps), **more})


def command(name: str = "Do it", text: str = "make", **more: Any) -> dict[str, Any]:
    return {"name": name, "uses": "run_command", "with": {"command": text}, **more}


CHECKOUT = {"name": "Check out", "uses": "checkout", "with": {"fetch_depth": 0}}


@pytest.mark.parametrize("target", TARGETS)
def test_the_example_is_valid_for_every_host(target: str) -> None:
    made, _ = valid(to_definition(parse(EXAMPLE).value), target)
    assert made.text.startswith("# Generated from the pipeline CI.\n")
    assert all(f"# - {note}" in made.text for note in made.notes)


_NAMES = st.text("abcdefgh ü-:#'\"{}", min_size=1, max_size=12).filter(str.strip)
_CONDITIONS = st.sampled_from([
    "", "always()", "success() && trigger.branch == 'main'", "trigger.sha != ''",
    "contains(trigger.commit.title, 'x''y')", "fromJSON('[1]')[0] == 1",
    "!startsWith(trigger.branch, 'wip/')", "steps.previous.status == 'success'",
])  # fmt: skip
_STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "name": _NAMES,
            "uses": st.sampled_from(
                ["checkout", "run_command", "upload_artifact", "notify", "policy_gate"]
            ),
            "if": _CONDITIONS,
            "continue_on_error": st.booleans(),
            "timeout_minutes": st.sampled_from([None, 0.05, 10]),
            "env": st.dictionaries(
                st.sampled_from(["A", "B"]),
                st.sampled_from(["1", True, 2.5, "${{ trigger.sha }}", 'a "b" $c `d`']),
            ),
            "approval": st.booleans(),
            "secrets": st.sampled_from([[], ["TOKEN"]]),
            "matrix": st.sampled_from([{}, {"v": ["1", "2"]}, {"v": "${{ inputs.v }}"}]),
        }
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS, target=st.sampled_from(sorted(TARGETS)), unlimited=st.booleans())
def test_any_pipeline_is_valid_for_every_host(
    steps: list[dict[str, Any]], target: str, unlimited: bool
) -> None:
    written = []
    for number, step in enumerate(steps):
        config = {"command": "echo ${{ matrix.v }}"} if step["uses"] == "run_command" else {}
        written.append({**step, "key": f"s{number}", "with": config})
    definition = definition_of(*written, **({"concurrency": "unlimited"} if unlimited else {}))
    for step, source in zip(definition["steps"], written, strict=True):
        step["requires_approval"] = source["approval"]
    valid(definition, target)


def test_references_are_written_in_githubs_words() -> None:
    step = command(
        env={"TITLE": "${{ trigger.commit.title }}", "N": "${{ run.number }}"},
        **{"if": "trigger.branch == 'a.trigger.branch' && steps.a.status == 'success'"},
    )
    _, workflow = valid(definition_of(command("A", key="a"), {**step, "key": "b"}), "github")
    made = workflow["jobs"]["pipeline"]["steps"][1]
    assert made["if"] == "github.ref_name == 'a.trigger.branch' && steps.a.outcome == 'success'"
    assert made["env"] == {
        "TITLE": "${{ github.event.head_commit.message }}", "N": "${{ github.run_number }}",
    }  # fmt: skip


def test_a_matrix_is_written_out_with_its_values() -> None:
    step = command(
        text="tox -e ${{ matrix.python }}", key="t",
        matrix={"python": ["3.11", "3.12"], "exclude": [{"python": "3.11"}]},
    )  # fmt: skip
    _, workflow = valid(definition_of(step), "github")
    steps = workflow["jobs"]["pipeline"]["steps"]
    assert [each["name"] for each in steps] == ["Do it (3.12)"]
    assert steps[0]["run"] == "tox -e ${{ '3.12' }}"


@pytest.mark.parametrize("target", TARGETS)
def test_a_gate_without_counterpart_fails_the_workflow(target: str) -> None:
    gate = {"name": "Policies", "uses": "policy_gate", "with": {}}
    made, _ = valid(definition_of(gate, command()), target)
    assert "exit 1" in made.text
    assert any("nothing goes on unchecked" in note for note in made.notes)


def test_what_follows_an_approval_waits_for_one() -> None:
    definition = definition_of(
        CHECKOUT, command("Build", key="build"),
        command("Ship", key="ship", env={"V": "${{ steps.build.outputs.version }}"}),
    )  # fmt: skip
    definition["steps"][2]["requires_approval"] = True
    _, github = valid(definition, "github")
    assert github["jobs"]["approved-ship"]["environment"] == "ship"
    assert github["jobs"]["approved-ship"]["needs"] == ["pipeline"]
    assert github["jobs"]["pipeline"]["outputs"] == {
        "build__version": "${{ steps.build.outputs.version }}"
    }
    ship = github["jobs"]["approved-ship"]["steps"]
    assert [step["name"] for step in ship] == ["Check out", "Ship"]
    assert ship[1]["env"] == {"V": "${{ needs.pipeline.outputs.build__version }}"}
    _, gitlab = valid(definition, "gitlab")
    assert (gitlab["approved-ship"]["when"], gitlab["approved-ship"]["allow_failure"]) == (
        "manual", False,
    )  # fmt: skip
    _, bitbucket = valid(definition, "bitbucket")
    assert bitbucket["pipelines"]["custom"]["manual"][1]["step"]["trigger"] == "manual"


SCRIPT_CASES = [
    ("trigger.branch == 'main'", {"CI_COMMIT_BRANCH": "main"}, True),
    ("trigger.branch == 'main'", {"CI_COMMIT_BRANCH": "other"}, False),
    ("trigger.branch != 'a\"$(false)`'", {"CI_COMMIT_BRANCH": "x"}, True),
    ("startsWith(trigger.branch, 'release/')", {"CI_COMMIT_BRANCH": "release/1"}, True),
    ("startsWith(trigger.branch, '*')", {"CI_COMMIT_BRANCH": "release/1"}, False),
    ("contains(trigger.branch, 'x') || inputs.target == 'p'", {"TARGET": "p"}, True),
    ("!endsWith(trigger.branch, 'y') && success()", {"CI_COMMIT_BRANCH": "xy"}, False),
    ("always()", {}, True),
]


@pytest.mark.parametrize(("condition", "environment", "expected"), SCRIPT_CASES)
def test_scripts_decide_conditions_as_we_do(
    condition: str, environment: dict[str, str], expected: bool
) -> None:
    step = command(text="echo ran ${{ trigger.sha }}", **{"if": condition})
    _, workflow = valid(
        definition_of(step, on={"manual": {"inputs": {"target": {"type": "string"}}}}), "gitlab"
    )
    script = "set -eu\n" + "\n".join(workflow["pipeline"]["script"])
    known = {"CI_COMMIT_BRANCH": "", "TARGET": "", "CI_COMMIT_SHA": "abc", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", script], env={**known, **environment}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert ("ran abc" in done.stdout) is expected


def test_a_step_with_an_untranslatable_condition_never_runs() -> None:
    made, workflow = valid(
        definition_of(command(text="rm -rf all", **{"if": "steps.x.outputs.n > 3"})), "gitlab"
    )
    assert "rm -rf all" not in made.text
    assert workflow["pipeline"]["script"] == ["echo 'Do it: left out, see the top of this file'"]
    assert any("left out" in note for note in made.notes)


def test_a_step_keeps_folder_variables_and_failures_to_itself(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    first = command("One", 'echo "$(basename "$PWD") $A"; false', env={"A": "it's $HOME"})
    first["with"]["working_directory"] = "sub"
    first["continue_on_error"] = True
    _, workflow = valid(definition_of(first, command("Two", 'echo "$(basename "$PWD") ${A-}"')),
                        "gitlab")  # fmt: skip
    done = subprocess.run(
        ["sh", "-c", "set -eu\n" + "\n".join(workflow["pipeline"]["script"])],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "sub it's $HOME" in done.stdout
    assert "One failed; going on" in done.stdout
    assert f"{tmp_path.name} \n" in done.stdout


def test_secrets_are_named_and_never_written() -> None:
    step = command(secrets=["TOKEN"], env={"T": "${{ secrets.TOKEN }}"})
    made, workflow = valid(definition_of(step, secrets=["TOKEN"]), "github")
    assert workflow["jobs"]["pipeline"]["steps"][0]["env"] == {
        "TOKEN": "${{ secrets.TOKEN }}", "T": "${{ secrets.TOKEN }}",
    }  # fmt: skip
    made, _ = valid(definition_of(step, secrets=["TOKEN"]), "gitlab")
    assert "Enter TOKEN as masked, protected variables of the project." in made.notes


def test_image_and_services_of_the_pipeline_are_written_for_github_and_gitlab() -> None:
    database = {
        "image": "postgres:16", "env": {"POSTGRES_PASSWORD": "x"},
        "healthcheck": {"command": "pg_isready -U postgres"},
    }  # fmt: skip
    definition = definition_of(command(), image="python:3.12", services={"db": database})

    made, workflow = valid(definition, "github")
    (job,) = workflow["jobs"].values()
    assert job["container"] == "python:3.12"
    assert job["services"] == {
        "db": {"image": "postgres:16", "env": {"POSTGRES_PASSWORD": "x"},
               "options": "--health-cmd 'pg_isready -U postgres'"}
    }  # fmt: skip
    assert made.notes == []
    _, workflow = valid(definition, "gitlab")
    (job,) = (part for part in workflow.values() if isinstance(part, dict) and "script" in part)
    assert job["services"] == [
        {"name": "postgres:16", "alias": "db", "variables": {"POSTGRES_PASSWORD": "x"}}
    ]


def test_an_image_of_one_step_is_noted() -> None:
    made, _ = valid(definition_of(command(image="node:20")), "github")

    assert "an image or services of a single step have no counterpart" in " ".join(made.notes)
