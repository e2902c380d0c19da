"""Pull requests, issues and comments of the fake GitHub."""

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.git_store import StoreError
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer
from gitintegration.clients.github.fake.desk import Desk, invalid, number_of, one


def add_routes(desk: Desk) -> None:
    """Register them."""
    _pulls(desk)
    _pull_changes(desk)
    _issues(desk)
    _comments(desk)


def _wanted(request: Request, state: str) -> bool:
    return request.argument("state", "open") in {"all", state}


def _pulls(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/pulls")
    def pulls(request: Request) -> Answer:
        repo = desk.repo(request)
        head, base = request.argument("head"), request.argument("base")
        found = [
            pull
            for pull in reversed(repo.pulls.values())
            if _wanted(request, pull.state)
            and base in {"", pull.base_ref}
            and head in {"", f"{pull.head.owner}:{pull.head_ref}"}
        ]
        return desk.listed(request, found, lambda pull: words.pull(repo, pull))

    @on("GET", "/repos/{owner}/{repo}/pulls/{number}")
    def pull(request: Request) -> Answer:
        repo = desk.repo(request)
        return answer(words.pull(repo, one(repo.pulls.get(number_of(request, "number")))))

    @on("POST", "/repos/{owner}/{repo}/pulls")
    def open_pull(request: Request) -> Answer:
        repo, user, body = desk.repo(request), desk.user(request), request.json()
        owner, _, branch = body["head"].rpartition(":")
        source = one(desk.state.repository(f"{owner or repo.owner}/{repo.name}"))
        if branch not in source.store.branches() or body["base"] not in repo.store.branches():
            raise invalid("head or base is invalid", field="head", code="invalid")
        for known in repo.pulls.values():
            if (known.state, known.head, known.head_ref, known.base_ref) == (
                "open", source, branch, body["base"],
            ):  # fmt: skip
                raise invalid(f"A pull request already exists for {source.owner}:{branch}.")
        made = desk.state.talk.open_pull(
            repo, branch, body["base"], title=body.get("title", ""), body=body.get("body") or "",
            user=user, head=source, draft=bool(body.get("draft")),
        )  # fmt: skip
        return answer(words.pull(repo, made), 201)


def _pull_changes(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("PATCH", "/repos/{owner}/{repo}/pulls/{number}")
    def change(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        pull = one(repo.pulls.get(number_of(request, "number")))
        changes = {name: body[name] for name in ("title", "body", "state") if name in body}
        desk.state.talk.change_pull(repo, pull, desk.user(request), **changes)
        return answer(words.pull(repo, pull))

    @on("PUT", "/repos/{owner}/{repo}/pulls/{number}/merge")
    def merge(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        pull = one(repo.pulls.get(number_of(request, "number")))
        if pull.state != "open" or pull.is_draft:
            raise Refused(405, "Pull Request is not mergeable")
        if body.get("sha", pull.head_sha) != pull.head_sha:
            raise Refused(409, "Head branch was modified. Review and try the merge again.")
        try:
            sha = desk.state.talk.merge_pull(
                repo, pull, desk.user(request), body.get("merge_method", "merge"),
                body.get("commit_title", ""),
            )  # fmt: skip
        except StoreError as error:
            raise Refused(405, "Pull Request is not mergeable") from error
        return answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def _issues(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/issues")
    def issues(request: Request) -> Answer:
        repo = desk.repo(request)
        both: list[m.Issue | m.Pull] = [*repo.issues.values(), *repo.pulls.values()]
        found = [item for item in both if _wanted(request, item.state)]
        found.sort(key=lambda item: -item.number)
        return desk.listed(request, found, lambda item: words.issue(repo, item))

    @on("GET", "/repos/{owner}/{repo}/issues/{number}")
    def issue(request: Request) -> Answer:
        repo = desk.repo(request)
        return answer(words.issue(repo, _issue(repo, number_of(request, "number"))))


def _comments(desk: Desk) -> None:
    on, words, talk = desk.router.on, desk.words, desk.state.talk

    @on("GET", "/repos/{owner}/{repo}/issues/{number}/comments")
    def comments(request: Request) -> Answer:
        repo = desk.repo(request)
        on_what = _issue(repo, number_of(request, "number"))
        return desk.listed(
            request, on_what.comments, lambda item: words.comment(repo, on_what, item)
        )

    @on("POST", "/repos/{owner}/{repo}/issues/{number}/comments")
    def comment(request: Request) -> Answer:
        repo = desk.repo(request)
        on_what = _issue(repo, number_of(request, "number"))
        made = talk.comment(repo, on_what, request.json()["body"], desk.user(request))
        return answer(words.comment(repo, on_what, made), 201)

    @on("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment}")
    def edit(request: Request) -> Answer:
        repo, wanted = desk.repo(request), number_of(request, "comment")
        both: list[m.Issue | m.Pull] = [*repo.issues.values(), *repo.pulls.values()]
        for on_what in both:
            for known in on_what.comments:
                if known.id == wanted:
                    body = request.json()["body"]
                    talk.edit_comment(repo, on_what, known, body, desk.user(request))
                    return answer(words.comment(repo, on_what, known))
        raise Refused(404, "Not Found")


def _issue(repo: m.Repo, number: int) -> m.Issue | m.Pull:
    return repo.issues[number] if number in repo.issues else one(repo.pulls.get(number))
