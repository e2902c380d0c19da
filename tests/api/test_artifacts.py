"""Artifacts over HTTP: whole, in part, only when changed; pinned."""

from io import BytesIO

import pytest

from devops.storage import blobs
from pipelines.models import Artifact
from tests.client import ApiClient
from tests.factories.pipelines import ArtifactFactory

pytestmark = pytest.mark.django_db
BYTES = bytes(range(256)) * 4


@pytest.fixture
def path(alice: ApiClient) -> str:
    blob = blobs.store(
        BytesIO(BYTES), account_id=alice.account.pk, max_bytes=2000, media_type="text/html",
        name="evil.html",
    )  # fmt: skip
    row = ArtifactFactory.create(run__account=alice.account, blob=blob, contents=[["a/b", 3]])
    return f"devops/artifacts/{row.pk}"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1000-", 1000, 1024),
        ("bytes=1020-999999", 1020, 1024),
        ("bytes=-4", 1020, 1024),
        ("bytes=-5000", 0, 1024),
    ],
)
def test_a_part(alice: ApiClient, path: str, asked: str, start: int, stop: int) -> None:
    answer = alice.get(f"{path}/download", range=asked)

    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"
    assert answer.headers["Content-Length"] == str(stop - start)
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content == BYTES[start:stop]


@pytest.mark.parametrize(
    "asked", ["", "bytes=", "bytes=-", "bytes=9-3", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b"]
)
def test_what_is_no_range_gives_the_whole(alice: ApiClient, path: str, asked: str) -> None:
    answer = alice.get(f"{path}/download", range=asked)

    assert answer.status == 200
    assert answer.headers["Content-Length"] == "1024"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.content == BYTES


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_after_the_end(alice: ApiClient, path: str, asked: str) -> None:
    answer = alice.get(f"{path}/download", range=asked)

    assert answer.problem(416).detail.startswith("The file has 1024 bytes")
    assert answer.headers["Content-Range"] == "bytes */1024"


def test_what_did_not_change_is_not_sent_again(alice: ApiClient, path: str) -> None:
    whole = alice.get(f"{path}/download")
    tag = whole.headers["ETag"]
    whole.close()

    again = alice.get(f"{path}/download", if_none_match=f'"x", W/{tag}')
    assert (again.status, again.content) == (304, b"")
    same = alice.get(f"{path}/download", range="bytes=0-3", if_range=tag)
    assert (same.status, same.content) == (206, BYTES[:4])
    changed = alice.get(f"{path}/download", range="bytes=0-3", if_range='"other"')
    assert (changed.status, changed.content) == (200, BYTES)


def test_it_is_shown_and_pinned(alice: ApiClient, vera: ApiClient, path: str) -> None:
    shown = alice.get(path).ok()
    assert shown["contents"] == [{"path": "a/b", "size_bytes": 3}]
    assert (shown["is_pinned"], shown["is_of_last_green"]) == (False, True)

    assert alice.post(f"{path}/pin").ok()["pinned_by"]
    assert vera.post(f"{path}/unpin").problem(403)
    assert Artifact.objects.get().is_pinned
    assert alice.post(f"{path}/unpin").ok()["is_pinned"] is False
