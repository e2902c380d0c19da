"""Deliveries: what came, what was made of it, and once more from the start."""

import json
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.access import get_visible
from devops.errors import DomainError
from devops.pages.base import Page, cursor_page
from gitintegration import selectors
from gitintegration.choices import WebhookEventStatus
from gitintegration.models import GitWebhookEvent
from gitintegration.operations.deliveries import replay_delivery

MANAGE = "git.webhooks.manage"
PAYLOAD_SHOWN = 200_000


class WebhookList(Page):
    """`/webhooks`."""

    nav_area = "webhooks"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = {name: request.GET.get(name, "") for name in ("status", "repository")}
        rows = selectors.webhook_events(self.actor)
        if filters["status"] in WebhookEventStatus.values:
            rows = rows.filter(status=filters["status"])
        repositories = selectors.hooked_repositories(self.actor)
        if filters["repository"] in {str(row.pk) for row in repositories}:
            rows = rows.filter(repository_id=filters["repository"])
        events, page = cursor_page(request, rows)
        for event in events:
            event.url = _url(event)
        return self.render(
            "webhooks/list.html",
            {
                "events": events,
                "filters": filters,
                "statuses": WebhookEventStatus.choices,
                "repositories": [
                    {"id": str(row.pk), "full_name": row.full_name} for row in repositories
                ],
                "is_filtered": any(filters.values()),
                "page": page,
            },
        )


class WebhookDetail(Page):
    """`/webhooks/<id>`: headers without secrets, the payload, the result."""

    nav_area = "webhooks"

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        event: Any = self.find(pk)
        event.url = _url(event)
        text = json.dumps(event.payload, indent=2, ensure_ascii=False)
        return self.render(
            "webhooks/detail.html",
            {
                "event": event,
                "headers": sorted(event.headers.items()),
                "payload_json": text[:PAYLOAD_SHOWN],
                "can_write": self.actor.may(MANAGE),
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


def _url(event: GitWebhookEvent) -> str:
    return f"/webhooks/{event.pk}"
