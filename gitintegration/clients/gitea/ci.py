"""Gitea Actions: workflows, runs, jobs, logs."""

from collections.abc import Mapping, Sequence
from typing import Literal

from gitintegration.clients import shapes as s
from gitintegration.clients.absent import absent
from gitintegration.clients.errors import NotFoundOnHost, RefusedByHost
from gitintegration.clients.gitea import convert, words
from gitintegration.clients.gitea.connection import Connection, repo, segment
from gitintegration.clients.members import Members


class Ci(Connection):
    """The runs that the host's own CI makes."""

    def list_workflows(self, repository: str) -> Sequence[s.WorkflowDefinition]:
        """The workflow files of the default branch; none while Actions are off."""
        try:
            return self.all(repo(repository, "actions/workflows"), _workflow, member="workflows")
        except NotFoundOnHost:
            return ()

    def list_workflow_runs(
        self,
        repository: str,
        *,
        branch: str = "",
        status: s.RunState | Literal[""] = "",
        event: str = "",
        page: str = "",
        per_page: int = 30,
    ) -> s.Page[s.WorkflowRun]:
        """Runs, newest first; none while Actions are off."""
        path = repo(repository, "actions/runs")
        try:
            return self.page(
                path, _run, page, per_page, member="workflow_runs",
                branch=branch, status=status, event=event,
            )  # fmt: skip
        except NotFoundOnHost:
            return s.Page(())

    def get_workflow_run(self, repository: str, run_id: str) -> s.WorkflowRun:
        """One run."""
        return self.one(repo(repository, "actions/runs", segment(run_id)), _run)

    def list_workflow_jobs(self, repository: str, run_id: str) -> Sequence[s.WorkflowJob]:
        """The jobs of a run."""
        path = repo(repository, "actions/runs", segment(run_id), "jobs")
        return self.all(path, _job, member="jobs")

    def get_job_log(
        self,
        repository: str,
        run_id: str,  # noqa: ARG002 - Gitea's jobs are numbered through
        job_id: str,
        offset: int = 0,
    ) -> bytes:
        """A job's log from an offset; empty while no runner has it."""
        path = repo(repository, "actions/jobs", segment(job_id), "logs")
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            reply = self.call("GET", path, headers=headers, wants_json=False)
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
        self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]
    ) -> str:
        """Start a workflow; Gitea does not say which run that makes."""
        path = repo(repository, "actions/workflows", segment(workflow), "dispatches")
        self.call("POST", path, body={"ref": ref, "inputs": dict(inputs)})
        return ""

    def cancel_workflow_run(self, repository: str, run_id: str) -> None:
        """Cancel a run."""
        self.call("POST", repo(repository, "actions/runs", segment(run_id), "cancel"))

    approve_workflow_run = absent("it has no approval over its API; approve the run on its page.")

    def rerun_workflow(self, repository: str, run_id: str, *, failed_only: bool = False) -> str:
        """Run a run again, under its own id."""
        verb = "rerun-failed-jobs" if failed_only else "rerun"
        self.call("POST", repo(repository, "actions/runs", segment(run_id), verb))
        return run_id


def _workflow(told: Members) -> s.WorkflowDefinition:
    return s.WorkflowDefinition(
        id=told.needed("id"),
        name=told.text("name"),
        path=told.text("path"),
        is_active=told.text("state") in {"", "active"},
    )


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
