"""A working folder's changes as one commit on a branch of the remote.

The folder's own `.git` is not used: whoever ran commands there may have changed its settings, and
our proof must not follow them.
"""

from dataclasses import dataclass
from pathlib import Path

from gitintegration.clients.git.auth import GitAuth
from gitintegration.clients.git.program import check_ref, check_sha, run_git
from gitintegration.clients.git.remote import reach
from gitintegration.clients.git.repository import talk


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be committed, and by whom."""

    base_sha: str
    branch: str
    message: str
    author_name: str = "Powernode"
    author_email: str = "powernode@localhost"


def publish(
    clone_url: str, work_tree: Path, change: Change, *, scratch: Path, auth: GitAuth
) -> str:
    """Commit everything that differs from the base and push it; returns the commit's SHA.

    Without a difference the branch is pushed at the base itself. The commit is made of what goes
    into it alone, so a repetition pushes the very same one.

    Raises:
        GitRefusedError: the URL, branch or SHA is not one we hand to git.
        GitFailedError: git could not do it, or the branch holds other commits.
    """
    remote = reach(clone_url)
    base, branch = check_sha(change.base_sha), check_ref(change.branch)
    folder = scratch / "publish.git"
    folder.mkdir(parents=True, exist_ok=True)
    run_git(["init", "--quiet", "--bare"], cwd=folder)
    fetch = ["fetch", "--quiet", "--no-tags", "--depth=1", "--end-of-options", clone_url, base]
    talk(remote, auth, clone_url, fetch, folder, 300)
    tree = _tree_of(folder, work_tree, base)
    sha = base
    if tree != _said(folder, ["rev-parse", f"{base}^{{tree}}"]):
        sha = _commit(folder, tree, change)
    target = f"{sha}:refs/heads/{branch.removeprefix('refs/heads/')}"
    push = ["push", "--quiet", "--no-verify", "--end-of-options", clone_url, target]
    talk(remote, auth, clone_url, push, folder, 300)
    return sha


def _tree_of(folder: Path, work_tree: Path, base: str) -> str:
    run_git(["read-tree", base], cwd=folder)
    # `.git` is never added; what the repository ignores stays out as well.
    place = [f"--git-dir={folder}", f"--work-tree={work_tree}"]
    run_git([*place, "add", "--all", "--", "."], cwd=work_tree, timeout=300)
    return _said(folder, ["write-tree"])


def _commit(folder: Path, tree: str, change: Change) -> str:
    date = _said(folder, ["log", "-1", "--format=%ct", change.base_sha]) + " +0000"
    identity = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (
            ("NAME", _plain(change.author_name)),
            ("EMAIL", _plain(change.author_email)),
            ("DATE", date),
        )
    }
    arguments = ["commit-tree", tree, "-p", change.base_sha, "-m", change.message[:10_000]]
    said = run_git(arguments, cwd=folder, more_environment=identity)
    return said.decode().strip()


def _said(folder: Path, arguments: list[str]) -> str:
    return run_git(arguments, cwd=folder).decode().strip()


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable() and sign not in "<>")[:200] or "?"
