"""The figures of the overview: each in one query, over bounded spans."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum, Value
from django.utils import timezone

from devops import periods
from devops.access import Actor, system_actor, visible
from devops.models import WebhookDelivery
from devops.periods import Period
from gitintegration import selectors
from gitintegration.choices import (
    MAX_CONSECUTIVE_FAILURES,
    RunnerStatus,
    WebhookEventStatus,
)
from gitintegration.models import (
    AccountGitWebhookConfig,
    GitProvider,
    GitProviderCredential,
    GitRunner,
    GitWebhookEvent,
    WebhookEndpoint,
)
from gitintegration.operations.account_webhooks import MANAGE as MANAGE_RECEIVERS
from gitintegration.operations.credentials import EXPIRES_SOON, HEALTHY_FAILURES, RENEWED

READ_EVENTS = "git.webhooks.read"
WEEKS = 12
_SETTLED = (WebhookEventStatus.PROCESSED, WebhookEventStatus.IGNORED)


def host_figures(actor: Actor) -> dict[str, Any]:
    """`{total, active, unreachable}` of the git hosts, and the name of a silent one."""
    silent = Q(is_active=True) & ~Q(last_error="")
    return visible(actor, GitProvider, selectors.PROVIDERS).aggregate(
        total=Count("pk"),
        active=Count("pk", filter=Q(is_active=True)),
        unreachable=Count("pk", filter=silent),
        unreachable_name=Min("name", filter=silent),
    )


def credential_figures(actor: Actor) -> dict[str, Any]:
    """`{total, healthy, unhealthy, expires_soon, troubled}`, and names of what needs somebody.

    What renews itself is not about to expire. `troubled` are the unhealthy ones but for those
    that a person switched off.
    """
    now = timezone.now()
    lasting = Q(expires_at=None) | Q(expires_at__gt=now)
    healthy = Q(is_active=True, consecutive_failures__lte=HEALTHY_FAILURES) & lasting
    off = Q(is_active=False, consecutive_failures__lt=MAX_CONSECUTIVE_FAILURES)
    troubled = ~healthy & ~off
    expiring = Q(is_active=True, expires_at__gt=now, expires_at__lte=now + EXPIRES_SOON)
    expiring &= ~Q(auth_type__in=sorted(RENEWED))
    return visible(actor, GitProviderCredential, selectors.CREDENTIALS).aggregate(
        total=Count("pk"),
        healthy=Count("pk", filter=healthy),
        unhealthy=Count("pk", filter=~healthy),
        expires_soon=Count("pk", filter=expiring),
        expiring_name=Min("name", filter=expiring),
        troubled=Count("pk", filter=troubled),
        troubled_name=Min("name", filter=troubled),
    )


def runner_figures(actor: Actor) -> dict[str, Any]:
    """`{total, online, offline, busy}` of the hosts' runners, and the name of an absent one."""
    absent = Q(status=RunnerStatus.OFFLINE)
    return visible(actor, GitRunner, "git.runners.read").aggregate(
        total=Count("pk"),
        online=Count("pk", filter=Q(status=RunnerStatus.ONLINE)),
        offline=Count("pk", filter=absent),
        offline_name=Min("name", filter=absent),
        # The last, because it hides the column of that name.
        busy=Count("pk", filter=Q(status=RunnerStatus.BUSY)),
    )


def deliveries_today(actor: Actor) -> dict[str, int]:
    """`{received, processed, failed}` of what came today, by UTC, redeliveries included.

    A failed one is mended, and counts no longer, when a redelivery of it was understood.
    """
    events = visible(actor, GitWebhookEvent, READ_EVENTS)
    today = events.filter(pk__gte=periods.made_today()).order_by()
    # Named, all of them, so that each reads its own stretch of the index.
    by_status = today.filter(status__in=WebhookEventStatus.values).values_list("status")
    found = dict(by_status.annotate(number=Count("pk")))
    mended = events.filter(original=OuterRef("pk"), status__in=_SETTLED)
    return {
        "received": sum(found.values()),
        "processed": found.get(WebhookEventStatus.PROCESSED, 0),
        "failed": today.filter(~Exists(mended), status=WebhookEventStatus.FAILED).count(),
    }


def latest_deliveries(actor: Actor, count: int) -> list[GitWebhookEvent]:
    """What came last, today's failed ones first."""
    rows = selectors.webhook_events(actor).only(
        "account_id", "event_type", "status", "ref", "sender", "error_message", "result",
        "created_at", "original_id", "repository__full_name",
    )  # fmt: skip
    failed = rows.filter(pk__gte=periods.made_today(), status=WebhookEventStatus.FAILED)
    first = list(failed[: count // 2])
    known = {row.pk for row in first}
    return [*first, *(row for row in rows[:count] if row.pk not in known)][:count]


def address_count(actor: Actor) -> int:
    """How many repositories have an address for their host's webhooks."""
    return visible(actor, WebhookEndpoint, READ_EVENTS).count()


def receiver_figures(actor: Actor) -> dict[str, Any]:
    """`{total, switched_off}` of the receivers of git events, and the name of one that failed."""
    off = Q(is_active=False) & ~Q(disabled_reason="")
    return visible(actor, AccountGitWebhookConfig, MANAGE_RECEIVERS).aggregate(
        total=Count("pk"),
        switched_off=Count("pk", filter=off),
        switched_off_name=Min("name", filter=off),
    )


def sent_today(actor: Actor) -> dict[str, int]:
    """`{delivered, failed}` of what was sent to receivers today, by UTC."""
    status = WebhookDelivery.Status
    receivers = visible(actor, AccountGitWebhookConfig, MANAGE_RECEIVERS)
    rows = visible(actor, WebhookDelivery, MANAGE_RECEIVERS).filter(
        pk__gte=periods.made_today(), subscription_id__in=receivers.order_by().values("pk")
    )
    return rows.order_by().aggregate(
        delivered=Count("pk", filter=Q(status=status.DELIVERED)),
        failed=Count("pk", filter=Q(status=status.FAILED)),
    )


@dataclass(frozen=True, slots=True)
class Week:
    """How many commits pushes brought in the week from `monday` on."""

    monday: date
    commits: int


def commits_by_week(actor: Actor) -> list[Week]:
    """The last twelve weeks, oldest first, the present one included.

    Weeks that are over hardly change any more: they are summed once an hour.
    """
    now, spans = timezone.now(), periods.weeks(WEEKS)
    rows = visible(actor, GitWebhookEvent, READ_EVENTS)
    hour = now.replace(minute=0, second=0, microsecond=0)
    return [*_past_weeks(actor.account_id, hour), *_sum(rows, spans[-1:])]


@lru_cache(maxsize=256)
def _past_weeks(account_id: uuid.UUID, _hour: datetime) -> list[Week]:
    rows = visible(system_actor(account_id), GitWebhookEvent, READ_EVENTS)
    return _sum(rows, periods.weeks(WEEKS)[:-1])


def _sum(events: QuerySet[GitWebhookEvent], spans: Sequence[Period]) -> list[Week]:
    """The commits of each period, in one query."""
    rows = events.filter(commits__gt=0).order_by()
    sums = [
        rows.filter(pk__gte=span.first, pk__lt=span.end)
        .values("account_id")
        .annotate(place=Value(place), total=Sum("commits"))
        .values_list("place", "total")
        for place, span in enumerate(spans)
    ]
    found = dict(sums[0].union(*sums[1:], all=True))
    return [Week(span.start.date(), found.get(place, 0)) for place, span in enumerate(spans)]
