"""Where the code comes from: connections, git hosts, credentials, repositories."""

from typing import Any

from devops import sources
from devops.access import Actor
from gitintegration import public as git
from pipelines import inventory
from powernode.overview.alerts import Alert, counted


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
    return counted(
        ("error", "source_control", "git_host_unreachable"),
        figures, "unreachable", "unreachable_name",
        one="The git host {name} did not answer the last time",
        many="{count} git hosts did not answer the last time",
        remedy="See what it said and test its credential; it is tried again by itself.",
        url="/git",
    )  # fmt: skip


def _of_credentials(figures: dict[str, Any]) -> list[Alert]:
    return [
        *counted(
            ("error", "source_control", "credentials_unhealthy"),
            figures, "troubled", "troubled_name",
            one="The git credential {name} no longer works",
            many="{count} git credentials no longer work",
            remedy="Test it, then enter a new token or connect the host anew.",
            url="/git",
        ),
        *counted(
            ("warning", "source_control", "credentials_expire_soon"),
            figures, "expires_soon", "expiring_name",
            one="The git credential {name} expires within 30 days",
            many="{count} git credentials expire within 30 days",
            remedy="Make a new token at the host and enter it before the old one ends.",
            url="/git",
        ),
    ]  # fmt: skip
