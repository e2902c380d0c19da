"""A blob is whole or absent."""

import errno
import hashlib
import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from devops.models import Blob
from devops.storage import blobs

pytestmark = pytest.mark.django_db

ACCOUNT = uuid.uuid4()


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.POWERNODE_BLOB_ROOT = tmp_path / "blobs"
    return tmp_path / "blobs"


def store(data: bytes, *, max_bytes: int = 10_000_000) -> Blob:
    return blobs.store(
        io.BytesIO(data),
        account_id=ACCOUNT,
        max_bytes=max_bytes,
        media_type="text/plain",
        name="report.txt",
    )


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_blob_comes_back_with_its_digest_and_size() -> None:
    data = os.urandom(3_000_000)
    blob = store(data)
    assert (blob.sha256, blob.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    with blobs.open_blob(Blob.objects.get(pk=blob.pk)) as file:
        assert file.read() == data


def test_an_empty_blob_is_a_blob() -> None:
    with blobs.open_blob(store(b"")) as file:
        assert file.read() == b""


def test_nobody_else_on_the_machine_reads_it(root: Path) -> None:
    store(b"x")
    (path,) = files(root)
    assert path.stat().st_mode & 0o077 == 0


def test_a_blob_over_the_limit_leaves_nothing(root: Path) -> None:
    with pytest.raises(blobs.BlobTooLarge, match="1000 bytes"):
        store(b"x" * 1001, max_bytes=1000)
    assert files(root) == []
    assert not Blob.objects.exists()


def test_a_full_disk_leaves_nothing_and_names_the_bytes(root: Path) -> None:
    def until_full() -> Iterator[bytes]:
        yield b"x" * 4096
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(blobs.BlobStoreFull, match=r"4096 bytes were read.*up to 9000"):
        blobs.store(
            until_full(), account_id=ACCOUNT, max_bytes=9000, media_type="x/y", name="report.txt"
        )
    assert files(root) == []
    assert not Blob.objects.exists()


def test_a_source_that_fails_leaves_nothing(root: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        blobs.store(broken(), account_id=ACCOUNT, max_bytes=10, media_type="x/y", name="n")
    assert files(root) == []


def test_deletion_removes_row_and_bytes(root: Path) -> None:
    blob = store(b"x")
    blobs.delete(blob)
    assert files(root) == []
    assert not Blob.objects.exists()


def test_a_hostile_name_never_becomes_a_path(root: Path) -> None:
    blob = blobs.store(
        [b"x"], account_id=ACCOUNT, max_bytes=10, media_type="x/y", name="../../etc/passwd"
    )
    (path,) = files(root)
    assert path.name == blob.pk.hex
