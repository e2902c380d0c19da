"""What a step leaves, whether it runs, and how the run ends because of it."""

import socket
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from containers.operations.secrets import create_secret
from pipelines.choices import RunStatus, StepStatus
from pipelines.engine.workspace import StepFiles, parse_outputs
from pipelines.steps.base import Done, StepFailedError
from tests.pipelines.conftest import Probe, Workshop, last, log_of, messages_of, step


def test_a_run_of_two_commands_succeeds_and_tells_each_move_once(workshop: Workshop) -> None:
    run = workshop.run(step("one", "echo hello"), step("two", "echo again"))

    assert run.status == RunStatus.SUCCESS
    assert run.steps_done == run.steps_total == 2
    assert log_of(run, "one") == "hello\n"
    messages = messages_of(run)
    assert [m.seq for m in messages] == list(range(1, run.version + 1))
    assert [m.name for m in messages] == [
        "run_created", "run_updated", "step_updated", "step_updated", "step_updated",
        "step_updated", "run_completed",
    ]  # fmt: skip


def test_outputs_and_summary_are_kept_and_seen_by_later_steps(workshop: Workshop) -> None:
    writer = (
        'echo version=1.2 >> "$POWERNODE_OUTPUT"\n'
        'printf "notes<<END\\nline 1\\nline 2\\nEND\\n" >> "$POWERNODE_OUTPUT"\n'
        'echo "# Done" > "$POWERNODE_SUMMARY"'
    )
    reader = step("read", 'test "$V" = "1.2" && echo "$N"')
    reader["environment"] = {
        "V": "${{ steps.write.outputs.version }}", "N": "${{ steps.previous.outputs.notes }}",
    }  # fmt: skip

    run = workshop.run(step("write", writer), reader)

    assert run.status == RunStatus.SUCCESS
    assert last(run, "write").outputs == {
        "version": "1.2", "notes": "line 1\nline 2", "exit_code": 0,
    }  # fmt: skip
    assert last(run, "write").summary == "# Done\n"
    assert log_of(run, "read") == "line 1\nline 2\n"
    assert run.outputs["write"]["version"] == "1.2"


def test_a_command_finds_the_facts_of_its_run_and_nothing_of_the_worker(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "of the worker")

    run = workshop.run(step("env", "env"))

    seen = dict(line.split("=", 1) for line in log_of(run, "env").splitlines() if "=" in line)
    assert seen["CI"] == "true"
    assert seen["POWERNODE_RUN_NUMBER"] == "1"
    assert seen["POWERNODE_STEP"] == "env"
    assert "CANARY" not in seen


def test_a_high_exit_status_is_no_signal(workshop: Workshop) -> None:
    killed = step("killed", "kill -TERM $$") | {"continue_on_error": True}
    run = workshop.run(killed, step("high", "exit 254"))

    assert "by signal 15" in last(run, "killed").error_message
    assert "exit status 254" in last(run, "high").error_message


def test_a_failed_step_ends_the_run_and_later_steps_say_why_they_did_not_run(
    workshop: Workshop,
) -> None:
    run = workshop.run(step("bad", "echo oops; exit 3"), step("after"))

    assert (run.status, run.reason) == (RunStatus.FAILURE, "exit_code")
    assert last(run, "bad").exit_code == 3
    assert "exit status 3" in last(run, "bad").error_message
    assert (last(run, "after").status, last(run, "after").reason) == (
        StepStatus.SKIPPED, "earlier_failure",
    )  # fmt: skip


def test_a_tolerated_failure_lets_the_run_succeed_with_a_warning(workshop: Workshop) -> None:
    run = workshop.run(step("bad", "false", continue_on_error=True), step("after"))

    assert run.status == RunStatus.SUCCESS
    assert run.warnings == 1
    assert last(run, "after").status == StepStatus.SUCCESS


def test_finally_steps_run_after_a_failure_and_come_last_whatever_their_place(
    workshop: Workshop,
) -> None:
    clean = step("clean", "echo cleaned", phase="finally", condition="always()")

    run = workshop.run(clean, step("bad", "false"), step("after"))

    assert run.status == RunStatus.FAILURE
    assert log_of(run, "clean") == "cleaned\n"
    assert last(run, "clean").position == 3


@pytest.mark.parametrize(
    ("condition", "status", "reason"),
    [
        ("false", StepStatus.SKIPPED, "condition"),
        ("trigger.type == 'manual'", StepStatus.SUCCESS, ""),
        ("failure()", StepStatus.SKIPPED, "condition"),
        ("fromJSON('{')", StepStatus.SKIPPED, "condition_error"),
    ],
)
def test_a_condition_decides_and_the_step_says_why(
    workshop: Workshop, condition: str, status: str, reason: str
) -> None:
    run = workshop.run(step("maybe", condition=condition))

    assert (last(run, "maybe").status, last(run, "maybe").reason) == (status, reason)


def test_a_configuration_that_cannot_be_evaluated_fails_the_step_in_words(
    workshop: Workshop,
) -> None:
    upload = step("keep", step_type="upload_artifact")
    upload["configuration"] = {"retention_days": "${{ steps.previous.outputs.days }}"}

    run = workshop.run(step("days", 'echo days=never >> "$POWERNODE_OUTPUT"'), upload)

    assert last(run, "keep").reason == "configuration"
    assert "retention_days" in last(run, "keep").error_message
    assert run.status == RunStatus.FAILURE


def test_a_missing_program_is_named(workshop: Workshop) -> None:
    run = workshop.run(step("missing", "no-such-program-here"))

    assert last(run, "missing").exit_code == 127
    assert "not found" in last(run, "missing").error_message


def test_a_defect_of_a_handler_fails_its_step_not_the_worker(
    workshop: Workshop, probe: Probe
) -> None:
    def broken(_ctx: object) -> Done:
        raise ZeroDivisionError("by zero")

    probe.execute = broken

    run = workshop.run(step("odd", step_type="probe"))

    assert run.status == RunStatus.FAILURE
    assert last(run, "odd").reason == "defect"
    assert "ZeroDivisionError: by zero" in last(run, "odd").error_message


def test_what_a_handler_says_can_always_be_written(workshop: Workshop, probe: Probe) -> None:
    def hostile(_ctx: object) -> Done:
        return Done("failure", {"nul": "a\x00b", "half": "\udc80"}, "no\x00 \udc80", "r" * 200)

    probe.execute = hostile

    run = workshop.run(step("odd", step_type="probe"))

    found = last(run, "odd")
    assert run.status == RunStatus.FAILURE
    assert "\x00" not in found.error_message + found.outputs["nul"]
    assert len(found.reason) == 30


def test_an_output_line_without_meaning_fails_the_step_and_is_named(workshop: Workshop) -> None:
    run = workshop.run(step("bad", 'echo nonsense >> "$POWERNODE_OUTPUT"'))

    assert last(run, "bad").reason == "outputs"
    assert "Line 1" in last(run, "bad").error_message


def test_a_link_in_the_place_of_the_outputs_reads_nothing(workshop: Workshop) -> None:
    swap = 'rm "$POWERNODE_OUTPUT"; ln -s /etc/hostname "$POWERNODE_OUTPUT"'

    run = workshop.run(step("link", swap))

    assert last(run, "link").outputs == {"exit_code": 0}


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_working_directory_outside_of_the_workspace_is_refused(
    workshop: Workshop, settings: Settings, sandbox: str
) -> None:
    settings.POWERNODE_SANDBOX = sandbox
    away = step("away", "true")
    away["configuration"]["working_directory"] = "../.."

    run = workshop.run(away)

    assert "leaves the workspace" in last(run, "away").error_message


def test_an_isolated_command_cannot_touch_the_engines_own_folders(
    workshop: Workshop, settings: Settings
) -> None:
    settings.POWERNODE_SANDBOX = "bwrap"
    attack = (
        'root=$(dirname "$POWERNODE_WORKSPACE"); '
        'echo "1 1" > "$root/forged"; mv "$root/work" "$root/gone" && echo moved; true'
    )

    run = workshop.run(step("attack", attack), step("after", "echo fine"))

    assert run.status == RunStatus.SUCCESS
    assert "moved\n" not in log_of(run, "attack")
    root = Path(settings.POWERNODE_WORKSPACE_ROOT) / run.pk.hex
    assert sorted(path.name for path in root.iterdir()) == ["built", "home", "work"]


def test_an_untrusted_command_has_no_network_and_no_secret(
    workshop: Workshop, settings: Settings
) -> None:
    settings.POWERNODE_SANDBOX = "bwrap"
    create_secret(workshop.actor, "TOKEN", "canary-123456")
    devices = step("look", "cut -d: -f1 -s /proc/net/dev; env", secret_refs=["TOKEN"])
    run = workshop.trigger(workshop.pipeline(devices, secret_refs=["TOKEN"]))
    type(run).objects.filter(pk=run.pk).update(trust_level="untrusted")

    run = workshop.execute(run)

    assert run.status == RunStatus.SUCCESS
    lines = log_of(run, "look").splitlines()
    assert [line.strip() for line in lines if "=" not in line] == ["lo"]
    assert not any(line.startswith("TOKEN=") for line in lines)


def test_a_socket_of_the_operator_is_hidden_from_strangers(
    workshop: Workshop, settings: Settings, tmp_path: Path
) -> None:
    place = tmp_path / "engine.sock"
    settings.POWERNODE_SANDBOX_READONLY = [str(place)]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        look = step("look", f"test -S {place} && echo there || echo hidden")
        ours = workshop.run(look)
        stranger = workshop.trigger(workshop.pipeline(look))
        type(stranger).objects.filter(pk=stranger.pk).update(trust_level="untrusted")
        workshop.execute(stranger)
    assert (log_of(ours, "look"), log_of(stranger, "look")) == ("there\n", "hidden\n")


def test_an_untrusted_command_without_a_sandbox_is_refused(
    workshop: Workshop, settings: Settings
) -> None:
    settings.POWERNODE_SANDBOX = "none"
    run = workshop.trigger(workshop.pipeline(step("one")))
    type(run).objects.filter(pk=run.pk).update(trust_level="untrusted")

    run = workshop.execute(run)

    assert last(run, "one").reason == "sandbox_missing"
    assert "must be isolated" in last(run, "one").error_message


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("", {}),
        ("a=1\nb=2", {"a": "1", "b": "2"}),
        ("a=x=y", {"a": "x=y"}),
        ("a=<<b", {"a": "<<b"}),
        ("a<<E\none\n\ntwo\nE\nb=1", {"a": "one\n\ntwo", "b": "1"}),
        ("a<<E\nb=c\nE", {"a": "b=c"}),
        ("a=\n\n", {"a": ""}),
    ],
)
def test_output_files_are_read_in_both_forms(text: str, outputs: dict[str, str]) -> None:
    assert parse_outputs(text) == outputs


@pytest.mark.parametrize("text", ["word", "a<<E\nno end", "1a=2", "a b=1", "a<<\nx\n", "=1"])
def test_output_lines_without_meaning_are_refused(text: str) -> None:
    with pytest.raises(StepFailedError, match="ine"):
        parse_outputs(text)


def test_what_a_command_put_in_place_of_its_files_is_not_followed(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.write_text("kept")
    files = StepFiles(tmp_path / "step")
    files.prepare()
    files.output.unlink()
    files.output.symlink_to(ours)
    files.summary.unlink()
    (files.summary / "folder").mkdir(parents=True)

    files.prepare()

    assert ours.read_text() == "kept"
    assert (files.output.is_symlink(), files.output.read_bytes()) == (False, b"")
    assert files.summary.read_bytes() == b""
