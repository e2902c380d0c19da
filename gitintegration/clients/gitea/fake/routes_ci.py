"""Actions and runners of a fake Gitea."""

import secrets

from gitintegration.clients.fakes.model import Repo, Run, Runner
from gitintegration.clients.fakes.reception import first, found, ranged
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer
from gitintegration.clients.gitea.fake import requests as r
from gitintegration.clients.gitea.fake import words
from gitintegration.clients.gitea.fake.desk import API, REPO, Desk

_ACTIONS = REPO + "/actions"
_SCOPES = {
    "repository": _ACTIONS + "/runners",
    "organization": API + "/orgs/{org}/actions/runners",
    "enterprise": API + "/admin/actions/runners",
}


def add(desk: Desk) -> None:
    """Add the routes."""
    _workflows(desk)
    _runs(desk)
    _jobs(desk)
    for kind in _SCOPES:
        _runners(desk, kind)


def _workflows(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", _ACTIONS + "/workflows", query=r.Paging)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        told = [
            {"id": one.path.rpartition("/")[2], "name": one.name, "path": one.path,
             "state": "active" if one.is_active else "disabled_manually"}
            for one in repo.workflows.values()
        ]  # fmt: skip
        return answer({"workflows": told, "total_count": len(told)})

    @on("POST", _ACTIONS + "/workflows/{workflow}/dispatches", body=r.Dispatch)
    def dispatch(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        wanted = request["workflow"]
        workflow = first(
            (one for one in repo.workflows.values() if one.path.endswith(f"/{wanted}")), "workflow"
        )
        branch = body["ref"].removeprefix("refs/heads/")
        found(repo.store.branches().get(branch), "ref")
        desk.state.ci.start_run(
            repo, ref=branch, event="workflow_dispatch", name=workflow.name, workflow=workflow,
            user=desk.reception.user(request), inputs=body.get("inputs"),
        )  # fmt: skip
        return Answer(204)


def _run(repo: Repo, request: Request) -> Run:
    number = int(request["run"]) if request["run"].isdigit() else 0
    return found(repo.runs.get(number), "run")


def _runs(desk: Desk) -> None:  # noqa: C901 - handlers count as branches
    on = desk.reception.router.on

    @on("GET", _ACTIONS + "/runs", query=r.Runs)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        asked = {name: request.argument(name) for name in ("branch", "status", "event")}
        runs = [
            one
            for one in repo.runs.values()
            if asked["branch"] in {"", one.ref}
            and asked["event"] in {"", one.event}
            and asked["status"] in {"", one.status, one.conclusion}
        ]
        runs.sort(key=lambda one: one.id, reverse=True)
        told = [desk.words.run(repo, one) for one in runs]
        return desk.page(request, told, "workflow_runs")

    @on("GET", _ACTIONS + "/runs/{run}", query=r.Nothing)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        return answer(desk.words.run(repo, _run(repo, request)))

    @on("POST", _ACTIONS + "/runs/{run}/cancel")
    def cancel(request: Request) -> Answer:
        repo = desk.repo(request, "write")
        if not desk.state.ci.cancel_run(repo, _run(repo, request)):
            raise Refused(400, "The run has ended")
        return answer({})

    def rerun(request: Request, *, failed_only: bool) -> Answer:
        repo = desk.repo(request, "write")
        run = _run(repo, request)
        if run.status != "completed":
            raise Refused(400, "The run has not ended")
        desk.state.ci.rerun(repo, run, failed_only=failed_only)
        return answer(desk.words.run(repo, run), 201)

    @on("POST", _ACTIONS + "/runs/{run}/rerun")
    def again(request: Request) -> Answer:
        return rerun(request, failed_only=False)

    @on("POST", _ACTIONS + "/runs/{run}/rerun-failed-jobs")
    def failed_again(request: Request) -> Answer:
        return rerun(request, failed_only=True)


def _jobs(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", _ACTIONS + "/runs/{run}/jobs", query=r.Paging)
    def listed(request: Request) -> Answer:
        repo = desk.repo(request)
        run = _run(repo, request)
        told = [desk.words.job(repo, run, one) for one in run.jobs]
        return desk.page(request, told, "jobs")

    @on("GET", _ACTIONS + "/jobs/{job}/logs", query=r.Nothing)
    def log(request: Request) -> Answer:
        repo = desk.repo(request)
        number = int(request["job"]) if request["job"].isdigit() else 0
        _, job = found(repo.job(number), "job")
        if job.status == "queued":
            raise Refused(404, "The job has no log yet")
        return ranged(request, bytes(job.log))


def _runners(desk: Desk, kind: str) -> None:  # noqa: C901 - one handler per operation
    on = desk.reception.router.on
    path = _SCOPES[kind]

    def scope(request: Request) -> tuple[str, str]:
        if kind == "repository":
            return kind, desk.repo(request, "admin").full_name
        user = desk.reception.user(request)
        if kind == "enterprise":
            if not user.is_admin:
                raise Refused(403, "The user is no administrator")
            return kind, ""
        members = found(desk.state.organizations.get(request["org"]), "organization").members
        if members.get(user.login) != "admin":
            raise Refused(403, "The user does not own the organization")
        return kind, request["org"]

    def one(request: Request) -> Runner:
        listed = desk.state.ci.runners_of(scope(request))
        return first((known for known in listed if str(known.id) == request["id"]), "runner")

    @on("GET", path, query=r.Paging)
    def listed(request: Request) -> Answer:
        runners = desk.state.ci.runners_of(scope(request))
        return desk.page(request, [words.runner(known) for known in runners], "runners")

    @on("POST", path + "/registration-token", body=r.Nothing)
    def token(request: Request) -> Answer:
        scope(request)
        return answer({"token": secrets.token_hex(20)})

    @on("GET", path + "/{id}", query=r.Nothing)
    def get(request: Request) -> Answer:
        return answer(words.runner(one(request)))

    @on("PATCH", path + "/{id}", body=r.Labels)
    def edit(request: Request) -> Answer:
        runner = one(request)
        runner.labels = request.json()["labels"]
        return answer(words.runner(runner))

    @on("DELETE", path + "/{id}")
    def delete(request: Request) -> Answer:
        desk.state.ci.remove_runner(one(request).id)
        return Answer(204)
