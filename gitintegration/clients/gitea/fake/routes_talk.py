"""Pull requests, issues and comments of a fake Gitea."""

from collections.abc import Iterable
from typing import TypeVar

from gitintegration.clients.fakes.model import Comment, Issue, Pull, Repo
from gitintegration.clients.fakes.reception import first, found
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer
from gitintegration.clients.gitea.fake import requests as r
from gitintegration.clients.gitea.fake.desk import REPO, Desk

T = TypeVar("T", Pull, Issue)


def add(desk: Desk) -> None:
    """Add the routes."""
    _pulls(desk)
    _merging(desk)
    _issues(desk)
    _comments(desk)


def _in_state(items: Iterable[T], request: Request) -> list[T]:
    state = request.argument("state", "open")
    found = [one for one in items if state in {"all", one.state}]
    return sorted(found, key=lambda one: one.number, reverse=True)


def _number(request: Request) -> int:
    return int(request["number"]) if request["number"].isdigit() else 0


def _pulls(desk: Desk) -> None:  # noqa: C901 - handlers count as branches
    on = desk.reception.router.on

    @on("GET", REPO + "/pulls", query=r.Pulls)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        pulls = _in_state(repo.pulls.values(), request)
        return desk.page(request, pulls, word=lambda one: desk.words.pull(repo, one))

    @on("GET", REPO + "/pulls/{number}", query=r.Nothing)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        pull = found(repo.pulls.get(_number(request)), "pull request")
        return answer(desk.words.pull(repo, pull))

    @on("POST", REPO + "/pulls", body=r.CreatePull)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request), request.json()
        owner, _, head = body["head"].rpartition(":")
        source = repo
        if owner and owner != repo.owner:
            source = first(
                (one for one in desk.state.repositories.values()
                 if one.fork_of is repo and one.owner == owner),
                "fork",
            )  # fmt: skip
        for where, name in ((source, head), (repo, body["base"])):
            found(where.store.branches().get(name), "branch")
        for one in repo.pulls.values():
            same = (one.head, one.head_ref, one.base_ref) == (source, head, body["base"])
            if same and one.state == "open":
                raise Refused(409, "pull request already exists for these targets")
        made = desk.state.talk.open_pull(
            repo, head, body["base"], title=body["title"], body=body.get("body", ""),
            user=desk.reception.user(request), head=source,
            draft=body["title"].lower().startswith("wip:"),
        )  # fmt: skip
        return answer(desk.words.pull(repo, made), 201)

    @on("PATCH", REPO + "/pulls/{number}", body=r.EditPull)
    def edit(request: Request) -> Answer:
        repo = desk.repo(request, "write")
        pull = found(repo.pulls.get(_number(request)), "pull request")
        changes = {
            {"base": "base_ref"}.get(name, name): value for name, value in request.json().items()
        }
        desk.state.talk.change_pull(repo, pull, desk.reception.user(request), **changes)
        return answer(desk.words.pull(repo, pull), 201)


def _merging(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("POST", REPO + "/pulls/{number}/merge", body=r.MergePull)
    def merge(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        pull = found(repo.pulls.get(_number(request)), "pull request")
        if pull.state != "open" or pull.is_draft:
            raise Refused(405, "The pull request is closed or work in progress")
        if body.get("head_commit_id", pull.head_sha) != pull.head_sha:
            raise Refused(409, "head out of date")
        desk.state.talk.merge_pull(repo, pull, desk.reception.user(request), body["Do"])
        return Answer(200)


def _issues(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/issues", query=r.Issues)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        issues = _in_state(repo.issues.values(), request)
        pulls = [] if request.argument("type") == "issues" else _in_state(
            repo.pulls.values(), request
        )  # fmt: skip
        everything: list[Issue | Pull] = [*issues, *pulls]
        return desk.page(request, everything, word=lambda one: desk.words.issue(repo, one))

    @on("GET", REPO + "/issues/{number}", query=r.Nothing)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        return answer(desk.words.issue(repo, _parent(repo, _number(request))))


def _parent(repo: Repo, number: int) -> Issue | Pull:
    everything: list[Issue | Pull] = [*repo.issues.values(), *repo.pulls.values()]
    return first((one for one in everything if one.number == number), "issue")


def _comment(repo: Repo, number: str) -> tuple[Issue | Pull, Comment]:
    everything: list[Issue | Pull] = [*repo.issues.values(), *repo.pulls.values()]
    pairs = ((on, one) for on in everything for one in on.comments)
    return first((pair for pair in pairs if str(pair[1].id) == number), "comment")


def _comments(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/issues/{number}/comments", query=r.Paging)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        parent = _parent(repo, _number(request))
        told = [desk.words.comment(repo, parent, one) for one in parent.comments]
        # Gitea does not page these.
        return answer(told, x_total_count=str(len(told)))

    @on("POST", REPO + "/issues/{number}/comments", body=r.CreateComment)
    def create(request: Request) -> Answer:
        repo = desk.repo(request)
        parent = _parent(repo, _number(request))
        user = desk.reception.user(request)
        made = desk.state.talk.comment(repo, parent, request.json()["body"], user)
        return answer(desk.words.comment(repo, parent, made), 201)

    @on("PATCH", REPO + "/issues/comments/{id}", body=r.CreateComment)
    def edit(request: Request) -> Answer:
        repo = desk.repo(request)
        parent, comment = _comment(repo, request["id"])
        user = desk.reception.user(request)
        if comment.author is not user and not desk.state.may(repo, user, "admin"):
            raise Refused(403, "The comment is somebody else's")
        desk.state.talk.edit_comment(repo, parent, comment, request.json()["body"], user)
        return answer(desk.words.comment(repo, parent, comment))
