"""Runners of the hosts' own CI in the words of our pages."""

from typing import Any

from gitintegration.clients.shapes import RunnerToken, Scope
from gitintegration.models import GitProvider, GitRunner
from gitintegration.operations.runners import STALE
from gitintegration.statistics import is_recent

_SCOPES = {
    "repository": "Repository", "organization": "Organization", "enterprise": "Whole host",
}  # fmt: skip


def runner_row(runner: GitRunner) -> dict[str, Any]:
    """A runner as the pages show it."""
    provider = runner.credential.provider
    machine = " ".join(part for part in (runner.os, runner.architecture) if part)
    return {
        "id": runner.pk,
        "url": f"/ci/runners/{runner.pk}",
        "name": runner.name,
        "status": runner.status,
        "scope": _SCOPES.get(runner.runner_scope, runner.runner_scope),
        "scope_name": runner.scope_name,
        "host": provider.name,
        "kind": provider.provider_type,
        "credential": runner.credential.name,
        "labels": runner.labels,
        "shown_labels": runner.labels[:5],
        "more_labels": max(0, len(runner.labels) - 5),
        "machine": machine,
        "os": runner.os,
        "architecture": runner.architecture,
        "version": runner.runner_version,
        "external_id": runner.external_id,
        "last_seen_at": runner.last_seen_at,
        "is_recent": is_recent(runner.last_seen_at, STALE),
        "jobs": runner.total_jobs_run,
        "successful_jobs": runner.successful_jobs,
        "failed_jobs": runner.failed_jobs,
        "repository": runner.repository,
        "created_at": runner.created_at,
    }


def how_to_register(provider: GitProvider, scope: Scope, token: RunnerToken) -> str:
    """The usual command that registers a runner with a token; the host's manual has the rest."""
    web = provider.web_base_url.rstrip("/")
    match provider.provider_type:
        case "github":
            place = f"{web or 'https://github.com'}/{scope.name}".rstrip("/")
            return f"./config.sh --url {place} --token {token.token}"
        case "gitlab":
            return (
                f"gitlab-runner register --url {web or 'https://gitlab.com'} --token {token.token}"
            )
        case "gitea":
            return f"act_runner register --no-interactive --instance {web} --token {token.token}"
        case _:
            return ""
