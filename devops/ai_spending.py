"""Money for models: reserved before a call is sent, settled by what it cost."""

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from devops.clients.anthropic.shapes import Access, Usage
from devops.errors import Conflict
from devops.models import AiCall, AiConfig
from devops.safety.encryption import Binding, decrypt

MICRO = 1_000_000
_SPEAKS_MESSAGES = frozenset({"anthropic", "custom"})


class BudgetSpent(Conflict):
    """A call would go beyond what the month allows."""

    code = "ai-budget-spent"
    title = "The budget is spent"


@dataclass(frozen=True, slots=True)
class Spent:
    """A month of one connection, in millionths of a dollar; `open` is reserved and not settled."""

    settled: int
    open: int
    limit: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.settled - self.open)


def usable_config(account_id: uuid.UUID, name: str = "") -> AiConfig:
    """The connection of a name, or the default for chats, else the only usable one.

    Raises:
        Conflict: there is none, it is off, has no key, or speaks another protocol.
    """
    rows = AiConfig.objects.filter(account_id=account_id)
    if name:
        config = rows.filter(name=name).first()
    else:
        usable = rows.filter(is_active=True, status=AiConfig.Status.ACTIVE)
        usable = usable.filter(provider__in=_SPEAKS_MESSAGES)
        config = usable.filter(is_default=True).order_by("config_type", "name").first()
        chats = usable.filter(is_default=True, config_type=AiConfig.Kind.CHAT)
        config = chats.first() or config or usable.order_by("name").first()
    if config is None:
        wanted = f"no AI provider called {name!r}" if name else "no usable AI provider"
        raise Conflict(
            f"The account has {wanted}.", remedy="An admin adds one under Settings, AI providers."
        )
    check_usable(config)
    return config


def check_usable(config: AiConfig) -> None:
    """Refuse a connection that steps cannot ask.

    Raises:
        Conflict: it is off, has no key, or speaks another protocol.
    """
    if not config.is_usable:
        raise Conflict(f"The AI provider {config.name} is switched off.")
    if config.provider not in _SPEAKS_MESSAGES:
        raise Conflict(
            f"The AI provider {config.name} is of the kind {config.provider}, which steps cannot "
            "ask.", remedy="Use one of the kind anthropic, or custom with the same API.",
        )  # fmt: skip
    if not config.has_key:
        raise Conflict(
            f"The AI provider {config.name} has no API key.",
            remedy="Enter it under Settings, AI providers.",
        )


def access_of(config: AiConfig) -> Access:
    """How to reach the model, its key in the clear: for the client alone.

    Raises:
        CannotDecrypt: the key belongs to another row, or its encryption key is gone.
    """
    key = decrypt(config.encrypted_api_key, binding=binding_of(config)).decode()
    return Access(key, config.base_url, float(config.timeout_seconds))


def binding_of(config: AiConfig) -> Binding:
    """What the key's ciphertext is bound to: this row and this field."""
    return Binding("devops_aiconfig", str(config.account_id), str(config.pk), "api_key")


def spent(config: AiConfig, month: date | None = None) -> Spent:
    """What a month has cost so far."""
    rows = AiCall.objects.filter(config=config, month=month or this_month())
    sums = dict(rows.order_by().values_list("state").annotate(total=Sum("micro_usd")))
    limit = round(config.monthly_budget_usd * MICRO)
    return Spent(sums.get("settled", 0), sums.get("reserved", 0), limit)


def spent_for(purpose: str, account_id: uuid.UUID) -> int:
    """What everything with one purpose has cost or may have cost, in millionths of a dollar."""
    rows = AiCall.objects.filter(account_id=account_id, purpose=purpose)
    return rows.exclude(state="released").aggregate(total=Sum("micro_usd"))["total"] or 0


@transaction.atomic(durable=True)
def reserve(
    config: AiConfig, *, purpose: str, model: str, micro_usd: int, digest: str = ""
) -> AiCall:
    """Set money aside for one call. Calls of the same connection reserve one after another.

    Raises:
        BudgetSpent: the month does not allow it.
    """
    locked = AiConfig.objects.select_for_update().get(pk=config.pk)
    month = spent(locked)
    if micro_usd > month.left:
        raise BudgetSpent(
            f"The monthly budget of {locked.name} does not allow this call: "
            f"{dollars(month.limit)} a month, {dollars(month.settled + month.open)} of it spent or "
            f"reserved, and up to {dollars(micro_usd)} needed.",
            remedy="Raise the budget under Settings, AI providers, or wait for the next month.",
        )
    return AiCall.objects.create(
        account_id=locked.account_id, config=locked, purpose=purpose, model=model,
        month=this_month(), micro_usd=micro_usd, digest=digest,
    )  # fmt: skip


@transaction.atomic(durable=True)
def settle(call: AiCall, usage: Usage, micro_usd: int, reply: dict[str, Any] | None = None) -> None:
    """Put what a call really cost in place of what was reserved, and keep its answer."""
    taken = usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens
    done = AiCall.objects.filter(pk=call.pk, state=AiCall.State.RESERVED).update(
        state=AiCall.State.SETTLED, reply=reply, micro_usd=micro_usd, input_tokens=taken,
        output_tokens=usage.output_tokens,
    )  # fmt: skip
    if done:
        AiConfig.objects.filter(pk=call.config_id).update(
            total_requests=F("total_requests") + 1,
            total_tokens=F("total_tokens") + taken + usage.output_tokens,
            last_used_at=timezone.now(),
        )


def earlier_reply(account_id: uuid.UUID, purpose: str, digest: str) -> dict[str, Any] | None:
    """The answer that the same question got for the same purpose, while it is kept."""
    rows = AiCall.objects.filter(account_id=account_id, purpose=purpose, digest=digest)
    return rows.exclude(reply=None).values_list("reply", flat=True).first()


def forget_replies(account_id: uuid.UUID, purpose: str) -> None:
    """Forget the answers: whoever needed them has ended."""
    rows = AiCall.objects.filter(account_id=account_id, purpose=purpose)
    rows.exclude(reply=None).update(reply=None)


@transaction.atomic(durable=True)
def release(call: AiCall) -> None:
    """Give back what a call would have cost: it was refused before it began."""
    rows = AiCall.objects.filter(pk=call.pk, state=AiCall.State.RESERVED)
    rows.update(state=AiCall.State.RELEASED, micro_usd=0)


def this_month() -> date:
    """The first day of the present month, UTC."""
    return timezone.now().date().replace(day=1)


def dollars(micro_usd: int) -> str:
    """An amount in words: `$0.0123`, from a cent on `$1.23`."""
    amount = micro_usd / MICRO
    return f"${amount:.2f}" if amount >= 1 or not amount else f"${amount:.4f}"
