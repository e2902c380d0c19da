"""Where the code comes from: connections, git hosts, credentials, repositories."""

from typing import Any

from devops import sources
from devops.access import Actor
from gitintegration import public as git
from pipelines import inventory
from powernode.overview.alerts import Alert, told


def source_control(actor: Actor) -> tuple[dict[str, Any], list[Alert]]:
    """The section, as far as the actor may read it, and what needs somebody there."""
    facts: dict[str, Any] = {}
    alerts: list[Alert] = []
    if actor.may("devops.providers.read"):
        facts["providers"] = sources.provider_counts(actor)
    if actor.may(git.READ_HOSTS):
        facts["git_hosts"] = git.host_figures(actor)
        alerts += _of_hosts(facts["git_hosts"])
    if actor.may(inventory.READ_REPOSITORIES):
        facts["repositories"] = inventory.repository_counts(actor)
    if actor.may(git.READ_CREDENTIALS):
        facts["credentials"] = git.credential_figures(actor)
        alerts += _of_credentials(facts["credentials"])
    return facts, alerts


def _of_hosts(figures: dict[str, Any]) -> list[Alert]:
    if not figures["unreachable"]:
        return []
    return [
        Alert(
            "error", "source_control", "git_host_unreachable",
            told(
                figures["unreachable"], figures["unreachable_name"],
                "The git host {name} did not answer the last time",
                "{count} git hosts did not answer the last time",
            ),
            "See what it said and test its credential; it is tried again by itself.", "/git",
        )
    ]  # fmt: skip


def _of_credentials(figures: dict[str, Any]) -> list[Alert]:
    found = []
    if figures["troubled"]:
        found.append(
            Alert(
                "error", "source_control", "credentials_unhealthy",
                told(
                    figures["troubled"], figures["troubled_name"],
                    "The git credential {name} no longer works",
                    "{count} git credentials no longer work",
                ),
                "Test it, then enter a new token or connect the host anew.", "/git",
            )
        )  # fmt: skip
    if figures["expires_soon"]:
        found.append(
            Alert(
                "warning", "source_control", "credentials_expire_soon",
                told(
                    figures["expires_soon"], figures["expiring_name"],
                    "The git credential {name} expires within 30 days",
                    "{count} git credentials expire within 30 days",
                ),
                "Make a new token at the host and enter it before the old one ends.", "/git",
            )
        )  # fmt: skip
    return found
