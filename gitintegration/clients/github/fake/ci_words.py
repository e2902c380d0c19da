"""Runs, jobs and runners as GitHub Actions writes them."""

from typing import Any

from gitintegration.clients.fakes import model as m
from gitintegration.clients.github.fake.words import Words, moment


def workflow(words: Words, repo: m.Repo, workflow: m.Workflow) -> dict[str, Any]:
    """A workflow file."""
    return {
        "id": workflow.id, "name": workflow.name, "path": workflow.path,
        "state": "active" if workflow.is_active else "disabled_manually",
        "html_url": f"{words.web}/{repo.full_name}/blob/main/{workflow.path}",
    }  # fmt: skip


def run(words: Words, repo: m.Repo, run: m.Run) -> dict[str, Any]:
    """A run."""
    return {
        "id": run.id, "name": run.name, "display_title": run.name, "run_number": run.number,
        "run_attempt": run.attempt, "event": run.event, "status": run.status,
        "conclusion": run.conclusion or None, "head_branch": run.ref, "head_sha": run.sha,
        "workflow_id": run.workflow.id if run.workflow else 0,
        "path": run.workflow.path if run.workflow else "",
        "actor": words.user(run.actor), "triggering_actor": words.user(run.actor),
        "html_url": f"{words.web}/{repo.full_name}/actions/runs/{run.id}",
        "created_at": moment(run.created_at), "updated_at": moment(run.updated_at),
        "run_started_at": moment(run.started_at or run.created_at),
        "repository": words.short_repo(repo), "head_repository": words.short_repo(repo),
        "pull_requests": [],
        "head_commit": {"id": run.sha, "message": run.name},
    }  # fmt: skip


def job(words: Words, repo: m.Repo, run: m.Run, job: m.Job) -> dict[str, Any]:
    """A job with its steps."""
    # A job that waits has a start too: the description knows no null there.
    times = {
        "started_at": moment(job.started_at or run.created_at),
        "completed_at": moment(job.completed_at),
    }
    return {
        "id": job.id, "run_id": run.id, "run_attempt": run.attempt, "name": job.name,
        "status": job.status, "conclusion": job.conclusion or None, "head_sha": run.sha,
        "head_branch": run.ref, "workflow_name": run.name, **times,
        "html_url": f"{words.web}/{repo.full_name}/actions/runs/{run.id}/job/{job.id}",
        "labels": job.runner.labels if job.runner else ["ubuntu-latest"],
        "runner_id": job.runner.id if job.runner else None,
        "runner_name": job.runner.name if job.runner else None,
        "steps": [
            {"name": step.name, "number": step.number, "status": step.status,
             "conclusion": step.conclusion or None, **times}
            for step in job.steps
        ],
    }  # fmt: skip


def runner(runner: m.Runner) -> dict[str, Any]:
    """A runner."""
    return {
        "id": runner.id, "name": runner.name, "os": runner.os,
        "status": "online" if runner.is_online else "offline", "busy": runner.is_busy,
        "labels": labels(runner), "version": runner.version,
    }  # fmt: skip


def labels(runner: m.Runner) -> list[dict[str, Any]]:
    """A runner's labels."""
    return [
        {"id": number, "name": name, "type": "custom"}
        for number, name in enumerate(runner.labels, 1)
    ]
