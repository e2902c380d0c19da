"""Hooks, statuses, branch restrictions and deploy keys of a fake Bitbucket."""

from typing import Any

from gitintegration.clients.bitbucket.fake import requests as r
from gitintegration.clients.bitbucket.fake.desk import REPO, Desk
from gitintegration.clients.bitbucket.fake.words import Object, braced
from gitintegration.clients.fakes.model import DeployKey, Hook, Repo
from gitintegration.clients.fakes.reception import commit_of, first, found, moment
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer


def add(desk: Desk) -> None:
    """Add the routes."""
    _hooks(desk)
    _statuses(desk)
    _restrictions(desk)
    _keys(desk)


def _id(request: Request) -> int:
    return int(request["id"]) if request["id"].isdigit() else 0


def _hooks(desk: Desk) -> None:
    on = desk.reception.router.on

    def known(repo: Repo, request: Request) -> Hook:
        return first(
            (one for one in repo.hooks.values() if braced(one.uuid) == request["id"]), "hook"
        )

    @on("GET", REPO + "/hooks", query=r.Paging)
    def listed(request: Request) -> Answer:
        hooks = list(desk.repo(request, "admin").hooks.values())
        return desk.page(request, hooks, word=desk.words.hook)

    @on("POST", REPO + "/hooks", body=r.Hook)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        made = desk.state.add_hook(repo, body["url"], body.get("secret") or "", body["events"])
        made.is_active = body.get("active", True)
        made.settings["description"] = body.get("description", "")
        return answer(desk.words.hook(made), 201)

    @on("PUT", REPO + "/hooks/{id}", body=r.Hook)
    def edit(request: Request) -> Answer:
        hook, body = known(desk.repo(request, "admin"), request), request.json()
        hook.url, hook.events = body["url"], body["events"]
        hook.secret = body["secret"] or "" if "secret" in body else hook.secret
        hook.is_active = body.get("active", True)
        return answer(desk.words.hook(hook))

    @on("DELETE", REPO + "/hooks/{id}")
    def delete(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        del repo.hooks[known(repo, request).id]
        return Answer(204)


def _statuses(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("POST", REPO + "/commit/{commit}/statuses/build", body=r.Status)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        made = desk.state.talk.set_status(
            repo, commit_of(repo, request["commit"]), body.get("name") or body["key"],
            body["state"], description=body.get("description", ""), target_url=body["url"],
            user=desk.reception.user(request),
        )  # fmt: skip
        return answer(desk.words.status(repo, made, body["key"]), 201)

    @on("GET", REPO + "/commit/{commit}/statuses", query=r.Query)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = commit_of(repo, request["commit"])
        newest = {one.context: one for one in repo.statuses if one.sha == sha}
        return desk.page(
            request, list(newest.values()), word=lambda one: desk.words.status(repo, one)
        )


def _all(repo: Repo) -> list[Object]:
    return [one for settings in repo.protections.values() for one in settings["restrictions"]]


def _restrictions(desk: Desk) -> None:
    on = desk.reception.router.on
    path = REPO + "/branch-restrictions"

    def known(repo: Repo, request: Request) -> Object:
        return first((one for one in _all(repo) if one["id"] == _id(request)), "restriction")

    @on("GET", path, query=r.Restrictions)
    def listed(request: Request) -> Answer:
        pattern = request.argument("pattern")
        told = _all(desk.repo(request, "admin"))
        return desk.page(request, [one for one in told if pattern in {"", one["pattern"]}])

    @on("POST", path, body=r.Restriction)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        made: dict[str, Any] = {
            "type": "branchrestriction", "id": desk.state.next_id(), "users": [], "groups": [],
            "value": None, **body,
        }  # fmt: skip
        kept = repo.protections.setdefault(body["pattern"], {"restrictions": []})
        if any(one["kind"] == body["kind"] for one in kept["restrictions"]):
            raise Refused(409, "A restriction of this kind already exists for the pattern.")
        kept["restrictions"].append(made)
        return answer(made, 201)

    @on("PUT", path + "/{id}", body=r.Restriction)
    def edit(request: Request) -> Answer:
        one = known(desk.repo(request, "admin"), request)
        one.update(request.json())
        return answer(one)

    @on("DELETE", path + "/{id}")
    def delete(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        one = known(repo, request)
        kept = repo.protections[one["pattern"]]["restrictions"]
        kept.remove(one)
        if not kept:
            del repo.protections[one["pattern"]]
        return Answer(204)


def _key(key: DeployKey) -> Object:
    return {
        "type": "deploy_key", "id": key.id, "label": key.title, "key": key.key, "comment": "",
        "created_on": moment(key.created_at),
    }  # fmt: skip


def _keys(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/deploy-keys", query=r.Paging)
    def listed(request: Request) -> Answer:
        keys = desk.repo(request, "admin").deploy_keys
        return desk.page(request, list(keys.values()), word=_key)

    @on("POST", REPO + "/deploy-keys", body=r.Key)
    def create(request: Request) -> Answer:
        keys, body = desk.repo(request, "admin").deploy_keys, request.json()
        if any(one.key == body["key"] for one in keys.values()):
            raise Refused(400, "The key already exists on this repository.")
        made = DeployKey(desk.state.next_id(), body["label"], body["key"])
        keys[made.id] = made
        return answer(_key(made))

    @on("GET", REPO + "/deploy-keys/{id}", query=r.Nothing)
    def get(request: Request) -> Answer:
        return answer(_key(found(desk.repo(request, "admin").deploy_keys.get(_id(request)), "key")))

    @on("DELETE", REPO + "/deploy-keys/{id}")
    def delete(request: Request) -> Answer:
        found(desk.repo(request, "admin").deploy_keys.pop(_id(request), None), "key")
        return Answer(204)
