"""One contract, two executors: what a command may count on wherever it runs."""

import threading
import time
from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings

from containers.models import ContainerInstance
from containers.operations.secrets import create_secret
from pipelines.choices import RunStatus, StepStatus
from pipelines.engine.control import RunControl
from pipelines.models import PipelineRun
from tests.pipelines.conftest import Workshop, last, log_of, step

Place = dict[str, object]


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def place(request: pytest.FixtureRequest) -> Place:
    """What a step says to run there."""
    if request.param == "process":
        return {}
    return {"image": request.getfixturevalue("image")}


def test_outputs_summary_and_files_pass_between_steps(workshop: Workshop, place: Place) -> None:
    write = (
        'echo "word=hello world" >> "$POWERNODE_OUTPUT"; echo "# Made" >> "$POWERNODE_SUMMARY";'
        " mkdir -p deep; echo made > deep/file; chmod +x deep/file; pwd; echo $POWERNODE_WORKSPACE"
    )
    run = workshop.run(
        step("make", write, **place),
        step("use", 'cat file; test -x file; echo "$WORD"; echo kept > "$HOME/kept"',
             configuration={"command": "cat file; test -x file; echo $WORD; echo kept > $HOME/kept",
                            "working_directory": "deep"},
             environment={"WORD": "${{ steps.make.outputs.word }}"}, **place),
        step("home", "cat $HOME/kept"),
    )  # fmt: skip

    assert run.status == RunStatus.SUCCESS, run.error_message
    assert last(run, "make").outputs == {"word": "hello world", "exit_code": 0}
    assert last(run, "make").summary == "# Made\n"
    here, said = log_of(run, "make").splitlines()
    assert here == said
    assert log_of(run, "use") == "made\nhello world\n"
    assert log_of(run, "home") == "kept\n"


def test_the_environment_arrives_byte_by_byte(workshop: Workshop, place: Place) -> None:
    values = {"LINES": "one\ntwo\n", "QUOTED": "'\"$(id) `id` \\", "WIDE": "ä\u202e€", "EMPTY": ""}

    run = workshop.run(
        step("show", 'printf "%s|" "$LINES" "$QUOTED" "$WIDE" "$EMPTY" "$CI" "$POWERNODE_STEP"',
             environment=values, **place)
    )  # fmt: skip

    assert log_of(run, "show") == "|".join([*values.values(), "true", "show", ""])


def test_a_last_line_without_an_end_is_kept(workshop: Workshop, place: Place) -> None:
    keys = [f"say-{number}" for number in range(6)]

    run = workshop.run(*(step(key, "echo one; sleep 0.3; printf last", **place) for key in keys))

    assert [log_of(run, key) for key in keys] == ["one\nlast"] * 6


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("exit 3", 3, "exit status 3"),
        ("echo a; false; echo b", 1, "exit status 1"),
        ("no-such-program", 127, "program of the command was not found"),
        ("kill -9 $$", 137, "ended by signal 9"),
    ],
)
def test_exit_statuses_are_told(
    workshop: Workshop, place: Place, command: str, code: int, words: str
) -> None:
    run = workshop.run(step("end", command, **place))

    assert last(run, "end").exit_code in {code, code - 137 - 9}
    assert words in last(run, "end").error_message


def test_secrets_are_masked_also_across_pieces_of_output(workshop: Workshop, place: Place) -> None:
    create_secret(workshop.actor, "TOKEN", "s3cret-canary-value")

    run = workshop.run(
        step("leak", 'printf "s3cret-"; sleep 0.2; echo canary-value; printf %s "$TOKEN" | base64',
             secret_refs=["TOKEN"], **place),
        secret_refs=["TOKEN"],
    )  # fmt: skip

    assert log_of(run, "leak") == "***\n***\n"


def _stopped(workshop: Workshop, place: Place, command: str, word: str) -> PipelineRun:
    """A run whose control hears a word once its command has written something."""
    run = workshop.trigger(workshop.pipeline(step("go", command, **place)))
    control = RunControl()
    when_begun(run, lambda: control.stop(word))
    return workshop.execute(run, control)


def when_begun(run: PipelineRun, then: Callable[[], object]) -> None:
    """Call once the step's command has made the file `begun`."""
    from pipelines.engine.workspace import Workspace  # noqa: PLC0415

    marker = Workspace.of(run.pk).work / "begun"

    def watch() -> None:
        until = time.monotonic() + 20
        while not marker.exists() and time.monotonic() < until:
            time.sleep(0.02)
        then()

    threading.Thread(target=watch, daemon=True).start()


def test_a_cancelled_command_may_tidy_up(workshop: Workshop, place: Place) -> None:
    tidy = "trap 'echo tidied; exit 5' TERM; touch begun; while :; do sleep 0.1; done"

    run = _stopped(workshop, place, tidy, "cancelled")

    assert last(run, "go").status == StepStatus.CANCELLED
    assert "tidied" in log_of(run, "go")


def test_a_command_that_ignores_the_request_is_killed(workshop: Workshop, place: Place) -> None:
    run = _stopped(
        workshop, place, "trap '' TERM; touch begun; while :; do sleep 0.1; done",
        "force_cancelled",
    )  # fmt: skip

    assert last(run, "go").status == StepStatus.CANCELLED
    assert not ContainerInstance.objects.filter(removed_at=None).exists()


def test_a_command_beyond_its_time_is_ended(workshop: Workshop, place: Place) -> None:
    run = workshop.run(step("slow", "echo begun; sleep 60", timeout_minutes=0.05, **place))

    assert last(run, "slow").reason == "timed_out"
    assert log_of(run, "slow").startswith("begun\n")


def test_an_executor_that_the_operator_did_not_allow_is_refused(
    workshop: Workshop, place: Place, settings: Settings
) -> None:
    settings.POWERNODE_EXECUTORS = ["docker" if not place else "process"]

    run = workshop.run(step("go", "true", **place))

    assert last(run, "go").reason == "executor"
    assert "`image`" in last(run, "go").error_message
