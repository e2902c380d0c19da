"""Hooks, statuses, branch protections and deploy keys of a fake Gitea."""

from django.utils import timezone

from gitintegration.clients.fakes.model import DeployKey, Hook, Repo, Status
from gitintegration.clients.fakes.reception import commit_of, found, moment
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer
from gitintegration.clients.gitea.fake import requests as r
from gitintegration.clients.gitea.fake.desk import REPO, Desk
from gitintegration.clients.gitea.fake.words import Object

_WORST_FIRST = ("error", "failure", "warning", "pending", "success")


def add(desk: Desk) -> None:
    """Add the routes."""
    _hooks(desk)
    _statuses(desk)
    _protections(desk)
    _keys(desk)


def _id(request: Request) -> int:
    return int(request["id"]) if request["id"].isdigit() else 0


def _hooks(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/hooks", query=r.Paging)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        return desk.page(request, [desk.words.hook(one) for one in repo.hooks.values()])

    @on("POST", REPO + "/hooks", body=r.CreateHook)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        config = body["config"]
        made = desk.state.add_hook(
            repo, config["url"], config.get("secret", ""), body.get("events") or ["push"]
        )
        made.is_active = bool(body.get("active"))
        return answer(desk.words.hook(made), 201)

    @on("PATCH", REPO + "/hooks/{id}", body=r.EditHook)
    def edit(request: Request) -> Answer:
        hook: Hook = found(desk.repo(request, "admin").hooks.get(_id(request)), "hook")
        body = request.json()
        hook.url = body["config"]["url"]
        hook.secret = body["config"].get("secret", hook.secret)
        hook.events = body.get("events", hook.events)
        hook.is_active = body.get("active", hook.is_active)
        hook.updated_at = timezone.now()
        return answer(desk.words.hook(hook))

    @on("DELETE", REPO + "/hooks/{id}")
    def delete(request: Request) -> Answer:
        hooks = desk.repo(request, "admin").hooks
        found(hooks.pop(_id(request), None), "hook")
        return Answer(204)


def _statuses(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("POST", REPO + "/statuses/{sha}", body=r.CreateStatus)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        made = desk.state.talk.set_status(
            repo, commit_of(repo, request["sha"]), body.get("context") or "default",
            body["state"], description=body.get("description", ""),
            target_url=body.get("target_url", ""), user=desk.reception.user(request),
        )  # fmt: skip
        return answer(desk.words.status(made), 201)

    @on("GET", REPO + "/commits/{ref}/status", query=r.Paging)
    def combined(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = commit_of(repo, request["ref"])
        newest: dict[str, Status] = {one.context: one for one in repo.statuses if one.sha == sha}
        told = [desk.words.status(one) for one in newest.values()]
        states = {one.state for one in newest.values()}
        worst = next((word for word in _WORST_FIRST if word in states), "pending")
        return desk.page(request, told, "statuses", state=worst, sha=sha)


def _protection(pattern: str, settings: Object) -> Object:
    return {
        "branch_name": pattern, "rule_name": pattern, "enable_push": True,
        "required_approvals": 0, "enable_status_check": False, "status_check_contexts": [],
        "enable_force_push": False, **settings,
    }  # fmt: skip


def _protections(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/branch_protections", query=r.Paging)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        told = [_protection(name, settings) for name, settings in repo.protections.items()]
        # Gitea does not page these.
        return answer(told)

    @on("POST", REPO + "/branch_protections", body=r.CreateProtection)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        pattern = body.pop("rule_name")
        if pattern in repo.protections:
            raise Refused(403, "Branch protection already exist")
        repo.protections[pattern] = body
        return answer(_protection(pattern, body), 201)

    def known(repo: Repo, request: Request) -> Object:
        return found(repo.protections.get(request["rule"]), "branch protection")

    @on("GET", REPO + "/branch_protections/{rule}", query=r.Nothing)
    def get(request: Request) -> Answer:
        return answer(_protection(request["rule"], known(desk.repo(request, "admin"), request)))

    @on("PATCH", REPO + "/branch_protections/{rule}", body=r.EditProtection)
    def edit(request: Request) -> Answer:
        settings = known(desk.repo(request, "admin"), request)
        settings.update(request.json())
        return answer(_protection(request["rule"], settings))

    @on("DELETE", REPO + "/branch_protections/{rule}")
    def delete(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        known(repo, request)
        del repo.protections[request["rule"]]
        return Answer(204)


def _key(key: DeployKey) -> Object:
    return {
        "id": key.id, "key_id": key.id, "title": key.title, "key": key.key,
        "read_only": key.is_read_only, "created_at": moment(key.created_at),
    }  # fmt: skip


def _keys(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/keys", query=r.Paging)
    def listed(request: Request) -> Answer:
        keys = desk.repo(request, "admin").deploy_keys
        return desk.page(request, [_key(one) for one in keys.values()])

    @on("POST", REPO + "/keys", body=r.CreateKey)
    def create(request: Request) -> Answer:
        keys, body = desk.repo(request, "admin").deploy_keys, request.json()
        if any(one.key == body["key"] for one in keys.values()):
            raise Refused(422, "A key with the same content already exists")
        read_only = bool(body.get("read_only"))
        made = DeployKey(desk.state.next_id(), body["title"], body["key"], read_only)
        keys[made.id] = made
        return answer(_key(made), 201)

    @on("GET", REPO + "/keys/{id}", query=r.Nothing)
    def get(request: Request) -> Answer:
        return answer(_key(found(desk.repo(request, "admin").deploy_keys.get(_id(request)), "key")))

    @on("DELETE", REPO + "/keys/{id}")
    def delete(request: Request) -> Answer:
        found(desk.repo(request, "admin").deploy_keys.pop(_id(request), None), "key")
        return Answer(204)
