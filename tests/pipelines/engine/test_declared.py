"""Declared outputs, names and variables that are evaluated when a step begins."""

from typing import Any

import pytest

from containers.operations.secrets import create_secret
from pipelines.choices import RunStatus
from pipelines.engine.declared import declared_outputs
from tests.pipelines.conftest import Workshop, last, log_of, step


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("string", "1", "1"), ("number", "1", 1), ("number", "2.5", 2.5), ("number", " 3 ", 3),
        ("boolean", "true", True), ("boolean", "false", False), ("object", '{"a": 1}', {"a": 1}),
        ("array", "[1]", [1]), ("number", 7, 7),
    ],
)  # fmt: skip
def test_an_output_is_brought_into_its_type(kind: str, written: Any, value: Any) -> None:
    outputs, complaints = declared_outputs({"x": {"type": kind}}, {"x": written, "y": "kept"})

    assert outputs == {"x": value, "y": "kept"}
    assert type(outputs["x"]) is type(value)
    assert complaints == []


@pytest.mark.parametrize(
    ("kind", "written"),
    [("number", "nan"), ("number", "9" * 99), ("number", "x"), ("boolean", "yes"), ("object", "[]"),
     ("array", "[" * 3000), ("object", "")],
)  # fmt: skip
def test_an_output_that_does_not_fit_is_kept_and_named(kind: str, written: str) -> None:
    outputs, complaints = declared_outputs({"x": {"type": kind}}, {"x": written})

    assert outputs == {"x": written}
    assert complaints == [f"The output x is no {kind}; it is kept as it was written."]


def test_a_missing_declared_output_is_a_warning_and_an_undeclared_one_is_kept(
    workshop: Workshop,
) -> None:
    declared = {"version": {"type": "string"}, "count": {"type": "number"}}
    make = step("make", 'echo count=3 >> "$POWERNODE_OUTPUT"; echo extra=1 >> "$POWERNODE_OUTPUT"',
                outputs=declared)  # fmt: skip

    run = workshop.run(make)

    assert (run.status, run.warnings) == (RunStatus.SUCCESS, 1)
    assert last(run, "make").outputs == {"count": 3, "extra": "1", "exit_code": 0}
    assert "Warning: The declared output version is missing." in log_of(run, "make")


def test_a_failed_step_owes_no_outputs(workshop: Workshop) -> None:
    run = workshop.run(step("bad", "false", outputs={"x": None}, continue_on_error=True))

    assert run.warnings == 1


def test_a_name_is_evaluated_when_the_step_begins_and_holds_no_secret(workshop: Workshop) -> None:
    create_secret(workshop.actor, "TOKEN", "s3cret-canary-value")
    first = step("first", 'echo v=1.2 >> "$POWERNODE_OUTPUT"')
    ship = step("ship", secret_refs=["TOKEN"]) | {
        "name": "Ship ${{ steps.first.outputs.v }} with ${{ secrets.TOKEN }}"
    }
    skipped = step("skipped", condition="false") | {"name": "Never ${{ steps.first.outputs.v }}"}

    run = workshop.run(first, ship, skipped, secret_refs=["TOKEN"])

    assert last(run, "ship").step_name == "Ship 1.2 with ***"


def test_variables_may_be_made_of_expressions_and_of_each_other(workshop: Workshop) -> None:
    run = workshop.run(
        step("show", 'echo "$ONE $TWO"', environment={"TWO": "${{ env.ONE }}-two"}),
        environment={"ONE": "run ${{ run.number }}"},
    )

    assert log_of(run, "show") == "run 1 run 1-two\n"
