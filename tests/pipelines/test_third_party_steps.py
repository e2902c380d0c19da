"""Step types of an installed package: found by entry point, linted, run like our own."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import step_types
from pipelines.linting import lint_text
from pipelines.steps import registry
from tests.client import ApiClient
from tests.pipelines.conftest import Workshop, last, log_of, step

PACKAGE = Path(__file__).parent / "third_party"
DOCUMENT = "name: x\nsteps: [{name: Hello, uses: greet, with: {whom: %s}}]\n"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package is where Python finds packages, as after `pip install`."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    registry.load_entry_points()
    yield
    step_types._types.pop("greet", None)
    registry._handlers.pop("greet", None)


def test_its_step_runs_with_outputs_and_later_steps_use_them(
    workshop: Workshop, installed: None
) -> None:
    greet = step("hello", step_type="greet", configuration={"whom": "world", "politely": False})
    after = step("after", 'cat greeting.txt; test "$SAID" = "Hi, world"')
    after["environment"] = {"SAID": "${{ steps.hello.outputs.greeting }}"}
    run = workshop.run(greet, after)
    assert run.status == "success", log_of(run, "after")
    assert log_of(run, "hello") == "Hi, world\n"


def test_its_failure_is_a_failure_in_its_words(workshop: Workshop, installed: None) -> None:
    run = workshop.run(step("hello", step_type="greet", configuration={"whom": "nobody"}))
    ended = last(run, "hello")
    assert (ended.reason, ended.error_message) == ("nobody", "There is nobody to greet.")


def test_the_linter_and_the_api_know_its_configuration(alice: ApiClient, installed: None) -> None:
    assert lint_text(DOCUMENT % "world") == []
    wrong = lint_text("name: x\nsteps: [{name: a, uses: greet, with: {hom: 1}}]\n")
    assert any("hom" in finding.message for finding in wrong)
    listed = {kind["name"]: kind for kind in alice.get("devops/step_types").ok()}
    assert listed["greet"]["docs"] == "Fails when somebody is not to be greeted."


def test_without_the_package_the_type_is_unknown(workshop: Workshop) -> None:
    findings = lint_text(DOCUMENT % "world")
    assert any("greet" in finding.message for finding in findings)


def test_a_package_that_fails_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[powernode.step_handlers]\nx = broken_steps:go\n")
    (tmp_path / "broken_steps.py").write_text("raise RuntimeError('as the test wants')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with caplog.at_level(logging.ERROR):
        registry.load_entry_points()
    assert "broken_steps:go could not be loaded" in caplog.text
    assert step_types.get("run_command")
