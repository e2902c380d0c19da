"""Hooks with their deliveries, protected branches, approval rules and deploy keys."""

import json
from typing import Any

from gitintegration.clients.fakes.model import Delivery, DeployKey, Hook, Repo
from gitintegration.clients.fakes.web import Answer, Refused, Request, Router, answer
from gitintegration.clients.gitlab.fake import requests, words
from gitintegration.clients.gitlab.fake.api import Api

FLAGS = tuple(name for name in requests.Hook.model_fields if name.endswith("_events"))


def add(router: Router, api: Api) -> None:
    """Add the routes."""
    _hooks(router, api)
    _deliveries(router, api)
    _branches(router, api)
    _approvals(router, api)
    _keys(router, api)


def _hook(request: Request, repo: Repo) -> Hook:
    found = repo.hooks.get(int(request["hook_id"])) if request["hook_id"].isdigit() else None
    if found is None:
        raise Refused(404, "404 Not found")
    return found


def _told(hook: Hook, repo: Repo) -> dict[str, Any]:
    return {
        "id": hook.id,
        "url": hook.url,
        "name": "",
        "description": "",
        "created_at": words.when(hook.created_at),
        "alert_status": "executable" if hook.is_active else "disabled",
        "disabled_until": None,
        "url_variables": [],
        "project_id": repo.id,
        "enable_ssl_verification": True,
        **{name: name in hook.events for name in FLAGS},
    }


def _flags(body: dict[str, Any]) -> list[str]:
    defaults = requests.Hook.model_fields
    return [name for name in FLAGS if body.get(name, defaults[name].default)]


def _hooks(router: Router, api: Api) -> None:
    base = "/projects/{id}/hooks"

    @router.on("GET", base, query=requests.Paging)
    def listed(request: Request) -> Answer:
        repo = api.repo(request, "admin")
        return api.page(request, list(repo.hooks.values()), lambda hook: _told(hook, repo))

    @router.on("POST", base, query=requests.NoQuery, body=requests.Hook)
    def create(request: Request) -> Answer:
        repo, body = api.repo(request, "admin"), request.json()
        made = api.state.add_hook(repo, body["url"], body.get("token", ""), _flags(body))
        return answer(_told(made, repo), 201)

    @router.on("GET", base + "/{hook_id}", query=requests.NoQuery)
    def read(request: Request) -> Answer:
        repo = api.repo(request, "admin")
        return answer(_told(_hook(request, repo), repo))

    @router.on("PUT", base + "/{hook_id}", query=requests.NoQuery, body=requests.Hook)
    def change(request: Request) -> Answer:
        repo, body = api.repo(request, "admin"), request.json()
        hook = _hook(request, repo)
        hook.url, hook.events = body["url"], _flags(body)
        hook.secret = body.get("token", hook.secret)
        return answer(_told(hook, repo))

    @router.on("DELETE", base + "/{hook_id}", query=requests.NoQuery)
    def delete(request: Request) -> Answer:
        repo = api.repo(request, "admin")
        del repo.hooks[_hook(request, repo).id]
        return Answer(204)


def _deliveries(router: Router, api: Api) -> None:
    """Servers before 17.3 do not know these addresses."""
    base = "/projects/{id}/hooks/{hook_id}/events"

    def told(hook: Hook, delivery: Delivery) -> dict[str, Any]:
        body = json.loads(delivery.body)
        return {
            "id": delivery.id,
            "url": hook.url,
            "trigger": body["object_kind"] + "_hooks",
            "request_headers": {**delivery.headers, "x-gitlab-token": "[REDACTED]"},
            "request_data": body,
            "response_headers": {},
            "response_body": "",
            "execution_duration": 0.1,
            "response_status": str(delivery.status) if delivery.status else "internal error",
        }

    @router.on("GET", base, query=requests.Paging)
    def listed(request: Request) -> Answer:
        hook = _hook(request, api.repo(request, "admin"))
        if api.is_old:
            raise Refused(404, "404 Not Found")
        return api.page(request, hook.deliveries[::-1], lambda delivery: told(hook, delivery))

    @router.on("POST", base + "/{event_id}/resend", query=requests.NoQuery, body=requests.Nothing)
    def resend(request: Request) -> Answer:
        hook = _hook(request, api.repo(request, "admin"))
        if api.is_old:
            raise Refused(404, "404 Not Found")
        for delivery in hook.deliveries:
            if str(delivery.id) == request["event_id"]:
                api.state.courier.redeliver(hook, delivery)
                return answer({"response_status": 200}, 201)
        raise Refused(404, "404 Not found")


def _protection(name: str, kept: dict[str, Any]) -> dict[str, Any]:
    levels = {
        f"{kind}_access_levels": [{"id": 1, "access_level": kept[f"{kind}_access_level"]}]
        for kind in ("push", "merge")
    }
    return {
        "id": kept["id"], "name": name, **levels, "unprotect_access_levels": [],
        "allow_force_push": kept["allow_force_push"], "code_owner_approval_required": False,
    }  # fmt: skip


def _protected(request: Request, repo: Repo) -> tuple[str, dict[str, Any]]:
    name = request["name"]
    if name not in repo.protections:
        raise Refused(404, "404 Not found")
    return name, repo.protections[name]


def _rules(api: Api, request: Request) -> tuple[Repo, list[dict[str, Any]]]:
    repo = api.repo(request, "admin")
    if not api.has_approval_rules:
        raise Refused(404, "404 Not Found")
    return repo, api.approval_rules.setdefault(repo.id, [])


def _fill(repo: Repo, rule: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    wanted = body["protected_branch_ids"]
    rule |= {
        "name": body["name"],
        "rule_type": "regular",
        "approvals_required": body["approvals_required"],
        "protected_branches": [
            {"id": kept["id"], "name": name}
            for name, kept in repo.protections.items()
            if kept["id"] in wanted
        ],
    }
    return rule


def _rule(request: Request, found: list[dict[str, Any]]) -> dict[str, Any]:
    for rule in found:
        if str(rule["id"]) == request["rule_id"]:
            return rule
    raise Refused(404, "404 Not found")


def _branches(router: Router, api: Api) -> None:
    base = "/projects/{id}/protected_branches"

    @router.on("GET", base, query=requests.Paging)
    def listed(request: Request) -> Answer:
        repo = api.repo(request, "admin")
        return api.page(request, list(repo.protections.items()), lambda item: _protection(*item))

    @router.on("GET", base + "/{name}", query=requests.NoQuery)
    def read(request: Request) -> Answer:
        return answer(_protection(*_protected(request, api.repo(request, "admin"))))

    @router.on("POST", base, query=requests.NoQuery, body=requests.ProtectedBranch)
    def create(request: Request) -> Answer:
        repo, body = api.repo(request, "admin"), request.json()
        if body["name"] in repo.protections:
            raise Refused(409, f"Protected branch '{body['name']}' already exists")
        given = requests.ProtectedBranch.model_validate(body).model_dump()
        repo.protections[body["name"]] = {**given, "id": api.state.next_id()}
        return answer(_protection(body["name"], repo.protections[body["name"]]), 201)

    @router.on(
        "PATCH", base + "/{name}", query=requests.NoQuery, body=requests.ProtectedBranchChanges
    )
    def change(request: Request) -> Answer:
        name, kept = _protected(request, api.repo(request, "admin"))
        kept.update(request.json())
        return answer(_protection(name, kept))

    @router.on("DELETE", base + "/{name}", query=requests.NoQuery)
    def delete(request: Request) -> Answer:
        repo = api.repo(request, "admin")
        del repo.protections[_protected(request, repo)[0]]
        return Answer(204)


def _approvals(router: Router, api: Api) -> None:
    base = "/projects/{id}/approval_rules"

    @router.on("GET", base, query=requests.Paging)
    def listed(request: Request) -> Answer:
        return api.page(request, _rules(api, request)[1], dict)

    @router.on("POST", base, query=requests.NoQuery, body=requests.ApprovalRule)
    def create(request: Request) -> Answer:
        repo, found = _rules(api, request)
        found.append(_fill(repo, {"id": api.state.next_id()}, request.json()))
        return answer(found[-1], 201)

    @router.on("PUT", base + "/{rule_id}", query=requests.NoQuery, body=requests.ApprovalRule)
    def change(request: Request) -> Answer:
        repo, found = _rules(api, request)
        return answer(_fill(repo, _rule(request, found), request.json()))

    @router.on("DELETE", base + "/{rule_id}", query=requests.NoQuery)
    def delete(request: Request) -> Answer:
        _, found = _rules(api, request)
        found.remove(_rule(request, found))
        return Answer(204)


def _keys(router: Router, api: Api) -> None:
    base = "/projects/{id}/deploy_keys"

    @router.on("GET", base, query=requests.Paging)
    def listed(request: Request) -> Answer:
        repo = api.repo(request, "admin")
        return api.page(request, list(repo.deploy_keys.values()), words.deploy_key)

    @router.on("POST", base, query=requests.NoQuery, body=requests.DeployKey)
    def create(request: Request) -> Answer:
        repo, body = api.repo(request, "admin"), request.json()
        if any(known.key == body["key"] for known in repo.deploy_keys.values()):
            taken = {"deploy_key.fingerprint_sha256": ["has already been taken"]}
            raise Refused(400, "", told=taken)
        made = DeployKey(
            api.state.next_id(), body["title"], body["key"],
            is_read_only=not body.get("can_push", False),
        )  # fmt: skip
        repo.deploy_keys[made.id] = made
        return answer(words.deploy_key(made), 201)

    @router.on("GET", base + "/{key_id}", query=requests.NoQuery)
    def read(request: Request) -> Answer:
        repo, named = api.repo(request, "admin"), request["key_id"]
        known = repo.deploy_keys.get(int(named)) if named.isdigit() else None
        if known is None:
            raise Refused(404, "404 Deploy Key Not Found")
        return answer(words.deploy_key(known))

    @router.on("DELETE", base + "/{key_id}", query=requests.NoQuery)
    def delete(request: Request) -> Answer:
        repo, named = api.repo(request, "admin"), request["key_id"]
        if not named.isdigit() or repo.deploy_keys.pop(int(named), None) is None:
            raise Refused(404, "404 Deploy Key Not Found")
        return Answer(204)
