"""Receivers of the account's git events: kept, tried, and what was sent to them."""

import json
import uuid
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError
from devops.models import WebhookDelivery
from devops.pages.base import Page, cursor_page, one_of
from devops.pages.forms import pairs_text, show_errors
from gitintegration import selectors
from gitintegration.choices import EVENT_GROUPS
from gitintegration.filters import ReceiverFilter
from gitintegration.models import AccountGitWebhookConfig
from gitintegration.operations import account_webhooks
from gitintegration.pages.event_forms import ReceiverForm

LIST = "/webhooks/receivers"
PAYLOAD_SHOWN = 100_000


class ReceiverList(Page):
    """`/webhooks/receivers`."""

    nav_area = "webhooks"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = {name: request.GET.get(name, "").strip()[:200] for name in ("state", "search")}
        wanted = {"search": filters["search"]}
        if filters["state"] in {"active", "off"}:
            wanted["is_active"] = "true" if filters["state"] == "active" else "false"
        rows = ReceiverFilter(wanted, queryset=selectors.account_webhooks(self.actor)).qs
        found, page = cursor_page(request, rows)
        return self.render(
            "git/receivers/list.html",
            {
                "receivers": [_row(each) for each in found],
                "filters": filters,
                "is_filtered": any(filters.values()),
                "page": page,
            },
        )


class ReceiverPage(Page):
    """The base of the pages of one receiver."""

    nav_area = "webhooks"

    def find(self, pk: uuid.UUID) -> AccountGitWebhookConfig:
        return one_of(selectors.account_webhooks(self.actor), pk)

    def show(self, config: AccountGitWebhookConfig, **more: Any) -> HttpResponse:
        """The receiver's page, with what is shown just this once."""
        rows = selectors.deliveries_of(self.actor, config)
        deliveries, page = cursor_page(self.request, rows, 20)
        response = self.render(
            "git/receivers/detail.html",
            {
                "receiver": _row(config),
                "masked_secret": account_webhooks.masked_secret(config),
                "headers": sorted(config.custom_headers.items()),
                "deliveries": [_delivery(each) for each in deliveries],
                "page": page,
                **more,
            },
        )
        if more:
            response["Cache-Control"] = "no-store"
        return response


class ReceiverDetail(ReceiverPage):
    """`/webhooks/receivers/<id>`: health, and what was sent."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        return self.show(self.find(pk))


class ReceiverNew(ReceiverPage):
    """`/webhooks/receivers/new`: its secrets are shown once."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(account_webhooks.MANAGE)
        return _form_page(self, ReceiverForm(), None)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ReceiverForm(request.POST)
        if not form.is_valid():
            return _form_page(self, form, None, status=422)
        try:
            config = account_webhooks.create_account_webhook(self.actor, form.values())
        except DomainError as error:
            show_errors(form, error)
            return _form_page(self, form, None, status=error.status)
        return self.show(
            self.find(config.pk),
            new_secret=account_webhooks.secret_key(config),
            new_signature_secret=account_webhooks.signature_secret(config),
        )


class ReceiverEdit(ReceiverPage):
    """`/webhooks/receivers/<id>/edit`."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        names = [name for name in ReceiverForm.base_fields if name != "custom_headers"]
        initial = {name: getattr(config, name) for name in names}
        if "*" in config.event_types:
            initial["event_types"] = []
        headers = pairs_text(config.custom_headers, ":")
        return _form_page(
            self, ReceiverForm(initial={**initial, "custom_headers": headers}), config
        )

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        form = ReceiverForm(request.POST)
        if not form.is_valid():
            return _form_page(self, form, config, status=422)
        try:
            account_webhooks.update_account_webhook(self.actor, config, form.values())
        except DomainError as error:
            show_errors(form, error)
            return _form_page(self, form, self.find(pk), status=error.status)
        self.note("Saved.")
        return redirect(f"{LIST}/{pk}")


class ReceiverTest(ReceiverPage):
    """`POST /webhooks/receivers/<id>/test`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        account_webhooks.send_test(self.actor, self.find(pk))
        self.note("A test event is on its way; its delivery is listed below.")
        return redirect(f"{LIST}/{pk}")


class ReceiverActive(ReceiverPage):
    """`POST /webhooks/receivers/<id>/active`."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        is_on = request.POST.getlist("active")[-1:] == ["true"]
        account_webhooks.update_account_webhook(self.actor, config, {"is_active": is_on})
        self.note(f"{config.name} is {'on' if is_on else 'off'}.")
        return redirect(f"{LIST}/{pk}")


class ReceiverRotate(ReceiverPage):
    """`POST /webhooks/receivers/<id>/rotate`: the new secret is shown once."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        secret = account_webhooks.regenerate_secret(self.actor, config)
        return self.show(config, new_secret=secret, overlap_until=config.previous_secret_until)


class ReceiverDelete(ReceiverPage):
    """`POST /webhooks/receivers/<id>/delete`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        name = config.name
        account_webhooks.delete_account_webhook(self.actor, config)
        self.note(f"{name} is told of nothing any more.")
        return redirect(LIST)


class DeliveryResend(ReceiverPage):
    """`POST /webhooks/receivers/<id>/deliveries/<delivery>/resend`: under its own identifier."""

    def post(self, _request: HttpRequest, pk: uuid.UUID, delivery_id: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        delivery = one_of(selectors.deliveries_of(self.actor, config), delivery_id)
        try:
            account_webhooks.resend(self.actor, config, delivery)
        except DomainError as error:
            return self.refuse(error, f"{LIST}/{pk}")
        self.note("The delivery is on its way again.")
        return redirect(f"{LIST}/{pk}")


def _form_page(
    page: Page, form: forms.Form, config: AccountGitWebhookConfig | None, *, status: int = 200
) -> HttpResponse:
    chosen = set(map(str, form["event_types"].value() or []))
    context = {
        "form": form,
        "receiver": _row(config) if config else None,
        "filter_type": form["branch_filter_type"].value() or "none",
        "event_groups": [
            {
                "name": name,
                "events": [
                    {"value": each, "label": each.replace("_", " "), "is_chosen": each in chosen}
                    for each in events
                ],
            }
            for name, events in EVENT_GROUPS.items()
        ],
    }
    return page.render("git/receivers/form.html", context, status=status)


def _row(config: AccountGitWebhookConfig) -> dict[str, Any]:
    rate, health = account_webhooks.health_of(config)
    events = [each for each in config.event_types if each != "*"]
    return {
        "id": config.pk,
        "page_url": f"{LIST}/{config.pk}",
        "name": config.name,
        "url": config.url,
        "description": config.description,
        "is_active": config.is_active,
        "disabled_reason": config.disabled_reason,
        "events": [each.replace("_", " ") for each in events],
        "shown_events": [each.replace("_", " ") for each in events[:3]],
        "more_events": max(0, len(events) - 3),
        "branch_filter": config.branch_filter,
        "branch_filter_type": config.branch_filter_type,
        "content_type": config.content_type,
        "timeout_seconds": config.timeout_seconds,
        "retry_limit": config.retry_limit,
        "rate": rate,
        "health": health,
        "success_count": config.success_count,
        "failure_count": config.failure_count,
        "in_a_row": config.consecutive_failures,
        "last_delivery_at": config.last_delivery_at,
        "previous_secret_until": config.previous_secret_until,
        "created_by": str(config.created_by or ""),
        "created_at": config.created_at,
    }


def _delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": delivery.pk,
        "event": delivery.event_name,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "response_status": delivery.response_status,
        "error": delivery.last_error,
        "tries": list(reversed(delivery.tries)),
        "payload": json.dumps(delivery.payload, indent=2, ensure_ascii=False)[:PAYLOAD_SHOWN],
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.next_attempt_at if delivery.status == "pending" else None,
        "delivered_at": delivery.delivered_at,
        "can_resend": delivery.status != "pending",
    }
