"""Pipelines of a fake Bitbucket."""

from gitintegration.clients.bitbucket.fake import requests as r
from gitintegration.clients.bitbucket.fake import words
from gitintegration.clients.bitbucket.fake.desk import API, REPO, Desk
from gitintegration.clients.bitbucket.fake.words import braced
from gitintegration.clients.fakes.model import Job, Repo, Run, Workflow
from gitintegration.clients.fakes.reception import first, ranged
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer, text

_ONE = REPO + "/pipelines/{run}"


def add(desk: Desk) -> None:
    """Add the routes."""
    _pipelines(desk)
    _starting(desk)
    _steps(desk)


def _run(repo: Repo, request: Request) -> Run:
    """A pipeline by its UUID."""
    runs = repo.runs.values()
    return first((one for one in runs if braced(one.uuid) == request["run"]), "pipeline")


def _pipelines(desk: Desk) -> None:
    on = desk.reception.router.on

    @on("GET", REPO + "/pipelines", query=r.Pipelines)
    def listed(request: Request) -> Answer:
        repo, branch = desk.repo(request), request.argument("target.branch")
        status, trigger = request.argument("status"), request.argument("trigger_type")
        runs = [
            one
            for one in repo.runs.values()
            if branch in {"", one.ref}
            and trigger in {"", one.event.upper()}
            and status in {"", words.asked_state(one.status, one.conclusion)}
        ]
        if request.argument("sort") == "-created_on":
            runs.reverse()
        return desk.page(request, runs, word=lambda one: desk.words.pipeline(repo, one))

    @on("GET", _ONE, query=r.Nothing)
    def get(request: Request) -> Answer:
        repo = desk.repo(request)
        return answer(desk.words.pipeline(repo, _run(repo, request)))

    @on("POST", _ONE + "/stopPipeline")
    def stop(request: Request) -> Answer:
        repo = desk.repo(request, "write")
        if not desk.state.ci.cancel_run(repo, _run(repo, request)):
            raise Refused(400, "The pipeline is already completed.")
        return Answer(204)


def _starting(desk: Desk) -> None:
    on = desk.reception.router.on

    def custom(repo: Repo, pattern: str) -> Workflow:
        """A custom pipeline; what other hosts have in files."""
        known = repo.workflows.values()
        named = (one for one in known if pattern in {one.name, one.path.rpartition("/")[2]})
        return first(named, "custom pipeline")

    @on("POST", REPO + "/pipelines", body=r.CreatePipeline)
    def start(request: Request) -> Answer:
        repo, body = desk.repo(request, "write"), request.json()
        target = body["target"]
        branch, selector = target.get("ref_name", ""), target.get("selector")
        if branch not in repo.store.branches():
            raise Refused(400, f"The branch {branch} does not exist.")
        workflow = custom(repo, selector["pattern"]) if selector else None
        run = desk.state.ci.start_run(
            repo, ref=branch, event="manual", name=workflow.name if workflow else "default",
            workflow=workflow, user=desk.reception.user(request),
            inputs={one["key"]: one["value"] for one in body.get("variables", ())},
        )  # fmt: skip
        if "commit" in target:
            run.sha = target["commit"]["hash"]
        return answer(desk.words.pipeline(repo, run), 201)


def _steps(desk: Desk) -> None:
    on = desk.reception.router.on

    def step(request: Request) -> Job:
        run = _run(desk.repo(request), request)
        return first((one for one in run.jobs if braced(one.uuid) == request["step"]), "step")

    @on("GET", _ONE + "/steps", query=r.Paging)
    def listed(request: Request) -> Answer:
        return desk.page(request, _run(desk.repo(request), request).jobs, word=words.step)

    @on("GET", _ONE + "/steps/{step}/log", query=r.Nothing)
    def log(request: Request) -> Answer:
        job = step(request)
        if job.status == "queued":
            raise Refused(404, "Log for the step does not exist.")
        # The real one has a store of its own for ended logs, where the token must not go.
        store = desk.state.extra.get("log_store")
        if store and job.status == "completed":
            return Answer(307, headers={"location": f"{store}{API}/logs/{job.uuid}"})
        return ranged(request, bytes(job.log), "application/octet-stream")

    @on("GET", f"{API}/logs/{{uuid}}", query=r.Nothing)
    def stored(request: Request) -> Answer:
        if "authorization" in request.headers:
            raise Refused(400, "The token must not be sent here.")
        jobs = (
            job
            for repo in desk.state.repositories.values()
            for run in repo.runs.values()
            for job in run.jobs
        )
        found = first((job for job in jobs if job.uuid == request["uuid"]), "log")
        return text(bytes(found.log), "application/octet-stream")
