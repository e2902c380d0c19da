"""An archive from outside is unpacked whole and within its folder, or not at all."""

import gzip
import io
import json
import os
import tarfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devops.safety import archives, beneath

CORPUS = json.loads((Path(__file__).parents[1] / "corpora/archives/hostile.json").read_text())


def tar(*entries: dict[str, Any]) -> bytes:
    packed = io.BytesIO()
    for entry in entries:
        header = tarfile.TarInfo(entry["name"])
        header.type = entry.get("type", "0").encode()
        header.linkname = entry.get("link", "")
        data = entry.get("data", "").encode()
        header.size = entry.get("size", len(data))
        packed.write(header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        packed.write(data + b"\0" * (-len(data) % 512))
    packed.write(b"\0" * 1024)
    return packed.getvalue()


def extract(data: bytes, folder: Path, **limits: int) -> archives.Summary:
    return archives.extract(
        io.BytesIO(data), folder / "out", limits=archives.ArchiveLimits(**limits)
    )


def tree(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


@pytest.mark.parametrize("layer", ["plain", "gzip"])
@pytest.mark.parametrize("case", CORPUS, ids=[case["case"] for case in CORPUS])
def test_a_hostile_archive_leaves_nothing(case: dict[str, Any], layer: str, tmp_path: Path) -> None:
    entries = [
        {**entry, "name": entry["name"] * case.get("repeat", 1)} for entry in case["entries"]
    ]
    data = tar(*entries)
    with pytest.raises(archives.ArchiveError, match=case["says"]):
        extract(gzip.compress(data) if layer == "gzip" else data, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_names_that_look_alike_are_different_files(tmp_path: Path) -> None:
    names = ["é", "e\u0301", "A", "a", "a\u200b", "\u202etxt.exe", "a\\b", "C:", "..\uff0f", "aux "]
    extract(tar(*({"name": name, "data": name} for name in names)), tmp_path)
    found = tree(tmp_path / "out")
    assert found == {name: name.encode() for name in names}


def test_ten_thousand_entries_are_unpacked_and_one_more_is_not(tmp_path: Path) -> None:
    entries = [{"name": f"d{number % 50}/{number}"} for number in range(10_001)]
    assert extract(tar(*entries[:10_000]), tmp_path).files == 10_000
    with pytest.raises(archives.ArchiveError, match="more than 10000 entries"):
        archives.extract(io.BytesIO(tar(*entries)), tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_a_bomb_within_a_bomb_is_a_file_like_any_other(tmp_path: Path) -> None:
    inner = gzip.compress(bytes(2 * 1024 * 1024))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        header = tarfile.TarInfo("inner.gz")
        header.size = len(inner)
        made.addfile(header, io.BytesIO(inner))
    extract(packed.getvalue(), tmp_path)
    assert tree(tmp_path / "out") == {"inner.gz": inner}


def test_many_layers_of_gzip_are_one_stream_with_one_limit(tmp_path: Path) -> None:
    zeros = gzip.compress(bytes(1024 * 1024))
    with pytest.raises(archives.ArchiveError, match="expands beyond limit"):
        extract(
            gzip.compress(tar({"name": "a", "size": 900_000_000})[:512]) + zeros * 400, tmp_path
        )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_left_out_by_its_name_and_a_file_of_that_name_is_not(tmp_path: Path) -> None:
    for name in ("keep/.git/config", "keep/a", "other/.git"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = [path for path, _ in beneath.files_beneath(tmp_path, but=frozenset({".git"}))]
    assert found == ["keep", "other", "keep/a", "other/.git"]


def test_a_small_file_that_expands_beyond_measure_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("zeros")
    header.size = 100_000_000
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(header.tobuf())]
    packed += [packer.compress(b"\0" * 1_000_000) for _ in range(100)]
    bomb = b"".join([*packed, packer.flush()])
    assert len(bomb) < 150_000
    with pytest.raises(archives.ArchiveError, match="expands beyond limit"):
        extract(bomb, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    data = tar(*({"name": f"d{number}/", "type": "5"} for number in range(11)))
    with pytest.raises(archives.ArchiveError, match="more than 10 entries"):
        extract(data, tmp_path, files=10)


def test_too_many_bytes_in_all_are_refused(tmp_path: Path) -> None:
    data = tar({"name": "a", "data": "x" * 600}, {"name": "b", "data": "x" * 600})
    with pytest.raises(archives.ArchiveError, match="beyond limit at b"):
        extract(data, tmp_path, bytes=1000)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_an_oversized_extended_header_is_refused(kind: bytes, tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type = kind
    header.size = 10**9
    with pytest.raises(archives.ArchiveError, match="oversized extended header"):
        extract(header.tobuf() + b"\0" * 100_000, tmp_path)


@pytest.mark.parametrize(
    "record", [b"", b"99 path=x\n", b"9" * 5000 + b" path=x\n", b"x path=x\n", b"12 size=-5x\n"]
)
def test_a_broken_extended_header_is_refused(record: bytes, tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    header.size = len(record) or 5
    body = record + b"\0" * (-len(record) % 512 or 512)
    with pytest.raises(archives.ArchiveError):
        extract(header.tobuf() + body, tmp_path)


def test_the_size_of_an_extended_header_counts(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    record = b"19 size=5000000000\n"
    header.size = len(record)
    data = header.tobuf() + record.ljust(512, b"\0") + tar({"name": "a", "data": "x"})
    with pytest.raises(archives.ArchiveError, match="beyond limit"):
        extract(data, tmp_path)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=3000), at=st.integers(0, 1500))
def test_any_bytes_are_unpacked_or_refused(
    data: bytes, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    good = tar({"name": "a/b", "data": "x" * 700})
    for candidate in (data, good[:at] + data + good[at + len(data) :], gzip.compress(good)[:at]):
        try:
            extract(candidate, folder)
        except archives.ArchiveError:
            assert list(folder.iterdir()) == []
        else:
            assert [path.name for path in folder.iterdir()] == ["out"]
            (folder / "out").rename(folder / "seen")
            folder = tmp_path_factory.mktemp("fuzz")


def test_a_folder_comes_back_as_it_was_packed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep/empty").mkdir(parents=True)
    (source / "deep/é ü.txt").write_bytes(b"\xff\0text")
    (source / ("n" * 200)).write_bytes(os.urandom(200_000))
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o4755)
    packed = io.BytesIO()
    summary = archives.write(source, packed)
    assert extract(packed.getvalue(), tmp_path) == archives.Summary(summary.files, summary.bytes)
    assert tree(tmp_path / "out") == tree(source)
    assert (tmp_path / "out/run.sh").stat().st_mode & 0o7777 == 0o700


def test_packing_leaves_out_links_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/passwd").symlink_to("/etc/passwd")
    (tmp_path / "etc").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    packed = io.BytesIO()
    assert archives.write(tmp_path, packed).skipped == ("etc", "pipe", "a/passwd")
    assert b"root:" not in gzip.decompress(packed.getvalue())


def test_packing_chosen_paths_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(archives.PathNotAllowedError):
        archives.write(tmp_path, io.BytesIO(), paths=["link/passwd"])


def test_packing_too_much_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 2000)
    with pytest.raises(archives.ArchiveError, match="1000 bytes"):
        archives.write(tmp_path, io.BytesIO(), limits=archives.ArchiveLimits(bytes=1000))


def test_other_tools_read_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    packed = io.BytesIO()
    archives.write(tmp_path, packed)
    with tarfile.open(fileobj=io.BytesIO(packed.getvalue())) as reader:
        member = reader.extractfile("a.txt")
        assert member is not None
        assert member.read() == b"hello"


def test_an_existing_folder_is_not_unpacked_into(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        extract(tar({"name": "a", "data": "x"}), tmp_path)


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "link/passwd", "link", "pipe", "a/link/x", "a\0b"]
)
def test_nothing_outside_a_folder_is_opened(path: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/link").symlink_to("/")
    (tmp_path / "link").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(beneath.PathNotAllowedError):
        beneath.open_beneath(tmp_path, path)


def test_a_plain_file_is_opened_and_created(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    fd = beneath.open_beneath(tmp_path, "a/./new", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x")
    os.close(fd)
    assert (tmp_path / "a/new").read_bytes() == b"x"
    with pytest.raises(FileNotFoundError):
        beneath.open_beneath(tmp_path, "a/absent")


def test_a_deep_hostile_folder_is_walked_in_bounds(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=folder)
        deeper = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    assert len(list(beneath.files_beneath(tmp_path))) == beneath.MAX_DEPTH
