"""Deliveries: what came, what was made of it, and once more from the start."""

import json
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.access import get_visible
from devops.errors import DomainError
from devops.pages.base import Page, cursor_page
from devops.selectors import newest_stream_seq
from gitintegration import selectors
from gitintegration.choices import MAX_MANUAL_RETRIES, WebhookEventStatus
from gitintegration.json_trees import json_tree
from gitintegration.models import GitWebhookEvent
from gitintegration.operations.account_webhooks import MANAGE as MANAGE_RECEIVERS
from gitintegration.operations.deliveries import redeliver, replay_delivery
from gitintegration.operations.workflow_triggers import MANAGE as MANAGE_TRIGGERS
from gitintegration.statistics import webhook_stats

MANAGE = "git.webhooks.manage"
PAYLOAD_SHOWN = 200_000
STATS_DAYS = 30


class WebhookList(Page):
    """`/webhooks`."""

    nav_area = "webhooks"

    def get(self, request: HttpRequest) -> HttpResponse:
        names = ("status", "type", "repository", "host")
        filters = {name: request.GET.get(name, "")[:60] for name in names}
        repositories = selectors.hooked_repositories(self.actor)
        hosts = selectors.host_names(self.actor)
        rows = selectors.webhook_events(self.actor).select_related("git_provider")
        if filters["status"] in WebhookEventStatus.values:
            rows = rows.filter(status=filters["status"])
        if filters["type"]:
            rows = rows.filter(event_type=filters["type"])
        if filters["repository"] in {str(row.pk) for row in repositories}:
            rows = rows.filter(repository_id=filters["repository"])
        host = next((row for row in hosts if str(row.pk) == filters["host"]), None)
        if host is not None:
            rows = rows.filter(git_provider=host)
        events, page = cursor_page(request, rows)
        for event in events:
            event.url = _url(event)
        types = selectors.host_event_types(self.actor)
        if filters["type"] and filters["type"] not in types:
            types.append(filters["type"])
        return self.render(
            "webhooks/list.html",
            {
                "events": events,
                "filters": filters,
                "statuses": WebhookEventStatus.choices,
                "types": types,
                "hosts": [{"id": str(row.pk), "name": row.name} for row in hosts],
                "repositories": [
                    {"id": str(row.pk), "full_name": row.full_name} for row in repositories
                ],
                "is_filtered": any(filters.values()),
                "stats": webhook_stats(self.actor, STATS_DAYS),
                "page": page,
                "can_receivers": self.actor.may(MANAGE_RECEIVERS),
                "can_triggers": self.actor.may(MANAGE_TRIGGERS),
                "live_seq": newest_stream_seq(self.actor),
            },
        )


class WebhookDetail(Page):
    """`/webhooks/<id>`: headers without secrets, the payload, the result, its copies."""

    nav_area = "webhooks"

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        event: Any = self.find(pk)
        event.url = _url(event)
        text = json.dumps(event.payload, indent=2, ensure_ascii=False)
        may = self.actor.may(MANAGE)
        is_failed = event.status == WebhookEventStatus.FAILED
        return self.render(
            "webhooks/detail.html",
            {
                "event": event,
                "headers": sorted(event.headers.items()),
                "payload_json": text[:PAYLOAD_SHOWN],
                "is_cut": len(text) > PAYLOAD_SHOWN,
                "payload_tree": json_tree(event.payload),
                "can_retry": may and is_failed and event.retry_count < MAX_MANUAL_RETRIES,
                "can_redeliver": may and event.status not in {"pending", "processing"},
                "retries_left": max(0, MAX_MANUAL_RETRIES - event.retry_count),
                "original_url": _url(event.original) if event.original else "",
                "copies": [
                    {"url": _url(copy), "status": copy.status, "created_at": copy.created_at}
                    for copy in selectors.copies_of(self.actor, event)[:20]
                ],
                "is_open": event.status in {"pending", "processing"},
                "live_seq": newest_stream_seq(self.actor),
            },
        )

    def find(self, pk: uuid.UUID) -> GitWebhookEvent:
        return get_visible(self.actor, GitWebhookEvent, "git.webhooks.read", pk)


class WebhookRetry(WebhookDetail):
    """`POST /webhooks/<id>/retry`: process it again; nothing starts twice."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        event = self.find(pk)
        try:
            replay_delivery(self.actor, event)
        except DomainError as error:
            return self.refuse(error, _url(event))
        self.note("The delivery is being processed again.")
        return redirect(_url(event))


class WebhookRedeliver(WebhookDetail):
    """`POST /webhooks/<id>/redeliver`: once more as a new delivery; the original stays."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        fresh = redeliver(self.actor, self.find(pk))
        self.note("This is the copy; the original stays as it was.")
        return redirect(_url(fresh))


def _url(event: GitWebhookEvent) -> str:
    return f"/webhooks/{event.pk}"
