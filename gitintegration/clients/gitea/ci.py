"""Gitea Actions: workflows, runs, jobs, logs."""

from collections.abc import Mapping, Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost, RefusedByHost
from gitintegration.clients.gitea import convert, words
from gitintegration.clients.gitea.connection import Connection, repo, segment
from gitintegration.clients.members import Members


def _workflow(told: Members) -> s.WorkflowDefinition:
    return s.WorkflowDefinition(
        id=told.needed("id"),
        name=told.text("name"),
        path=told.text("path"),
        is_active=told.text("state") in {"", "active"},
    )


def list_workflows(api: Connection, repository: str) -> Sequence[s.WorkflowDefinition]:
    """The workflow files of the default branch; none while Actions are off."""
    try:
        return api.all(repo(repository, "actions/workflows"), _workflow, member="workflows")
    except NotFoundOnHost:
        return ()


def _run(told: Members) -> s.WorkflowRun:
    status, conclusion = words.run_state(told.text("status"), told.text("conclusion"))
    actor = told.inner("actor") or told.inner("trigger_actor")
    run_id = told.needed("id")
    return s.WorkflowRun(
        id=run_id,
        name=told.text("name") or told.text("display_title") or f"Pipeline #{run_id}",
        status=status,
        conclusion=conclusion,
        event=told.text("event"),
        ref=told.text("head_branch"),
        sha=told.text("head_sha"),
        actor=convert.login(actor),
        actor_id=actor.ident("id"),
        run_number=told.number("run_number") or None,
        run_attempt=told.number("run_attempt") or 1,
        web_url=told.text("html_url"),
        created_at=told.moment("created_at"),
        started_at=told.moment("started_at"),
        completed_at=told.moment("completed_at"),
    )


def list_workflow_runs(
    api: Connection, repository: str, *, branch: str = "", page: str = "", per_page: int = 30
) -> s.Page[s.WorkflowRun]:
    """Runs, newest first; none while Actions are off."""
    path = repo(repository, "actions/runs")
    try:
        return api.page(path, _run, page, per_page, member="workflow_runs", branch=branch)
    except NotFoundOnHost:
        return s.Page(())


def get_workflow_run(api: Connection, repository: str, run_id: str) -> s.WorkflowRun:
    """One run."""
    return api.one(repo(repository, "actions/runs", segment(run_id)), _run)


def _step(told: Members) -> s.WorkflowStep:
    status, conclusion = words.run_state(told.text("status"), told.text("conclusion"))
    return s.WorkflowStep(
        name=told.text("name"),
        number=told.number("number"),
        status=status,
        conclusion=conclusion,
        started_at=told.moment("started_at"),
        completed_at=told.moment("completed_at"),
    )


def _job(told: Members) -> s.WorkflowJob:
    status, conclusion = words.run_state(told.text("status"), told.text("conclusion"))
    runner_id = told.ident("runner_id")
    return s.WorkflowJob(
        id=told.needed("id"),
        name=told.text("name"),
        status=status,
        conclusion=conclusion,
        runner_id="" if runner_id == "0" else runner_id,
        runner_name=told.text("runner_name"),
        web_url=told.text("html_url"),
        started_at=told.moment("started_at"),
        completed_at=told.moment("completed_at"),
        steps=tuple(_step(step) for step in told.entries("steps")),
    )


def list_workflow_jobs(api: Connection, repository: str, run_id: str) -> Sequence[s.WorkflowJob]:
    """The jobs of a run."""
    path = repo(repository, "actions/runs", segment(run_id), "jobs")
    return api.all(path, _job, member="jobs")


def get_job_log(
    api: Connection,
    repository: str,
    run_id: str,  # noqa: ARG001 - Gitea's jobs are numbered through
    job_id: str,
    offset: int = 0,
) -> bytes:
    """A job's log from an offset; empty while no runner has it."""
    path = repo(repository, "actions/jobs", segment(job_id), "logs")
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    try:
        reply = api.call("GET", path, headers=headers, wants_json=False)
    except NotFoundOnHost:
        return b""
    except RefusedByHost as error:
        # 416: the log has no byte at the offset yet.
        if error.http_status == 416:
            return b""
        raise
    # Servers that know no ranges send all.
    return reply.body if reply.status == 206 or not offset else reply.body[offset:]


def trigger_workflow(
    api: Connection, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]
) -> str:
    """Start a workflow; Gitea does not say which run that makes."""
    path = repo(repository, "actions/workflows", segment(workflow), "dispatches")
    api.call("POST", path, body={"ref": ref, "inputs": dict(inputs)})
    return ""


def cancel_workflow_run(api: Connection, repository: str, run_id: str) -> None:
    """Cancel a run."""
    api.call("POST", repo(repository, "actions/runs", segment(run_id), "cancel"))


def rerun_workflow(
    api: Connection, repository: str, run_id: str, *, failed_only: bool = False
) -> str:
    """Run a run again, under its own id."""
    verb = "rerun-failed-jobs" if failed_only else "rerun"
    api.call("POST", repo(repository, "actions/runs", segment(run_id), verb))
    return run_id
