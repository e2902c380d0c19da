"""Commits and files of a fake Bitbucket."""

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from gitintegration.clients.bitbucket.fake import requests as r
from gitintegration.clients.bitbucket.fake.desk import REPO, Desk
from gitintegration.clients.fakes.git_store import Change
from gitintegration.clients.fakes.model import Repo
from gitintegration.clients.fakes.reception import commit_of, found
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer, text

_FIELDS = frozenset({"message", "author", "parents", "files", "branch"})


def add(desk: Desk) -> None:
    """Add the routes."""
    _commits(desk)
    _changes(desk)
    _reading(desk)
    _writing(desk)


def _commits(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/commits", query=r.Commits)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        spec = commit_of(repo, request.argument("include") or repo.default_branch)
        if request.argument("exclude"):
            spec = f"{commit_of(repo, request.argument('exclude'))}..{spec}"
        commits = repo.store.commits(spec)
        return desk.page(request, commits, word=lambda one: desk.words.commit(repo, one))

    @on("GET", REPO + "/commit/{commit}", query=r.Nothing)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        facts = repo.store.commit(commit_of(repo, request["commit"]))
        return answer(desk.words.commit(repo, facts))

    @on("GET", REPO + "/merge-base/{spec}", query=r.Nothing)
    def merge_base(request: Request) -> Answer:
        repo = desk.repo(request)
        one, _, other = request["spec"].partition("..")
        sha = repo.store.merge_base(commit_of(repo, one), commit_of(repo, other))
        facts = repo.store.commit(found(sha or None, "common ancestor"))
        return answer(desk.words.commit(repo, facts))


def _ends(repo: Repo, request: Request) -> tuple[str, str]:
    """What is compared: before and after; a range names the changed side first."""
    head, _, base = request["spec"].partition("..")
    after = commit_of(repo, head)
    if base:
        before = commit_of(repo, base)
        if request.argument("topic").lower() == "true":
            before = repo.store.merge_base(before, after) or before
        return before, after
    parents = repo.store.commit(after).parents
    if parents:
        return parents[0], after
    empty = repo.store.git("hash-object", "-t", "tree", "--stdin", feed=b"")
    return empty.decode().strip(), after


def _stat(change: Change) -> dict[str, object]:
    old = None if change.status == "added" else {"path": change.old_path, "type": "commit_file"}
    new = None if change.status == "removed" else {"path": change.path, "type": "commit_file"}
    return {
        "type": "diffstat", "status": change.status, "lines_added": change.additions,
        "lines_removed": change.deletions, "old": old, "new": new,
    }  # fmt: skip


def _changes(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/diff/{spec}", query=r.Change)
    def diff(request: Request) -> Answer:
        repo = desk.repo(request)
        return text(repo.store.diff(*_ends(repo, request)))

    @on("GET", REPO + "/diffstat/{spec}", query=r.ChangeList)
    def stat(request: Request) -> Answer:
        repo = desk.repo(request)
        return desk.page(request, repo.store.changes(*_ends(repo, request)), word=_stat)

    @on("GET", REPO + "/patch/{spec}", query=r.Nothing)
    def patch(request: Request) -> Answer:
        repo = desk.repo(request)
        return text(repo.store.patch(commit_of(repo, request["spec"])))


def _reading(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/src/{commit}/{path:path}", query=r.Source)
    def source(request: Request) -> Answer:
        repo = desk.repo(request)
        sha, path = commit_of(repo, request["commit"]), request["path"].strip("/")
        entry = repo.store.entry(sha, path) if path else None
        if path and entry is None:
            raise Refused(404, f"No such file or directory: {path}")
        if entry is not None and request.argument("format") == "meta":
            return answer(desk.words.entry(repo, sha, entry))
        if entry is not None and entry.type != "tree":
            return text(repo.store.blob(entry.sha), "application/octet-stream")
        is_deep = request.number("max_depth", 1) > 1
        listed = repo.store.tree(sha, path, recursive=is_deep)
        return desk.page(request, listed, word=lambda one: desk.words.entry(repo, sha, one, path))


def _form(request: Request) -> list[tuple[str, bytes]]:
    """The fields of a form, as a browser sends them with and without files."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return [(name, value.encode()) for name, value in parse_qsl(request.body.decode())]
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parts: list[Message] = BytesParser(policy=HTTP).parsebytes(head + request.body).get_payload()  # type: ignore[assignment]
    found = []
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        found.append((str(name), content if isinstance(content, bytes) else b""))
    return found


def _writing(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("POST", REPO + "/src")
    def commit(request: Request) -> Answer:
        repo, fields = desk.repo(request, "write"), _form(request)
        told = {name: value.decode() for name, value in fields if name in _FIELDS}
        files: dict[str, bytes | None] = {
            name.strip("/"): value for name, value in fields if name not in _FIELDS
        }
        for name, value in fields:
            if name == "files" and value.decode().strip("/") not in files:
                files[value.decode().strip("/")] = None
        if not files:
            raise Refused(400, "No changes.")
        sha = desk.state.push_files(
            repo, told.get("branch") or repo.default_branch, files,
            message=told.get("message") or "Edited", user=desk.reception.user(request),
        )  # fmt: skip
        target = f"{desk.words.web}/2.0/repositories/{repo.full_name}/commit/{sha}"
        return Answer(201, headers={"location": target})
