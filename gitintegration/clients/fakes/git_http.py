"""Git itself over HTTP: the real `git http-backend` on the repositories of a fake host."""

import re
from collections.abc import Mapping

from devops.safety import processes
from gitintegration.clients.fakes.git_store import ZERO
from gitintegration.clients.fakes.model import Repo, User
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, Request
from gitintegration.clients.git.program import environment

_PATH = re.compile(r"/(?P<name>.+?)\.git/(?P<rest>info/refs|git-upload-pack|git-receive-pack)")
_MAX_BYTES = 256 * 1024 * 1024
_SECONDS = 120


def is_git(path: str) -> bool:
    """Whether a path is one that git asks for."""
    return _PATH.fullmatch(path) is not None


def serve(state: HostState, request: Request) -> Answer:
    """Answer git; after a push the refs that changed are told."""
    found = _PATH.fullmatch(request.path)
    assert found is not None, "the server asks is_git first"  # noqa: S101 - narrows the type
    user = state.user_of(request.headers)
    with state.lock:
        repo = state.repositories.get(found["name"]) or state.moved.get(found["name"])
    is_push = "git-receive-pack" in (found["rest"], request.argument("service"))
    if repo is None or not state.may(repo, user, "write" if is_push else "read"):
        if user is None:
            return Answer(401, b"", "text/plain", {"www-authenticate": 'Basic realm="git"'})
        return Answer(403 if repo and state.may(repo, user, "read") else 404, b"no", "text/plain")
    before = repo.store.refs() if is_push else {}
    done = processes.run(
        ["git", "-c", "http.receivepack=true", "-c", "safe.directory=*",
         "-c", "uploadpack.allowAnySHA1InWant=true", "-c", "uploadpack.allowFilter=true",
         "-c", "core.hooksPath=/dev/null", "http-backend"],
        env=_cgi(request, repo, user, found["rest"]), timeout=_SECONDS, input=request.body,
        cwd=repo.store.path, max_output_bytes=_MAX_BYTES,
    )  # fmt: skip
    if is_push and request.method == "POST":
        _tell(state, repo, before, user)
    return _answer(done.stdout)


def _cgi(request: Request, repo: Repo, user: User | None, rest: str) -> dict[str, str]:
    headers = request.headers
    query = "&".join(f"{name}={value}" for name, (value, *_) in request.query.items())
    env = {
        **environment(repo.store.path, ""),
        "GIT_PROJECT_ROOT": str(repo.store.path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repo.store.path.name}/{rest}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "REMOTE_USER": user.login if user else "",
        "REMOTE_ADDR": "127.0.0.1",
    }
    for header, name in (("content-encoding", "HTTP_CONTENT_ENCODING"),
                         ("git-protocol", "GIT_PROTOCOL")):  # fmt: skip
        if header in headers:
            env[name] = headers[header]
    return env


def _tell(state: HostState, repo: Repo, before: Mapping[str, str], user: User | None) -> None:
    after = repo.store.refs()
    for ref in sorted({*before, *after}):
        old, new = before.get(ref, ZERO), after.get(ref, ZERO)
        if old != new and ref.startswith(("refs/heads/", "refs/tags/")):
            state.pushed(repo, ref, old, new, user)


def _answer(said: bytes) -> Answer:
    head, _, body = said.partition(b"\r\n\r\n")
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    status = int(headers.pop("status", "200").split()[0])
    return Answer(status, body, headers.pop("content-type", "text/plain"), headers)
