"""What a commit changes, by git objects of our own: the working folder's `.git` is not used."""

from pathlib import Path

from gitintegration.clients.git.auth import GitAuth
from gitintegration.clients.git.program import GitFailedError, check_ref, check_sha, run_git
from gitintegration.clients.git.remote import reach
from gitintegration.clients.git.repository import talk

_DEPTH = 100
_OPTIONS = ["--no-ext-diff", "--no-textconv", "--no-color", "--unified=5", "--submodule=short"]


def difference(clone_url: str, sha: str, base_branch: str, *, scratch: Path, auth: GitAuth) -> str:
    """The unified diff of a commit against where it left a branch, else against its parent.

    Raises:
        GitRefusedError: the URL, branch or SHA is not one we hand to git.
        GitFailedError: git could not do it.
    """
    remote, head = reach(clone_url), check_sha(sha)
    folder = scratch / "difference.git"
    folder.mkdir(parents=True, exist_ok=True)
    run_git(["init", "--quiet", "--bare"], cwd=folder)
    wanted = [f"+{head}:refs/powernode/head"]
    if base_branch:
        name = check_ref(base_branch).removeprefix("refs/heads/")
        wanted.append(f"+refs/heads/{name}:refs/powernode/base")
    fetch = ["fetch", "--quiet", "--no-tags", f"--depth={_DEPTH}", "--no-recurse-submodules",
             "--end-of-options", clone_url, *wanted]  # fmt: skip
    talk(remote, auth, clone_url, fetch, folder, 300)
    base = _base(folder, head, has_branch=bool(base_branch))
    return run_git(["diff", *_OPTIONS, base, head], cwd=folder).decode("utf-8", errors="replace")


def _base(folder: Path, head: str, *, has_branch: bool) -> str:
    if has_branch:
        try:
            said = run_git(["merge-base", "refs/powernode/base", head], cwd=folder)
        except GitFailedError:
            # They part further back than we fetched.
            return "refs/powernode/base"
        merged = said.decode().strip()
        if merged != head:
            return merged
    try:
        return run_git(["rev-parse", "--verify", f"{head}^"], cwd=folder).decode().strip()
    except GitFailedError:
        # The first commit differs from nothing.
        return run_git(["hash-object", "-t", "tree", "/dev/null"], cwd=folder).decode().strip()


def apply_patch(work_tree: Path, patch: str, scratch: Path) -> None:
    """Apply a unified diff to a working folder; git refuses paths that leave it or run by links.

    Raises:
        GitFailedError: it does not fit the present files; nothing is changed then.
    """
    folder = scratch / "apply.git"
    folder.mkdir(parents=True, exist_ok=True)
    run_git(["init", "--quiet", "--bare"], cwd=folder)
    file = scratch / "proposed.patch"
    file.write_text(patch if patch.endswith("\n") else patch + "\n", encoding="utf-8")
    place = [f"--git-dir={folder}", f"--work-tree={work_tree}"]
    run_git([*place, "apply", "--whitespace=nowarn", str(file)], cwd=work_tree)
