"""The git program with every door closed that a hostile repository or URL could use.

Sources: git-config(1) and git(1) of git 2.39; the attacks stand in docs/explanation/security.md.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from devops.errors import PermanentError, TransientError
from devops.safety import processes

_REF = re.compile(r"[A-Za-z0-9][\w./+@=-]{0,200}", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_FORBIDDEN_IN_REF = ("..", "//", "@{", ".lock/", "/.")
_PATH = "/usr/local/bin:/usr/bin:/bin"

# One file of a repository, packed or checked out, is not larger.
_LIMITS = processes.Limits(file_bytes=1024**3)

_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "http.followRedirects=false",
    "submodule.recurse=false",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "safe.directory=*",
    "filter.lfs.smudge=cat",
    "filter.lfs.process=",
    "filter.lfs.required=false",
)


class GitRefusedError(PermanentError):
    """A URL, a ref or a SHA that we do not hand to git; says which rule it breaks."""


class GitFailedError(TransientError):
    """git ended with an error; its own words are in the message."""


def check_ref(ref: str) -> str:
    """The ref itself when it is one that cannot be taken for an option or a path.

    Raises:
        GitRefusedError: otherwise.
    """
    bare = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    if (
        not _REF.fullmatch(bare)
        or bare.endswith((".", "/", ".lock"))
        or any(part in bare for part in _FORBIDDEN_IN_REF)
    ):
        raise GitRefusedError(f"Branch or tag name is not allowed: {ref[:80]!r}.")
    return ref


def check_sha(sha: str) -> str:
    """The SHA itself when it is a full one.

    Raises:
        GitRefusedError: otherwise.
    """
    if not _SHA.fullmatch(sha):
        raise GitRefusedError(f"Not a full commit SHA: {sha[:80]!r}.")
    return sha


def allowed_protocols(url: str) -> str:
    """The protocols that git may use for a clone URL.

    `https` and `ssh` always; `file` below the operator's local roots, `http` for hosts the
    operator names in POWERNODE_EGRESS_ALLOW.

    Raises:
        GitRefusedError: the URL is of another kind, carries an option or leaves the roots.
    """
    if "\n" in url or "\r" in url or "\x00" in url or url.startswith("-"):
        raise GitRefusedError("The clone URL holds a character that is not allowed.")
    if url.startswith("/"):
        return _local(url)
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _local(parts.path)
    if parts.scheme == "https" and parts.hostname:
        return "https"
    if parts.scheme == "http" and parts.hostname in settings.POWERNODE_EGRESS_ALLOW:
        return "http"
    if parts.scheme == "ssh" and parts.hostname and not parts.hostname.startswith("-"):
        return "ssh"
    if re.fullmatch(r"[\w.-]+@[A-Za-z0-9][\w.-]*:[\w./~-]+", url, re.ASCII):
        return "ssh"
    raise GitRefusedError(
        f"Clone URL not allowed: {url[:120]!r}. Use https:// or ssh://; a local path must be below "
        "POWERNODE_GIT_LOCAL_ROOTS, an http:// host in POWERNODE_EGRESS_ALLOW."
    )


def is_local(url: str) -> bool:
    """Whether a clone URL names a path of this server."""
    return url.startswith(("/", "file:", "."))


def _local(path: str) -> str:
    real = Path(path).resolve()
    roots = [Path(root).resolve() for root in settings.POWERNODE_GIT_LOCAL_ROOTS]
    if any(root == real or root in real.parents for root in roots):
        return "file"
    raise GitRefusedError(
        f"Local repository {path[:120]!r} is outside of POWERNODE_GIT_LOCAL_ROOTS."
    )


def environment(home: Path, protocols: str) -> dict[str, str]:
    """A clean environment: no configuration of the machine or the user, no prompts."""
    return {
        "PATH": _PATH,
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new",
        "GIT_PROTOCOL_FROM_USER": "0",
    }


def command(
    arguments: Sequence[str], *, symlinks: bool = True, configured: Sequence[str] = ()
) -> list[str]:
    """The argv of a git call with every guard in front."""
    argv = ["git"]
    for setting in (*_CONFIG, *configured, f"core.symlinks={'true' if symlinks else 'false'}"):
        argv += ["-c", setting]
    # GIT_ALLOW_PROTOCOL decides; `protocol.allow=never` is for a git that ignores it.
    return [*argv, *arguments]


def run_git(  # noqa: PLR0913  (each is a separate bound of one call)
    arguments: Sequence[str],
    *,
    cwd: Path,
    protocols: str = "",
    timeout: float = 60,
    max_output_bytes: int = 8 * 1024 * 1024,
    configured: Sequence[str] = (),
    symlinks: bool = True,
    more_environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run git to its end and return what it said.

    Raises:
        GitFailedError: it ended with an error, took too long or said too much.
    """
    done = processes.run(
        command(arguments, symlinks=symlinks, configured=configured),
        cwd=cwd,
        env={**environment(cwd, protocols), **(more_environment or {})},
        timeout=timeout,
        limits=_LIMITS,
        max_output_bytes=max_output_bytes,
    )
    if done.timed_out:
        raise GitFailedError(f"git {arguments[0]} took longer than {timeout:g} seconds.")
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip()[-500:]
        raise GitFailedError(f"git {arguments[0]} failed: {words or f'exit {done.returncode}'}")
    if done.truncated:
        raise GitFailedError(f"git {arguments[0]} said more than {max_output_bytes} bytes.")
    return done.stdout
