"""Reading and checking out repositories, local or remote, through the hardened program."""

import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings

from devops.safety.patterns import GlobSet
from gitintegration.clients.git.auth import NOBODY, GitAuth
from gitintegration.clients.git.program import (
    GitFailedError,
    GitRefusedError,
    allowed_protocols,
    check_ref,
    check_sha,
    run_git,
)
from gitintegration.clients.git.remote import Remote, hide_credentials, reach, shown
from gitintegration.clients.protocol import Commit

REPOSITORY_MAX_BYTES = 1024**3
FILE_MAX_BYTES = 256 * 1024
FILES_MAX = 50


@dataclass(frozen=True, slots=True)
class CheckoutResult:
    """What now lies in the working folder."""

    sha: str
    title: str
    branch: str


def checkout(  # noqa: PLR0913  (each argument is a separate choice of the step's owner)
    clone_url: str,
    into: Path,
    *,
    sha: str = "",
    ref: str = "",
    depth: int = 1,
    symlinks: bool = True,
    timeout: float = 600,
    auth: GitAuth = NOBODY,
    log: Callable[[str], None],
) -> CheckoutResult:
    """Put a commit's files into an empty folder; what lies there is removed first.

    `sha` wins over `ref`; without both the remote's HEAD is taken. `depth` 0 fetches everything.

    Raises:
        GitRefusedError: the URL, ref or SHA is not one we hand to git.
        GitFailedError: git could not do it; its words are in the message.
    """
    remote = reach(clone_url)
    wanted = check_sha(sha) if sha else (check_ref(ref) if ref else "HEAD")
    _empty(into)
    run_git(["init", "--quiet", "--initial-branch=powernode"], cwd=into)
    log(f"Fetching {wanted} of {shown(clone_url)}")
    shallow = [f"--depth={depth}"] if depth else []
    fetch = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--end-of-options"]
    arguments = [*fetch[:-1], *shallow, "--end-of-options", clone_url, wanted]
    try:
        talk(remote, auth, clone_url, arguments, into, timeout)
    except GitFailedError:
        # Some servers do not give out a bare SHA: fetch the ref whole and look for it there.
        if not (sha and ref):
            raise
        whole = [*fetch, clone_url, check_ref(ref)]
        talk(remote, auth, clone_url, whole, into, timeout)
    _check_size(into)
    target = sha or "FETCH_HEAD"
    run_git(["checkout", "--quiet", "--force", "--detach", target], cwd=into, symlinks=symlinks)
    found = run_git(["log", "-1", "--format=%H%n%s"], cwd=into).decode(errors="replace")
    commit, _, title = found.partition("\n")
    log(f"HEAD is now at {commit[:7]} {title.strip()}")
    return CheckoutResult(commit.strip(), title.strip(), ref.removeprefix("refs/heads/"))


def read_files(
    clone_url: str, sha: str, patterns: Sequence[str], cache: Path, auth: GitAuth = NOBODY
) -> dict[str, str]:
    """The text files of a commit whose paths match, by path; a repository without them gives none.

    A remote repository is fetched into `cache` (one bare folder per repository); a local one is
    read where it lies.

    Raises:
        GitRefusedError: the URL or SHA is not one we hand to git.
        GitFailedError: git could not do it, or a file is longer than 256 KB.
    """
    folder = _objects(clone_url, check_sha(sha), cache, auth)
    prefix = _common_folder(patterns)
    arguments = ["ls-tree", "-r", "-z", "--long", sha, "--", *([prefix] if prefix else [])]
    listing = run_git(arguments, cwd=folder).decode("utf-8", errors="surrogateescape")
    globs = GlobSet(list(patterns))
    wanted: list[tuple[str, str]] = []
    for entry in filter(None, listing.split("\0")):
        facts, _, path = entry.partition("\t")
        mode, kind, blob, size = facts.split()
        if kind != "blob" or mode not in {"100644", "100755"} or not globs.matches(path):
            continue
        if int(size) > FILE_MAX_BYTES:
            raise GitFailedError(f"{path} is longer than {FILE_MAX_BYTES} bytes.")
        wanted.append((path, blob))
    return {
        path: run_git(["cat-file", "blob", blob], cwd=folder).decode("utf-8", errors="replace")
        for path, blob in wanted[:FILES_MAX]
    }


def head_of_local(folder: Path) -> tuple[str, str]:
    """The branch (empty when detached) and the commit that a work tree is at.

    Raises:
        GitFailedError: it has no commit.
    """
    sha = run_git(["rev-parse", "--verify", "HEAD^{commit}"], cwd=folder).decode().strip()
    branch = run_git(["branch", "--show-current"], cwd=folder).decode(errors="replace").strip()
    return branch, check_sha(sha)


def list_heads(clone_url: str, auth: GitAuth = NOBODY) -> dict[str, str]:
    """The branches of a repository with the SHA that each points at.

    Raises:
        GitRefusedError: the URL is not one we hand to git.
        GitFailedError: the repository does not answer.
    """
    remote = reach(clone_url)
    root = Path(settings.POWERNODE_GIT_CACHE_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    arguments = ["ls-remote", "--heads", "--end-of-options", clone_url]
    said = talk(remote, auth, clone_url, arguments, root, 30)
    heads = {}
    for line in said.decode(errors="replace").splitlines():
        sha, _, ref = line.partition("\t")
        heads[ref.removeprefix("refs/heads/")] = sha
    return heads


def changed_paths(clone_url: str, before: str, after: str, cache: Path) -> tuple[str, ...] | None:
    """The paths that differ between two commits of a local repository; None when unknown."""
    if allowed_protocols(clone_url) != "file" or set(before) == {"0"}:
        return None
    folder = _objects(clone_url, check_sha(after), cache)
    arguments = ["diff", "--no-ext-diff", "--no-textconv", "--name-only", "-z", "--no-renames"]
    arguments += [check_sha(before), after]
    try:
        said = run_git(arguments, cwd=folder)
    except GitFailedError:
        return None
    return tuple(filter(None, said.decode("utf-8", errors="replace").split("\0")))


def commits_between(
    clone_url: str, before: str, after: str, cache: Path, most: int = 50
) -> tuple[Commit, ...] | None:
    """The commits of a local repository that `after` has and `before` has not, newest first.

    None when they are not known: the repository is not on this machine, or lacks one of the two.
    """
    if allowed_protocols(clone_url) != "file":
        return None
    span = f"{check_sha(before)}..{check_sha(after)}"
    arguments = ["log", f"--max-count={most}", "--format=%H%x00%an%x00%s%x00", "-z", span, "--"]
    try:
        said = run_git(arguments, cwd=_objects(clone_url, after, cache))
    except GitFailedError:
        return None
    words = said.decode("utf-8", errors="replace").split("\0")
    return tuple(
        Commit(sha, title=title, author=author)
        for sha, author, title in zip(words[0::4], words[1::4], words[2::4], strict=False)
        if sha
    )


def _objects(clone_url: str, sha: str, cache: Path, auth: GitAuth = NOBODY) -> Path:
    """A folder whose git objects include the commit."""
    remote = reach(clone_url)
    if remote.protocols == "file":
        return Path(clone_url.removeprefix("file://"))
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        if not (cache / "HEAD").exists():
            run_git(["init", "--quiet", "--bare"], cwd=cache)
        if not _has(cache, sha):
            arguments = [
                "fetch", "--quiet", "--no-tags", "--depth=1", "--filter=blob:limit=1m",
                "--no-recurse-submodules", "--end-of-options", clone_url, sha,
            ]  # fmt: skip
            talk(remote, auth, clone_url, arguments, cache, 120)
            _check_size(cache)
    return cache


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Be the only one that fetches into a cache: git refuses two at once."""
    with (cache / "powernode.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _has(cache: Path, sha: str) -> bool:
    try:
        run_git(["cat-file", "-e", f"{sha}^{{tree}}"], cwd=cache)
    except GitFailedError:
        return False
    return True


def talk(
    remote: Remote, auth: GitAuth, url: str, arguments: Sequence[str], cwd: Path, timeout: float
) -> bytes:
    """A git call to a remote; what it says of our credentials is not repeated."""
    # A proof is for its own repository: no other address ever sees it.
    proof = auth if auth.url == url else NOBODY
    try:
        with proof.environment() as environment:
            return run_git(
                arguments, cwd=cwd, protocols=remote.protocols, timeout=timeout,
                configured=remote.settings, more_environment=environment,
            )  # fmt: skip
    except GitFailedError as error:
        raise GitFailedError(proof.hide(hide_credentials(url, str(error)))) from None


def _common_folder(patterns: Sequence[str]) -> str:
    folders = {str(PurePosixPath(pattern).parent) for pattern in patterns}
    return folders.pop() if len(folders) == 1 and "*" not in next(iter(folders)) else ""


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _check_size(folder: Path) -> None:
    objects = folder / ".git" / "objects"
    objects = objects if objects.is_dir() else folder / "objects"
    total = sum(path.lstat().st_size for path in objects.rglob("*"))
    if total > REPOSITORY_MAX_BYTES:
        raise GitRefusedError(f"Repository exceeds {REPOSITORY_MAX_BYTES // 1024**3} GB.")
