"""Bodies of deliveries, member by member as GitLab's documentation lists them.

Source: GitLab documentation, "Webhook events" (version 18).
"""

from collections.abc import Mapping, Sequence
from typing import Any

ZEROS = "0" * 40
Json = dict[str, Any]


def project(
    web_root: str,
    project_id: int,
    full_name: str,
    *,
    name: str = "",
    description: str = "",
    default_branch: str = "main",
    is_private: bool = True,
) -> Json:
    """The `project` member; `name` is the display name, which may hold blanks."""
    web_url, http_url = f"{web_root}/{full_name}", f"{web_root}/{full_name}.git"
    ssh_url = f"git@gitlab.example:{full_name}.git"
    namespace, _, path = full_name.rpartition("/")
    return {
        "id": project_id,
        "name": name or path,
        "description": description,
        "web_url": web_url,
        "avatar_url": None,
        "git_ssh_url": ssh_url,
        "git_http_url": http_url,
        "namespace": namespace,
        "visibility_level": 0 if is_private else 20,
        "path_with_namespace": full_name,
        "default_branch": default_branch,
        "ci_config_path": None,
        "homepage": web_url,
        "url": ssh_url,
        "ssh_url": ssh_url,
        "http_url": http_url,
    }


def repository(of: Mapping[str, Any]) -> Json:
    """The older `repository` member, which has no path."""
    return {
        "name": of["name"],
        "url": of["url"],
        "description": of["description"],
        "homepage": of["homepage"],
        "git_http_url": of["git_http_url"],
        "git_ssh_url": of["git_ssh_url"],
        "visibility_level": of["visibility_level"],
    }


def user(user_id: int, username: str, name: str = "", email: str = "[REDACTED]") -> Json:
    """The `user` member: who did it."""
    return {
        "id": user_id,
        "name": name or username,
        "username": username,
        "avatar_url": f"https://gravatar.example/{username}",
        "email": email,
    }


def commit(
    sha: str,
    message: str,
    *,
    author: str = "",
    email: str = "",
    timestamp: str = "2026-01-02T03:04:05+00:00",
    url: str = "",
    paths: Mapping[str, Sequence[str]] | None = None,
) -> Json:
    """One of a push's commits; `paths` has `added`, `modified` and `removed`."""
    found = paths or {}
    return {
        "id": sha,
        "message": message,
        "title": message.split("\n", 1)[0],
        "timestamp": timestamp,
        "url": url,
        "author": {"name": author, "email": email},
        **{kind: list(found.get(kind, ())) for kind in ("added", "modified", "removed")},
    }


def push(
    of: Mapping[str, Any],
    by: Mapping[str, Any],
    ref: str,
    before: str,
    after: str,
    *,
    commits: Sequence[Mapping[str, Any]] = (),
    **facts: Any,
) -> Json:
    """A push of a branch or tag, with the newest 20 commits; `facts` are its members."""
    kind = "tag_push" if ref.startswith("refs/tags/") else "push"
    return {
        "object_kind": kind,
        "event_name": kind,
        "before": before,
        "after": after,
        "ref": ref,
        "ref_protected": False,
        "checkout_sha": None if after == ZEROS else after,
        "message": None,
        "user_id": by["id"],
        "user_name": by["name"],
        "user_username": by["username"],
        "user_email": "",
        "user_avatar": by["avatar_url"],
        "project_id": of["id"],
        "project": dict(of),
        "commits": [dict(found) for found in commits[-20:]],
        "total_commits_count": len(commits),
        "push_options": {},
        "repository": repository(of),
        **facts,
    }


def labels(titles: Sequence[str], project_id: int) -> list[Json]:
    """The `labels` member."""
    return [
        {
            "id": 200 + number,
            "title": title,
            "color": "#ffffff",
            "project_id": project_id,
            "created_at": "2026-01-02T03:04:05Z",
            "updated_at": "2026-01-02T03:04:05Z",
            "template": False,
            "description": None,
            "type": "ProjectLabel",
            "group_id": None,
        }
        for number, title in enumerate(titles)
    ]


def merge_request_attributes(
    of: Mapping[str, Any],
    number: int,
    *,
    last_commit: Mapping[str, Any],
    source: Mapping[str, Any] | None = None,
    **facts: Any,
) -> Json:
    """What an event says of a merge request; `facts` are its members.

    `source` is another project for one from a fork.
    """
    origin = source if source is not None else of
    state, is_draft = facts.get("state", "opened"), facts.get("draft", False)
    head = {
        name: value
        for name, value in last_commit.items()
        if name not in {"added", "modified", "removed"}
    }
    return {
        "id": 9000 + number,
        "iid": number,
        "target_branch": of["default_branch"],
        "source_branch": "change",
        "source_project_id": origin["id"],
        "target_project_id": of["id"],
        "author_id": 1,
        "assignee_ids": [],
        "assignee_id": None,
        "reviewer_ids": [],
        "title": "A change",
        "description": "",
        "created_at": "2026-01-02 03:04:05 UTC",
        "updated_at": "2026-01-02 03:04:05 UTC",
        "last_edited_at": None,
        "last_edited_by_id": None,
        "milestone_id": None,
        "state_id": {"opened": 1, "closed": 2, "merged": 3, "locked": 4}[state],
        "state": state,
        "blocking_discussions_resolved": True,
        "work_in_progress": is_draft,
        "draft": is_draft,
        "first_contribution": False,
        "merge_status": "unchecked",
        "detailed_merge_status": "unchecked",
        "url": f"{of['web_url']}/-/merge_requests/{number}",
        "source": dict(origin),
        "target": dict(of),
        "last_commit": head,
        **facts,
    }


def merge_request(
    of: Mapping[str, Any],
    by: Mapping[str, Any],
    attributes: Mapping[str, Any],
    action: str,
    *,
    label_titles: Sequence[str] = (),
    changes: Mapping[str, Any] | None = None,
    oldrev: str = "",
) -> Json:
    """A merge request's event; `oldrev` only when its commits changed."""
    told = labels(label_titles, of["id"])
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": dict(by),
        "project": dict(of),
        "repository": repository(of),
        "object_attributes": {
            **attributes,
            "labels": told,
            "action": action,
            **({"oldrev": oldrev} if oldrev else {}),
        },
        "labels": told,
        "changes": dict(changes or {}),
        "assignees": [],
        "reviewers": [],
    }


def issue_attributes(of: Mapping[str, Any], number: int, **facts: Any) -> Json:
    """What an event says of an issue; `facts` are its members."""
    return {
        "id": 8000 + number,
        "iid": number,
        "title": "An issue",
        "description": "",
        "assignee_ids": [],
        "assignee_id": None,
        "author_id": 1,
        "project_id": of["id"],
        "created_at": "2026-01-02 03:04:05 UTC",
        "updated_at": "2026-01-02 03:04:05 UTC",
        "milestone_id": None,
        "state_id": 1 if facts.get("state", "opened") == "opened" else 2,
        "state": "opened",
        "confidential": False,
        "type": "Issue",
        "severity": "unknown",
        "url": f"{of['web_url']}/-/issues/{number}",
        **facts,
    }


def issue(
    of: Mapping[str, Any],
    by: Mapping[str, Any],
    attributes: Mapping[str, Any],
    action: str,
    *,
    label_titles: Sequence[str] = (),
    changes: Mapping[str, Any] | None = None,
) -> Json:
    """An issue's event."""
    told = labels(label_titles, of["id"])
    return {
        "object_kind": "issue",
        "event_type": "issue",
        "user": dict(by),
        "project": dict(of),
        "repository": repository(of),
        "object_attributes": {**attributes, "labels": told, "action": action},
        "assignees": [],
        "labels": told,
        "changes": dict(changes or {}),
    }


def note(
    of: Mapping[str, Any],
    by: Mapping[str, Any],
    note_id: int,
    text: str,
    subject: Mapping[str, Any],
    **facts: Any,
) -> Json:
    """A comment's event; `subject` are the attributes of a merge request or an issue.

    `facts` are members of the comment's attributes.
    """
    is_request = "source_branch" in subject
    attributes = {
        "id": note_id,
        "note": text,
        "noteable_type": "MergeRequest" if is_request else "Issue",
        "author_id": by["id"],
        "created_at": "2026-01-02 03:04:05 UTC",
        "updated_at": "2026-01-02 03:04:05 UTC",
        "project_id": of["id"],
        "attachment": None,
        "line_code": None,
        "commit_id": "",
        "noteable_id": subject["id"],
        "system": False,
        "st_diff": None,
        "action": "create",
        "url": f"{subject['url']}#note_{note_id}",
        **facts,
    }
    # The documentation's `issue` and `merge_request` members of a note have no address.
    about = {"labels": [], **{name: value for name, value in subject.items() if name != "url"}}
    return {
        "object_kind": "note",
        "event_type": "note",
        "user": dict(by),
        "project_id": of["id"],
        "project": dict(of),
        "repository": repository(of),
        "object_attributes": attributes,
        "merge_request" if is_request else "issue": about,
    }
