"""A run is repeated from any step: what is taken over, what is restored, what may be changed."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.errors import Conflict, Invalid, PermissionDenied
from devops.models import AuditEvent, Blob
from pipelines import artifacts, selectors
from pipelines.choices import RunStatus, StepStatus
from pipelines.engine import boundary
from pipelines.engine.moves import StepMove
from pipelines.models import PipelineRun, StepExecution, WorkspaceSnapshot
from pipelines.operations.definitions import delete_pipeline, update_pipeline
from pipelines.operations.dispatch import dispatch_waiting
from pipelines.operations.reruns import retry_run
from pipelines.operations.snapshots import remove_old_snapshots
from pipelines.operations.workers import retire_worker
from tests.pipelines.conftest import Workshop, last, log_of, make_worker, step

GROW = 'echo "$POWERNODE_STEP" >> file'
SHOW = "cat file"


def again(shop: Workshop, run: PipelineRun, start_from: str, **more: Any) -> PipelineRun:
    """The run repeated from a point, as far as one turn takes it."""
    return shop.execute(retry_run(shop.actor, run, start_from=start_from, **more))


def clear(run: PipelineRun, settings: Settings) -> None:
    """Another machine has no folder of the run."""
    shutil.rmtree(Path(settings.POWERNODE_WORKSPACE_ROOT) / run.pk.hex)


def test_steps_before_the_point_are_taken_over_with_their_workspace(
    workshop: Workshop, settings: Settings
) -> None:
    first = workshop.run(step("one", f'{GROW}; echo v=1 >> "$POWERNODE_OUTPUT"'),
                         step("two", GROW), step("three", f"{GROW}; {SHOW}"),
                         step("four", f"{GROW}; {SHOW}", environment={
                             "V": "${{ steps.one.outputs.v }}"}))  # fmt: skip
    clear(first, settings)

    run = again(workshop, first, "three")

    assert (run.status, run.attempt, run.retry_of_id) == (RunStatus.SUCCESS, 2, first.pk)
    assert log_of(run, "three").splitlines()[1:] == ["one", "two", "three"]
    assert log_of(run, "four").splitlines() == ["one", "two", "three", "four"]
    carried = last(run, "one")
    assert carried.carried_from_id == last(first, "one").pk == carried.log_id
    assert carried.duration_ms == last(first, "one").duration_ms
    assert carried.outputs == {"v": "1", "exit_code": 0}
    assert last(run, "four").carried_from_id is None
    assert (run.steps_done, run.steps_total) == (4, 4)


def test_failed_repeats_the_failed_step_and_what_was_left_out(
    workshop: Workshop, tmp_path: Path, settings: Settings
) -> None:
    settings.POWERNODE_SANDBOX = "none"
    flag = tmp_path / "flag"
    first = workshop.run(step("one", GROW), step("bad", f"{GROW}; {SHOW}; test -e {flag}"),
                         step("after", SHOW), step("tell", phase="finally"))  # fmt: skip
    assert first.status == RunStatus.FAILURE
    flag.touch()

    run = again(workshop, first, "failed")

    assert run.status == RunStatus.SUCCESS
    # What the failed attempt left in the folder is not there any more.
    assert log_of(run, "bad").splitlines()[1:] == ["one", "bad"]
    assert last(run, "one").carried_from_id is not None
    assert last(run, "tell").carried_from_id is None


def test_only_the_failed_members_of_a_stage_are_repeated(
    open_workshop: Workshop, tmp_path: Path, settings: Settings
) -> None:
    settings.POWERNODE_SANDBOX = "none"
    flag = tmp_path / "flag"
    command = f'echo $N >> by-$N; test "$N" != 2 || test -e {flag}'
    tests = step("tests", command, matrix={"n": [1, 2, 3], "fail_fast": False},
                 environment={"N": "${{ matrix.n }}"})  # fmt: skip
    first = open_workshop.run(tests, step("all", "cat by-*"))
    flag.touch()

    run = again(open_workshop, first, "failed")

    assert run.status == RunStatus.SUCCESS
    rows = StepExecution.objects.filter(run=run, step_key="tests").order_by("matrix_index")
    assert [row.carried_from_id is not None for row in rows] == [True, False, True]
    assert log_of(run, "all").splitlines() == ["1", "2", "2", "3"]


def test_a_repetition_can_be_repeated_from_what_it_took_over(
    workshop: Workshop, settings: Settings
) -> None:
    names = ("one", "two", "three", "four")
    first = workshop.run(*(step(name, f"{GROW}; {SHOW}") for name in names))
    second = again(workshop, first, "four")
    for run in (first, second):
        clear(run, settings)

    third = again(workshop, second, "two")

    assert third.attempt == 3
    assert log_of(third, "four").splitlines() == list(names)
    assert last(third, "one").carried_from_id == last(first, "one").pk


def test_steps_that_changed_nothing_are_not_kept_and_not_repeated(
    workshop: Workshop, settings: Settings
) -> None:
    first = workshop.run(
        step("one", GROW), *(step(f"idle{n}") for n in range(5)), step("end", SHOW)
    )
    assert [row.position for row in WorkspaceSnapshot.objects.filter(run=first)] == [1]
    clear(first, settings)

    run = again(workshop, first, "end")

    assert log_of(run, "end") == ("Workspace restored as it was after step 6: 1 entries.\none\n")


def test_links_times_and_empty_folders_come_back_and_programs_stay_programs(
    workshop: Workshop, settings: Settings
) -> None:
    make = (
        "mkdir -p empty bin; echo '#!/bin/sh' > bin/tool; echo echo tool >> bin/tool; "
        "chmod +x bin/tool; ln -s bin/tool link; ln -s /etc/hostname out; touch -d @1000000000 old"
    )
    check = "test -d empty; ./link; readlink out; stat -c %Y old"
    first = workshop.run(step("make", make), step("check", check))
    clear(first, settings)

    run = again(workshop, first, "check")

    assert log_of(run, "check").splitlines()[1:] == ["tool", "/etc/hostname", "1000000000"]


def test_a_workspace_beyond_the_limit_is_rebuilt_and_the_log_says_so(
    workshop: Workshop, settings: Settings
) -> None:
    settings.POWERNODE_SNAPSHOT_MAX_BYTES = 2 * 1024 * 1024
    big = step("big", "head -c 3000000 /dev/zero > zeros")
    first = workshop.run(big, step("end", "stat -c %s zeros"))
    assert Blob.objects.count() == 0
    clear(first, settings)

    run = again(workshop, first, "end")

    assert run.status == RunStatus.SUCCESS
    assert log_of(run, "end").startswith(
        "The working folder has more than 2 MB or 25000 files. Its steps are run again.\n"
        "::group::Rebuilding the workspace: big\n"
    )


def test_a_snapshot_whose_bytes_are_gone_is_said_and_the_steps_are_run_again(
    workshop: Workshop, settings: Settings
) -> None:
    first = workshop.run(step("one", GROW), step("end", SHOW))
    clear(first, settings)
    shutil.rmtree(settings.POWERNODE_BLOB_ROOT)

    run = again(workshop, first, "end")

    assert run.status == RunStatus.SUCCESS
    assert "The saved workspace is not usable" in log_of(run, "end")


def test_a_death_before_the_folder_was_kept_is_made_good_by_the_successor(
    workshop: Workshop, settings: Settings
) -> None:
    first = workshop.trigger(workshop.pipeline(step("one"), step("two"), step("three", SHOW)))
    lease = boundary.claim(first.pk, workshop.worker.pk, "here")
    assert lease is not None
    boundary.advance(lease, [StepMove.start(last(first, "one"), None)])
    done = {"completed_at": timezone.now(), "reason": ""}
    boundary.advance(lease, [StepMove(last(first, "one"), StepStatus.SUCCESS, done)])
    root = Path(settings.POWERNODE_WORKSPACE_ROOT) / first.pk.hex
    (root / "work").mkdir(parents=True)
    (root / "work" / "file").write_text("made\n")
    (root / "built").touch()
    retire_worker(workshop.worker.pk, "its process died", lost=True)
    workshop.worker = make_worker()

    first = workshop.execute(first)

    assert first.status == RunStatus.SUCCESS
    assert [row.position for row in WorkspaceSnapshot.objects.filter(run=first)] == [1]


def test_another_machine_restores_and_repeats_only_what_came_after(
    workshop: Workshop, settings: Settings
) -> None:
    run = workshop.trigger(workshop.pipeline(step("one", GROW), step("two", SHOW)))
    die = retire_worker
    lease = boundary.claim(run.pk, workshop.worker.pk, "here")
    assert lease is not None
    die(workshop.worker.pk, "its process died", lost=True)
    workshop.worker = make_worker()

    run = workshop.execute(run)

    assert log_of(run, "two") == "one\n"


def test_a_change_for_one_repetition_is_linted_recorded_and_leaves_the_pipeline_alone(
    workshop: Workshop,
) -> None:
    first = workshop.run(step("one", GROW), step("bad", "exit 3"))
    edits = {"bad": {"configuration": {"command": 'echo "$A"'}, "environment": {"A": "mended"}}}

    run = again(workshop, first, "bad", edits=edits)

    assert run.status == RunStatus.SUCCESS
    assert log_of(run, "bad").splitlines()[-1] == "mended"
    (entry,) = run.snapshot["edits"]
    assert (entry["by"], entry["steps"]) == (workshop.actor.label, edits)
    stored = first.pipeline.steps.get(key="bad")
    assert stored.configuration == {"command": "exit 3"}
    assert AuditEvent.objects.filter(action="devops.pipeline_run.retry").get().detail == {
        "run": 2, "from": "bad", "edited": ["bad"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("start_from", "edits", "pointer", "words"),
    [
        ("nothing", {}, "/from", "no step 'nothing'"),
        ("two", {"zero": {}}, "/edits/zero", "no step 'zero'"),
        ("two", {"one": {"condition": "true"}}, "/edits/one", "taken over"),
        ("two", {"two": {"name": "x"}}, "/edits/two/name", "can be changed"),
        ("two", {"two": {"condition": "a ="}}, "/edits/two/condition", "1 error"),
        ("two", {"two": {"configuration": {"comand": "x"}}}, "/edits/two/configuration/comand",
         "error"),
        ("two", {"two": {"configuration": {"command": "echo ${{ trigger.branch }}"}}},
         "/edits/two/configuration/command", "Untrusted"),
    ],
)  # fmt: skip
def test_what_cannot_be_repeated_so_is_refused_with_the_field(
    workshop: Workshop, start_from: str, edits: dict[str, Any], pointer: str, words: str
) -> None:
    first = workshop.run(step("one"), step("two"))

    with pytest.raises(Invalid) as raised:
        retry_run(workshop.actor, first, start_from=start_from, edits=edits)

    assert pointer in [problem.pointer for problem in raised.value.errors]
    told = str(raised.value) + "".join(problem.detail for problem in raised.value.errors)
    assert words in told
    assert PipelineRun.objects.count() == 1


def test_a_run_is_not_repeated_behind_a_failure_nor_failed_when_nothing_failed(
    workshop: Workshop,
) -> None:
    broken = workshop.run(step("bad", "false"), step("after"))
    fine = workshop.run(step("one"))

    with pytest.raises(Conflict, match="Step bad comes before and did not succeed"):
        retry_run(workshop.actor, broken, start_from="after")
    with pytest.raises(Conflict, match="No step of run #1 has failed"):
        retry_run(workshop.actor, fine, start_from="failed")


def test_a_pipeline_that_is_switched_off_or_deleted_repeats_nothing(workshop: Workshop) -> None:
    run = workshop.run(step("one"))
    update_pipeline(workshop.actor, run.pipeline, {}, is_active=False)
    with pytest.raises(Conflict, match="is switched off"):
        retry_run(workshop.actor, PipelineRun.objects.get(pk=run.pk))

    delete_pipeline(workshop.actor, run.pipeline)
    with pytest.raises(Conflict, match="was deleted"):
        retry_run(workshop.actor, PipelineRun.objects.get(pk=run.pk))


def test_changing_a_step_needs_the_right_to_write_pipelines(workshop: Workshop) -> None:
    first = workshop.run(step("one"))
    runner = replace(workshop.actor, permissions=frozenset({"devops.pipeline_runs.write"}))

    with pytest.raises(PermissionDenied):
        retry_run(runner, first, edits={"one": {"condition": "true"}})
    assert retry_run(runner, first).attempt == 2


def test_artifacts_and_reports_of_taken_over_steps_count_in_the_repetition(
    workshop: Workshop,
) -> None:
    report = '<testsuite><testcase name="t" classname="c"/></testsuite>'
    first = workshop.run(
        step("tests", step_type="run_tests", configuration={
            "command": f"echo '{report}' > r.xml", "report": "r.xml"}),
        step("keep", step_type="upload_artifact", configuration={"name": "r", "path": "r.xml"}),
        step("fetch", step_type="download_artifact", configuration={"name": "r", "path": "d"}),
    )  # fmt: skip
    assert first.status == RunStatus.SUCCESS

    run = again(workshop, first, "fetch")

    assert run.status == RunStatus.SUCCESS
    assert [row.name for row in artifacts.artifacts_of(workshop.actor, run.pk)] == ["r"]
    (found,) = selectors.test_reports(workshop.actor, run.pk)
    assert found.passed == 1


def test_retention_takes_old_snapshots_but_no_bytes_that_are_still_needed(
    workshop: Workshop, settings: Settings
) -> None:
    first = workshop.run(step("one", GROW), step("two", GROW), step("end", SHOW))
    run = again(workshop, first, "end")
    assert WorkspaceSnapshot.objects.count() == 4
    assert Blob.objects.count() == 2
    WorkspaceSnapshot.objects.filter(run=first).update(
        created_at=timezone.now() - timedelta(days=30)
    )

    assert remove_old_snapshots() == 2
    assert Blob.objects.count() == 2

    settings.POWERNODE_WORKSPACE_MAX_BYTES = 0
    assert remove_old_snapshots() == 2
    assert Blob.objects.count() == 0
    assert list(Path(settings.POWERNODE_BLOB_ROOT).rglob("*.tar.zst")) == []
    assert again(workshop, run, "end").status == RunStatus.SUCCESS


def test_a_live_run_keeps_its_snapshots(workshop: Workshop, settings: Settings) -> None:
    settings.POWERNODE_WORKSPACE_MAX_BYTES = 0
    first = workshop.run(step("one", GROW), step("end", SHOW))
    PipelineRun.objects.filter(pk=first.pk).update(status="running")
    dispatch_waiting()

    assert remove_old_snapshots() == 0
