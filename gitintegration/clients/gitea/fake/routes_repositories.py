"""Users, repositories, branches, tags and commits of a fake Gitea."""

from urllib.parse import unquote

from gitintegration.clients.fakes.git_store import ZERO
from gitintegration.clients.fakes.model import Repo
from gitintegration.clients.fakes.reception import commit_of, found
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer, text
from gitintegration.clients.gitea.fake import requests as r
from gitintegration.clients.gitea.fake.desk import API, REPO, Desk
from gitintegration.clients.gitea.fake.words import Object


def add(desk: Desk) -> None:
    """Add the routes."""
    _people(desk)
    _new(desk)
    _known(desk)
    _branches(desk)
    _tags(desk)
    _commits(desk)


def _people(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", f"{API}/user", query=r.Nothing)
    def user(request: Request) -> Answer:
        return answer(desk.words.user(desk.reception.user(request)))

    @on("GET", f"{API}/user/repos", query=r.Paging)
    def own(request: Request) -> Answer:
        user = desk.reception.user(request)
        found = [
            repo
            for repo in desk.state.visible(user)
            if desk.state.may(repo, user, "write") or repo.owner == user.login
        ]
        return desk.page(request, [desk.words.repo(repo) for repo in found])

    @on("GET", f"{API}/orgs/{{org}}/repos", query=r.Paging)
    def of_organization(request: Request) -> Answer:
        if request["org"] not in desk.state.organizations:
            raise Refused(404, "The organization was not found")
        seen = desk.state.visible(desk.state.user_of(request.headers))
        found = [repo for repo in seen if repo.owner == request["org"]]
        return desk.page(request, [desk.words.repo(repo) for repo in found])

    @on("GET", REPO + "/collaborators/{user}/permission", query=r.Nothing)
    def permission(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        user = found(desk.state.users.get(request["user"]), "user")
        given = desk.state.permission(repo, user)
        return answer({"permission": given, "role_name": given, "user": desk.words.user(user)})


def _new(desk: Desk) -> None:
    on = desk.reception.router.on

    def create(request: Request, owner: str) -> Answer:
        body = request.json()
        full_name = f"{owner}/{body['name']}"
        if desk.state.repository(full_name) is not None:
            raise Refused(409, "The repository with the same name already exists.")
        files = {"README.md": f"# {body['name']}\n"} if body.get("auto_init") else None
        made = desk.state.add_repository(
            full_name, files=files, default_branch=body.get("default_branch") or "main",
            private=bool(body.get("private")), description=body.get("description", ""),
        )  # fmt: skip
        return answer(desk.words.repo(made), 201)

    @on("POST", f"{API}/user/repos", body=r.CreateRepo)
    def create_own(request: Request) -> Answer:
        return create(request, desk.reception.user(request).login)

    @on("POST", f"{API}/orgs/{{org}}/repos", body=r.CreateRepo)
    def create_in_organization(request: Request) -> Answer:
        user = desk.reception.user(request)
        organization = found(desk.state.organizations.get(request["org"]), "organization")
        if organization.members.get(user.login) != "admin":
            raise Refused(403, "Given user is not allowed to create repository in organization")
        return create(request, request["org"])


def _known(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", f"{API}/repositories/{{id}}", query=r.Nothing)
    def by_id(request: Request) -> Answer:
        number = int(request["id"]) if request["id"].isdigit() else 0
        known = found(desk.state.repository_by_id(number), "repository")
        return answer(desk.words.repo(desk.reception.repo(request, known.full_name)))

    @on("GET", REPO, query=r.Nothing)
    def get(request: Request) -> Answer:
        return answer(desk.words.repo(desk.repo(request)))

    @on("PATCH", REPO, body=r.EditRepo)
    def edit(request: Request) -> Answer:
        repo = desk.repo(request, "admin")
        body = request.json()
        repo.description = body.get("description", repo.description)
        repo.is_private = body.get("private", repo.is_private)
        repo.is_archived = body.get("archived", repo.is_archived)
        if "default_branch" in body:
            repo.default_branch = body["default_branch"]
            repo.store.set_head(repo.default_branch)
        if body.get("name", repo.name) != repo.name:
            desk.state.rename(repo, f"{repo.owner}/{body['name']}")
        return answer(desk.words.repo(repo))

    @on("DELETE", REPO)
    def delete(request: Request) -> Answer:
        desk.state.delete(desk.repo(request, "admin"))
        return Answer(204)

    @on("GET", REPO + "/languages", query=r.Nothing)
    def languages(request: Request) -> Answer:
        return answer(desk.repo(request).languages)


def _branches(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/branches", query=r.Paging)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        branches = sorted(repo.store.branches().items())
        # Worded only where they are shown: each asks git for its commit.
        return desk.page(request, branches, word=lambda one: desk.words.branch(repo, *one))

    @on("GET", REPO + "/branches/{branch:path}", query=r.Nothing)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = found(repo.store.branches().get(request["branch"]), "branch")
        return answer(desk.words.branch(repo, request["branch"], sha))

    @on("POST", REPO + "/branches", body=r.CreateBranch)
    def create(request: Request) -> Answer:
        repo = desk.repo(request, "write")
        body = request.json()
        name = body["new_branch_name"]
        if name in repo.store.branches():
            raise Refused(409, "The branch already exists.")
        sha = commit_of(repo, body.get("old_ref_name") or repo.default_branch)
        repo.store.set_ref(f"refs/heads/{name}", sha)
        user = desk.reception.user(request)
        desk.state.pushed(repo, f"refs/heads/{name}", ZERO, sha, user)
        return answer(desk.words.branch(repo, name, sha), 201)

    @on("DELETE", REPO + "/branches/{branch:path}")
    def delete(request: Request) -> Answer:
        repo = desk.repo(request, "write")
        name = request["branch"]
        sha = found(repo.store.branches().get(name), "branch")
        if name == repo.default_branch or name in repo.protections:
            raise Refused(403, "The branch is the default one or protected.")
        repo.store.delete_ref(f"refs/heads/{name}")
        user = desk.reception.user(request)
        desk.state.pushed(repo, f"refs/heads/{name}", sha, ZERO, user)
        return Answer(204)


def _tags(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/tags", query=r.Paging)
    def tags(request: Request) -> Answer:
        repo = desk.repo(request)
        listed = sorted(repo.store.tags().items())
        return desk.page(request, listed, word=lambda one: _tag(repo, *one))

    @on("GET", REPO + "/tags/{tag:path}", query=r.Nothing)
    def tag(request: Request) -> Answer:
        repo, name = desk.repo(request), request["tag"]
        return answer(_tag(repo, name, found(repo.store.tags().get(name), "tag")))


def _tag(repo: Repo, name: str, sha: str) -> Object:
    own, _, message = repo.store.annotation(name)
    return {"name": name, "message": message, "id": own or sha, "commit": {"sha": sha, "url": ""}}


def _commits(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/commits", query=r.Commits)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = commit_of(repo, request.argument("sha") or repo.default_branch)
        commits = repo.store.commits(
            sha, since=request.argument("since"), until=request.argument("until"),
            path=request.argument("path"),
        )  # fmt: skip
        return desk.page(request, [desk.words.commit(repo, one) for one in commits])

    @on("GET", REPO + "/git/commits/{sha}.diff", query=r.Nothing)
    def diff(request: Request) -> Answer:
        repo = desk.repo(request)
        sha = commit_of(repo, request["sha"])
        parents = repo.store.commit(sha).parents
        if not parents:
            empty = repo.store.git("hash-object", "-t", "tree", "--stdin", feed=b"")
            return text(repo.store.diff(empty.decode().strip(), sha))
        return text(repo.store.diff(parents[0], sha))

    @on("GET", REPO + "/git/commits/{sha}.patch", query=r.Nothing)
    def patch(request: Request) -> Answer:
        repo = desk.repo(request)
        return text(repo.store.patch(commit_of(repo, request["sha"])))

    @on("GET", REPO + "/git/commits/{sha}", query=r.GitCommit)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        facts = repo.store.commit(commit_of(repo, request["sha"]))
        return answer(desk.words.commit(repo, facts, files=True))

    @on("GET", REPO + "/compare/{spec}", query=r.Nothing)
    def compare(request: Request) -> Answer:
        repo = desk.repo(request)
        base, _, head = request["spec"].partition("...")
        shas = [commit_of(repo, unquote(name)) for name in (base, head)]
        commits = repo.store.commits("..".join(shas))
        return answer(
            {
                "total_commits": len(commits),
                "commits": [desk.words.commit(repo, one, files=True) for one in commits],
            }
        )
