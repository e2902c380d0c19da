"""Runners of a fake Bitbucket."""

import secrets

from gitintegration.clients.bitbucket.fake import requests as r
from gitintegration.clients.bitbucket.fake import words
from gitintegration.clients.bitbucket.fake.desk import API, REPO, Desk
from gitintegration.clients.fakes.model import Runner
from gitintegration.clients.fakes.reception import first, found
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer

_SCOPES = {
    "repository": REPO + "/pipelines-config/runners",
    "organization": API + "/workspaces/{workspace}/pipelines-config/runners",
}


def add(desk: Desk) -> None:
    """Add the routes."""
    for kind in _SCOPES:
        _runners(desk, kind)


def _runners(desk: Desk, kind: str) -> None:  # noqa: C901 - handlers count as branches
    on = desk.reception.router.on
    path = _SCOPES[kind]

    def scope(request: Request) -> tuple[str, str]:
        if kind == "repository":
            return kind, desk.repo(request, "admin").full_name
        user = desk.reception.user(request)
        organization = found(desk.state.organizations.get(request["workspace"]), "workspace")
        if organization.members.get(user.login) != "admin":
            raise Refused(403, "You cannot administer this workspace.")
        return kind, request["workspace"]

    def one(request: Request) -> Runner:
        listed = desk.state.ci.runners_of(scope(request))
        return first((had for had in listed if words.runner_uuid(had) == request["id"]), "runner")

    @on("GET", path, query=r.Paging)
    def listed(request: Request) -> Answer:
        return desk.page(request, desk.state.ci.runners_of(scope(request)), word=words.runner)

    @on("POST", path, body=r.CreateRunner)
    def create(request: Request) -> Answer:
        body = request.json()
        made = desk.state.ci.add_runner(scope(request), body["name"], body["labels"])
        made.is_online = False
        client = {
            "id": secrets.token_hex(16), "secret": secrets.token_hex(32),
            "token_endpoint": f"{desk.words.web}/oauth/token", "audience": desk.words.web,
        }  # fmt: skip
        return answer({**words.runner(made), "oauth_client": client}, 201)

    @on("GET", path + "/{id}", query=r.Nothing)
    def get(request: Request) -> Answer:
        return answer(words.runner(one(request)))

    @on("PUT", path + "/{id}", body=r.EditRunner)
    def edit(request: Request) -> Answer:
        runner = one(request)
        runner.labels = request.json()["labels"]
        return answer(words.runner(runner))

    @on("DELETE", path + "/{id}")
    def delete(request: Request) -> Answer:
        desk.state.ci.remove_runner(one(request).id)
        return Answer(204)
