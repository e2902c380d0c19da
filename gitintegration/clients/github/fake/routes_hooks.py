"""Hooks, statuses, checks, protection and keys of the fake GitHub."""

from dataclasses import replace
from typing import Any

from django.utils import timezone

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer
from gitintegration.clients.github.fake.desk import Desk, invalid, number_of, one
from gitintegration.clients.github.fake.words import moment


def add_routes(desk: Desk) -> None:
    """Register them."""
    _hooks(desk)
    _hook_changes(desk)
    _deliveries(desk)
    _statuses(desk)
    _checks(desk)
    _protection(desk)
    _keys(desk)


def _hooks(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/hooks")
    def hooks(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        return desk.listed(request, list(repo.hooks.values()), lambda item: words.hook(repo, item))

    @on("POST", "/repos/{owner}/{repo}/hooks")
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        config = body.get("config", {})
        if any(hook.url == config.get("url") for hook in repo.hooks.values()):
            raise invalid("Hook already exists on this repository", resource="Hook", code="custom")
        events = body.get("events", ["push"])
        hook = desk.state.add_hook(repo, config.get("url", ""), config.get("secret", ""), events)
        if desk.state.speaker is not None:
            ping = Happening("ping", repo, desk.user(request), subject=hook)
            desk.state.courier.tell(desk.state.speaker, hook, ping)
        return answer(words.hook(repo, hook), 201)


def _hook_changes(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("PATCH", "/repos/{owner}/{repo}/hooks/{hook}")
    def change(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        hook = one(repo.hooks.get(number_of(request, "hook")))
        config = body.get("config", {})
        hook.url = config.get("url", hook.url)
        hook.secret = config.get("secret", hook.secret)
        hook.events = body.get("events", hook.events)
        hook.is_active = body.get("active", hook.is_active)
        hook.updated_at = timezone.now()
        return answer(words.hook(repo, hook))

    @on("DELETE", "/repos/{owner}/{repo}/hooks/{hook}")
    def delete(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        one(repo.hooks.pop(number_of(request, "hook"), None))
        return Answer(204)


def _deliveries(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/hooks/{hook}/deliveries")
    def deliveries(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        hook = one(repo.hooks.get(number_of(request, "hook")))
        newest = list(reversed(hook.deliveries))
        start, size = request.number("cursor", 0), request.number("per_page", 30)
        more: dict[str, str] = {}
        if start + size < len(newest):
            where = f"{words.api}{request.path}?per_page={size}&cursor={start + size}"
            more = {"link": f'<{where}>; rel="next"'}
        part = [words.delivery(item) for item in newest[start : start + size]]
        return replace(answer(part), headers=more)

    @on("POST", "/repos/{owner}/{repo}/hooks/{hook}/deliveries/{delivery}/attempts")
    def again(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        hook = one(repo.hooks.get(number_of(request, "hook")))
        wanted = number_of(request, "delivery")
        found = one(next((item for item in hook.deliveries if item.id == wanted), None))
        desk.state.courier.redeliver(hook, found)
        return answer({}, 202)


def _statuses(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/commits/{ref}/status")
    def combined(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = one(repo.store.resolve(request["ref"]) or None)
        newest = {status.context: status for status in repo.statuses if status.sha == sha}
        states = {status.state for status in newest.values()}
        state = "success" if states == {"success"} else "pending"
        state = "failure" if states & {"failure", "error"} else state
        return desk.listed(
            request, list(newest.values()), words.status, "statuses", state=state, sha=sha
        )

    @on("POST", "/repos/{owner}/{repo}/statuses/{sha}")
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        if repo.store.resolve(request["sha"]) != request["sha"]:
            raise Refused(422, f"No commit found for SHA: {request['sha']}")
        if len(body.get("description") or "") > 140:
            raise invalid("description is too long (maximum is 140 characters)")
        made = desk.state.talk.set_status(
            repo, request["sha"], body.get("context", "default"), body["state"],
            description=body.get("description") or "", target_url=body.get("target_url") or "",
            user=desk.user(request),
        )  # fmt: skip
        return answer(words.status(made), 201)


def _checks(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("POST", "/repos/{owner}/{repo}/check-runs")
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        check = m.Check(desk.state.next_id(), body["name"], body["head_sha"])
        desk.state.talk.set_check(repo, _changed(check, body), desk.user(request))
        return answer(words.check(repo, check), 201)

    @on("PATCH", "/repos/{owner}/{repo}/check-runs/{check}")
    def change(request: Request) -> Answer:
        repo = desk.repo(request, "write")
        check = one(repo.checks.get(number_of(request, "check")))
        desk.state.talk.set_check(repo, _changed(check, request.json()), desk.user(request))
        return answer(words.check(repo, check))


def _changed(check: m.Check, body: dict[str, Any]) -> m.Check:
    for name in ("name", "status", "details_url", "external_id", "conclusion"):
        setattr(check, name, body.get(name, getattr(check, name)))
    if check.conclusion:
        check.status = "completed"
    output = body.get("output", {})
    check.title = output.get("title", check.title)
    check.summary = output.get("summary", check.summary)
    return check


def _protection(desk: Desk) -> None:
    on = desk.router.on
    path = "/repos/{owner}/{repo}/branches/{branch}/protection"

    @on("GET", path)
    def get(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        return answer(_rules(one(repo.protections.get(request["branch"]), "Branch not protected")))

    @on("PUT", path)
    def put(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        one(repo.store.branches().get(request["branch"]), "Branch not found")
        repo.protections[request["branch"]] = request.json()
        return answer(_rules(request.json()))

    @on("DELETE", path)
    def delete(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        one(repo.protections.pop(request["branch"], None), "Branch not protected")
        return Answer(204)


def _rules(kept: dict[str, Any]) -> dict[str, Any]:
    checks, reviews = kept["required_status_checks"], kept["required_pull_request_reviews"]
    found: dict[str, Any] = {
        "enforce_admins": {"enabled": bool(kept["enforce_admins"])},
        "allow_force_pushes": {"enabled": bool(kept.get("allow_force_pushes"))},
    }
    if checks:
        named = [{"context": name, "app_id": None} for name in checks["contexts"]]
        found["required_status_checks"] = {**checks, "checks": named}
    if reviews:
        found["required_pull_request_reviews"] = {"dismiss_stale_reviews": False, **reviews}
    return found


def _keys(desk: Desk) -> None:
    on = desk.router.on

    @on("GET", "/repos/{owner}/{repo}/keys")
    def keys(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        return desk.listed(request, list(repo.deploy_keys.values()), _key)

    @on("POST", "/repos/{owner}/{repo}/keys")
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        if any(known.key == body["key"] for known in repo.deploy_keys.values()):
            raise invalid("key is already in use", field="key", code="custom")
        made = m.DeployKey(
            desk.state.next_id(), body.get("title", ""), body["key"], body.get("read_only", False)
        )
        repo.deploy_keys[made.id] = made
        return answer(_key(made), 201)

    @on("GET", "/repos/{owner}/{repo}/keys/{key}")
    def key(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        return answer(_key(one(repo.deploy_keys.get(number_of(request, "key")))))

    @on("DELETE", "/repos/{owner}/{repo}/keys/{key}")
    def delete(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        one(repo.deploy_keys.pop(number_of(request, "key"), None))
        return Answer(204)


def _key(key: m.DeployKey) -> dict[str, Any]:
    return {
        "id": key.id, "title": key.title, "key": key.key, "read_only": key.is_read_only,
        "verified": True, "created_at": moment(key.created_at), "url": "",
    }  # fmt: skip
