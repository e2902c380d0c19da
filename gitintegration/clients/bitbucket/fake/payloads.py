"""What a fake Bitbucket delivers to hooks. Source: documentation, "Event payloads"."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from gitintegration.clients.bitbucket.fake.words import Object, Words
from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.deliveries import Message
from gitintegration.clients.fakes.git_store import ZERO
from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.fakes.reception import moment

# The newest commits that a change of a push tells.
_MOST_COMMITS = 5
_PULL_EVENTS = {
    "opened": "pullrequest:created", "synchronize": "pullrequest:updated",
    "edited": "pullrequest:updated",
}  # fmt: skip
_REVIEWS = {
    "approved": ("pullrequest:approved", "approval"),
    "changes_requested": ("pullrequest:changes_request_created", "changes_request"),
}
_COMMENT_ACTIONS = {"created": "created", "edited": "updated", "deleted": "deleted"}
_RUN_STATES = {"success": "SUCCESSFUL", "cancelled": "STOPPED"}
_Told = tuple[str, Object]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Words and signs the deliveries."""

    words: Words

    def messages(self, _hook: m.Hook, happening: Happening) -> Iterator[Message]:
        """The delivery of a happening; none for what Bitbucket does not tell."""
        tell = _TELLERS.get(happening.kind)
        told = tell(self.words, happening) if tell else None
        if told is None:
            return
        event, members = told
        payload = {
            "actor": self.words.user(happening.actor),
            "repository": self.words.repo(happening.repo),
            **members,
        }
        yield Message(event, event, json.dumps(payload).encode())

    def headers(self, hook: m.Hook, message: Message, guid: str) -> Mapping[str, str]:
        """As Bitbucket sends them; unsigned where the hook has no secret."""
        found = {
            "user-agent": "Bitbucket-Webhooks/2.0",
            "x-event-key": message.event,
            "x-hook-uuid": hook.uuid,
            "x-request-uuid": guid,
            "x-attempt-number": "1",
        }
        if hook.secret:
            signature = hmac.new(hook.secret.encode(), message.body, hashlib.sha256).hexdigest()
            found["x-hub-signature"] = f"sha256={signature}"
        return found


def _push(words: Words, happening: Happening) -> _Told:
    repo, facts = happening.repo, happening.facts
    ref, before, after = facts["ref"], facts["before"], facts["after"]
    is_tag = ref.startswith("refs/tags/")
    kind = "tag" if is_tag else "branch"
    name = ref.removeprefix("refs/tags/" if is_tag else "refs/heads/")

    def end(sha: str) -> Object | None:
        return None if sha == ZERO else words.ref(repo, name, sha, kind)

    commits = []
    if after != ZERO:
        spec = after if before == ZERO else f"{before}..{after}"
        listed = repo.store.commits(spec, limit=_MOST_COMMITS)
        commits = [words.commit(repo, one) for one in listed]
    change = {
        "new": end(after), "old": end(before), "created": before == ZERO,
        "closed": after == ZERO, "forced": False, "truncated": len(commits) == _MOST_COMMITS,
        "commits": commits,
    }  # fmt: skip
    return "repo:push", {"push": {"changes": [change]}}


def _pull(words: Words, happening: Happening) -> _Told | None:
    pull: m.Pull = happening.subject
    event = _PULL_EVENTS.get(happening.action, "")
    if happening.action == "closed":
        event = "pullrequest:fulfilled" if pull.is_merged else "pullrequest:rejected"
    return (event, {"pullrequest": words.pull(happening.repo, pull)}) if event else None


def _review(words: Words, happening: Happening) -> _Told | None:
    event, member = _REVIEWS.get(happening.facts["state"], ("", ""))
    if not event:
        return None
    given = {"date": moment(timezone.now()), "user": words.user(happening.actor)}
    pull = words.pull(happening.repo, happening.facts["pull"])
    return event, {"pullrequest": pull, member: given}


def _issue(words: Words, happening: Happening) -> _Told:
    issue = words.issue(happening.repo, happening.subject)
    if happening.action == "opened":
        return "issue:created", {"issue": issue}
    old = "resolved" if issue["state"] == "new" else "new"
    return "issue:updated", {
        "issue": issue, "changes": {"status": {"old": old, "new": issue["state"]}}
    }  # fmt: skip


def _comment(words: Words, happening: Happening) -> _Told | None:
    on: m.Issue | m.Pull = happening.facts["on"]
    comment = words.comment(happening.repo, on, happening.subject)
    if isinstance(on, m.Pull):
        action = _COMMENT_ACTIONS[happening.action]
        pull = words.pull(happening.repo, on)
        return f"pullrequest:comment_{action}", {"pullrequest": pull, "comment": comment}
    if happening.action != "created":
        return None
    issue = words.issue(happening.repo, on)
    return "issue:comment_created", {"issue": issue, "comment": comment}


def _status(words: Words, happening: Happening) -> _Told:
    status: m.Status = happening.subject
    earlier = [
        one
        for one in happening.repo.statuses
        if (one.sha, one.context) == (status.sha, status.context) and one is not status
    ]
    verb = "updated" if earlier else "created"
    told = words.status(happening.repo, status)
    return f"repo:commit_status_{verb}", {"commit_status": told}


def _run(words: Words, happening: Happening) -> _Told | None:
    """A pipeline is told by the status that it sets on its commit."""
    run: m.Run = happening.subject
    if run.status == "queued":
        return None
    state = "INPROGRESS"
    if run.status == "completed":
        state = _RUN_STATES.get(run.conclusion, "FAILED")
    url = f"{words.web}/{happening.repo.full_name}/pipelines/results/{run.number}"
    name = f"Pipeline #{run.number}"
    status = m.Status(
        run.id, run.sha, name, state, target_url=url, author=run.actor, created_at=run.updated_at
    )
    told = words.status(happening.repo, status, key=f"{run.number}")
    verb = "created" if state == "INPROGRESS" else "updated"
    return f"repo:commit_status_{verb}", {"commit_status": {**told, "refname": run.ref}}


def _fork(words: Words, happening: Happening) -> _Told:
    return "repo:fork", {"fork": words.repo(happening.subject)}


_TELLERS: dict[str, Callable[[Words, Happening], Any]] = {
    "push": _push, "pull_request": _pull, "review": _review, "issue": _issue,
    "comment": _comment, "status": _status, "run": _run, "fork": _fork,
}  # fmt: skip
