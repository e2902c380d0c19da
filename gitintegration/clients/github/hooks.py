"""Hooks, statuses, checks, branch protection and deploy keys of GitHub.

Source: GitHub REST API, "Webhooks", "Commit statuses", "Check runs", "Protected branches",
"Deploy keys".
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost
from gitintegration.clients.github import reading
from gitintegration.clients.github.connection import (
    MAX_PER_PAGE,
    Connection,
    repo_path,
    segment,
)

# What this product reads: the domain's list, and the jobs.
HOOK_EVENTS = (
    "push", "pull_request", "pull_request_review", "issues", "issue_comment", "create", "delete",
    "release", "workflow_run", "workflow_job", "deployment",
)  # fmt: skip
MAX_DESCRIPTION = 140
_STATES = {"running": "pending", "cancelled": "failure"}


class Hooks(Connection):
    """How GitHub tells us of what happens."""

    def list_webhooks(self, repository: str) -> Sequence[s.HostWebhook]:
        return self.whole(repo_path(repository, "hooks"), reading.webhook)

    def create_webhook(
        self, repository: str, url: str, secret: str, events: Sequence[str] = ()
    ) -> s.HostWebhook:
        body = {"name": "web", **_hook(url, secret, events)}
        return self.one("POST", repo_path(repository, "hooks"), reading.webhook, body)

    def update_webhook(
        self, repository: str, webhook_id: str, url: str, secret: str, events: Sequence[str] = ()
    ) -> s.HostWebhook:
        path = repo_path(repository, "hooks", segment(webhook_id))
        return self.one("PATCH", path, reading.webhook, _hook(url, secret, events))

    def delete_webhook(self, repository: str, webhook_id: str) -> None:
        with contextlib.suppress(NotFoundOnHost):
            self.call("DELETE", repo_path(repository, "hooks", segment(webhook_id)))

    def list_hook_deliveries(
        self, repository: str, webhook_id: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.HookDelivery]:
        path = repo_path(repository, "hooks", segment(webhook_id), "deliveries")
        return self.page(path, reading.delivery, page, per_page)

    def redeliver(self, repository: str, webhook_id: str, delivery_id: str) -> None:
        path = repo_path(
            repository, "hooks", segment(webhook_id), "deliveries", segment(delivery_id), "attempts"
        )
        self.call("POST", path)


class Checks(Connection):
    """What programs say about commits."""

    def list_statuses(self, repository: str, ref: str) -> Sequence[s.CommitStatus]:
        # The combined status tells the newest of each context.
        path = repo_path(repository, "commits", segment(ref), "status")
        return self.whole(path, reading.commit_status, member="statuses")

    def combined_status(self, repository: str, ref: str) -> s.CombinedStatus:
        path = repo_path(repository, "commits", segment(ref), "status")
        found, is_whole = self.one("GET", path, reading.combined_status, per_page=MAX_PER_PAGE)
        if is_whole:
            return found
        return s.CombinedStatus(found.state, tuple(self.list_statuses(repository, ref)))

    def create_status(self, repository: str, sha: str, status: s.CommitStatus) -> None:
        body = {
            "state": _STATES.get(status.state, status.state),
            "context": status.context,
            "description": status.description[:MAX_DESCRIPTION],
            **({"target_url": status.target_url} if status.target_url else {}),
        }
        self.call("POST", repo_path(repository, "statuses", segment(sha)), body=body)

    def create_check_run(self, repository: str, check: s.CheckRun) -> s.CheckRun:
        body = {"head_sha": check.head_sha, **_check(check)}
        return self.one("POST", repo_path(repository, "check-runs"), reading.check, body)

    def update_check_run(self, repository: str, check: s.CheckRun) -> s.CheckRun:
        path = repo_path(repository, "check-runs", segment(check.id))
        return self.one("PATCH", path, reading.check, _check(check))


class Rules(Connection):
    """What protects a repository, and who else may enter."""

    def list_branch_protections(self, repository: str) -> Sequence[s.BranchProtection]:
        protected = self.whole(repo_path(repository, "branches"), reading.branch, protected="true")
        return [self.get_branch_protection(repository, branch.name) for branch in protected]

    def get_branch_protection(self, repository: str, pattern: str) -> s.BranchProtection:
        path = repo_path(repository, "branches", segment(pattern), "protection")
        return self.one("GET", path, lambda told: reading.protection(pattern, told))

    def set_branch_protection(
        self, repository: str, protection: s.BranchProtection
    ) -> s.BranchProtection:
        pattern, settings = protection.pattern, protection.settings
        checks, approvals = protection.required_checks, protection.required_approvals
        strict = bool(settings.get("strict", False))
        body = {
            "required_status_checks": {"strict": strict, "contexts": list(checks)}
            if checks
            else None,
            "enforce_admins": bool(settings.get("enforce_admins", False)),
            "required_pull_request_reviews": {"required_approving_review_count": approvals}
            if approvals
            else None,
            "restrictions": None,
            "allow_force_pushes": protection.allows_force_push,
        }
        path = repo_path(repository, "branches", segment(pattern), "protection")
        return self.one("PUT", path, lambda told: reading.protection(pattern, told), body)

    def delete_branch_protection(self, repository: str, pattern: str) -> None:
        path = repo_path(repository, "branches", segment(pattern), "protection")
        self.call("DELETE", path)

    def list_deploy_keys(self, repository: str) -> Sequence[s.DeployKey]:
        return self.whole(repo_path(repository, "keys"), reading.deploy_key)

    def get_deploy_key(self, repository: str, key_id: str) -> s.DeployKey:
        path = repo_path(repository, "keys", segment(key_id))
        return self.one("GET", path, reading.deploy_key)

    def create_deploy_key(
        self, repository: str, title: str, key: str, *, is_read_only: bool = True
    ) -> s.DeployKey:
        body = {"title": title, "key": key, "read_only": is_read_only}
        return self.one("POST", repo_path(repository, "keys"), reading.deploy_key, body)

    def delete_deploy_key(self, repository: str, key_id: str) -> None:
        self.call("DELETE", repo_path(repository, "keys", segment(key_id)))


def _hook(url: str, secret: str, events: Sequence[str]) -> dict[str, Any]:
    return {
        "active": True,
        "events": list(events or HOOK_EVENTS),
        "config": {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": secret},
    }


def _check(check: s.CheckRun) -> dict[str, Any]:
    body: dict[str, Any] = {"name": check.name, "status": check.status}
    if check.conclusion:
        body["conclusion"] = check.conclusion
    for name in ("details_url", "external_id"):
        if value := getattr(check, name):
            body[name] = value
    if check.title or check.summary:
        body["output"] = {"title": check.title or check.name, "summary": check.summary}
    return body
