"""What dies between bytes, row and name leaves nothing behind for ever."""

import io
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.models import Blob, LogStream
from devops.storage import blobs
from devops.storage.orphans import remove_orphans
from pipelines.models import WorkspaceSnapshot
from tests.factories.pipelines import ArtifactFactory, CacheFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.POWERNODE_BLOB_ROOT = tmp_path / "blobs"
    return tmp_path / "blobs"


def stored(account_id: Any) -> Blob:
    return blobs.store(
        io.BytesIO(b"bytes"), account_id=account_id, max_bytes=9, media_type="x/y", name="n"
    )


def removed_later(hours: float = 25) -> int:
    with time_machine.travel(timezone.now() + timedelta(hours=hours), tick=False):
        return remove_orphans()


def test_a_row_that_nothing_names_goes_with_its_bytes_after_a_day(root: Path) -> None:
    blob = stored(RunFactory.create().account_id)
    assert removed_later(23) == 0
    assert removed_later() == 1
    assert not Blob.objects.exists()
    assert not (root / blob.path).exists()


def _artifact(blob: Blob, run: Any) -> object:
    return ArtifactFactory.create(run=run, blob=blob)


def _cache(blob: Blob, run: Any) -> object:
    return CacheFactory.create(pipeline=run.pipeline, account=run.account, blob=blob)


def _snapshot(blob: Blob, run: Any) -> object:
    return WorkspaceSnapshot.objects.create(
        account=run.account, run=run, position=1, tree="t", blob=blob
    )


def _log(blob: Blob, run: Any) -> object:
    return LogStream.objects.create(account_id=run.account_id, blob=blob)


@pytest.mark.parametrize("name_it", [_artifact, _cache, _snapshot, _log])
def test_whatever_names_a_blob_keeps_it(name_it: Callable[[Blob, Any], object], root: Path) -> None:
    run = RunFactory.create()
    blob = stored(run.account_id)
    name_it(blob, run)
    assert removed_later() == 0
    assert (root / blob.path).exists()


def test_bytes_without_a_row_go_finished_or_not(root: Path) -> None:
    kept = stored(RunFactory.create().account_id)
    ArtifactFactory.create(blob=kept)
    folder = root / "ab"
    folder.mkdir(exist_ok=True)
    finished, unfinished = folder / ("0" * 30 + "ab"), folder / ("." + "1" * 30 + "ab.part")
    young, foreign = folder / ("2" * 30 + "ab"), folder / "lost+found"
    for path in (finished, unfinished, young, foreign):
        path.write_bytes(b"x")
    past = time.time() - 25 * 3600
    for path in (finished, unfinished, foreign, root / kept.path):
        os.utime(path, (past, past))

    assert remove_orphans() == 2
    left = {path for path in root.rglob("*") if path.is_file()}
    assert left == {young, foreign, root / kept.path}


def test_an_empty_store_is_fine() -> None:
    assert remove_orphans() == 0
