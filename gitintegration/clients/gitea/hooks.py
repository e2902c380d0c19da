"""Hooks and commit statuses of a Gitea."""

from collections.abc import Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.absent import absent
from gitintegration.clients.errors import NotFoundOnHost
from gitintegration.clients.gitea import words
from gitintegration.clients.gitea.connection import Connection, repo, segment
from gitintegration.clients.members import Members

HOOK_EVENTS = (
    "push", "create", "delete", "pull_request", "pull_request_sync", "pull_request_label",
    "pull_request_review_approved", "pull_request_review_rejected",
    "pull_request_review_comment", "pull_request_review_request", "pull_request_comment",
    "issues", "issue_label", "issue_comment", "release", "status", "workflow_run", "workflow_job",
)  # fmt: skip
_NO_DELIVERIES = (
    "its API does not tell of deliveries; the hook's page in the repository's settings shows them "
    "and delivers again."
)
_NO_CHECKS = "it has no check runs; commit statuses show the same on the commit."


class Hooks(Connection):
    """How the host tells us of what happens."""

    def list_webhooks(self, repository: str) -> Sequence[s.HostWebhook]:
        """The hooks of a repository."""
        return self.all(repo(repository, "hooks"), _hook)

    def create_webhook(
        self, repository: str, url: str, secret: str, events: Sequence[str] = ()
    ) -> s.HostWebhook:
        """Make a hook."""
        body = {
            "type": "gitea",
            "active": True,
            "events": list(events or HOOK_EVENTS),
            "config": {"url": url, "content_type": "json", "secret": secret},
        }
        return self.made("POST", repo(repository, "hooks"), body, _hook)

    def update_webhook(
        self,
        repository: str,
        webhook_id: str,
        url: str,
        secret: str,
        events: Sequence[str] = (),
    ) -> s.HostWebhook:
        """Give a hook another address, secret and events."""
        body = {
            "active": True,
            "events": list(events or HOOK_EVENTS),
            "config": {"url": url, "content_type": "json", "secret": secret},
        }
        return self.made("PATCH", repo(repository, "hooks", segment(webhook_id)), body, _hook)

    def delete_webhook(self, repository: str, webhook_id: str) -> None:
        """Delete a hook; one that is gone already is fine."""
        try:
            self.call("DELETE", repo(repository, "hooks", segment(webhook_id)))
        except NotFoundOnHost:
            return

    list_hook_deliveries = redeliver = absent(_NO_DELIVERIES)

    def list_statuses(self, repository: str, ref: str) -> Sequence[s.CommitStatus]:
        """The newest status of every context."""
        path = repo(repository, "commits", segment(ref), "status")
        return self.all(path, _status, member="statuses")

    def combined_status(self, repository: str, ref: str) -> s.CombinedStatus:
        """What the statuses of a commit say together, in the server's own opinion."""
        path = repo(repository, "commits", segment(ref), "status")
        state = self.one(path, lambda told: told.text("state"), limit=1)
        statuses = tuple(self.list_statuses(repository, ref))
        return s.CombinedStatus(words.commit_status(state), statuses)

    def create_status(self, repository: str, sha: str, status: s.CommitStatus) -> None:
        """Say how a commit fares."""
        body = {
            "state": words.sent_state(status.state),
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
        }
        self.call("POST", repo(repository, "statuses", segment(sha)), body=body)

    create_check_run = update_check_run = absent(_NO_CHECKS)


def _hook(told: Members) -> s.HostWebhook:
    return s.HostWebhook(
        id=told.needed("id"),
        url=told.inner("config").text("url") or told.text("url"),
        is_active=told.flag("active"),
        events=told.texts("events"),
    )


def _status(told: Members) -> s.CommitStatus:
    return s.CommitStatus(
        context=told.text("context"),
        state=words.commit_status(told.text("status") or told.text("state")),
        description=told.text("description"),
        target_url=told.text("target_url"),
    )
