"""Users, projects and groups."""

from typing import Any

from gitintegration.clients.fakes.model import Repo
from gitintegration.clients.fakes.web import Answer, Refused, Request, Router, answer
from gitintegration.clients.gitlab.fake import requests, words
from gitintegration.clients.gitlab.fake.api import Api

_LEVELS = {"admin": 40, "write": 30, "read": 20}
_SWITCHES = {"issues_access_level": "has_issues", "wiki_access_level": "has_wiki"}


def add(router: Router, api: Api) -> None:
    """Add the routes."""
    _people(router, api)
    _lists(router, api)
    _groups(router, api)
    _making(router, api)
    _reading(router, api)
    _changing(router, api)


def _project(api: Api, repo: Repo) -> dict[str, Any]:
    found = words.project(repo, api.host.url, api.merge_methods.get(repo.id, "merge"))
    return found | api.settings.get(repo.id, {})


def _people(router: Router, api: Api) -> None:
    @router.on("GET", "/user", query=requests.NoQuery)
    def user(request: Request) -> Answer:
        known = api.user(request)
        return answer(words.user(known, api.host.url) | {"email": known.email})

    @router.on("GET", "/personal_access_tokens/self", query=requests.NoQuery)
    def token(request: Request) -> Answer:
        api.user(request)
        found = api.state.token_of(request.headers)
        scopes = found.scopes if found else ()
        return answer({"id": 1, "name": "powernode", "revoked": False, "scopes": list(scopes)})

    @router.on("GET", "/users", query=requests.Users)
    def users(request: Request) -> Answer:
        api.user(request)
        wanted = request.argument("username").lower()
        found = [known for known in api.state.users.values() if known.login.lower() == wanted]
        return api.page(request, found, lambda known: words.user(known, api.host.url))

    @router.on("GET", "/projects/{id}/members/all/{user_id}", query=requests.NoQuery)
    def member(request: Request) -> Answer:
        repo = api.repo(request)
        found = [known for known in api.state.users.values() if str(known.id) == request["user_id"]]
        right = api.state.permission(repo, found[0]) if found else "none"
        is_member = found and (right != "read" or found[0].login in repo.collaborators)
        if not is_member or right not in _LEVELS:
            raise Refused(404, "404 Not found")
        return answer(words.user(found[0], api.host.url) | {"access_level": _LEVELS[right]})


def _lists(router: Router, api: Api) -> None:
    @router.on("GET", "/projects", query=requests.Projects)
    def projects(request: Request) -> Answer:
        user = api.user(request)
        found = sorted(api.state.visible(user), key=lambda repo: -repo.id)
        if request.argument("membership") == "true":
            found = [
                repo for repo in found
                if api.state.permission(repo, user) != "read" or user.login in repo.collaborators
            ]  # fmt: skip
        if request.argument("pagination") != "keyset":
            return api.page(request, found, lambda repo: _project(api, repo))
        before, size = request.number("id_before", 2**62), request.number("per_page", 20)
        rest = [repo for repo in found if repo.id < before]
        shown = rest[:size]
        headers = {}
        if len(rest) > size:
            headers["link"] = api.link(request, id_before=str(shown[-1].id))
        return answer([_project(api, repo) for repo in shown], 200, **headers)


def _groups(router: Router, api: Api) -> None:
    @router.on("GET", "/groups/{id}/projects", query=requests.GroupProjects)
    def of_group(request: Request) -> Answer:
        group, user = api.group(request), api.user(request)
        is_deep = request.argument("include_subgroups") == "true"
        found = [
            repo for repo in api.state.visible(user)
            if repo.owner == group.path or (is_deep and repo.owner.startswith(group.path + "/"))
        ]  # fmt: skip
        return api.page(
            request, sorted(found, key=lambda repo: -repo.id), lambda repo: _project(api, repo)
        )

    @router.on("GET", "/groups/{id}", query=requests.NoQuery)
    def group_of(request: Request) -> Answer:
        api.user(request)
        found = api.group(request)
        return answer({"id": found.id, "full_path": found.path, "path": found.path})

    @router.on("GET", "/namespaces/{id}", query=requests.NoQuery)
    def namespace(request: Request) -> Answer:
        user = api.user(request)
        if request["id"] == user.login:
            return answer({"id": user.id, "full_path": user.login, "kind": "user"})
        found = api.group(request)
        return answer({"id": found.id, "full_path": found.path, "kind": "group"})


def _making(router: Router, api: Api) -> None:
    @router.on("POST", "/projects", query=requests.NoQuery, body=requests.NewProject)
    def create(request: Request) -> Answer:
        user, body = api.user(request), request.json()
        groups = {group.id: group.path for group in api.state.organizations.values()}
        owner = groups.get(body.get("namespace_id"), user.login)
        full_name = f"{owner}/{body.get('path') or body['name']}"
        if api.state.repository(full_name):
            raise Refused(400, "", told={"path": ["has already been taken"]})
        files = {"README.md": f"# {body['name']}\n"} if body.get("initialize_with_readme") else None
        made = api.state.add_repository(
            full_name, files=files, default_branch=body.get("default_branch") or "main",
            private=body.get("visibility", "private") != "public",
            description=body.get("description", ""),
        )  # fmt: skip
        return answer(_project(api, made), 201)


def _reading(router: Router, api: Api) -> None:
    @router.on("GET", "/projects/{id}", query=requests.NoQuery)
    def read(request: Request) -> Answer:
        return answer(_project(api, api.repo(request)))

    @router.on("GET", "/projects/{id}/languages", query=requests.NoQuery)
    def languages(request: Request) -> Answer:
        found = api.repo(request).languages
        total = sum(found.values())
        return answer({name: round(100 * size / total, 2) for name, size in found.items()})


def _changing(router: Router, api: Api) -> None:
    @router.on("PUT", "/projects/{id}", query=requests.NoQuery, body=requests.ProjectChanges)
    def change(request: Request) -> Answer:
        repo, body = api.repo(request, "admin"), request.json()
        _fill(repo, body)
        if "visibility" in body:
            repo.is_private = body["visibility"] != "public"
        if "only_allow_merge_if_pipeline_succeeds" in body:
            name = "only_allow_merge_if_pipeline_succeeds"
            api.settings[repo.id] = {name: body[name]}
        if body.get("path"):
            api.state.rename(repo, f"{repo.owner}/{body['path']}")
        return answer(_project(api, repo))

    @router.on("DELETE", "/projects/{id}", query=requests.NoQuery)
    def delete(request: Request) -> Answer:
        api.state.delete(api.repo(request, "admin"))
        return answer({"message": "202 Accepted"}, 202)

    _archive(router, api, "archive", is_archived=True)
    _archive(router, api, "unarchive", is_archived=False)


def _fill(repo: Repo, body: dict[str, Any]) -> None:
    for name in ("description", "default_branch", "topics"):
        if name in body:
            setattr(repo, name, body[name])
    for name, member in _SWITCHES.items():
        if name in body:
            setattr(repo, member, body[name] == "enabled")


def _archive(router: Router, api: Api, word: str, *, is_archived: bool) -> None:
    @router.on("POST", f"/projects/{{id}}/{word}", query=requests.NoQuery, body=requests.Nothing)
    def archive(request: Request) -> Answer:
        repo = api.repo(request, "admin")
        repo.is_archived = is_archived
        return answer(_project(api, repo), 201)
