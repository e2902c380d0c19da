"""Users, workspaces, repositories and refs of a fake Bitbucket."""

from gitintegration.clients.bitbucket.fake import requests as r
from gitintegration.clients.bitbucket.fake.desk import API, REPO, Desk, matches
from gitintegration.clients.bitbucket.fake.words import user_uuid
from gitintegration.clients.fakes.git_store import ZERO
from gitintegration.clients.fakes.reception import commit_of, found
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer


def add(desk: Desk) -> None:
    """Add the routes."""
    _people(desk)
    _workspaces(desk)
    _repositories(desk)
    _branches(desk)
    _tags(desk)


def _people(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", f"{API}/user", query=r.Nothing)
    def user(request: Request) -> Answer:
        user = desk.reception.user(request)
        token = desk.state.token_of(request.headers)
        scopes = ", ".join(token.scopes) if token else ""
        return answer(desk.words.user(user), x_oauth_scopes=scopes)

    @on("GET", f"{API}/user/workspaces", query=r.Paging)
    def workspaces(request: Request) -> Answer:
        user = desk.reception.user(request)
        slugs = [user.login] + [
            path for path, one in desk.state.organizations.items() if user.login in one.members
        ]
        told = [
            {"type": "workspace_access", "workspace": {"type": "workspace_base", "slug": slug}}
            for slug in sorted(slugs)
        ]
        return desk.page(request, told)

    @on("GET", f"{API}/workspaces/{{workspace}}/permissions/repositories/{{slug}}", query=r.Query)
    def permissions(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        told = []
        for user in desk.state.users.values():
            given = desk.state.permission(repo, user)
            names = {"user.uuid": user_uuid(user), "user.account_id": f"557058:{user.id}"}
            # Whoever may read only because everybody may is not listed.
            if given in {"write", "admin"} and matches(request.argument("q"), names):
                told.append(
                    {"type": "repository_permission", "permission": given,
                     "user": desk.words.user(user)}
                )  # fmt: skip
        return desk.page(request, told)


def _workspaces(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", f"{API}/repositories/{{workspace}}", query=r.Query)
    def listed(request: Request) -> Answer:
        workspace = request["workspace"]
        if workspace not in desk.state.organizations and workspace not in desk.state.users:
            raise Refused(404, f"No workspace with identifier '{workspace}'.")
        seen = desk.state.visible(desk.state.user_of(request.headers))
        repos = [repo for repo in seen if repo.owner == workspace]
        return desk.page(request, repos, word=desk.words.repo)


def _repositories(desk: Desk) -> None:  # noqa: C901 - handlers count as branches
    on = desk.reception.router.on

    @on("GET", REPO, query=r.Nothing)
    def get(request: Request) -> Answer:
        return answer(desk.words.repo(desk.repo(request)))

    @on("POST", REPO, body=r.CreateRepository)
    def create(request: Request) -> Answer:
        user, body = desk.reception.user(request), request.json()
        workspace = request["workspace"]
        organization = desk.state.organizations.get(workspace)
        role = organization.members.get(user.login) if organization else ""
        if workspace != user.login and role != "admin":
            raise Refused(403, "You cannot administer this workspace.")
        full_name = f"{workspace}/{request['slug']}"
        if desk.state.repository(full_name) is not None:
            raise Refused(400, "Repository with this Slug and Owner already exists.")
        made = desk.state.add_repository(
            full_name, private=bool(body.get("is_private")),
            description=body.get("description", ""),
        )  # fmt: skip
        return answer(desk.words.repo(made))

    @on("PUT", REPO, body=r.EditRepository)
    def edit(request: Request) -> Answer:
        repo, body = desk.repo(request, "admin"), request.json()
        repo.description = body.get("description", repo.description)
        repo.is_private = body.get("is_private", repo.is_private)
        if body.get("mainbranch"):
            repo.default_branch = body["mainbranch"]["name"]
            repo.store.set_head(repo.default_branch)
        if body.get("name", repo.name) != repo.name:
            desk.state.rename(repo, f"{repo.owner}/{body['name'].lower()}")
        return answer(desk.words.repo(repo))

    @on("DELETE", REPO)
    def delete(request: Request) -> Answer:
        desk.state.delete(desk.repo(request, "admin"))
        return Answer(204)


def _branches(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/refs/branches", query=r.Query)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        branches = sorted(repo.store.branches().items())
        return desk.page(request, branches, word=lambda one: desk.words.ref(repo, *one))

    @on("POST", REPO + "/refs/branches", body=r.CreateBranch)
    def create(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        name = body["name"]
        if name in repo.store.branches():
            key = {"key": "BRANCH_ALREADY_EXISTS"}
            raise Refused(400, f'Branch "{name}" already exists.', data=key)
        sha = commit_of(repo, body["target"]["hash"])
        repo.store.set_ref(f"refs/heads/{name}", sha)
        desk.state.pushed(repo, f"refs/heads/{name}", ZERO, sha, desk.reception.user(request))
        return answer(desk.words.ref(repo, name, sha), 201)

    @on("GET", REPO + "/refs/branches/{branch:path}", query=r.Nothing)
    def get(request: Request) -> Answer:
        repo, name = desk.repo(request), request["branch"]
        return answer(desk.words.ref(repo, name, found(repo.store.branches().get(name), "branch")))

    @on("DELETE", REPO + "/refs/branches/{branch:path}")
    def delete(request: Request) -> Answer:
        repo, name = desk.repo(request, "write"), request["branch"]
        sha = found(repo.store.branches().get(name), "branch")
        if name == repo.default_branch:
            raise Refused(400, "The main branch cannot be deleted.")
        repo.store.delete_ref(f"refs/heads/{name}")
        desk.state.pushed(repo, f"refs/heads/{name}", sha, ZERO, desk.reception.user(request))
        return Answer(204)


def _tags(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/refs/tags", query=r.Query)
    def tags(request: Request) -> Answer:
        repo = desk.repo(request)
        listed = sorted(repo.store.tags().items())
        return desk.page(
            request, listed, word=lambda one: desk.words.ref(repo, one[0], one[1], "tag")
        )

    @on("GET", REPO + "/refs/tags/{tag:path}", query=r.Nothing)
    def tag(request: Request) -> Answer:
        repo, name = desk.repo(request), request["tag"]
        sha = found(repo.store.tags().get(name), "tag")
        return answer(desk.words.ref(repo, name, sha, "tag"))
