"""Branches, commits and files of the fake GitHub."""

import base64
import binascii
from typing import Any

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.git_store import EMPTY_TREE, ZERO, Entry
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer, text
from gitintegration.clients.github.fake.desk import Desk, invalid, one

_MAX_INLINE = 1024 * 1024


def add_routes(desk: Desk) -> None:
    """Register them."""
    _branches(desk)
    _tag_objects(desk)
    _refs(desk)
    _commits(desk)
    _reading(desk)
    _writing(desk)


def _branches(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/branches")
    def branches(request: Request) -> Answer:
        repo = desk.repo(request)
        found = sorted(repo.store.branches().items())
        if request.argument("protected") == "true":
            found = [item for item in found if item[0] in repo.protections]
        return desk.listed(request, found, lambda item: words.branch(repo, *item))

    @on("GET", "/repos/{owner}/{repo}/branches/{branch}")
    def branch(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = one(repo.store.branches().get(request["branch"]), "Branch not found")
        return answer(words.branch(repo, request["branch"], sha, whole=True))

    @on("GET", "/repos/{owner}/{repo}/tags")
    def tags(request: Request) -> Answer:
        repo = desk.repo(request)
        found = sorted(repo.store.tags().items())
        return desk.listed(
            request, found, lambda item: {"name": item[0], "commit": {"sha": item[1]}}
        )


def _tag_objects(desk: Desk) -> None:
    on = desk.router.on

    def tag_of(request: Request, ref: str) -> tuple[m.Repo, str, str]:
        repo, name = desk.repo(request), ref.removeprefix("tags/")
        return repo, name, one(repo.store.tags().get(name))

    @on("GET", "/repos/{owner}/{repo}/git/ref/{ref}")
    def ref(request: Request) -> Answer:
        repo, name, sha = tag_of(request, request["ref"])
        own, _, _ = repo.store.annotation(name)
        named = {"type": "tag" if own else "commit", "sha": own or sha, "url": ""}
        return answer({"ref": f"refs/tags/{name}", "node_id": "", "url": "", "object": named})

    @on("GET", "/repos/{owner}/{repo}/git/tags/{tag_sha}")
    def annotated(request: Request) -> Answer:
        repo = desk.repo(request)
        for name, sha in repo.store.tags().items():
            own, tagger, message = repo.store.annotation(name)
            if own == request["tag_sha"]:
                return answer({
                    "node_id": "", "tag": name, "sha": own, "url": "", "message": message,
                    "tagger": {"name": tagger, "email": "", "date": ""},
                    "object": {"type": "commit", "sha": sha, "url": ""},
                })  # fmt: skip
        raise Refused(404, "Not Found")


def _refs(desk: Desk) -> None:
    on = desk.router.on

    @on("POST", "/repos/{owner}/{repo}/git/refs")
    def create_ref(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        if body["ref"] in repo.store.refs():
            raise Refused(422, "Reference already exists")
        if not repo.store.resolve(body["sha"]):
            raise Refused(422, "Object does not exist")
        repo.store.set_ref(body["ref"], body["sha"])
        desk.state.pushed(repo, body["ref"], ZERO, body["sha"], desk.user(request))
        return answer({"ref": body["ref"], "object": {"type": "commit", "sha": body["sha"]}}, 201)

    @on("DELETE", "/repos/{owner}/{repo}/git/refs/{ref}")
    def delete_ref(request: Request) -> Answer:
        repo, ref = desk.repo(request, "write"), f"refs/{request['ref']}"
        if ref not in repo.store.refs():
            raise Refused(422, "Reference does not exist")
        sha = repo.store.refs()[ref]
        repo.store.delete_ref(ref)
        desk.state.pushed(repo, ref, sha, ZERO, desk.user(request))
        return Answer(204)


def _commits(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/commits")
    def commits(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = one(repo.store.resolve(request.argument("sha") or repo.default_branch) or None)
        found = repo.store.commits(
            sha, since=request.argument("since"), until=request.argument("until"),
            path=request.argument("path"),
        )  # fmt: skip
        return desk.listed(request, found, lambda facts: words.commit(repo, facts))

    @on("GET", "/repos/{owner}/{repo}/commits/{ref}")
    def commit(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = repo.store.resolve(request["ref"])
        if not sha:
            raise Refused(422, f"No commit found for SHA: {request['ref']}")
        accept = request.headers.get("accept", "")
        if "patch" in accept:
            return text(repo.store.patch(sha), "application/vnd.github.patch; charset=utf-8")
        facts = repo.store.commit(sha)
        if "diff" in accept:
            base = facts.parents[0] if facts.parents else EMPTY_TREE
            return text(repo.store.diff(base, sha), "application/vnd.github.diff; charset=utf-8")
        return answer(words.commit(repo, facts, files=True))

    @on("GET", "/repos/{owner}/{repo}/compare/{basehead}")
    def compare(request: Request) -> Answer:
        repo = desk.repo(request)
        named = request["basehead"].split("...")
        if len(named) != 2:
            raise Refused(404, "Not Found")
        base, head = (one(repo.store.resolve(name) or None) for name in named)
        return answer(_comparison(desk, repo, base, head))


def _comparison(desk: Desk, repo: m.Repo, base: str, head: str) -> dict[str, Any]:
    store, words = repo.store, desk.words
    middle = one(store.merge_base(base, head) or None, "No common ancestor")
    ahead, behind = store.ahead_behind(base, head)
    words_of = {(True, False): "ahead", (False, True): "behind", (True, True): "diverged"}
    commits = list(reversed(store.commits(f"{base}..{head}"))) if ahead else []
    return {
        "status": words_of.get((bool(ahead), bool(behind)), "identical"), "ahead_by": ahead,
        "behind_by": behind, "total_commits": ahead,
        "base_commit": words.commit(repo, store.commit(base)),
        "merge_base_commit": words.commit(repo, store.commit(middle)),
        "commits": [words.commit(repo, facts) for facts in commits],
        "files": words.files(repo, middle, head) if ahead else [],
        "html_url": f"{words.web}/{repo.full_name}/compare/{base}...{head}",
    }  # fmt: skip


def _reading(desk: Desk) -> None:
    on = desk.router.on

    @on("GET", "/repos/{owner}/{repo}/contents/{path:path}")
    def contents(request: Request) -> Answer:
        repo, path = desk.repo(request), request["path"].strip("/")
        sha = one(repo.store.resolve(request.argument("ref") or repo.default_branch) or None,
                  "No commit found for the ref")  # fmt: skip
        entry = repo.store.entry(sha, path) if path else Entry("040000", "tree", sha, None, "")
        found = one(entry)
        if found.type == "tree":
            inside = repo.store.tree(sha, path)
            return answer([_entry(desk, repo, f"{path}/{item.path}".strip("/"), item)
                           for item in inside])  # fmt: skip
        content = repo.store.blob(found.sha)
        if "raw" in request.headers.get("accept", ""):
            return text(content, "application/vnd.github.raw+json; charset=utf-8")
        return answer({**_entry(desk, repo, path, found), **_inline(content)})

    @on("GET", "/repos/{owner}/{repo}/git/trees/{tree_sha}")
    def tree(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = one(repo.store.resolve(request["tree_sha"]) or None)
        found = repo.store.tree(sha, recursive="recursive" in request.query)
        entries = [
            {"path": item.path, "mode": item.mode, "type": item.type, "sha": item.sha,
             **({"size": item.size} if item.size is not None else {})}
            for item in found
        ]  # fmt: skip
        facts = repo.store.commit(sha)
        return answer({"sha": facts.tree, "tree": entries, "truncated": False})


def _writing(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("PUT", "/repos/{owner}/{repo}/contents/{path:path}")
    def write(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        try:
            content = base64.b64decode(body["content"], validate=True)
        except binascii.Error as error:
            raise Refused(422, "content is not valid Base64") from error
        is_new = _check_blob(repo, request["path"], body)
        sha = _commit(desk, request, repo, body, content)
        entry = one(repo.store.entry(sha, request["path"]))
        found = {"content": _entry(desk, repo, request["path"], entry),
                 "commit": words.commit(repo, repo.store.commit(sha))}  # fmt: skip
        return answer(found, 201 if is_new else 200)

    @on("DELETE", "/repos/{owner}/{repo}/contents/{path:path}")
    def delete(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        if _check_blob(repo, request["path"], body):
            raise Refused(404, "Not Found")
        sha = _commit(desk, request, repo, body, None)
        return answer({"content": None, "commit": words.commit(repo, repo.store.commit(sha))})


def _commit(
    desk: Desk, request: Request, repo: m.Repo, body: dict[str, Any], content: bytes | None
) -> str:
    branch = body.get("branch") or repo.default_branch
    if branch not in repo.store.branches():
        raise Refused(404, f"Branch {branch} not found")
    return desk.state.push_file(
        repo, branch, request["path"], content, message=body["message"], user=desk.user(request)
    )


def _check_blob(repo: m.Repo, path: str, body: dict[str, Any]) -> bool:
    """Whether the file is new; what is there is replaced only by who knows it."""
    entry = repo.store.entry(body.get("branch") or repo.default_branch, path)
    if entry is None:
        return True
    if "sha" not in body:
        raise invalid('Invalid request.\n\n"sha" wasn\'t supplied.')
    if body["sha"] != entry.sha:
        raise Refused(409, f"{path} does not match {body['sha']}")
    return False


def _entry(desk: Desk, repo: m.Repo, path: str, entry: Entry) -> dict[str, Any]:
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.type, "file")
    return {
        "type": kind, "name": path.rpartition("/")[2], "path": path, "sha": entry.sha,
        "size": entry.size or 0,
        "html_url": f"{desk.words.web}/{repo.full_name}/blob/{repo.default_branch}/{path}",
    }  # fmt: skip


def _inline(content: bytes) -> dict[str, Any]:
    if len(content) > _MAX_INLINE:
        return {"encoding": "none", "content": ""}
    return {"encoding": "base64", "content": base64.encodebytes(content).decode()}
