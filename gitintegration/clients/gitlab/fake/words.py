"""The state of a fake host in GitLab's words.

Source: GitLab documentation, REST API resources (version 18), example responses.
"""

import base64
from datetime import datetime
from typing import Any

from gitintegration.clients.fakes.git_store import Change, CommitFacts, Entry
from gitintegration.clients.fakes.model import (
    Comment,
    DeployKey,
    Issue,
    Job,
    Pull,
    Repo,
    Run,
    Runner,
    Status,
    User,
)

Json = dict[str, Any]
_ENDED = {
    "success": "success", "cancelled": "canceled", "skipped": "skipped",
    "action_required": "manual",
}  # fmt: skip
_STATUSES = {"queued": "pending", "in_progress": "running"}


def when(value: datetime | None) -> str | None:
    """A time of the API."""
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z") if value else None


def ci_status(status: str, conclusion: str) -> str:
    """A pipeline's or job's status."""
    if status == "completed":
        return _ENDED.get(conclusion, "failed")
    return _STATUSES.get(status, "created")


def user(known: User, web: str) -> Json:
    """A user as other objects name them."""
    return {
        "id": known.id,
        "username": known.login,
        "name": known.name,
        "state": "active",
        "locked": False,
        "avatar_url": f"{web}/uploads/-/user/{known.id}.png",
        "web_url": f"{web}/{known.login}",
    }


def project(repo: Repo, web: str, merge_method: str = "merge") -> Json:
    """A project."""
    url = f"{web}/{repo.full_name}"
    found: Json = {
        "id": repo.id,
        "description": repo.description,
        "name": repo.name.replace("-", " ").title(),
        "name_with_namespace": repo.full_name.replace("/", " / "),
        "path": repo.name,
        "path_with_namespace": repo.full_name,
        "created_at": when(repo.created_at),
        "updated_at": when(repo.updated_at),
        "default_branch": repo.default_branch,
        "topics": repo.topics,
        "ssh_url_to_repo": f"git@gitlab.example:{repo.full_name}.git",
        "http_url_to_repo": f"{url}.git",
        "web_url": url,
        "readme_url": f"{url}/-/blob/{repo.default_branch}/README.md",
        "forks_count": 0,
        "avatar_url": None,
        "star_count": repo.stars,
        "last_activity_at": when(repo.pushed_at),
        "namespace": {"id": 1, "path": repo.owner, "full_path": repo.owner, "kind": "group"},
        "visibility": "private" if repo.is_private else "public",
        "archived": repo.is_archived,
        "open_issues_count": sum(issue.state == "open" for issue in repo.issues.values()),
        "issues_access_level": "enabled" if repo.has_issues else "disabled",
        "merge_requests_access_level": "enabled",
        "wiki_access_level": "enabled" if repo.has_wiki else "disabled",
        "builds_access_level": "enabled",
        "ci_config_path": None,
        "merge_method": merge_method,
        "only_allow_merge_if_pipeline_succeeds": False,
    }
    if repo.fork_of is not None:
        found["forked_from_project"] = {
            "id": repo.fork_of.id,
            "path_with_namespace": repo.fork_of.full_name,
        }
    return found


def commit(known: CommitFacts, repo: Repo, web: str) -> Json:
    """A commit without its numbers."""
    return {
        "id": known.sha,
        "short_id": known.sha[:8],
        "title": known.message.split("\n", 1)[0],
        "message": known.message,
        "author_name": known.author.name,
        "author_email": known.author.email,
        "authored_date": when(known.authored_at),
        "committer_name": known.committer.name,
        "committer_email": known.committer.email,
        "committed_date": when(known.committed_at),
        "created_at": when(known.committed_at),
        "parent_ids": list(known.parents),
        "trailers": {},
        "web_url": f"{web}/{repo.full_name}/-/commit/{known.sha}",
    }


def branch(repo: Repo, name: str, sha: str, web: str) -> Json:
    """A branch."""
    return {
        "name": name,
        "commit": commit(repo.store.commit(sha), repo, web),
        "merged": False,
        "protected": name in repo.protections,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": True,
        "default": name == repo.default_branch,
        "web_url": f"{web}/{repo.full_name}/-/tree/{name}",
    }


def diff(change: Change) -> Json:
    """One file of a diff."""
    return {
        "old_path": change.old_path,
        "new_path": change.path,
        "a_mode": "0" if change.status == "added" else "100644",
        "b_mode": "0" if change.status == "removed" else "100644",
        "new_file": change.status == "added",
        "renamed_file": change.status == "renamed",
        "deleted_file": change.status == "removed",
        "generated_file": False,
        "collapsed": False,
        "too_large": False,
        "diff": change.patch + "\n" if change.patch else "",
    }


def tree_entry(entry: Entry, below: str) -> Json:
    """A file or folder; `below` is the folder that was asked for."""
    path = f"{below}/{entry.path}" if below else entry.path
    return {
        "id": entry.sha,
        "name": path.rsplit("/", 1)[-1],
        "type": entry.type,
        "path": path,
        "mode": entry.mode,
    }


def file(repo: Repo, entry: Entry, ref: str, sha: str) -> Json:
    """A file with its content."""
    content = repo.store.blob(entry.sha)
    return {
        "file_name": entry.path.rsplit("/", 1)[-1],
        "file_path": entry.path,
        "size": len(content),
        "encoding": "base64",
        "content": base64.b64encode(content).decode(),
        "ref": ref,
        "blob_id": entry.sha,
        "commit_id": sha,
        "last_commit_id": sha,
        "execute_filemode": entry.mode == "100755",
    }


def merge_request(repo: Repo, pull: Pull, web: str) -> Json:
    """A merge request."""
    state = "merged" if pull.is_merged else "opened" if pull.state == "open" else "closed"
    can_merge = repo.store.can_merge(pull.base_sha, pull.head_sha)
    return {
        "id": pull.id,
        "iid": pull.number,
        "project_id": repo.id,
        "title": pull.title,
        "description": pull.body,
        "state": state,
        "created_at": when(pull.created_at),
        "updated_at": when(pull.updated_at),
        "merged_at": when(pull.merged_at),
        "closed_at": when(pull.closed_at) if state == "closed" else None,
        "target_branch": pull.base_ref,
        "source_branch": pull.head_ref,
        "source_project_id": pull.head.id,
        "target_project_id": repo.id,
        "author": user(pull.author, web),
        "labels": pull.labels,
        "draft": pull.is_draft,
        "work_in_progress": pull.is_draft,
        "merge_status": "can_be_merged" if can_merge else "cannot_be_merged",
        "detailed_merge_status": "mergeable" if can_merge else "conflict",
        "has_conflicts": not can_merge,
        "sha": pull.head_sha,
        "merge_commit_sha": pull.merge_sha or None,
        "squash_commit_sha": None,
        "merge_error": None,
        "rebase_in_progress": False,
        "web_url": f"{web}/{repo.full_name}/-/merge_requests/{pull.number}",
        "diff_refs": {
            "base_sha": repo.store.merge_base(pull.base_sha, pull.head_sha),
            "head_sha": pull.head_sha,
            "start_sha": pull.base_sha,
        },
    }


def issue(repo: Repo, known: Issue, web: str) -> Json:
    """An issue."""
    return {
        "id": known.id,
        "iid": known.number,
        "project_id": repo.id,
        "title": known.title,
        "description": known.body,
        "state": "opened" if known.state == "open" else "closed",
        "created_at": when(known.created_at),
        "updated_at": when(known.updated_at),
        "closed_at": when(known.closed_at),
        "labels": known.labels,
        "author": user(known.author, web),
        "type": "ISSUE",
        "issue_type": "issue",
        "confidential": False,
        "web_url": f"{web}/{repo.full_name}/-/issues/{known.number}",
    }


def note(known: Comment, on: Pull | Issue, web: str) -> Json:
    """A note."""
    return {
        "id": known.id,
        "type": None,
        "body": known.body,
        "author": user(known.author, web),
        "created_at": when(known.created_at),
        "updated_at": when(known.updated_at),
        "system": False,
        "noteable_id": on.id,
        "noteable_type": "MergeRequest" if isinstance(on, Pull) else "Issue",
        "noteable_iid": on.number,
        "resolvable": False,
        "confidential": False,
        "internal": False,
    }


def status(known: Status, web: str) -> Json:
    """A status of a commit."""
    return {
        "id": known.id,
        "sha": known.sha,
        "ref": "main",
        "status": known.state,
        "name": known.context,
        "target_url": known.target_url or None,
        "description": known.description or None,
        "created_at": when(known.created_at),
        "started_at": None,
        "finished_at": None,
        "allow_failure": False,
        "coverage": None,
        "author": user(known.author, web) if known.author else None,
    }


def pipeline(run: Run, repo: Repo, web: str, *, is_whole: bool = True) -> Json:
    """A pipeline; lists have less of it."""
    found: Json = {
        "id": run.id,
        "iid": run.number,
        "project_id": repo.id,
        "sha": run.sha,
        "ref": run.ref,
        "status": ci_status(run.status, run.conclusion),
        "source": run.event,
        "name": run.name or None,
        "created_at": when(run.created_at),
        "updated_at": when(run.updated_at),
        "web_url": f"{web}/{repo.full_name}/-/pipelines/{run.id}",
    }
    if is_whole:
        found |= {
            "before_sha": "0" * 40,
            "tag": False,
            "yaml_errors": None,
            "user": user(run.actor, web),
            "started_at": when(run.started_at),
            "finished_at": when(run.completed_at),
            "committed_at": None,
            "duration": None,
            "queued_duration": None,
            "coverage": None,
        }
    return found


def job(known: Job, run: Run, repo: Repo, web: str) -> Json:
    """A job."""
    runner_found = known.runner
    return {
        "id": known.id,
        "status": ci_status(known.status, known.conclusion),
        "stage": "test",
        "name": known.name,
        "ref": run.ref,
        "tag": False,
        "coverage": None,
        "allow_failure": False,
        "created_at": when(run.created_at),
        "started_at": when(known.started_at),
        "finished_at": when(known.completed_at),
        "duration": None,
        "user": user(run.actor, web),
        "pipeline": {"id": run.id, "project_id": repo.id, "ref": run.ref, "sha": run.sha},
        "web_url": f"{web}/{repo.full_name}/-/jobs/{known.id}",
        "artifacts": [],
        "runner": (
            {"id": runner_found.id, "description": runner_found.name, "active": True}
            if runner_found
            else None
        ),
    }


def deploy_key(known: DeployKey) -> Json:
    """A deploy key."""
    return {
        "id": known.id,
        "title": known.title,
        "key": known.key,
        "created_at": when(known.created_at),
        "expires_at": None,
        "can_push": not known.is_read_only,
    }


def runner(known: Runner, kind: str, *, is_whole: bool = True) -> Json:
    """A runner; lists have neither tags nor machine."""
    found: Json = {
        "id": known.id,
        "description": known.name,
        "name": "gitlab-runner",
        "active": True,
        "paused": False,
        "is_shared": kind == "instance_type",
        "runner_type": kind,
        "online": known.is_online,
        "status": "online" if known.is_online else "offline",
        "job_execution_status": "active" if known.is_busy else "idle",
        "ip_address": "",
        "created_by": None,
        "created_at": "2026-01-02T03:04:05.000Z",
    }
    if is_whole:
        found |= {
            "tag_list": known.labels,
            "run_untagged": True,
            "locked": False,
            "platform": known.os,
            "architecture": known.architecture,
            "version": known.version,
            "access_level": "not_protected",
            "maximum_timeout": None,
            "contacted_at": "2026-01-02T03:04:05.000Z",
        }
    return found
