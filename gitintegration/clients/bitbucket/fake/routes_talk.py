"""Pull requests, issues and comments of a fake Bitbucket."""

from typing import Literal

from gitintegration.clients.bitbucket.fake import requests as r
from gitintegration.clients.bitbucket.fake.desk import REPO, Desk, matches
from gitintegration.clients.bitbucket.fake.words import Object
from gitintegration.clients.fakes.model import Issue, Pull, Repo
from gitintegration.clients.fakes.reception import first, found
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer

_METHODS = {
    "merge_commit": "merge", "squash": "squash", "fast_forward": "rebase",
    "rebase_fast_forward": "rebase",
}  # fmt: skip


def add(desk: Desk) -> None:
    """Add the routes."""
    _pulls(desk)
    _endings(desk)
    _issues(desk)
    _comments(desk, "pullrequests")
    _comments(desk, "issues")


def _number(request: Request) -> int:
    return int(request["number"]) if request["number"].isdigit() else 0


def _pull(repo: Repo, request: Request) -> Pull:
    return found(repo.pulls.get(_number(request)), "pull request")


def _filtered(told: Object) -> dict[str, str]:
    source, destination = told["source"], told["destination"]
    return {
        "source.branch.name": source["branch"]["name"],
        "source.repository.full_name": source["repository"]["full_name"],
        "destination.branch.name": destination["branch"]["name"],
        "state": told["state"],
    }


def _pulls(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/pullrequests", query=r.Pulls)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        states = request.query.get("state", ("OPEN",))
        told = [desk.words.pull(repo, one) for one in repo.pulls.values()]
        query = request.argument("q")
        kept = [one for one in told if one["state"] in states and matches(query, _filtered(one))]
        return desk.page(request, kept[::-1])

    @on("GET", REPO + "/pullrequests/{number}", query=r.Nothing)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        return answer(desk.words.pull(repo, _pull(repo, request)))

    @on("POST", REPO + "/pullrequests", body=r.CreatePull)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request), request.json()
        head = body["source"]["branch"]["name"]
        base = (body.get("destination") or {}).get("branch", {}).get("name", repo.default_branch)
        for name in (head, base):
            if name not in repo.store.branches():
                raise Refused(400, f"source: branch not found: {name}")
        made = desk.state.talk.open_pull(
            repo, head, base, title=body["title"], body=body.get("description", ""),
            user=desk.reception.user(request), draft=bool(body.get("draft")),
        )  # fmt: skip
        return answer(desk.words.pull(repo, made), 201)


def _endings(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("POST", REPO + "/pullrequests/{number}/merge", body=r.Merge)
    def merge(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        pull = _pull(repo, request)
        if pull.state != "open":
            raise Refused(400, "This pull request is already closed.")
        method = _METHODS[body.get("merge_strategy", "merge_commit")]
        desk.state.talk.merge_pull(repo, pull, desk.reception.user(request), method)
        return answer(desk.words.pull(repo, pull))

    @on("POST", REPO + "/pullrequests/{number}/decline", body=r.Nothing)
    def decline(request: Request) -> Answer:
        repo = desk.repo(request, "write")
        pull = _pull(repo, request)
        if pull.state != "open":
            raise Refused(400, "This pull request is already closed.")
        desk.state.talk.change_pull(repo, pull, desk.reception.user(request), state="closed")
        return answer(desk.words.pull(repo, pull))


def _issues(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/issues", query=r.Query)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        if not repo.has_issues:
            raise Refused(404, "Repository has no issue tracker.")
        told = [desk.words.issue(repo, one) for one in repo.issues.values()]
        query = request.argument("q")
        kept = [one for one in told if matches(query, {"state": one["state"]})]
        return desk.page(request, kept[::-1])

    @on("GET", REPO + "/issues/{number}", query=r.Nothing)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        return answer(desk.words.issue(repo, found(repo.issues.get(_number(request)), "issue")))


def _comments(desk: Desk, kind: Literal["pullrequests", "issues"]) -> None:
    on = desk.reception.router.on
    path = f"{REPO}/{kind}/{{number}}/comments"

    def parent(repo: Repo, request: Request) -> Pull | Issue:
        if kind == "pullrequests":
            return _pull(repo, request)
        return found(repo.issues.get(_number(request)), "issue")

    @on("GET", path, query=r.Query)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        one = parent(repo, request)
        told = [desk.words.comment(repo, one, comment) for comment in one.comments]
        query = request.argument("q")
        return desk.page(
            request, [told_one for told_one in told if matches(query, _flags(told_one))]
        )

    @on("POST", path, body=r.Comment)
    def create(request: Request) -> Answer:
        repo = desk.repo(request)
        one, user = parent(repo, request), desk.reception.user(request)
        made = desk.state.talk.comment(repo, one, request.json()["content"]["raw"], user)
        return answer(desk.words.comment(repo, one, made), 201)

    @on("PUT", path + "/{id}", body=r.Comment)
    def edit(request: Request) -> Answer:
        repo = desk.repo(request)
        one, user = parent(repo, request), desk.reception.user(request)
        comment = first((c for c in one.comments if str(c.id) == request["id"]), "comment")
        if comment.author is not user:
            raise Refused(403, "The comment is somebody else's.")
        body = request.json()["content"]["raw"]
        desk.state.talk.edit_comment(repo, one, comment, body, user)
        return answer(desk.words.comment(repo, one, comment))


def _flags(told: Object) -> dict[str, str]:
    return {"deleted": str(told["deleted"]).lower()}
