"""The change that a model is shown, by real git."""

import subprocess
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from gitintegration.public import GitFailedError, difference_of

pytestmark = pytest.mark.django_db


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", name)
    return git(folder, "rev-parse", "HEAD")


def test_a_commit_against_where_it_left_its_base(tmp_path: Path, settings: Settings) -> None:
    settings.POWERNODE_GIT_LOCAL_ROOTS = (str(tmp_path),)
    repo, scratch = tmp_path / "repo", tmp_path / "scratch"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    first = commit(repo, "a.txt", "one\n")
    git(repo, "checkout", "-qb", "feature")
    commit(repo, "b.txt", "new\n")
    head = commit(repo, "c.txt", "newer\n")
    git(repo, "checkout", "-q", "main")
    commit(repo, "a.txt", "elsewhere\n")

    shown = difference_of(None, str(repo), head, "main", scratch)
    assert "+new\n" in shown
    assert "+newer\n" in shown
    assert "elsewhere" not in shown
    parent = difference_of(None, str(repo), head, "", tmp_path / "s2")
    assert "+newer\n" in parent
    assert "+new\n" not in parent
    assert "+one" in difference_of(None, str(repo), first, "", tmp_path / "s3")
    with pytest.raises(GitFailedError):
        difference_of(None, str(repo), "f" * 40, "main", tmp_path / "s4")
