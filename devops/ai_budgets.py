"""Which connections to language models have spent their month's money, or nearly so."""

import uuid
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, OuterRef, Subquery, Sum

from devops.access import Actor, visible
from devops.ai_spending import MICRO, this_month
from devops.models import AiCall, AiConfig

MANAGE = "devops.ai.manage"
# Percent of the budget from which it is worth a word.
NEARLY = 80
_NAMED = 5


@dataclass(frozen=True, slots=True)
class MonthOfConfig:
    """How far a month's budget is spent or reserved; `limit` in dollars."""

    pk: uuid.UUID
    name: str
    limit: Decimal
    percent: int


def nearly_spent(actor: Actor) -> list[MonthOfConfig]:
    """The usable connections with little or nothing left, the emptiest first; one query."""
    calls = visible(actor, AiCall, MANAGE).filter(config=OuterRef("pk"), month=this_month())
    calls = calls.exclude(state=AiCall.State.RELEASED)
    sums = calls.order_by().values("config").annotate(total=Sum("micro_usd")).values("total")
    rows = (
        visible(actor, AiConfig, MANAGE)
        .filter(is_active=True, status=AiConfig.Status.ACTIVE, monthly_budget_usd__gt=0)
        .annotate(spent=Subquery(sums))
        .filter(spent__gte=F("monthly_budget_usd") * (MICRO * NEARLY // 100))
    )
    found = [
        MonthOfConfig(pk, name, limit, int(100 * spent / (limit * MICRO)))
        for pk, name, limit, spent in rows.values_list("pk", "name", "monthly_budget_usd", "spent")
    ]
    return sorted(found, key=lambda month: -month.percent)[:_NAMED]
