"""What happens in a fake GitLab, as its hooks tell it."""

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from gitintegration.clients.fakes.deliveries import Message
from gitintegration.clients.fakes.git_store import ZERO
from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.fakes.model import Hook, Issue, Pull, Repo, User
from gitintegration.clients.gitlab.fake import ci_payloads, payloads
from gitintegration.clients.gitlab.fake.words import ci_status, when

Json = dict[str, Any]
_ACTIONS = {"opened": "open", "closed": "close", "reopened": "reopen", "merged": "merge"}
_RELEASE_ACTIONS = {"published": "create", "edited": "update", "deleted": "delete"}


class Speaker:
    """Words happenings; what GitLab has no hook for is not told."""

    def __init__(self, web: str) -> None:
        self._web = web
        self._ways = {
            "push": self._push,
            "pull_request": self._merge_request,
            "review": self._review,
            "issue": self._issue,
            "comment": self._note,
            "release": self._release,
            "run": self._pipeline,
            "job": self._job,
        }

    def messages(self, hook: Hook, happening: Happening) -> Iterable[Message]:  # noqa: ARG002
        """At most one."""
        way = self._ways.get(happening.kind)
        if way is None:
            return ()
        event, subscription, body = way(happening)
        return (Message(event, subscription, json.dumps(body).encode(), happening.action),)

    def headers(self, hook: Hook, message: Message, guid: str) -> Mapping[str, str]:
        """GitLab sends the secret itself; the event's UUID is not the delivery's."""
        return {
            "user-agent": "GitLab/18.6.0",
            "idempotency-key": guid,
            "x-gitlab-event": message.event,
            "x-gitlab-webhook-uuid": hook.uuid,
            "x-gitlab-instance": self._web,
            "x-gitlab-event-uuid": str(uuid.uuid4()),
            "x-gitlab-token": hook.secret,
        }

    def project(self, repo: Repo) -> Json:
        """The `project` member."""
        return payloads.project(
            self._web, repo.id, repo.full_name, description=repo.description,
            default_branch=repo.default_branch, is_private=repo.is_private,
        )  # fmt: skip

    def _push(self, happening: Happening) -> tuple[str, str, Json]:
        repo, facts = happening.repo, happening.facts
        is_tag = facts["ref"].startswith("refs/tags/")
        commits = [] if is_tag else self._commits(repo, facts["before"], facts["after"])
        body = payloads.push(
            self.project(repo), _user(happening.actor), facts["ref"], facts["before"],
            facts["after"], commits=commits,
        )  # fmt: skip
        if is_tag:
            return "Tag Push Hook", "tag_push_events", body
        return "Push Hook", "push_events", body

    def _merge_request(self, happening: Happening) -> tuple[str, str, Json]:
        pull: Pull = happening.subject
        action = "merged" if pull.is_merged and happening.action == "closed" else happening.action
        body = payloads.merge_request(
            self.project(happening.repo), _user(happening.actor),
            self._request(happening.repo, pull), _ACTIONS.get(action, "update"),
            label_titles=pull.labels,
            oldrev=happening.facts["before"] if action == "synchronize" else "",
        )  # fmt: skip
        return "Merge Request Hook", "merge_requests_events", body

    def _review(self, happening: Happening) -> tuple[str, str, Json]:
        word = "approved" if happening.facts["state"] == "approved" else "unapproved"
        body = payloads.merge_request(
            self.project(happening.repo), _user(happening.actor),
            self._request(happening.repo, happening.facts["pull"]), word,
        )  # fmt: skip
        return "Merge Request Hook", "merge_requests_events", body

    def _issue(self, happening: Happening) -> tuple[str, str, Json]:
        body = payloads.issue(
            self.project(happening.repo), _user(happening.actor),
            self._issue_facts(happening.repo, happening.subject),
            _ACTIONS.get(happening.action, "update"), label_titles=happening.subject.labels,
        )  # fmt: skip
        return "Issue Hook", "issues_events", body

    def _note(self, happening: Happening) -> tuple[str, str, Json]:
        on, repo = happening.facts["on"], happening.repo
        about = self._request(repo, on) if isinstance(on, Pull) else self._issue_facts(repo, on)
        body = payloads.note(
            self.project(repo), _user(happening.actor), happening.subject.id,
            happening.subject.body, about,
            action="create" if happening.action == "created" else "update",
            author_id=happening.subject.author.id, updated_at=when(happening.subject.updated_at),
        )  # fmt: skip
        return "Note Hook", "note_events", body

    def _release(self, happening: Happening) -> tuple[str, str, Json]:
        known, repo = happening.subject, happening.repo
        sha = repo.store.resolve(known.tag)
        body = ci_payloads.release(
            self.project(repo), known.id, known.tag,
            _RELEASE_ACTIONS.get(happening.action, "update"), name=known.name,
            description=known.body, head=self._commit(repo, sha),
        )  # fmt: skip
        return "Release Hook", "releases_events", body

    def _pipeline(self, happening: Happening) -> tuple[str, str, Json]:
        run, repo = happening.subject, happening.repo
        body = ci_payloads.pipeline(
            self.project(repo), _user(happening.actor), run.id,
            builds=[
                ci_payloads.build(job.id, job.name, ci_status(job.status, job.conclusion))
                for job in run.jobs
            ],
            iid=run.number, name=run.name or None, ref=run.ref, sha=run.sha, source=run.event,
            status=ci_status(run.status, run.conclusion), created_at=when(run.created_at),
            finished_at=when(run.completed_at),
        )  # fmt: skip
        return "Pipeline Hook", "pipeline_events", body

    def _job(self, happening: Happening) -> tuple[str, str, Json]:
        job, run, repo = happening.subject, happening.facts["run"], happening.repo
        body = ci_payloads.job(
            self.project(repo), _user(happening.actor), run.id, job.id, build_name=job.name,
            build_status=ci_status(job.status, job.conclusion), ref=run.ref, sha=run.sha,
            build_started_at=when(job.started_at), build_finished_at=when(job.completed_at),
        )  # fmt: skip
        return "Job Hook", "job_events", body

    def _request(self, repo: Repo, pull: Pull) -> Json:
        state = "merged" if pull.is_merged else "opened" if pull.state == "open" else "closed"
        return payloads.merge_request_attributes(
            self.project(repo), pull.number, last_commit=self._commit(repo, pull.head_sha),
            source=self.project(pull.head), id=pull.id, title=pull.title, description=pull.body,
            source_branch=pull.head_ref, target_branch=pull.base_ref, author_id=pull.author.id,
            state=state, draft=pull.is_draft, updated_at=when(pull.updated_at),
        )  # fmt: skip

    def _issue_facts(self, repo: Repo, known: Issue) -> Json:
        return payloads.issue_attributes(
            self.project(repo), known.number, id=known.id, title=known.title,
            description=known.body, author_id=known.author.id,
            state="opened" if known.state == "open" else "closed",
            updated_at=when(known.updated_at),
        )  # fmt: skip

    def _commits(self, repo: Repo, before: str, after: str) -> list[Json]:
        """The pushed commits, the oldest first."""
        if after == ZERO:
            return []
        start = repo.store.branches().get(repo.default_branch, "") if before == ZERO else before
        span = f"{start}..{after}" if start and start != after else after
        limit = 1 if span == after else 1000
        found = repo.store.commits(span, limit=limit)
        return [self._commit(repo, known.sha) for known in reversed(found)]

    def _commit(self, repo: Repo, sha: str) -> Json:
        known = repo.store.commit(sha)
        kinds: dict[str, list[str]] = {"added": [], "modified": [], "removed": []}
        for change in repo.store.changes(known.parents[0], sha) if known.parents else ():
            kinds[change.status if change.status in kinds else "modified"].append(change.path)
        return payloads.commit(
            sha, known.message, author=known.author.name, email=known.author.email,
            timestamp=known.committed_at.isoformat(), paths=kinds,
            url=f"{self._web}/{repo.full_name}/-/commit/{sha}",
        )  # fmt: skip


def _user(known: User) -> Json:
    return payloads.user(known.id, known.login, known.name)
