"""Hooks and commit statuses of Bitbucket."""

import hashlib
from collections.abc import Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.absent import absent
from gitintegration.clients.bitbucket import words
from gitintegration.clients.bitbucket.connection import repo, segment
from gitintegration.clients.bitbucket.repositories import Repositories, resolve
from gitintegration.clients.errors import NotFoundOnHost
from gitintegration.clients.members import Members

HOOK_EVENTS = (
    "repo:push", "repo:commit_status_created", "repo:commit_status_updated",
    "pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled", "pullrequest:rejected",
    "pullrequest:approved", "pullrequest:unapproved", "pullrequest:changes_request_created",
    "pullrequest:changes_request_removed", "pullrequest:comment_created",
    "pullrequest:comment_updated", "issue:created", "issue:updated", "issue:comment_created",
)  # fmt: skip
_DESCRIPTION = "Powernode"
_MOST_KEY = 40


class Hooks(Repositories):
    """How the host tells us of what happens."""

    list_hook_deliveries = redeliver = absent(
        "its API does not tell of deliveries; the hook's page in the repository's settings shows "
        "them and sends them again."
    )

    create_check_run = update_check_run = absent(
        "it has no check runs; commit statuses show the same on the commit."
    )

    def list_webhooks(self, repository: str) -> Sequence[s.HostWebhook]:
        """The hooks of a repository."""
        return self.all(repo(repository, "hooks"), _hook)

    def create_webhook(
        self, repository: str, url: str, secret: str, events: Sequence[str] = ()
    ) -> s.HostWebhook:
        """Make a hook."""
        return self.made("POST", repo(repository, "hooks"), _body(url, secret, events), _hook)

    def update_webhook(
        self,
        repository: str,
        webhook_id: str,
        url: str,
        secret: str,
        events: Sequence[str] = (),
    ) -> s.HostWebhook:
        """Give a hook another address, secret and events."""
        path = repo(repository, "hooks", segment(webhook_id))
        return self.made("PUT", path, _body(url, secret, events), _hook)

    def delete_webhook(self, repository: str, webhook_id: str) -> None:
        """Delete a hook; one that is gone already is fine."""
        try:
            self.call("DELETE", repo(repository, "hooks", segment(webhook_id)))
        except NotFoundOnHost:
            return

    def list_statuses(self, repository: str, ref: str) -> Sequence[s.CommitStatus]:
        """The status of every key."""
        sha = resolve(self, repository, ref)
        return self.all(repo(repository, "commit", sha, "statuses"), _status)

    def combined_status(self, repository: str, ref: str) -> s.CombinedStatus:
        """What the statuses of a commit say together; Bitbucket leaves adding up to its readers."""
        return s.CombinedStatus.of(self.list_statuses(repository, ref))

    def create_status(self, repository: str, sha: str, status: s.CommitStatus) -> None:
        """Say how a commit fares; Bitbucket's keys are short, its addresses never empty."""
        key = status.context
        if len(key) > _MOST_KEY:
            key = hashlib.sha256(key.encode()).hexdigest()[:_MOST_KEY]
        body = {
            "key": key,
            "name": status.context,
            "state": words.sent_state(status.state),
            "description": status.description,
            "url": status.target_url or f"{self.access.web_url}/{repository}",
        }
        self.call("POST", repo(repository, "commit", segment(sha), "statuses/build"), body=body)


def _hook(told: Members) -> s.HostWebhook:
    return s.HostWebhook(
        id=told.needed("uuid"),
        url=told.text("url"),
        is_active=told.flag("active"),
        events=told.texts("events"),
    )


def _body(url: str, secret: str, events: Sequence[str]) -> dict[str, object]:
    return {
        "description": _DESCRIPTION,
        "url": url,
        "active": True,
        "secret": secret,
        "events": list(events or HOOK_EVENTS),
    }


def _status(told: Members) -> s.CommitStatus:
    return s.CommitStatus(
        context=told.text("name") or told.text("key"),
        state=words.commit_status(told.text("state")),
        description=told.text("description"),
        target_url=told.text("url"),
    )
