"""Merge requests, issues, notes and statuses."""

from gitintegration.clients.fakes.git_store import StoreError
from gitintegration.clients.fakes.model import Comment, Issue, Pull, Repo
from gitintegration.clients.fakes.web import Answer, Refused, Request, Router, answer
from gitintegration.clients.gitlab.fake import requests, words
from gitintegration.clients.gitlab.fake.api import Api
from gitintegration.clients.gitlab.fake.routes_repository import resolved

_STATES = {"open": "opened", "closed": "closed"}
# How GitLab calls the way into each state of a status.
_WAYS = {
    "pending": "enqueue", "running": "run", "success": "success", "failed": "drop",
    "canceled": "cancel", "skipped": "skip",
}  # fmt: skip
_ONE = "/projects/{id}/merge_requests/{iid}"


def add(router: Router, api: Api) -> None:
    """Add the routes."""
    _requests(router, api)
    _changes(router, api)
    _merging(router, api)
    _issues(router, api)
    _notes(router, api, "merge_requests")
    _notes(router, api, "issues")
    _statuses(router, api)


def _pull(request: Request, repo: Repo) -> Pull:
    found = repo.pulls.get(int(request["iid"])) if request["iid"].isdigit() else None
    if found is None:
        raise Refused(404, "404 Not found")
    return found


def _state(pull: Pull) -> str:
    return "merged" if pull.is_merged else _STATES[pull.state]


def _requests(router: Router, api: Api) -> None:
    base = "/projects/{id}/merge_requests"

    @router.on("GET", base, query=requests.MergeRequests)
    def listed(request: Request) -> Answer:
        repo, state = api.repo(request), request.argument("state", "all")
        head, target = request.argument("source_branch"), request.argument("target_branch")
        found = [
            pull for pull in reversed(repo.pulls.values())
            if state in {"all", _state(pull)} and head in {"", pull.head_ref}
            and target in {"", pull.base_ref}
        ]  # fmt: skip
        return api.page(request, found, lambda pull: words.merge_request(repo, pull, api.host.url))

    @router.on("GET", _ONE, query=requests.OneMergeRequest)
    def read(request: Request) -> Answer:
        repo = api.repo(request)
        return answer(words.merge_request(repo, _pull(request, repo), api.host.url))

    @router.on("POST", base, query=requests.NoQuery, body=requests.NewMergeRequest)
    def create(request: Request) -> Answer:
        repo, body = api.repo(request, "write"), request.json()
        head, base_ref = body["source_branch"], body["target_branch"]
        known = [
            pull.number for pull in repo.pulls.values()
            if pull.state == "open" and (pull.head_ref, pull.base_ref) == (head, base_ref)
        ]  # fmt: skip
        if known:
            text = f"Another open merge request already exists for this source branch: !{known[0]}"
            raise Refused(409, "", told=[text])
        if not {head, base_ref} <= set(repo.store.branches()):
            raise Refused(400, "", told={"base": ["The branches must exist"]})
        made = api.state.talk.open_pull(
            repo, head, base_ref, title=body["title"], body=body.get("description", ""),
            user=api.user(request), draft=body["title"].startswith("Draft: "),
        )  # fmt: skip
        return answer(words.merge_request(repo, made, api.host.url), 201)


def _changes(router: Router, api: Api) -> None:
    @router.on("PUT", _ONE, query=requests.NoQuery, body=requests.MergeRequestChanges)
    def change(request: Request) -> Answer:
        repo = api.repo(request, "write")
        pull, event = _pull(request, repo), request.json().get("state_event")
        if event and not pull.is_merged:
            state = "closed" if event == "close" else "open"
            api.state.talk.change_pull(repo, pull, api.user(request), state=state)
        return answer(words.merge_request(repo, pull, api.host.url))


def _merging(router: Router, api: Api) -> None:
    @router.on("PUT", _ONE + "/merge", query=requests.NoQuery, body=requests.Merge)
    def merge(request: Request) -> Answer:
        repo, body, user = api.repo(request), request.json(), api.user(request)
        pull = _pull(request, repo)
        if not api.state.may(repo, user, "write"):
            raise Refused(401, "401 Unauthorized")
        if pull.state != "open" or pull.is_draft:
            raise Refused(405, "405 Method Not Allowed")
        if body.get("sha") not in {None, pull.head_sha}:
            raise Refused(409, f"SHA does not match HEAD of source branch: {pull.head_sha}")
        method = "squash" if body.get("squash") else "merge"
        if api.merge_methods.get(repo.id) == "ff" and method == "merge":
            method = "rebase"
        try:
            api.state.talk.merge_pull(repo, pull, user, method)
        except StoreError as error:
            raise Refused(422, "Branch cannot be merged") from error
        return answer(words.merge_request(repo, pull, api.host.url))

    @router.on("PUT", _ONE + "/rebase", query=requests.NoQuery, body=requests.Nothing)
    def rebase(request: Request) -> Answer:
        repo = api.repo(request, "write")
        _rebase(api, repo, _pull(request, repo))
        return answer({"rebase_in_progress": True}, 202)


def _rebase(api: Api, repo: Repo, pull: Pull) -> None:
    """Put what the branch changed on top of its target, as one commit."""
    store, tip = pull.head.store, repo.store.branches()[pull.base_ref]
    if store.merge_base(tip, pull.head_sha) == tip:
        return
    ref = f"refs/heads/{pull.head_ref}"
    kept = store.branches()[pull.head_ref]
    store.set_ref(ref, tip)
    try:
        made = store.merge(pull.head_ref, kept, "squash", pull.title)
    except StoreError:
        store.set_ref(ref, kept)
        return
    api.state.pushed(pull.head, ref, kept, made, pull.author)


def _issues(router: Router, api: Api) -> None:
    @router.on("GET", "/projects/{id}/issues", query=requests.Issues)
    def listed(request: Request) -> Answer:
        repo, state = api.repo(request), request.argument("state", "all")
        found = [
            issue for issue in reversed(repo.issues.values())
            if state in {"all", _STATES[issue.state]}
        ]  # fmt: skip
        return api.page(request, found, lambda issue: words.issue(repo, issue, api.host.url))

    @router.on("GET", "/projects/{id}/issues/{iid}", query=requests.NoQuery)
    def read(request: Request) -> Answer:
        repo = api.repo(request)
        return answer(words.issue(repo, _issue(request, repo), api.host.url))


def _issue(request: Request, repo: Repo) -> Issue:
    found = repo.issues.get(int(request["iid"])) if request["iid"].isdigit() else None
    if found is None:
        raise Refused(404, "404 Not found")
    return found


def _notes(router: Router, api: Api, kind: str) -> None:
    base = f"/projects/{{id}}/{kind}/{{iid}}/notes"

    def subject(request: Request, repo: Repo) -> Pull | Issue:
        return _pull(request, repo) if kind == "merge_requests" else _issue(request, repo)

    def one(request: Request, on: Pull | Issue) -> Comment:
        for comment in on.comments:
            if str(comment.id) == request["note_id"]:
                return comment
        raise Refused(404, "404 Not found")

    @router.on("GET", base, query=requests.Notes)
    def listed(request: Request) -> Answer:
        on = subject(request, api.repo(request))
        found = on.comments if request.argument("sort") == "asc" else on.comments[::-1]
        return api.page(request, found, lambda comment: words.note(comment, on, api.host.url))

    @router.on("POST", base, query=requests.NoQuery, body=requests.Note)
    def create(request: Request) -> Answer:
        repo, user = api.repo(request), api.user(request)
        on = subject(request, repo)
        made = api.state.talk.comment(repo, on, request.json()["body"], user)
        return answer(words.note(made, on, api.host.url), 201)

    @router.on("PUT", base + "/{note_id}", query=requests.NoQuery, body=requests.Note)
    def change(request: Request) -> Answer:
        repo, user = api.repo(request), api.user(request)
        on = subject(request, repo)
        known = one(request, on)
        api.state.talk.edit_comment(repo, on, known, request.json()["body"], user)
        return answer(words.note(known, on, api.host.url))


def _statuses(router: Router, api: Api) -> None:
    path = "/projects/{id}/repository/commits/{sha}/statuses"

    @router.on("GET", path, query=requests.Paging)
    def listed(request: Request) -> Answer:
        repo = api.repo(request)
        sha = resolved(repo, request["sha"])
        newest = {known.context: known for known in repo.statuses if known.sha == sha}
        return api.page(
            request, list(newest.values()), lambda known: words.status(known, api.host.url)
        )

    @router.on(
        "POST", "/projects/{id}/statuses/{sha}", query=requests.NoQuery, body=requests.NewStatus
    )
    def create(request: Request) -> Answer:
        repo, body = api.repo(request, "write"), request.json()
        sha, name, state = resolved(repo, request["sha"]), body.get("name"), body["state"]
        known = [item for item in repo.statuses if (item.sha, item.context) == (sha, name)]
        if known and known[-1].state == state:
            way = _WAYS[state]
            raise Refused(
                400, f"Cannot transition status via :{way} from :{state} (Reason(s): Status "
                f'cannot transition via "{way}")',
            )  # fmt: skip
        made = api.state.talk.set_status(
            repo, sha, name, state, description=body.get("description", ""),
            target_url=body.get("target_url", ""), user=api.user(request),
        )  # fmt: skip
        return answer(words.status(made, api.host.url), 201)
