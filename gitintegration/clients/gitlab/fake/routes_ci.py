"""Pipelines, jobs with their logs, and runners."""

import secrets
from typing import Any

from gitintegration.clients.fakes.ci import Scope
from gitintegration.clients.fakes.model import Job, Repo, Run, Runner
from gitintegration.clients.fakes.web import Answer, Refused, Request, Router, answer, text
from gitintegration.clients.gitlab.fake import requests, words
from gitintegration.clients.gitlab.fake.api import Api

_KINDS = {"repository": "project_type", "organization": "group_type", "enterprise": "instance_type"}
_SCOPES = {kind: scope for scope, kind in _KINDS.items()}


def add(router: Router, api: Api) -> None:
    """Add the routes."""
    _pipelines(router, api)
    _changes(router, api)
    _jobs(router, api)
    _runner_lists(router, api)
    _runners(router, api)
    _registration(router, api)


def _run(request: Request, repo: Repo) -> Run:
    found = repo.runs.get(int(request["run_id"])) if request["run_id"].isdigit() else None
    if found is None:
        raise Refused(404, "404 Not found")
    return found


def _pipelines(router: Router, api: Api) -> None:
    base = "/projects/{id}/pipelines"

    @router.on("GET", base, query=requests.Pipelines)
    def listed(request: Request) -> Answer:
        repo, ref = api.repo(request), request.argument("ref")
        status, source = request.argument("status"), request.argument("source")
        found = [
            run
            for run in reversed(repo.runs.values())
            if ref in {"", run.ref}
            and source in {"", run.event}
            and status in {"", words.ci_status(run.status, run.conclusion)}
        ]
        return api.page(
            request, found, lambda run: words.pipeline(run, repo, api.host.url, is_whole=False)
        )

    @router.on("GET", base + "/{run_id}", query=requests.NoQuery)
    def read(request: Request) -> Answer:
        repo = api.repo(request)
        return answer(words.pipeline(_run(request, repo), repo, api.host.url))

    @router.on("GET", base + "/{run_id}/jobs", query=requests.Paging)
    def jobs(request: Request) -> Answer:
        repo = api.repo(request)
        run = _run(request, repo)
        return api.page(
            request, run.jobs[::-1], lambda job: words.job(job, run, repo, api.host.url)
        )


def _changes(router: Router, api: Api) -> None:
    base = "/projects/{id}/pipelines/{run_id}"

    @router.on("POST", "/projects/{id}/pipeline", query=requests.NoQuery, body=requests.NewPipeline)
    def create(request: Request) -> Answer:
        repo, body = api.repo(request, "write"), request.json()
        if not repo.store.resolve(body["ref"]):
            raise Refused(400, "", told={"base": ["Reference not found"]})
        inputs = {item["key"]: item["value"] for item in body.get("variables", [])}
        made = api.state.ci.start_run(
            repo, ref=body["ref"], event="api", name="", user=api.user(request), inputs=inputs
        )
        return answer(words.pipeline(made, repo, api.host.url), 201)

    @router.on("POST", base + "/cancel", query=requests.NoQuery, body=requests.Nothing)
    def cancel(request: Request) -> Answer:
        repo = api.repo(request, "write")
        run = _run(request, repo)
        api.state.ci.cancel_run(repo, run)
        return answer(words.pipeline(run, repo, api.host.url))

    @router.on("POST", base + "/retry", query=requests.NoQuery, body=requests.Nothing)
    def retry(request: Request) -> Answer:
        repo = api.repo(request, "write")
        run = _run(request, repo)
        # Only what failed or was cancelled has anything to retry.
        if any(job.conclusion in {"failure", "cancelled"} for job in run.jobs):
            api.state.ci.rerun(repo, run, failed_only=True)
        return answer(words.pipeline(run, repo, api.host.url), 201)


def _jobs(router: Router, api: Api) -> None:
    def found(request: Request) -> Job:
        repo, named = api.repo(request), request["job_id"]
        known = repo.job(int(named)) if named.isdigit() else None
        if known is None:
            raise Refused(404, "404 Not found")
        return known[1]

    @router.on(
        "POST", "/projects/{id}/jobs/{job_id}/play", query=requests.NoQuery, body=requests.Nothing
    )
    def play(request: Request) -> Answer:
        repo = api.repo(request, "write")
        job = found(request)
        run = next(run for run in repo.runs.values() if job in run.jobs)
        if job.conclusion != "action_required":
            raise Refused(400, "400 Bad request - Unplayable Job")
        # The first played job sets the pipeline going; the others stay where they are.
        job.status, job.conclusion = "queued", ""
        run.status, run.conclusion = "queued", ""
        return answer(words.job(job, run, repo, api.host.url))

    @router.on("GET", "/projects/{id}/jobs/{job_id}/trace", query=requests.NoQuery)
    def trace(request: Request) -> Answer:
        return text(bytes(found(request).log), "text/plain")


def _runner_lists(router: Router, api: Api) -> None:
    def listed(request: Request, *scopes: Scope) -> Answer:
        kind = request.argument("type")
        found = [
            (runner, _KINDS[scope[0]])
            for scope in scopes
            for runner in api.state.ci.runners_of(scope)
            if kind in {"", _KINDS[scope[0]]}
        ]
        return api.page(request, found, lambda item: words.runner(*item, is_whole=False))

    everywhere = ("enterprise", "")

    @router.on("GET", "/projects/{id}/runners", query=requests.Runners)
    def of_project(request: Request) -> Answer:
        repo = api.repo(request, "admin")
        scopes = (("repository", repo.full_name), ("organization", repo.owner), everywhere)
        return listed(request, *scopes)

    @router.on("GET", "/groups/{id}/runners", query=requests.Runners)
    def of_group(request: Request) -> Answer:
        api.user(request)
        return listed(request, ("organization", api.group(request).path), everywhere)

    @router.on("GET", "/runners/all", query=requests.Runners)
    def of_all(request: Request) -> Answer:
        _administrator(api, request)
        return listed(request, everywhere)


def _administrator(api: Api, request: Request) -> None:
    if not api.user(request).is_admin:
        raise Refused(403, "403 Forbidden")


def _runners(router: Router, api: Api) -> None:
    def found(request: Request) -> tuple[Runner, str]:
        api.user(request)
        named = request["runner_id"]
        known = api.state.ci.runner(int(named)) if named.isdigit() else None
        if known is None:
            raise Refused(404, "404 Runner Not Found")
        return known[1], _KINDS[known[0][0]]

    @router.on("GET", "/runners/{runner_id}", query=requests.NoQuery)
    def read(request: Request) -> Answer:
        return answer(words.runner(*found(request)))

    @router.on("PUT", "/runners/{runner_id}", query=requests.NoQuery, body=requests.RunnerChanges)
    def change(request: Request) -> Answer:
        known, kind = found(request)
        known.labels = list(request.json()["tag_list"])
        return answer(words.runner(known, kind))

    @router.on("DELETE", "/runners/{runner_id}", query=requests.NoQuery)
    def delete(request: Request) -> Answer:
        api.state.ci.remove_runner(found(request)[0].id)
        return Answer(204)


def _registration(router: Router, api: Api) -> None:
    @router.on("POST", "/user/runners", query=requests.NoQuery, body=requests.NewRunner)
    def create(request: Request) -> Answer:
        if api.is_old:
            raise Refused(404, "404 Not Found")
        made = api.state.ci.add_runner(_scope(api, request), "", ())
        made.is_online = False
        token = "glrt-" + secrets.token_urlsafe(15)
        return answer({"id": made.id, "token": token, "token_expires_at": None}, 201)

    for base in ("/projects/{id}", "/groups/{id}", ""):
        path = base + "/runners/reset_registration_token"

        @router.on("POST", path, query=requests.NoQuery, body=requests.Nothing)
        def reset(request: Request) -> Answer:
            api.user(request)
            if not api.is_old:
                raise Refused(410, "410 Gone")
            return answer({"token": "GR1348941" + secrets.token_hex(10)}, 201)


def _scope(api: Api, request: Request) -> Scope:
    body: dict[str, Any] = request.json()
    kind, user = _SCOPES[body["runner_type"]], api.user(request)
    if kind == "enterprise":
        _administrator(api, request)
        return kind, ""
    if kind == "organization":
        for group in api.state.organizations.values():
            if group.id == body.get("group_id") and group.members.get(user.login) == "admin":
                return kind, group.path
        raise Refused(403, "403 Forbidden")
    repo = api.state.repository_by_id(body.get("project_id") or 0)
    if repo is None or not api.state.may(repo, user, "admin"):
        raise Refused(403, "403 Forbidden")
    return kind, repo.full_name
