"""Bodies of the deliveries that GitLab's own CI, deployments and releases cause.

Source: GitLab documentation, "Webhook events" (version 18).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gitintegration.clients.gitlab.fake.payloads import Json, repository


def pipeline(
    of: Mapping[str, Any],
    by: Mapping[str, Any],
    pipeline_id: int,
    *,
    builds: Sequence[Mapping[str, Any]] = (),
    merge_request: Mapping[str, Any] | None = None,
    head: Mapping[str, Any] | None = None,
    **facts: Any,
) -> Json:
    """A pipeline whose status changed; `facts` are members of its attributes."""
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": pipeline_id,
            "iid": 1,
            "name": None,
            "ref": of["default_branch"],
            "tag": False,
            "sha": "0" * 40,
            "before_sha": "0" * 40,
            "source": "push",
            "status": "created",
            "detailed_status": facts.get("status", "created"),
            "stages": sorted({build["stage"] for build in builds}),
            "created_at": "2026-01-02 03:04:05 UTC",
            "finished_at": None,
            "duration": None,
            "queued_duration": None,
            "variables": [],
            "url": f"{of['web_url']}/-/pipelines/{pipeline_id}",
            **facts,
        },
        "merge_request": dict(merge_request) if merge_request else None,
        "user": dict(by),
        "project": dict(of),
        "commit": dict(head) if head else None,
        "builds": [dict(build) for build in builds],
    }


def build(build_id: int, name: str, status: str, *, stage: str = "test") -> Json:
    """One of a pipeline's jobs, as the pipeline's event lists it."""
    return {
        "id": build_id,
        "stage": stage,
        "name": name,
        "status": status,
        "created_at": "2026-01-02 03:04:05 UTC",
        "started_at": None,
        "finished_at": None,
        "duration": None,
        "queued_duration": None,
        "failure_reason": None,
        "when": "on_success",
        "manual": False,
        "allow_failure": False,
        "user": None,
        "runner": None,
        "artifacts_file": {"filename": None, "size": None},
        "environment": None,
    }


def job(
    of: Mapping[str, Any], by: Mapping[str, Any], pipeline_id: int, job_id: int, **facts: Any
) -> Json:
    """A job whose status changed; `facts` are its members. `commit.id` is the pipeline's number."""
    found: Json = {
        "object_kind": "build",
        "ref": of["default_branch"],
        "tag": False,
        "before_sha": "0" * 40,
        "sha": "0" * 40,
        "build_id": job_id,
        "build_name": "test",
        "build_stage": "test",
        "build_status": "created",
        "build_created_at": "2026-01-02 03:04:05 UTC",
        "build_created_at_iso": "2026-01-02T03:04:05Z",
        "build_started_at": None,
        "build_started_at_iso": None,
        "build_finished_at": None,
        "build_finished_at_iso": None,
        "build_duration": None,
        "build_queued_duration": 1.5,
        "build_allow_failure": False,
        "build_failure_reason": "unknown_failure",
        "retries_count": 0,
        "pipeline_id": pipeline_id,
        "project_id": of["id"],
        "project_name": of["path_with_namespace"],
        "user": dict(by),
        "repository": repository(of),
        "project": dict(of),
        "runner": None,
        "environment": None,
        **facts,
    }
    found["commit"] = {
        "id": pipeline_id,
        "name": None,
        "sha": found["sha"],
        "status": found["build_status"],
    }
    return found


def deployment(
    of: Mapping[str, Any],
    by: Mapping[str, Any],
    deployment_id: int,
    *,
    status: str,
    environment: str,
    sha: str,
    changed_at: str = "2026-01-02 03:04:05 +0000",
) -> Json:
    """A deployment that starts, succeeds, fails or is cancelled."""
    return {
        "object_kind": "deployment",
        "status": status,
        "status_changed_at": changed_at,
        "deployment_id": deployment_id,
        "deployable_id": 796,
        "deployable_url": f"{of['web_url']}/-/jobs/796",
        "environment": environment,
        "environment_tier": environment,
        "environment_slug": environment,
        "environment_external_url": None,
        "project": dict(of),
        "short_sha": sha[:8],
        "user": dict(by),
        "user_url": "https://gitlab.example/" + by["username"],
        "commit_url": f"{of['web_url']}/-/commit/{sha}",
        "commit_title": "Add new file",
    }


def release(
    of: Mapping[str, Any],
    release_id: int,
    tag: str,
    action: str,
    *,
    name: str,
    description: str,
    head: Mapping[str, Any],
) -> Json:
    """A release that was created, changed or deleted."""
    return {
        "id": release_id,
        "created_at": "2026-01-02 03:04:05 UTC",
        "description": description,
        "name": name,
        "released_at": "2026-01-02 03:04:05 UTC",
        "tag": tag,
        "object_kind": "release",
        "project": dict(of),
        "url": f"{of['web_url']}/-/releases/{tag}",
        "action": action,
        "assets": {"count": 0, "links": [], "sources": []},
        "commit": {
            name: head[name] for name in ("id", "message", "title", "timestamp", "url", "author")
        },
    }
