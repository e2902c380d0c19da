"""Actions and runners of the fake GitHub; its logs stand at an address of their own."""

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.ci import Scope
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer, text
from gitintegration.clients.github.fake import ci_words
from gitintegration.clients.github.fake.desk import Desk, invalid, number_of, one
from gitintegration.clients.github.fake.words import moment

_PLACES = ("/repos/{owner}/{repo}", "/orgs/{org}", "/enterprises/{enterprise}")


def add_routes(desk: Desk) -> None:
    """Register them."""
    _workflows(desk)
    _dispatch(desk)
    _runs(desk)
    _run_changes(desk)
    _run_approval(desk)
    _jobs(desk)
    for place in _PLACES:
        _runners(desk, place + "/actions/runners")
        _runner_changes(desk, place + "/actions/runners")


def _workflow(repo: m.Repo, wanted: str) -> m.Workflow:
    for known in repo.workflows.values():
        if wanted in {str(known.id), known.path.rpartition("/")[2]}:
            return known
    raise Refused(404, "Not Found")


def _chosen(request: Request, run: m.Run) -> bool:
    given = {name: request.argument(name) for name in ("branch", "event", "status")}
    created = request.argument("created").removeprefix(">=")
    return (
        given["branch"] in {"", run.ref}
        and given["event"] in {"", run.event}
        and given["status"] in {"", run.status, run.conclusion}
        and (moment(run.created_at) or "") >= created
    )


def _workflows(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/actions/workflows")
    def workflows(request: Request) -> Answer:
        repo = desk.repo(request)
        known = list(repo.workflows.values())
        return desk.listed(
            request, known, lambda item: ci_words.workflow(words, repo, item), "workflows"
        )

    @on("GET", "/repos/{owner}/{repo}/actions/workflows/{workflow}/runs")
    def runs(request: Request) -> Answer:
        repo = desk.repo(request)
        workflow = _workflow(repo, request["workflow"])
        found = [run for run in reversed(repo.runs.values())
                 if run.workflow is workflow and _chosen(request, run)]  # fmt: skip
        return desk.listed(
            request, found, lambda run: ci_words.run(words, repo, run), "workflow_runs"
        )


def _dispatch(desk: Desk) -> None:
    @desk.router.on("POST", "/repos/{owner}/{repo}/actions/workflows/{workflow}/dispatches")
    def dispatch(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        workflow = _workflow(repo, request["workflow"])
        if not repo.store.resolve(body["ref"]):
            raise Refused(422, f"No ref found for: {body['ref']}")
        # An Enterprise server of some years ago.
        is_old = bool(desk.state.extra.get("is_old_enterprise"))
        if is_old and "return_run_details" in body:
            raise Refused(422, 'Invalid request.\n\n"return_run_details" is not a permitted key.')
        run = desk.state.ci.start_run(
            repo, ref=body["ref"], event="workflow_dispatch", name=workflow.name,
            workflow=workflow, user=desk.user(request), inputs=body.get("inputs"),
        )  # fmt: skip
        if not body.get("return_run_details"):
            return Answer(204)
        page = f"{desk.words.web}/{repo.full_name}/actions/runs/{run.id}"
        return answer({"workflow_run_id": run.id, "html_url": page, "run_url": page})


def _runs(desk: Desk) -> None:
    on, words = desk.router.on, desk.words

    @on("GET", "/repos/{owner}/{repo}/actions/runs")
    def runs(request: Request) -> Answer:
        repo = desk.repo(request)
        found = [run for run in reversed(repo.runs.values()) if _chosen(request, run)]
        return desk.listed(
            request, found, lambda run: ci_words.run(words, repo, run), "workflow_runs"
        )

    @on("GET", "/repos/{owner}/{repo}/actions/runs/{run}")
    def run(request: Request) -> Answer:
        repo = desk.repo(request)
        return answer(ci_words.run(words, repo, one(repo.runs.get(number_of(request, "run")))))

    @on("GET", "/repos/{owner}/{repo}/actions/runs/{run}/jobs")
    def jobs(request: Request) -> Answer:
        repo = desk.repo(request)
        of = one(repo.runs.get(number_of(request, "run")))
        return desk.listed(request, of.jobs, lambda job: ci_words.job(words, repo, of, job), "jobs")


def _found_run(desk: Desk, request: Request) -> tuple[m.Repo, m.Run]:
    repo = desk.repo(request, "write")
    return repo, one(repo.runs.get(number_of(request, "run")))


def _run_approval(desk: Desk) -> None:
    @desk.router.on("POST", "/repos/{owner}/{repo}/actions/runs/{run}/approve")
    def approve(request: Request) -> Answer:
        if not desk.state.ci.approve_run(*_found_run(desk, request)):
            raise Refused(403, "This run is not awaiting approval.")
        return answer({}, 201)


def _run_changes(desk: Desk) -> None:
    on = desk.router.on

    def found(request: Request) -> tuple[m.Repo, m.Run]:
        return _found_run(desk, request)

    @on("POST", "/repos/{owner}/{repo}/actions/runs/{run}/cancel")
    def cancel(request: Request) -> Answer:
        if not desk.state.ci.cancel_run(*found(request)):
            raise Refused(409, "Cannot cancel a workflow run that is completed.")
        return answer({}, 202)

    @on("POST", "/repos/{owner}/{repo}/actions/runs/{run}/rerun")
    def rerun(request: Request) -> Answer:
        return again(request, failed_only=False)

    @on("POST", "/repos/{owner}/{repo}/actions/runs/{run}/rerun-failed-jobs")
    def rerun_failed(request: Request) -> Answer:
        return again(request, failed_only=True)

    def again(request: Request, *, failed_only: bool) -> Answer:
        repo, run = found(request)
        if run.status != "completed":
            raise Refused(403, "This workflow is already running")
        desk.state.ci.rerun(repo, run, failed_only=failed_only)
        return answer({}, 201)


def _jobs(desk: Desk) -> None:
    on = desk.router.on
    key = secrets.token_hex(8)

    def signature(job_id: int) -> str:
        return hashlib.sha256(f"{key}{job_id}".encode()).hexdigest()[:16]

    @on("GET", "/repos/{owner}/{repo}/actions/jobs/{job}/logs")
    def logs(request: Request) -> Answer:
        _, job = one(desk.repo(request).job(number_of(request, "job")))
        if job.status == "queued":
            raise Refused(404, "Not Found")
        where = f"{desk.words.web}/_logs/{request['owner']}/{request['repo']}/{job.id}"
        location = {"location": f"{where}?sig={signature(job.id)}"}
        return replace(answer({}, 302), headers=location)

    @on("GET", "/_logs/{owner}/{repo}/{job}")
    def blob(request: Request) -> Answer:
        # As the store behind GitHub does: a credential that is not its own is refused.
        if "authorization" in request.headers:
            raise Refused(400, "Authentication information is not given in the correct format")
        if request.argument("sig") != signature(number_of(request, "job")):
            raise Refused(403, "Server failed to authenticate the request")
        repo = one(desk.state.repository(f"{request['owner']}/{request['repo']}"))
        _, job = one(repo.job(number_of(request, "job")))
        return _part(bytes(job.log), request.headers.get("range", ""))


def _part(log: bytes, wanted: str) -> Answer:
    if not wanted.startswith("bytes="):
        return text(log)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first)
    if start >= len(log):
        raise Refused(416, "The range specified is invalid")
    part = log[start : int(last) + 1 if last else None]
    where = f"bytes {start}-{start + len(part) - 1}/{len(log)}"
    return replace(text(part), status=206, headers={"content-range": where})


def _scope(desk: Desk, request: Request) -> Scope:
    if "repo" in request.parameters:
        return ("repository", desk.repo(request, "admin").full_name)
    user = desk.user(request)
    if "org" in request.parameters:
        organization = one(desk.state.organizations.get(request["org"]))
        if organization.members.get(user.login) != "admin":
            raise Refused(403, "Must have admin rights to the organization.")
        return ("organization", organization.path)
    if not user.is_admin:
        raise Refused(403, "Must have admin rights to the enterprise.")
    return ("enterprise", request["enterprise"])


def _runners(desk: Desk, path: str) -> None:
    on = desk.router.on

    @on("GET", path)
    def runners(request: Request) -> Answer:
        known = desk.state.ci.runners_of(_scope(desk, request))
        return desk.listed(request, known, ci_words.runner, "runners")

    @on("POST", path + "/registration-token")
    def registration(request: Request) -> Answer:
        _scope(desk, request)
        return _token()

    @on("POST", path + "/remove-token")
    def removal(request: Request) -> Answer:
        _scope(desk, request)
        return _token()


def _runner_changes(desk: Desk, path: str) -> None:
    on = desk.router.on

    def found(request: Request) -> m.Runner:
        scope, wanted = _scope(desk, request), number_of(request, "runner")
        known = desk.state.ci.runners_of(scope)
        return one(next((runner for runner in known if runner.id == wanted), None))

    @on("GET", path + "/{runner}")
    def get(request: Request) -> Answer:
        return answer(ci_words.runner(found(request)))

    @on("DELETE", path + "/{runner}")
    def delete(request: Request) -> Answer:
        runner = found(request)
        if runner.is_busy:
            raise invalid("Runner is currently running a job and cannot be deleted.")
        desk.state.ci.remove_runner(runner.id)
        return Answer(204)

    @on("PUT", path + "/{runner}/labels")
    def put_labels(request: Request) -> Answer:
        runner = found(request)
        runner.labels = list(request.json()["labels"])
        named: list[dict[str, Any]] = ci_words.labels(runner)
        return answer({"total_count": len(named), "labels": named})


def _token() -> Answer:
    ends = moment(timezone.now() + timedelta(hours=1))
    return answer({"token": secrets.token_hex(12).upper(), "expires_at": ends}, 201)
