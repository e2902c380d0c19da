"""What comes in and goes out: webhooks, API keys, language models."""

from typing import Any

from devops import ai_budgets
from devops.access import Actor
from devops.ai_budgets import MonthOfConfig
from devops.selectors import tokens
from gitintegration import public as git
from powernode.overview.alerts import Alert, counted

TOKENS = "account.tokens.manage"


def connections(actor: Actor) -> tuple[dict[str, Any], list[Alert]]:
    """The section, as far as the actor may read it, and what needs somebody there."""
    facts: dict[str, Any] = {}
    alerts: list[Alert] = []
    if actor.may(git.READ_EVENTS):
        today = git.deliveries_today(actor)
        facts["webhooks"] = {
            "total": git.address_count(actor),
            **{f"{name}_today": number for name, number in today.items()},
        }
        alerts += _of_deliveries(today["failed"])
    if actor.may(git.MANAGE_RECEIVERS):
        receivers, sent = git.receiver_figures(actor), git.sent_today(actor)
        facts["receivers"] = {
            "total": receivers["total"],
            **{f"{name}_today": number for name, number in sent.items()},
        }
        alerts += _of_receivers(receivers, sent["failed"])
    if actor.may(TOKENS):
        facts["api_keys"] = {"total": tokens(actor).order_by().count()}
    if actor.may(ai_budgets.MANAGE):
        alerts += [_of_budget(month) for month in ai_budgets.nearly_spent(actor)]
    return facts, alerts


def _of_deliveries(failed: int) -> list[Alert]:
    if not failed:
        return []
    words = "1 webhook delivery" if failed == 1 else f"{failed} webhook deliveries"
    return [
        Alert(
            "warning", "connections", "webhooks_failed", f"{words} of git hosts failed today",
            "Read what was wrong with it, then process or redeliver it.", "/webhooks?status=failed",
        )
    ]  # fmt: skip


def _of_receivers(receivers: dict[str, Any], failed: int) -> list[Alert]:
    found = counted(
        ("error", "connections", "receiver_switched_off"),
        receivers, "switched_off", "switched_off_name",
        one="The receiver {name} was switched off, because deliveries kept failing",
        many="{count} receivers were switched off, because deliveries kept failing",
        remedy="Mend the far side, then switch it on again.",
        url="/webhooks/receivers?state=off",
    )  # fmt: skip
    if failed:
        words = "1 delivery" if failed == 1 else f"{failed} deliveries"
        found.append(
            Alert(
                "warning", "connections", "deliveries_failed",
                f"{words} to receivers of git events failed today",
                "Open the receiver, read its answer, and send it again.", "/webhooks/receivers",
            )
        )  # fmt: skip
    return found


def _of_budget(month: MonthOfConfig) -> Alert:
    limit = f"${month.limit:.2f}"
    if month.percent >= 100:
        return Alert(
            "error", "connections", "ai_budget_spent",
            f"The month's {limit} of the AI provider {month.name} are spent",
            "Steps that ask it fail until the next month, or until the budget is raised.",
            f"/settings/ai/{month.pk}",
        )  # fmt: skip
    return Alert(
        "warning", "connections", "ai_budget_nearly_spent",
        f"{month.percent} % of the month's {limit} of the AI provider {month.name} are spent",
        "Raise the budget, or ask it less.", f"/settings/ai/{month.pk}",
    )  # fmt: skip
