"""Branches, tags, commits and files."""

import base64
from typing import Any

from gitintegration.clients.fakes.git_store import EMPTY_TREE, ZERO, StoreError
from gitintegration.clients.fakes.model import Repo
from gitintegration.clients.fakes.web import Answer, Refused, Request, Router, answer
from gitintegration.clients.gitlab.fake import requests, words
from gitintegration.clients.gitlab.fake.api import Api


def add(router: Router, api: Api) -> None:
    """Add the routes."""
    _branches(router, api)
    _branch_changes(router, api)
    _tags(router, api)
    _commits(router, api)
    _comparisons(router, api)
    _files(router, api)
    _writing(router, api)


def resolved(repo: Repo, ref: str, message: str = "404 Commit Not Found") -> str:
    """The commit of a branch, tag or SHA.

    Raises:
        Refused: 404.
    """
    found = repo.store.resolve(repo.default_branch if ref in {"", "HEAD"} else ref)
    if not found:
        raise Refused(404, message)
    return found


def _branches(router: Router, api: Api) -> None:
    base = "/projects/{id}/repository/branches"

    @router.on("GET", base, query=requests.Paging)
    def branches(request: Request) -> Answer:
        repo = api.repo(request)
        return api.page(
            request, sorted(repo.store.branches().items()),
            lambda item: words.branch(repo, *item, api.host.url),
        )  # fmt: skip

    @router.on("GET", base + "/{branch}", query=requests.NoQuery)
    def branch(request: Request) -> Answer:
        repo, name = api.repo(request), request["branch"]
        sha = repo.store.branches().get(name)
        if sha is None:
            raise Refused(404, "404 Branch Not Found")
        return answer(words.branch(repo, name, sha, api.host.url))


def _branch_changes(router: Router, api: Api) -> None:
    base = "/projects/{id}/repository/branches"

    @router.on("POST", base, query=requests.NoQuery, body=requests.NewBranch)
    def create(request: Request) -> Answer:
        repo, body = api.repo(request, "write"), request.json()
        if body["branch"] in repo.store.branches():
            raise Refused(400, "Branch already exists")
        sha = repo.store.resolve(body["ref"])
        if not sha:
            raise Refused(400, f"Invalid reference name: {body['ref']}")
        ref = f"refs/heads/{body['branch']}"
        repo.store.set_ref(ref, sha)
        api.state.pushed(repo, ref, ZERO, sha, api.user(request))
        return answer(words.branch(repo, body["branch"], sha, api.host.url), 201)

    @router.on("DELETE", base + "/{branch}", query=requests.NoQuery)
    def delete(request: Request) -> Answer:
        repo, name = api.repo(request, "write"), request["branch"]
        sha = repo.store.branches().get(name)
        if sha is None:
            raise Refused(404, "404 Branch Not Found")
        if name in repo.protections:
            raise Refused(403, "403 Forbidden - Protected branches cannot be deleted")
        ref = f"refs/heads/{name}"
        repo.store.delete_ref(ref)
        api.state.pushed(repo, ref, sha, ZERO, api.user(request))
        return Answer(204)


def _tags(router: Router, api: Api) -> None:
    def told(repo: Repo, name: str, sha: str) -> dict[str, Any]:
        own, _, message = repo.store.annotation(name)
        return {
            "name": name, "message": message, "target": own or sha, "release": None,
            "commit": words.commit(repo.store.commit(sha), repo, api.host.url),
            "protected": False,
        }  # fmt: skip

    @router.on("GET", "/projects/{id}/repository/tags", query=requests.Paging)
    def tags(request: Request) -> Answer:
        repo = api.repo(request)
        found = sorted(repo.store.tags().items())
        return api.page(request, found, lambda item: told(repo, *item))

    @router.on("GET", "/projects/{id}/repository/tags/{tag}", query=requests.NoQuery)
    def tag(request: Request) -> Answer:
        repo, name = api.repo(request), request["tag"]
        sha = repo.store.tags().get(name)
        if sha is None:
            raise Refused(404, "404 Tag Not Found")
        return answer(told(repo, name, sha))


def _commits(router: Router, api: Api) -> None:
    base = "/projects/{id}/repository/commits"

    @router.on("GET", base, query=requests.Commits)
    def commits(request: Request) -> Answer:
        repo = api.repo(request)
        sha = resolved(repo, request.argument("ref_name"))
        found = repo.store.commits(
            sha, since=request.argument("since"), until=request.argument("until")
        )
        return api.page(request, found, lambda known: words.commit(known, repo, api.host.url))

    @router.on("GET", base + "/{sha}", query=requests.NoQuery)
    def commit(request: Request) -> Answer:
        repo = api.repo(request)
        known = repo.store.commit(resolved(repo, request["sha"]))
        changes = repo.store.changes(known.parents[0] if known.parents else EMPTY_TREE, known.sha)
        additions = sum(change.additions for change in changes)
        deletions = sum(change.deletions for change in changes)
        stats = {"additions": additions, "deletions": deletions, "total": additions + deletions}
        return answer(words.commit(known, repo, api.host.url) | {"stats": stats, "status": None})

    @router.on("GET", base + "/{sha}/diff", query=requests.Paging)
    def diff(request: Request) -> Answer:
        repo = api.repo(request)
        known = repo.store.commit(resolved(repo, request["sha"]))
        changes = repo.store.changes(known.parents[0] if known.parents else EMPTY_TREE, known.sha)
        return api.page(request, changes, words.diff)

    @router.on("GET", base + "/{sha}/signature", query=requests.NoQuery)
    def signature(request: Request) -> Answer:
        resolved(api.repo(request), request["sha"])
        raise Refused(404, "404 Signature Not Found")


def _comparisons(router: Router, api: Api) -> None:
    @router.on("GET", "/projects/{id}/repository/compare", query=requests.Compare)
    def compare(request: Request) -> Answer:
        repo = api.repo(request)
        base = resolved(repo, request.argument("from"), "404 Ref Not Found")
        head = resolved(repo, request.argument("to"), "404 Ref Not Found")
        commits = repo.store.commits(f"{base}..{head}") if base != head else []
        found = [words.commit(known, repo, api.host.url) for known in reversed(commits)]
        start = repo.store.merge_base(base, head) or base
        return answer(
            {
                "commit": found[-1] if found else None,
                "commits": found,
                "diffs": [words.diff(change) for change in repo.store.changes(start, head)],
                "compare_timeout": False,
                "compare_same_ref": base == head,
                "web_url": f"{api.host.url}/{repo.full_name}/-/compare/{base}...{head}",
            }
        )

    @router.on("GET", "/projects/{id}/repository/merge_base", query=requests.MergeBase)
    def merge_base(request: Request) -> Answer:
        repo = api.repo(request)
        one, other = (resolved(repo, ref) for ref in request.query["refs[]"][:2])
        sha = repo.store.merge_base(one, other)
        if not sha:
            raise Refused(404, "404 Merge Base Not Found")
        return answer(words.commit(repo.store.commit(sha), repo, api.host.url))


def _files(router: Router, api: Api) -> None:
    def found(request: Request) -> dict[str, Any]:
        repo = api.repo(request)
        ref = request.argument("ref")
        sha = resolved(repo, ref)
        entry = repo.store.entry(sha, request["file_path"])
        if entry is None or entry.type != "blob":
            raise Refused(404, "404 File Not Found")
        return words.file(repo, entry, ref, sha)

    path = "/projects/{id}/repository/files/{file_path}"

    @router.on("GET", path, query=requests.FileQuery)
    def read(request: Request) -> Answer:
        return answer(found(request))

    @router.on("HEAD", path, query=requests.FileQuery)
    def look(request: Request) -> Answer:
        told = found(request)
        return Answer(200, headers={"x-gitlab-blob-id": told["blob_id"]})

    @router.on("GET", "/projects/{id}/repository/tree", query=requests.Tree)
    def tree(request: Request) -> Answer:
        repo, below = api.repo(request), request.argument("path").strip("/")
        sha = resolved(repo, request.argument("ref"), "404 Tree Not Found")
        try:
            entries = repo.store.tree(sha, below, recursive=request.argument("recursive") == "true")
        except StoreError as error:
            raise Refused(404, "404 invalid revision or path Not Found") from error
        start, size = request.number("page_token", 0), request.number("per_page", 20)
        headers = {}
        if len(entries) > start + size:
            headers["link"] = api.link(request, page_token=str(start + size))
        shown = entries[start : start + size]
        return answer([words.tree_entry(entry, below) for entry in shown], 200, **headers)


def _writing(router: Router, api: Api) -> None:
    path = "/projects/{id}/repository/commits"

    @router.on("POST", path, query=requests.NoQuery, body=requests.NewCommit)
    def commit(request: Request) -> Answer:
        repo, body = api.repo(request, "write"), request.json()
        sha = repo.store.branches().get(body["branch"])
        if sha is None and repo.store.branches():
            raise Refused(400, "You can only create or edit files when you are on a branch")
        files: dict[str, str | bytes | None] = {}
        for action in body["actions"]:
            files[action["file_path"]] = _content(repo, sha or "", action)
        made = api.state.push_files(
            repo, body["branch"], files, message=body["commit_message"], user=api.user(request)
        )
        return answer(words.commit(repo.store.commit(made), repo, api.host.url), 201)


def _content(repo: Repo, sha: str, action: dict[str, Any]) -> bytes | None:
    is_there = bool(sha) and repo.store.entry(sha, action["file_path"]) is not None
    if action["action"] == "create" and is_there:
        raise Refused(400, "A file with this name already exists")
    if action["action"] != "create" and not is_there:
        raise Refused(400, "A file with this name doesn't exist")
    if action["action"] == "delete":
        return None
    if action.get("encoding") == "base64":
        return base64.b64decode(action["content"])
    return str(action["content"]).encode()
