"""Artifacts: what a step keeps of a workspace, and how long it stays."""

import os
import tarfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.errors import NotFound, PermissionDenied
from devops.models import AuditEvent, Blob
from devops.storage import blobs
from pipelines.models import Artifact, PipelineRun
from pipelines.operations.artifacts import (
    pin_artifact,
    remove_expired_artifacts,
    store_artifact,
    total_bytes,
    unpin_artifact,
)
from pipelines.steps.base import StepFailedError
from pipelines.steps.upload_artifact import FILES_MAX, matching
from tests.factories.devops import RepositoryFactory
from tests.factories.pipelines import (
    ArtifactFactory,
    PipelineFactory,
    RunFactory,
    StepExecutionFactory,
)
from tests.pipelines.conftest import Workshop, last, log_of, make_actor, step

HOUR = timedelta(hours=1)


def keep(shop: Workshop, command: str, path: str, **more: object) -> PipelineRun:
    """A run that makes files with a command and keeps those at a path."""
    upload = step(
        "keep", step_type="upload_artifact", configuration={"name": "kept", "path": path, **more}
    )
    return shop.run(step("make", command), upload)


def names_in(run: PipelineRun) -> list[str]:
    with blobs.open_blob(Artifact.objects.get(run=run).blob) as file:
        return sorted(tarfile.open(fileobj=file, mode="r:gz").getnames())


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (".", ["a.txt", "dist/b.txt", "dist/deep/c.txt"]),
        ("dist", ["dist/b.txt", "dist/deep/c.txt"]),
        ("dist/", ["dist/b.txt", "dist/deep/c.txt"]),
        ("./dist/*.txt", ["dist/b.txt"]),
        ("dist/**/*.txt", ["dist/b.txt", "dist/deep/c.txt"]),
        ("**/c.*", ["dist/deep/c.txt"]),
        ("{a,dist/b}.txt", ["a.txt", "dist/b.txt"]),
        (".git/config", []),
        (".git/*", []),
        ("dist/nested/.git/*", []),
        ("out/*", []),
        ("out/passwd", []),
        ("*.sock", []),
    ],
)
def test_which_files_a_path_names(path: str, names: list[str], tmp_path: Path) -> None:
    for name in ("a.txt", "dist/b.txt", "dist/deep/c.txt", ".git/config", "dist/nested/.git/HEAD"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "link.txt").symlink_to("a.txt")
    os.mkfifo(tmp_path / "pipe.sock")

    assert matching(tmp_path, path) == names


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x"])
def test_a_path_that_leaves_the_workspace_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leaves the workspace"):
        matching(tmp_path, path)


def test_only_the_part_before_the_wildcard_is_walked(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "a.whl").touch()
    (tmp_path / "locked").mkdir()
    deep = tmp_path / "many"
    deep.mkdir()
    for number in range(FILES_MAX + 1):
        (deep / f"{number}.whl").touch()

    assert matching(tmp_path, "dist/*.whl") == ["dist/a.whl"]
    with pytest.raises(StepFailedError, match="More than 10000 files"):
        matching(tmp_path, "many")


def test_a_folder_becomes_an_archive_that_says_what_it_holds(workshop: Workshop) -> None:
    make = (
        "mkdir -p d/.git; echo hi > d/a; echo x > d/.git/HEAD; ln -s /etc/passwd d/l; echo x > d/b"
    )
    run = keep(workshop, make, "d")

    assert run.status == "success"
    kept = Artifact.objects.get(run=run)
    assert names_in(run) == ["d/a", "d/b"]
    assert (kept.is_archive, kept.file_count) == (True, 2)
    assert kept.contents == [["d/a", 3], ["d/b", 2]]


def test_a_name_that_is_no_text_is_kept_and_listed(workshop: Workshop) -> None:
    run = keep(workshop, r"mkdir d; printf x > $'d/\xff\xfe'; printf x > $'d/\xe2\x80\xaetxt'", "d")

    assert run.status == "success"
    kept = Artifact.objects.get(run=run)
    assert kept.file_count == 2
    assert ["d/\u202etxt", 1] in kept.contents
    assert not any("\udc80" <= letter <= "\udcff" for path, _ in kept.contents for letter in path)


def test_a_name_with_control_characters_stays_behind_and_is_named(workshop: Workshop) -> None:
    run = keep(workshop, r"mkdir d; echo x > d/a; echo x > $'d/b\nc'", "d")

    assert run.status == "success"
    assert names_in(run) == ["d/a"]
    assert r"Left out, because its name holds control characters: 'd/b\nc'" in log_of(run, "keep")


def test_one_file_is_kept_as_it_is(workshop: Workshop) -> None:
    run = keep(workshop, "echo hi > a.txt", "a.txt")

    kept = Artifact.objects.get(run=run)
    assert (kept.is_archive, kept.size_bytes, kept.contents) == (False, 3, [])


def test_nothing_to_keep_is_an_error_or_a_warning(workshop: Workshop) -> None:
    refused = keep(workshop, "true", "*.whl")
    assert "No file of the workspace matches '*.whl'." in last(refused, "keep").error_message

    warned = keep(workshop, "true", "*.whl", if_no_files="warn")
    assert (warned.status, warned.warnings) == ("success", 1)
    assert "Warning: No file of the workspace matches" in log_of(warned, "keep")


@pytest.mark.parametrize("path", ["out/passwd", "link"])
def test_a_link_out_of_the_workspace_is_not_followed(workshop: Workshop, path: str) -> None:
    run = keep(workshop, "ln -s /etc out; ln -s /etc/passwd link", path)

    assert run.status == "failure"
    assert last(run, "keep").reason == "artifact"
    assert not Artifact.objects.exists()


def test_an_account_has_no_more_room_than_the_operator_allows(
    workshop: Workshop, settings: Settings
) -> None:
    settings.POWERNODE_ARTIFACT_TOTAL_BYTES = 5
    assert keep(workshop, "echo hi > a.txt", "a.txt").status == "success"

    refused = keep(workshop, "echo hi > a.txt", "a.txt")

    assert (
        "take 3 bytes; 3 more would be beyond its limit of 5."
        in last(refused, "keep").error_message
    )
    assert total_bytes(workshop.actor.account_id) == 3


def stored(run: PipelineRun, *, name: str = "kept", days: int = 0) -> Artifact:
    """An artifact with bytes of its own whose time is over, or is not."""
    blob = blobs.store(
        BytesIO(b"bytes"), account_id=run.account_id, max_bytes=9, media_type="x/y", name=name
    )
    moment = timezone.now() + (timedelta(days=days) if days else -HOUR)
    return ArtifactFactory.create(run=run, name=name, blob=blob, expires_at=moment)


def has_bytes(artifact: Artifact, settings: Settings) -> bool:
    return (Path(settings.POWERNODE_BLOB_ROOT) / artifact.blob.path).exists()


@pytest.fixture
def newer_green(db: None) -> PipelineRun:
    """The last green run of a pipeline; what is made before it is an older one."""
    pipeline = PipelineFactory.create()
    return RunFactory.create(pipeline=pipeline, account=pipeline.account)


def older(run: PipelineRun, **more: object) -> PipelineRun:
    """A run of the same pipeline that another one follows."""
    made = RunFactory.create(pipeline=run.pipeline, account=run.account, **more)
    RunFactory.create(pipeline=run.pipeline, account=run.account)
    return made


def test_what_is_due_goes_with_its_bytes(newer_green: PipelineRun, settings: Settings) -> None:
    run = older(newer_green)
    due, fresh = stored(run), stored(run, name="fresh", days=1)

    assert remove_expired_artifacts() == 1
    assert remove_expired_artifacts() == 0
    assert list(Artifact.objects.all()) == [fresh]
    assert not Blob.objects.filter(pk=due.blob_id).exists()
    assert (has_bytes(due, settings), has_bytes(fresh, settings)) == (False, True)


def test_bytes_that_something_else_needs_stay(newer_green: PipelineRun, settings: Settings) -> None:
    run = older(newer_green)
    due = stored(run)
    other = ArtifactFactory.create(run=run, blob=due.blob, expires_at=timezone.now() + HOUR)

    assert remove_expired_artifacts() == 1
    assert has_bytes(other, settings)
    Artifact.objects.update(expires_at=timezone.now() - HOUR)
    assert remove_expired_artifacts() == 1
    assert not has_bytes(other, settings)


def test_what_is_pinned_or_of_a_run_that_goes_on_stays(newer_green: PipelineRun) -> None:
    pinned = stored(older(newer_green))
    Artifact.objects.filter(pk=pinned.pk).update(is_pinned=True)
    stored(older(newer_green, status="running"))

    assert remove_expired_artifacts() == 0


def test_the_last_green_run_of_the_default_branch_keeps_its_own(db: None) -> None:
    pipeline = PipelineFactory.create()
    repository = RepositoryFactory.create(account=pipeline.account, default_branch="main")

    def run(**more: object) -> PipelineRun:
        return RunFactory.create(
            pipeline=pipeline, account=pipeline.account, repository=repository, **more
        )

    before, green = run(), run()
    others = [run(branch="fix"), run(status="failure"), run(trust_level="untrusted")]
    for made in (before, green, *others):
        stored(made)

    assert remove_expired_artifacts() == 4
    assert Artifact.objects.get().run_id == green.pk


@pytest.mark.parametrize("status", ["success", "running"])
def test_what_a_run_took_over_is_its_own(status: str, newer_green: PipelineRun) -> None:
    failed = older(newer_green, status="failure")
    made = StepExecutionFactory.create(run=failed)
    taken = stored(failed)
    Artifact.objects.filter(pk=taken.pk).update(step_execution=made)
    again = RunFactory.create(
        pipeline=failed.pipeline, account=failed.account, status=status, retry_of=failed
    )
    StepExecutionFactory.create(run=again, carried_from=made)

    assert remove_expired_artifacts() == 0
    RunFactory.create(pipeline=failed.pipeline, account=failed.account)
    PipelineRun.objects.filter(pk=again.pk).update(status="success")
    assert remove_expired_artifacts() == 1


def test_many_kept_ones_do_not_hide_those_that_are_due(
    newer_green: PipelineRun, settings: Settings
) -> None:
    kept = RunFactory.create()
    blob = stored(kept).blob
    rows = [
        Artifact(
            account_id=kept.account_id, run=kept, name=f"n{number}", path="x", blob=blob,
            size_bytes=1, expires_at=timezone.now() - HOUR,
        )
        for number in range(450)
    ]  # fmt: skip
    Artifact.objects.bulk_create(rows)
    due = stored(older(newer_green))

    assert remove_expired_artifacts() == 1
    assert not Artifact.objects.filter(pk=due.pk).exists()


def test_a_name_that_is_kept_again_replaces_the_first_with_its_bytes_and_keeps_its_pin(
    newer_green: PipelineRun, settings: Settings
) -> None:
    execution = StepExecutionFactory.create(run=newer_green)
    first = stored(newer_green)
    Artifact.objects.filter(pk=first.pk).update(is_pinned=True, pinned_by="alice")
    blob = blobs.store(
        BytesIO(b"new"), account_id=newer_green.account_id, max_bytes=9, media_type="x/y", name="n"
    )

    store_artifact(execution.pk, blob, name="kept", path="p", retention_days=1)

    row = Artifact.objects.get(run=newer_green)
    assert (row.blob_id, row.is_pinned, row.pinned_by) == (blob.pk, True, "alice")
    assert not has_bytes(first, settings)


@pytest.mark.django_db
def test_pinning_is_recorded_once_and_undone() -> None:
    actor, viewer = make_actor(), make_actor("viewer")
    artifact = ArtifactFactory.create(run__account_id=actor.account_id)

    assert pin_artifact(actor, artifact).pinned_by == actor.label
    pin_artifact(actor, artifact)
    assert unpin_artifact(actor, artifact).pinned_by == ""
    actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["devops.artifact.pin", "devops.artifact.unpin"]
    with pytest.raises(PermissionDenied):
        pin_artifact(viewer, artifact)
    Artifact.objects.all().delete()
    with pytest.raises(NotFound, match="gone"):
        pin_artifact(actor, artifact)
