"""Why did it fail: the line, what differs from the last green run, known flakes."""

from typing import Any

from pipelines import selectors
from pipelines.diagnosis import diagnose, flake_words, words_of
from pipelines.models import Pipeline, PipelineRun
from pipelines.operations.definitions import update_pipeline
from tests.pipelines.conftest import Workshop, fresh, last, step

JUNIT = '<testsuite name="s"><testcase classname="s" name="t">{}</testcase></testsuite>'


def flaky_step() -> dict[str, Any]:
    """Fails when an input says so; the commit stays the same."""
    bad, good = JUNIT.format('<failure message="no"/>'), JUNIT.format("")
    command = (
        f"if test \"$BAD\" = yes; then echo '{bad}' > r.xml; echo 'FAILED s::t'; exit 1; fi;"
        f" echo '{good}' > r.xml"
    )
    return step(
        "tests", step_type="run_tests", environment={"BAD": "${{ inputs.bad }}"},
        configuration={"command": command, "report": "r.xml"},
    )  # fmt: skip


def seen(shop: Workshop, run: PipelineRun) -> dict[str, Any]:
    return diagnose(shop.actor, selectors.run(shop.actor, run.pk))


def again(shop: Workshop, pipeline: Pipeline, **more: Any) -> PipelineRun:
    return shop.execute(shop.trigger(pipeline, **more))


def test_a_green_run_has_no_diagnosis(workshop: Workshop) -> None:
    found = seen(workshop, workshop.run(step("good")))
    assert found["is_failed"] is False
    assert words_of(found) == []


def test_the_line_with_its_neighbours_and_no_green_run(workshop: Workshop) -> None:
    run = workshop.run(step("bad", "seq 1 20; echo 'error: broken'; seq 1 20; exit 3"))
    found = seen(workshop, run)
    assert found["first_line"] == last(run, "bad").first_error_line
    texts = {line["number"]: line["text"].strip() for line in found["evidence"]}
    assert texts[found["first_line"]] == "error: broken"
    assert len(texts) == 11
    assert found["step"]["key"] == "bad"
    assert found["step"]["exit_code"] == 3
    assert found["last_green"] is None
    assert found["differences"] is None


def test_what_differs_from_the_last_green_run_by_name_only(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(step("a"), step("gone"), environment={"KEEP": "1", "OLD": "x"})
    green = again(workshop, pipeline)
    assert fresh(green).status == "success"
    changes = {
        "environment": {"KEEP": "1", "NEW": "HIDDENVALUE"}, "timeout_minutes": 6,
        "steps": [step("a", "exit 1"), step("new")],
    }  # fmt: skip
    update_pipeline(workshop.actor, pipeline, changes)
    run = again(workshop, selectors.pipeline(workshop.actor, pipeline.pk))
    found = seen(workshop, run)
    changed = found["differences"]
    assert found["last_green"]["run_number"] == green.run_number
    assert changed["environment"] == ["NEW", "OLD"]
    assert changed["definition"] == [
        "timeout_minutes changed", "step new is new", "step gone is gone", "step a: configuration",
    ]  # fmt: skip
    assert "HIDDENVALUE" not in str(found)
    words = words_of(found)
    assert any(word.startswith("the definition: timeout_minutes changed") for word in words)
    assert "variables: NEW, OLD" in words


def test_a_test_that_fails_and_passes_at_one_commit_is_a_known_flake(
    workshop: Workshop,
) -> None:
    asks = {"bad": {"type": "string", "default": "no"}}
    pipeline = workshop.pipeline(flaky_step(), triggers={"manual": {"inputs": asks}})
    for word in ("no", "yes", "no"):
        again(workshop, pipeline, inputs={"bad": word})
    run = again(workshop, pipeline, inputs={"bad": "yes"})
    found = seen(workshop, run)
    assert last(run, "tests").test_report.failed == 1
    assert [(test["name"], test["is_known_flake"]) for test in found["failed_tests"]] == [
        ("t", True)
    ]
    assert found["is_known_flake"] is True
    assert flake_words(found) == "Known flake: t"
