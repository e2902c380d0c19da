"""People, limits and repositories of the fake GitHub."""

import time
from typing import Any

from gitintegration.clients.fakes.web import Answer, Refused, Request, answer
from gitintegration.clients.github.fake.desk import Desk, invalid, number_of, one

_CHANGES = {"description": "description", "private": "is_private", "archived": "is_archived",
            "default_branch": "default_branch", "has_issues": "has_issues",
            "has_wiki": "has_wiki"}  # fmt: skip


def add_routes(desk: Desk) -> None:
    """Register them."""
    _people(desk)
    _lists(desk)
    _creation(desk)
    _changes(desk)
    _renaming(desk)


def _people(desk: Desk) -> None:
    on, state = desk.router.on, desk.state

    @on("GET", "/user")
    def user(request: Request) -> Answer:
        found = desk.person(request)
        return answer({**desk.words.user(found), "name": found.name, "email": found.email})

    @on("GET", "/rate_limit")
    def rate_limit(request: Request) -> Answer:
        desk.user(request)
        core = {"limit": 5000, "remaining": 4990, "used": 10, "reset": int(time.time()) + 3600}
        return answer({"resources": {"core": core}, "rate": core})

    @on("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission")
    def permission(request: Request) -> Answer:
        repo = desk.repo(request, "write")
        found = one(state.users.get(request["username"]), f"{request['username']} is not a user")
        word = state.permission(repo, found)
        return answer({"permission": word, "role_name": word, "user": desk.words.user(found)})


def _lists(desk: Desk) -> None:
    on, state, words = desk.router.on, desk.state, desk.words

    @on("GET", "/user/repos")
    def mine(request: Request) -> Answer:
        user = desk.person(request)
        found = [
            repo
            for repo in state.visible(user)
            if state.may(repo, user, "write") or user.login in repo.collaborators
        ]
        return desk.listed(request, sorted(found, key=lambda repo: repo.full_name), words.repo)

    @on("GET", "/orgs/{org}/repos")
    def of_organization(request: Request) -> Answer:
        user = desk.user(request)
        one(state.organizations.get(request["org"]))
        found = [repo for repo in state.visible(user) if repo.owner == request["org"]]
        return desk.listed(request, sorted(found, key=lambda repo: repo.full_name), words.repo)

    @on("GET", "/repositories/{id}")
    def by_id(request: Request) -> Answer:
        user = desk.user(request)
        repo = one(state.repository_by_id(number_of(request, "id")))
        if not state.may(repo, user, "read"):
            raise Refused(404, "Not Found")
        return answer(words.repo(repo))

    @on("GET", "/repos/{owner}/{repo}")
    def get(request: Request) -> Answer:
        return answer(words.repo(desk.repo(request)))

    @on("GET", "/repos/{owner}/{repo}/languages")
    def languages(request: Request) -> Answer:
        return answer(desk.repo(request).languages)


def _creation(desk: Desk) -> None:
    on, state, words = desk.router.on, desk.state, desk.words

    def create(owner: str, body: Any) -> Answer:
        full_name = f"{owner}/{body['name']}"
        if state.repository(full_name) is not None:
            raise invalid("name already exists on this account", field="name")
        files = {"README.md": f"# {body['name']}\n"} if body.get("auto_init") else None
        repo = state.add_repository(
            full_name, files=files, private=bool(body.get("private")),
            description=body.get("description") or "",
        )  # fmt: skip
        return answer(words.repo(repo), 201)

    @on("POST", "/user/repos")
    def create_mine(request: Request) -> Answer:
        return create(desk.user(request).login, request.json())

    @on("POST", "/orgs/{org}/repos")
    def create_of_organization(request: Request) -> Answer:
        user = desk.user(request)
        organization = one(state.organizations.get(request["org"]))
        if user.login not in organization.members:
            raise Refused(403, "You need admin access to the organization.")
        return create(organization.path, request.json())


def _changes(desk: Desk) -> None:
    on, state, words = desk.router.on, desk.state, desk.words

    @on("PATCH", "/repos/{owner}/{repo}")
    def change(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        for name, member in _CHANGES.items():
            if name in body:
                setattr(repo, member, body[name])
        if body.get("name", repo.name) != repo.name:
            state.rename(repo, f"{repo.owner}/{body['name']}")
        return answer(words.repo(repo))

    @on("PUT", "/repos/{owner}/{repo}/topics")
    def topics(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        repo.topics = list(request.json()["names"])
        return answer({"names": repo.topics})

    @on("DELETE", "/repos/{owner}/{repo}")
    def delete(request: Request) -> Answer:
        state.delete(desk.repo(request, "admin"))
        return Answer(204)


def _renaming(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("POST", "/repos/{owner}/{repo}/branches/{branch}/rename")
    def rename_branch(request: Request) -> Answer:
        repo, new = desk.repo(request, "admin"), request.json()["new_name"]
        sha = one(repo.store.branches().get(request["branch"]))
        repo.store.set_ref(f"refs/heads/{new}", sha)
        if repo.default_branch == request["branch"]:
            repo.default_branch = new
            repo.store.set_head(new)
        repo.store.delete_ref(f"refs/heads/{request['branch']}")
        return answer(words.branch(repo, new, sha), 201)
