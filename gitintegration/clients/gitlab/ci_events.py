"""Pipelines, jobs and deployments of GitLab's own CI."""

from typing import Any

from gitintegration.clients.gitlab.reading import (
    actor_facts,
    event_key,
    full_sha,
    is_from_fork,
    iso,
    number_in,
    project_facts,
    sha_in,
)
from gitintegration.clients.gitlab.words import run_words
from gitintegration.clients.members import Members
from gitintegration.clients.protocol import CiFacts, Commit, TriggerEvent, UnreadableDeliveryError


def pipeline(payload: Members) -> TriggerEvent:
    """A pipeline whose status changed."""
    told, request = payload.inner("object_attributes"), payload.inner("merge_request")
    run_id = str(number_in(told, "id"))
    status, conclusion = run_words(told.text("status"))
    finished = told.text("finished_at")
    # A retried pipeline comes to the same status again, with other jobs.
    builds = sorted(
        f"{build.ident('id')} {build.text('status')}" for build in payload.entries("builds")
    )
    return TriggerEvent(
        type="workflow_run",
        key=event_key("workflow_run", run_id, told.text("status"), finished, *builds),
        action=_action(status, conclusion, "requested"),
        ci=CiFacts(
            run_id=run_id,
            name=told.text("name") or f"Pipeline #{run_id}",
            status=status,
            conclusion=conclusion,
            web_url=told.text("url"),
        ),
        is_from_fork=bool(request) and is_from_fork(request),
        occurred_at=iso(finished or told.text("created_at")),
        **_ref(told, request.text("source_branch")),
        **actor_facts(payload),
        **project_facts(payload),
    )


def job(payload: Members) -> TriggerEvent:
    """A job whose status changed."""
    job_id, run_id = number_in(payload, "build_id"), number_in(payload, "pipeline_id")
    status, conclusion = run_words(payload.text("build_status"))
    web_url = payload.inner("project").text("web_url")
    finished, started = payload.text("build_finished_at"), payload.text("build_started_at")
    return TriggerEvent(
        type="workflow_job",
        key=event_key("workflow_job", job_id, payload.text("build_status"), started, finished),
        action=_action(status, conclusion, "queued"),
        ci=CiFacts(
            run_id=str(run_id),
            job_id=str(job_id),
            name=payload.text("build_name"),
            status=status,
            conclusion=conclusion,
            web_url=f"{web_url}/-/jobs/{job_id}" if web_url else "",
        ),
        occurred_at=iso(finished or started or payload.text("build_created_at")),
        **_ref(payload),
        **actor_facts(payload),
        **project_facts(payload),
    )


def deployment(payload: Members) -> TriggerEvent:
    """A deployment that starts, or what became of it."""
    if not payload.text("status"):
        raise UnreadableDeliveryError("A deployment needs a status.")
    number, word = number_in(payload, "deployment_id"), payload.text("status")
    kind = "deployment" if word in {"created", "running"} else "deployment_status"
    changed = payload.text("status_changed_at")
    # The full SHA stands in the commit's address only.
    sha = full_sha(payload.text("commit_url").rpartition("/")[2], "commit_url")
    return TriggerEvent(
        type=kind,
        key=event_key(kind, number, word, changed),
        action="created" if kind == "deployment" else word,
        sha=sha,
        commit=Commit(sha, payload.text("commit_title")),
        occurred_at=iso(changed),
        **actor_facts(payload),
        **project_facts(payload),
    )


def _action(status: str, conclusion: str, waiting: str) -> str:
    """The same words for every host."""
    if conclusion:
        return "completed"
    return status if status == "in_progress" else waiting


def _ref(told: Members, source_branch: str = "") -> dict[str, Any]:
    """`source_branch` is asked where the ref is the one of a merge request."""
    name, is_tag = told.text("ref"), told.flag("tag")
    kind = "tags" if is_tag else "heads"
    return {
        "ref": name if not name or name.startswith("refs/") else f"refs/{kind}/{name}",
        "branch": source_branch if name.startswith("refs/") else "" if is_tag else name,
        "tag": name if is_tag else "",
        "sha": sha_in(told, "sha"),
        "before": sha_in(told, "before_sha"),
    }
