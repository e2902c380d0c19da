"""How GitHub tells its hooks what happened.

Source: GitHub documentation, "Webhook events and payloads", "Best practices for using webhooks".
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.deliveries import Message
from gitintegration.clients.fakes.git_store import ZERO
from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.github.fake import ci_words
from gitintegration.clients.github.fake.words import Words, moment

_NAMES = {
    "pull_request": "pull_request", "review": "pull_request_review", "issue": "issues",
    "comment": "issue_comment", "run": "workflow_run", "job": "workflow_job",
}  # fmt: skip
_MAX_COMMITS = 2048
_NOT_IN_REVIEWS = {"comments", "mergeable", "merged"}


class GithubSpeaker:
    """Words and signs deliveries."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._writers: dict[str, Callable[[Happening], dict[str, Any]]] = {
            "push": self._push, "create": self._ref, "delete": self._ref,
            "pull_request": self._pull, "review": self._review, "issue": self._issue,
            "comment": self._comment, "release": self._release, "run": self._run,
            "job": self._job, "status": self._status, "check_run": self._check,
            "fork": self._fork, "ping": self._ping, "deployment": self._deployment,
            "deployment_status": self._deployment,
        }  # fmt: skip

    def messages(self, hook: m.Hook, happening: Happening) -> Iterator[Message]:
        """The one delivery of a happening."""
        name = _NAMES.get(happening.kind, happening.kind)
        payload = {
            **({"action": happening.action} if happening.action else {}),
            **self._writers[happening.kind](happening),
            "repository": self._words.repo(happening.repo),
            "sender": self._words.user(happening.actor),
        }
        if happening.kind == "push":
            # Here, and only here, GitHub tells these two in seconds.
            for member in ("created_at", "pushed_at"):
                when = getattr(happening.repo, member)
                payload["repository"][member] = int(when.timestamp())
        # Every hook is told of its own making.
        wanted = (hook.events or ["ping"])[0] if name == "ping" else name
        yield Message(name, wanted, json.dumps(payload).encode(), happening.action)

    def headers(self, hook: m.Hook, message: Message, guid: str) -> Mapping[str, str]:
        """The signature and what the delivery is."""
        given = {
            "x-github-event": message.event, "x-github-delivery": guid,
            "x-github-hook-id": str(hook.id), "user-agent": "GitHub-Hookshot/fake",
        }  # fmt: skip
        if hook.secret:
            signed = hmac.new(hook.secret.encode(), message.body, hashlib.sha256).hexdigest()
            given["x-hub-signature-256"] = f"sha256={signed}"
        return given

    def _push(self, told: Happening) -> dict[str, Any]:
        ref, before, after = (told.facts[name] for name in ("ref", "before", "after"))
        commits = [] if after == ZERO else self._commits(told.repo, before, after)
        return {
            "ref": ref, "before": before, "after": after, "created": before == ZERO,
            "deleted": after == ZERO, "forced": False, "base_ref": None,
            "compare": f"{self._words.web}/{told.repo.full_name}/compare", "commits": commits,
            "head_commit": commits[-1] if commits else None,
            "pusher": {"name": told.actor.login, "email": told.actor.email},
        }  # fmt: skip

    def _commits(self, repo: m.Repo, before: str, after: str) -> list[dict[str, Any]]:
        spec = after if before == ZERO else f"{before}..{after}"
        limit = 1 if before == ZERO else _MAX_COMMITS
        return [
            self._pushed(repo, facts) for facts in reversed(repo.store.commits(spec, limit=limit))
        ]

    def _pushed(self, repo: m.Repo, facts: Any) -> dict[str, Any]:
        base = facts.parents[0] if facts.parents else "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        changes = repo.store.changes(base, facts.sha)
        return {
            "id": facts.sha, "tree_id": facts.tree, "distinct": True, "message": facts.message,
            "timestamp": moment(facts.committed_at),
            "url": f"{self._words.web}/{repo.full_name}/commit/{facts.sha}",
            "author": {"name": facts.author.name, "email": facts.author.email},
            "committer": {"name": facts.committer.name, "email": facts.committer.email},
            "added": [one.path for one in changes if one.status in {"added", "renamed"}],
            "removed": [one.old_path for one in changes if one.status in {"removed", "renamed"}],
            "modified": [one.path for one in changes if one.status == "modified"],
        }  # fmt: skip

    def _ref(self, told: Happening) -> dict[str, Any]:
        ref = str(told.facts["ref"])
        kind = "tag" if ref.startswith("refs/tags/") else "branch"
        short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        more = {"master_branch": told.repo.default_branch, "description": None}
        return {
            "ref": short, "ref_type": kind, "pusher_type": "user",
            **(more if told.kind == "create" else {}),
        }  # fmt: skip

    def _pull(self, told: Happening) -> dict[str, Any]:
        pull = told.subject
        return {
            "number": pull.number, "pull_request": self._words.pull(told.repo, pull), **told.facts
        }  # fmt: skip

    def _review(self, told: Happening) -> dict[str, Any]:
        pull, facts = told.subject, told.facts
        review = {
            "id": facts["id"], "user": self._words.user(told.actor), "body": facts["body"] or None,
            "state": facts["state"], "commit_id": pull.head_sha,
            "submitted_at": moment(pull.updated_at),
        }  # fmt: skip
        whole = self._words.pull(told.repo, pull)
        short = {name: value for name, value in whole.items() if name not in _NOT_IN_REVIEWS}
        return {"review": review, "pull_request": short}

    def _issue(self, told: Happening) -> dict[str, Any]:
        return {"issue": self._words.issue(told.repo, told.subject)}

    def _comment(self, told: Happening) -> dict[str, Any]:
        on = told.facts["on"]
        return {
            "issue": self._words.issue(told.repo, on),
            "comment": self._words.comment(told.repo, on, told.subject),
        }

    def _release(self, told: Happening) -> dict[str, Any]:
        return {"release": self._words.release(told.repo, told.subject)}

    def _run(self, told: Happening) -> dict[str, Any]:
        run = told.subject
        workflow = run.workflow and ci_words.workflow(self._words, told.repo, run.workflow)
        return {"workflow_run": ci_words.run(self._words, told.repo, run), "workflow": workflow}

    def _job(self, told: Happening) -> dict[str, Any]:
        job = ci_words.job(self._words, told.repo, told.facts["run"], told.subject)
        return {"workflow_job": job}

    def _status(self, told: Happening) -> dict[str, Any]:
        status = told.subject
        return {
            **self._words.status(status), "sha": status.sha, "name": told.repo.full_name,
            "commit": {"sha": status.sha}, "branches": [],
        }  # fmt: skip

    def _check(self, told: Happening) -> dict[str, Any]:
        return {"check_run": self._words.check(told.repo, told.subject)}

    def _fork(self, told: Happening) -> dict[str, Any]:
        return {"forkee": self._words.repo(told.subject)}

    def _ping(self, told: Happening) -> dict[str, Any]:
        hook = told.subject
        return {
            "zen": "Keep it logically awesome.", "hook_id": hook.id,
            "hook": self._words.hook(told.repo, hook),
        }  # fmt: skip

    def _deployment(self, told: Happening) -> dict[str, Any]:
        return dict(told.facts)
