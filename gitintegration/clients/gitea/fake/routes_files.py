"""Files and trees of a fake Gitea."""

import base64
import binascii

from gitintegration.clients.fakes.model import Repo
from gitintegration.clients.fakes.reception import commit_of, found
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer, paged
from gitintegration.clients.gitea.fake import requests as r
from gitintegration.clients.gitea.fake.desk import REPO, Desk


def add(desk: Desk) -> None:
    """Add the routes."""
    _reading(desk)
    _writing(desk)


def _reading(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/git/trees/{sha}", query=r.Tree)
    def tree(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = commit_of(repo, request["sha"])
        is_whole = request.argument("recursive") in {"1", "true"}
        entries = repo.store.tree(sha, recursive=is_whole)
        number = request.number("page", 1)
        part, last = paged(entries, number, request.number("per_page", 1000), most=1000)
        worded = [
            {"path": one.path, "mode": one.mode, "type": one.type, "size": one.size or 0,
             "sha": one.sha, "url": ""}
            for one in part
        ]  # fmt: skip
        return answer(
            {"sha": sha, "url": "", "tree": worded, "truncated": number < last, "page": number,
             "total_count": len(entries)}
        )  # fmt: skip

    def contents(request: Request, path: str) -> Answer:
        repo = desk.repo(request)
        ref = request.argument("ref") or repo.default_branch
        sha = commit_of(repo, ref)
        if not path:
            entries = repo.store.tree(sha)
            return answer([desk.words.content(repo, one, ref) for one in entries])
        entry = found(repo.store.entry(sha, path), "file")
        if entry.type != "tree":
            return answer(desk.words.content(repo, entry, ref, whole=True))
        listed = []
        for one in repo.store.tree(sha, path):
            told = desk.words.content(repo, one, ref)
            listed.append({**told, "path": f"{path}/{told['name']}"})
        return answer(listed)

    @on("GET", REPO + "/contents", query=r.Contents)
    def root(request: Request) -> Answer:
        return contents(request, "")

    @on("GET", REPO + "/contents/{path:path}", query=r.Contents)
    def at(request: Request) -> Answer:
        return contents(request, request["path"].strip("/"))


def _writing(desk: Desk) -> None:  # noqa: C901 - handlers count as branches
    on = desk.reception.router.on

    def known_sha(repo: Repo, branch: str, path: str) -> str:
        head = repo.store.branches().get(branch, "")
        entry = repo.store.entry(head, path) if head else None
        return entry.sha if entry else ""

    def commit(request: Request, content: bytes | None, verb: str) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        path, branch = request["path"], body.get("branch") or repo.default_branch
        known = known_sha(repo, branch, path)
        if verb == "create" and known:
            raise Refused(422, "repository file already exists")
        if verb != "create" and not known:
            raise Refused(404, "The file was not found")
        if verb != "create" and known != body["sha"]:
            raise Refused(409, "sha does not match")
        user = desk.reception.user(request)
        sha = desk.state.push_file(
            repo, branch, path, content, message=body.get("message") or verb, user=user
        )
        told = desk.words.commit(repo, repo.store.commit(sha))
        return answer({"commit": told, "content": None}, 201 if verb == "create" else 200)

    def decoded(request: Request) -> bytes:
        try:
            return base64.b64decode(request.json().get("content", ""), validate=True)
        except binascii.Error as error:
            raise Refused(422, "content is no base64") from error

    @on("POST", REPO + "/contents/{path:path}", body=r.CreateFile)
    def create(request: Request) -> Answer:
        return commit(request, decoded(request), "create")

    @on("PUT", REPO + "/contents/{path:path}", body=r.UpdateFile)
    def update(request: Request) -> Answer:
        return commit(request, decoded(request), "update")

    @on("DELETE", REPO + "/contents/{path:path}", body=r.DeleteFile)
    def delete(request: Request) -> Answer:
        return commit(request, None, "delete")
