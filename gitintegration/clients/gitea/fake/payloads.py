"""What a fake Gitea delivers to hooks. Source: the payload types of Gitea's API package."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.deliveries import Message
from gitintegration.clients.fakes.git_store import ZERO
from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.gitea.fake.words import Object, Words

# The newest commits that a push tells; Gitea's FEED_MAX_COMMIT_NUM.
_MOST_COMMITS = 5
_PULL_ACTIONS = {"synchronize": "synchronized", "labeled": "label_updated",
                 "unlabeled": "label_cleared"}  # fmt: skip
_PULL_SUBSCRIPTIONS = {
    "synchronize": "pull_request_sync",
    "labeled": "pull_request_label",
    "unlabeled": "pull_request_label",
    "review_requested": "pull_request_review_request",
}
_REVIEWS = {
    "approved": ("pull_request_approved", "pull_request_review_approved"),
    "changes_requested": ("pull_request_rejected", "pull_request_review_rejected"),
}
# Event, subscription, action, members.
_Told = tuple[str, str, str, Object]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Words and signs the deliveries."""

    words: Words

    def messages(self, _hook: m.Hook, happening: Happening) -> Iterator[Message]:
        """The deliveries of a happening; none for what Gitea does not tell."""
        tell = _TELLERS.get(happening.kind)
        told = tell(self.words, happening) if tell else None
        if told is None:
            return
        event, subscription, action, members = told
        payload = {
            **({"action": action} if action else {}),
            **members,
            "sender": self.words.user(happening.actor),
        }
        payload.setdefault("repository", self.words.repo(happening.repo))
        yield Message(event, subscription, json.dumps(payload, indent=2).encode(), action)

    def headers(self, hook: m.Hook, message: Message, guid: str) -> Mapping[str, str]:
        """As Gitea sends them, with those of its ancestors."""
        signature = hmac.new(hook.secret.encode(), message.body, hashlib.sha256).hexdigest()
        named = {"delivery": guid, "event": message.event, "event-type": message.subscription}
        found = {
            f"x-{host}-{name}": value
            for host in ("gitea", "gogs", "github")
            for name, value in named.items()
        }
        return {
            **found,
            "x-gitea-signature": signature,
            "x-gogs-signature": signature,
            "x-hub-signature-256": f"sha256={signature}",
        }


def _push(words: Words, happening: Happening) -> _Told | None:
    repo, facts = happening.repo, happening.facts
    before, after = facts["before"], facts["after"]
    if after == ZERO:
        return None
    spec = after if before == ZERO else f"{before}..{after}"
    listed = repo.store.commits(spec, limit=100)
    commits = [words.payload_commit(repo, one.sha, files=True) for one in listed[:_MOST_COMMITS]]
    return "push", "push", "", {
        "ref": facts["ref"], "before": before, "after": after,
        "compare_url": f"{words.web}/{repo.full_name}/compare/{before}...{after}",
        "commits": commits, "total_commits": len(listed),
        "head_commit": words.payload_commit(repo, after, files=True),
        "pusher": words.user(happening.actor),
    }  # fmt: skip


def _ref(words: Words, happening: Happening) -> _Told:  # noqa: ARG001
    ref: str = happening.facts["ref"]
    is_tag = ref.startswith("refs/tags/")
    members = {
        "ref": ref.removeprefix("refs/tags/" if is_tag else "refs/heads/"),
        "ref_type": "tag" if is_tag else "branch",
    }
    if happening.kind == "create":
        members["sha"] = happening.facts["after"]
    else:
        members["pusher_type"] = "user"
    return happening.kind, happening.kind, "", members


def _pull(words: Words, happening: Happening) -> _Told:
    pull: m.Pull = happening.subject
    members = {
        "number": pull.number, "pull_request": words.pull(happening.repo, pull),
        "requested_reviewer": None, "commit_id": "", "review": None,
    }  # fmt: skip
    action = _PULL_ACTIONS.get(happening.action, happening.action)
    subscription = _PULL_SUBSCRIPTIONS.get(happening.action, "pull_request")
    return "pull_request", subscription, action, members


def _review(words: Words, happening: Happening) -> _Told:
    pull: m.Pull = happening.facts["pull"]
    event, kind = _REVIEWS.get(
        happening.facts["state"], ("pull_request_comment", "pull_request_review_comment")
    )
    members = {
        "number": pull.number, "pull_request": words.pull(happening.repo, pull),
        "review": {"type": kind, "content": happening.facts["body"]},
    }  # fmt: skip
    return event, kind, "reviewed", members


def _issue(words: Words, happening: Happening) -> _Told:
    issue: m.Issue = happening.subject
    members = {"number": issue.number, "issue": words.issue(happening.repo, issue)}
    return "issues", "issues", happening.action, members


def _comment(words: Words, happening: Happening) -> _Told:
    on: m.Issue | m.Pull = happening.facts["on"]
    members: Object = {
        "issue": words.issue(happening.repo, on),
        "comment": words.comment(happening.repo, on, happening.subject),
        "is_pull": isinstance(on, m.Pull),
    }
    subscription = "issue_comment"
    if isinstance(on, m.Pull):
        members["pull_request"] = words.pull(happening.repo, on)
        subscription = "pull_request_comment"
    return "issue_comment", subscription, happening.action, members


def _release(words: Words, happening: Happening) -> _Told:
    members = {"release": words.release(happening.repo, happening.subject)}
    return "release", "release", happening.action, members


def _run(words: Words, happening: Happening) -> _Told:
    run: m.Run = happening.subject
    members = {
        "workflow": {"id": "ci.yml", "name": run.name, "path": ".gitea/workflows/ci.yml"},
        "workflow_run": words.run(happening.repo, run),
    }
    return "workflow_run", "workflow_run", happening.action, members


def _job(words: Words, happening: Happening) -> _Told:
    members = {"workflow_job": words.job(happening.repo, happening.facts["run"], happening.subject)}
    return "workflow_job", "workflow_job", happening.action, members


def _status(words: Words, happening: Happening) -> _Told:
    status: m.Status = happening.subject
    told = words.status(status)
    state = told.pop("status")
    members = {
        **told, "state": state, "sha": status.sha,
        "commit": words.payload_commit(happening.repo, status.sha),
    }  # fmt: skip
    return "status", "status", "", members


def _fork(words: Words, happening: Happening) -> _Told:
    members = {
        "forkee": words.repo(happening.repo),
        "repository": words.repo(happening.subject),
    }
    return "fork", "fork", "", members


_TELLERS: dict[str, Callable[[Words, Happening], Any]] = {
    "push": _push, "create": _ref, "delete": _ref, "pull_request": _pull, "review": _review,
    "issue": _issue, "comment": _comment, "release": _release, "run": _run, "job": _job,
    "status": _status, "fork": _fork,
}  # fmt: skip
