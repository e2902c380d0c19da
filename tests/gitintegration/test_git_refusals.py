"""What the git client refuses, and what hostile repositories cannot do to it."""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from gitintegration.clients.git.program import (
    GitFailedError,
    GitRefusedError,
    check_ref,
    check_sha,
    run_git,
)
from gitintegration.clients.git.remote import hide_credentials, reach, shown
from gitintegration.clients.git.repository import checkout, list_heads, read_files

CORPUS = Path(__file__).parent.parent / "corpora" / "git"
URLS = json.loads((CORPUS / "urls.json").read_text())
REFS = json.loads((CORPUS / "refs.json").read_text())


def git(*arguments: str, cwd: Path, **environment: str) -> str:
    """A plain git of the attacker's, without any guard."""
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always",
         *arguments],
        cwd=cwd, check=True, capture_output=True, env={**os.environ, **environment},
    )  # fmt: skip
    return done.stdout.decode()


@pytest.fixture
def origin(tmp_path: Path, settings: Settings) -> Path:
    """A repository of one commit below a local root."""
    folder = tmp_path / "repositories" / "origin"
    folder.mkdir(parents=True)
    settings.POWERNODE_GIT_LOCAL_ROOTS = [str(tmp_path / "repositories")]
    settings.POWERNODE_EGRESS_ALLOW = []
    git("init", "-q", "-b", "main", cwd=folder)
    (folder / "file").write_text("content")
    commit(folder)
    return folder


def commit(folder: Path) -> str:
    """Commit everything and give its SHA."""
    git("add", "-A", cwd=folder)
    git("commit", "-q", "--allow-empty", "-m", "A title\n\nA body", cwd=folder)
    return git("rev-parse", "HEAD", cwd=folder).strip()


def quiet(_text: str) -> None:
    """A log that nobody reads."""


@pytest.mark.parametrize("url", URLS["refused"])
def test_a_hostile_url_is_refused_and_nothing_is_touched(
    url: str, origin: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"

    for call in (
        lambda: checkout(url, work, log=quiet),
        lambda: list_heads(url),
        lambda: read_files(url, "a" * 40, ["*"], work / "cache"),
    ):
        with pytest.raises(GitRefusedError):
            call()

    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("ref", REFS["refused"])
def test_a_hostile_ref_is_refused(ref: str, origin: Path, tmp_path: Path) -> None:
    with pytest.raises(GitRefusedError, match="not allowed"):
        checkout(str(origin), tmp_path / "work", ref=ref, log=quiet)

    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("ref", REFS["allowed"])
def test_an_honest_ref_passes(ref: str) -> None:
    assert check_ref(ref) == ref


@pytest.mark.parametrize("sha", ["", "a" * 39, "A" * 40, "a" * 41, "--" + "a" * 38, "HEAD"])
def test_only_a_full_sha_is_a_sha(sha: str) -> None:
    with pytest.raises(GitRefusedError, match="full commit SHA"):
        check_sha(sha)


def test_a_commit_is_checked_out_and_described(origin: Path, tmp_path: Path) -> None:
    sha = git("rev-parse", "HEAD", cwd=origin).strip()
    said: list[str] = []

    result = checkout(str(origin), tmp_path / "work", sha=sha, ref="main", log=said.append)

    assert (result.sha, result.title, result.branch) == (sha, "A title", "main")
    assert (tmp_path / "work" / "file").read_text() == "content"
    assert said[-1].startswith(f"HEAD is now at {sha[:7]}")


def test_a_commit_that_does_not_exist_fails_in_gits_words(origin: Path, tmp_path: Path) -> None:
    with pytest.raises(GitFailedError, match="git fetch failed"):
        checkout(str(origin), tmp_path / "work", sha="a" * 40, log=quiet)


def test_credentials_of_a_url_are_never_shown() -> None:
    url = "https://me:s3cret@example.org/x.git"

    assert shown(url) == "https://example.org/x.git"
    assert "s3cret" not in hide_credentials(url, f"fatal: unable to access '{url}': no")


def test_a_host_is_resolved_once_and_git_is_pinned_to_the_address(settings: Settings) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ["127.0.0.1"]

    assert reach("http://127.0.0.1:8123/x.git").settings == (
        "http.curloptResolve=127.0.0.1:8123:127.0.0.1", "http.proxy=",
    )  # fmt: skip


def _hooks(repo: Path, marker: Path) -> None:
    hooks = repo / ".git" / "hooks"
    for name in ("post-checkout", "pre-commit", "post-merge", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (hooks / name).chmod(0o755)


def _config(repo: Path, marker: Path) -> None:
    git("config", "core.fsmonitor", f"touch {marker}", cwd=repo)
    git("config", "uploadpack.packObjectsHook", f"touch {marker}; exec", cwd=repo)
    git("config", "core.sshCommand", f"touch {marker}", cwd=repo)
    git("config", "diff.external", f"touch {marker}", cwd=repo)


def _filter(repo: Path, marker: Path) -> None:
    (repo / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n*.bin filter=lfs\n")
    (repo / "x.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    git("config", "filter.evil.smudge", f"touch {marker}", cwd=repo)


def _submodule(repo: Path, marker: Path) -> None:
    (repo / ".gitmodules").write_text(
        f'[submodule "x\r"]\n\tpath = "x\r"\n\turl = ext::sh -c touch% {marker}\n\tupdate = !touch '
        f"{marker}\n"
    )


def _symlinks(repo: Path, marker: Path) -> None:
    (repo / "escape").symlink_to(marker.parent)
    (repo / "hook").symlink_to(".git/hooks")


def _git_folder(repo: Path, marker: Path) -> None:
    blob = git("hash-object", "-w", "file", cwd=repo).strip()
    tree = subprocess.run(
        ["git", "mktree"], cwd=repo, check=True, capture_output=True,
        input=f"100644 blob {blob}\tconfig\n".encode(),
    ).stdout.decode().strip()  # fmt: skip
    evil = subprocess.run(
        ["git", "mktree"], cwd=repo, check=True, capture_output=True,
        input=f"040000 tree {tree}\t.GIT\n040000 tree {tree}\tgit~1\n".encode(),
    ).stdout.decode().strip()  # fmt: skip
    made = git("commit-tree", evil, "-m", "evil", cwd=repo).strip()
    git("update-ref", "refs/heads/main", made, cwd=repo)


EVIL: list[Callable[[Path, Path], None]] = [
    _hooks, _config, _filter, _submodule, _symlinks, _git_folder,
]  # fmt: skip


@pytest.mark.parametrize("spoil", EVIL)
@pytest.mark.parametrize("symlinks", [True, False])
def test_a_hostile_repository_runs_nothing(
    spoil: Callable[[Path, Path], None], symlinks: bool, origin: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "outside" / "pwned"
    marker.parent.mkdir()
    spoil(origin, marker)
    if spoil is not _git_folder:
        _plain_commit(origin)
    work = tmp_path / "work"

    # git itself may see the trick, which is as good.
    with contextlib.suppress(GitFailedError):
        result = checkout(str(origin), work, ref="main", symlinks=symlinks, log=quiet)
        read_files(str(origin), result.sha, ["**/*.yml", "*"], tmp_path / "cache")

    assert not marker.exists()
    if not symlinks:
        assert not [path for path in work.rglob("*") if path.is_symlink()]


def _plain_commit(folder: Path) -> None:
    """Commit without running the repository's own tricks on the attacker's side."""
    guards = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
              "-c", "filter.evil.smudge=", "-c", "filter.evil.clean="]  # fmt: skip
    git(*guards, "add", "-A", cwd=folder)
    git(*guards, "commit", "-q", "--allow-empty", "-m", "evil", cwd=folder)


def test_only_text_files_that_match_are_read_and_their_size_is_bounded(
    origin: Path, tmp_path: Path
) -> None:
    (origin / ".powernode").mkdir()
    (origin / ".powernode" / "ci.yml").write_text("name: x")
    (origin / ".powernode" / "link.yml").symlink_to("/etc/passwd")
    sha = commit(origin)

    found = read_files(str(origin), sha, [".powernode/*.yml"], tmp_path / "cache")
    assert found == {".powernode/ci.yml": "name: x"}

    (origin / ".powernode" / "big.yml").write_text("x" * 300_000)
    with pytest.raises(GitFailedError, match="longer than"):
        read_files(str(origin), commit(origin), [".powernode/*.yml"], tmp_path / "cache")


def test_git_that_says_too_much_or_takes_too_long_is_ended(origin: Path) -> None:
    with pytest.raises(GitFailedError, match="said more than 10 bytes"):
        run_git(["log"], cwd=origin, max_output_bytes=10)
    with pytest.raises(GitFailedError, match="took longer than"):
        run_git(["cat-file", "--batch-command", "--buffer"], cwd=origin, timeout=0)
