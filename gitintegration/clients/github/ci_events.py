"""Runs, jobs, checks, statuses and deployments as GitHub delivers them."""

from collections.abc import Callable

from gitintegration.clients.github import words
from gitintegration.clients.github.talk_events import event_key
from gitintegration.clients.members import Members
from gitintegration.clients.protocol import CiFacts, TriggerEvent


def _run(told: Members) -> TriggerEvent:
    run = told.needed_inner("workflow_run")
    ci = _facts(run, run.needed("id"), "")
    ours = run.inner("repository").ident("id") or told.inner("repository").ident("id")
    return _about("workflow_run", told, run, ci, fork_of=ours)


def _job(told: Members) -> TriggerEvent:
    job = told.needed_inner("workflow_job")
    return _about("workflow_job", told, job, _facts(job, job.needed("run_id"), job.needed("id")))


def _check_run(told: Members) -> TriggerEvent:
    check = told.needed_inner("check_run")
    return _about("check_run", told, check, _facts(check, check.needed("id"), ""))


def _check_suite(told: Members) -> TriggerEvent:
    suite = told.needed_inner("check_suite")
    return _about("check_suite", told, suite, _facts(suite, suite.needed("id"), ""))


def _facts(entry: Members, run_id: str, job_id: str) -> CiFacts:
    word, ending = entry.text("status"), entry.text("conclusion")
    return CiFacts(
        run_id=run_id,
        job_id=job_id,
        name=entry.text("name"),
        status=words.status(word, ending),
        conclusion=words.conclusion(ending),
        web_url=entry.text("html_url") or entry.text("url"),
    )


def _about(
    kind: str, told: Members, entry: Members, ci: CiFacts, *, fork_of: str = ""
) -> TriggerEvent:
    branch = entry.text("head_branch") or entry.inner("check_suite").text("head_branch")
    action, attempt = told.text("action"), entry.number("run_attempt")
    head = entry.inner("head_repository").ident("id")
    at = entry.text("completed_at") or entry.text("updated_at") or entry.text("started_at")
    return TriggerEvent(
        type=kind,
        key=event_key(kind, ci.run_id, ci.job_id, attempt, action, ci.status, ci.conclusion, at),
        ref=f"refs/heads/{branch}" if branch else "",
        sha=entry.text("head_sha"),
        branch=branch,
        action=action,
        is_from_fork=bool(fork_of and head) and head != fork_of,
        ci=ci,
        occurred_at=at,
    )


def _status(told: Members) -> TriggerEvent:
    status, conclusion = words.state(told.text("state"))
    return TriggerEvent(
        type="status",
        key=event_key("status", told.needed("id")),
        sha=told.needed("sha"),
        action=told.text("state"),
        ci=CiFacts("", "", told.text("context"), status, conclusion, told.text("target_url")),
        occurred_at=told.text("updated_at"),
    )


def _deployment(told: Members) -> TriggerEvent:
    made = told.needed_inner("deployment")
    return _of_deployment("deployment", told, made, made, "queued")


def _deployment_status(told: Members) -> TriggerEvent:
    status = told.needed_inner("deployment_status")
    made = told.needed_inner("deployment")
    return _of_deployment("deployment_status", told, made, status, status.text("state"))


def _of_deployment(
    kind: str, told: Members, made: Members, entry: Members, state: str
) -> TriggerEvent:
    status, conclusion = words.state(state)
    at = entry.text("updated_at") or entry.text("created_at")
    return TriggerEvent(
        type=kind,
        key=event_key(kind, entry.needed("id"), told.text("action")),
        # A branch, a tag or a commit; GitHub does not say which.
        ref=made.text("ref"),
        sha=made.text("sha"),
        action=told.text("action"),
        ci=CiFacts(
            made.needed("id"), "", made.text("environment"), status, conclusion,
            entry.text("target_url"),
        ),
        occurred_at=at,
    )  # fmt: skip


READERS: dict[str, Callable[[Members], TriggerEvent]] = {
    "workflow_run": _run,
    "workflow_job": _job,
    "check_run": _check_run,
    "check_suite": _check_suite,
    "status": _status,
    "deployment": _deployment,
    "deployment_status": _deployment_status,
}
