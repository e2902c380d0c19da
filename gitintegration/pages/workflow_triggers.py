"""Rules that call an automation when something happens in a repository."""

import json
import uuid
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError
from devops.pages.base import Page, cursor_page, one_of
from gitintegration import selectors
from gitintegration.models import GitWorkflowTrigger
from gitintegration.operations import trigger_tests, workflow_triggers
from gitintegration.operations.account_webhooks import MANAGE as MANAGE_RECEIVERS
from gitintegration.pages.event_forms import WorkflowTriggerForm, show_target_errors

LIST = "/webhooks/triggers"
_PLAIN = ("name", "event_type", "branch_pattern", "path_pattern")
MAX_SAMPLE = 500_000


class TriggerPage(Page):
    """The base of the pages of workflow triggers."""

    nav_area = "webhooks"

    def find(self, pk: uuid.UUID) -> GitWorkflowTrigger:
        return one_of(selectors.workflow_triggers(self.actor), pk)

    def form(self, data: Any, initial: dict[str, Any] | None = None) -> WorkflowTriggerForm:
        """The form with the account's repositories to choose from."""
        rows = selectors.git_repositories(self.actor).order_by("full_name")[:500]
        choices = [(str(row.pk), row.full_name) for row in rows]
        return WorkflowTriggerForm(data, initial=initial, repositories=choices)

    def values(self, form: WorkflowTriggerForm) -> dict[str, Any]:
        """What the operations take."""
        values = form.values()
        key = values["repository"]
        rows = selectors.git_repositories(self.actor)
        return {**values, "repository": one_of(rows, key) if key else None}


class TriggerList(TriggerPage):
    """`/webhooks/triggers`."""

    def get(self, request: HttpRequest) -> HttpResponse:
        triggers, page = cursor_page(request, selectors.workflow_triggers(self.actor))
        context = {
            "triggers": [_row(each) for each in triggers],
            "page": page,
            "can_receivers": self.actor.may(MANAGE_RECEIVERS),
        }
        return self.render("git/triggers/list.html", context)


class TriggerNew(TriggerPage):
    """`/webhooks/triggers/new`."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(workflow_triggers.MANAGE)
        return self._show(self.form(None))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(request.POST)
        if not form.is_valid():
            return self._show(form, status=422)
        try:
            made = workflow_triggers.create_trigger(self.actor, self.values(form))
        except DomainError as error:
            show_target_errors(form, error)
            return self._show(form, status=error.status)
        self.note(f"{made.name} is set. Try it with a sample before you rely on it.")
        return redirect(f"{LIST}/{made.pk}")

    def _show(self, form: forms.Form, *, status: int = 200) -> HttpResponse:
        return self.render("git/triggers/form.html", {"form": form}, status=status)


class TriggerDetail(TriggerPage):
    """`/webhooks/triggers/<id>`: the rule, and a dry run with a sample."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        trigger = self.find(pk)
        return self.show(trigger, self.form(None, _initial(trigger)))

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        trigger = self.find(pk)
        form = self.form(request.POST)
        if not form.is_valid():
            return self.show(trigger, form, status=422)
        try:
            workflow_triggers.update_trigger(self.actor, trigger, self.values(form))
        except DomainError as error:
            show_target_errors(form, error)
            return self.show(self.find(pk), form, status=error.status)
        self.note("Saved.")
        return redirect(f"{LIST}/{pk}")

    def show(
        self,
        trigger: GitWorkflowTrigger,
        form: forms.Form,
        *,
        status: int = 200,
        **more: Any,
    ) -> HttpResponse:
        """The rule's page, after a dry run with its outcome."""
        context = {"trigger": _row(trigger), "form": form, **more}
        return self.render("git/triggers/detail.html", context, status=status)


class TriggerTry(TriggerDetail):
    """`POST /webhooks/triggers/<id>/try`: whether a body would fire it; nothing is called."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        trigger = self.find(pk)
        form = self.form(None, _initial(trigger))
        typed = request.POST.get("sample", "")[:MAX_SAMPLE]
        try:
            sample = _sample(typed)
            outcome = trigger_tests.try_trigger(self.actor, trigger, sample)
        except (ValueError, RecursionError) as error:
            return self.show(
                trigger, form, status=422, sample=typed, sample_error=f"This is no body: {error}."
            )
        except DomainError as error:
            word = f"{error.detail} {error.remedy}".strip()
            return self.show(trigger, form, status=error.status, sample=typed, sample_error=word)
        shown = typed or json.dumps(outcome["sample_event"], indent=2, ensure_ascii=False)
        variables = [
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in sorted(outcome["extracted_variables"].items())
        ]
        return self.show(trigger, form, sample=shown, outcome=outcome, variables=variables)


class TriggerActive(TriggerPage):
    """`POST /webhooks/triggers/<id>/active`."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        trigger = self.find(pk)
        is_on = request.POST.getlist("active")[-1:] == ["true"]
        workflow_triggers.update_trigger(self.actor, trigger, {"is_active": is_on})
        self.note(f"{trigger.name} is {'on' if is_on else 'off'}.")
        return redirect(f"{LIST}/{pk}")


class TriggerDelete(TriggerPage):
    """`POST /webhooks/triggers/<id>/delete`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        trigger = self.find(pk)
        name = trigger.name
        workflow_triggers.delete_trigger(self.actor, trigger)
        self.note(f"{name} is deleted.")
        return redirect(LIST)


def _sample(text: str) -> dict[str, Any] | None:
    """A typed body; None for none, which means the usual one of the event.

    Raises:
        ValueError: no JSON object.
    """
    if not text.strip():
        return None
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("give a JSON object")  # noqa: TRY004  (of the text, not of a type)
    return found


def _initial(trigger: GitWorkflowTrigger) -> dict[str, Any]:
    target = trigger.target
    return {
        **{name: getattr(trigger, name) for name in _PLAIN},
        "repository": str(trigger.repository_id or ""),
        "kind": target.get("kind", "webhook"),
        "url": target.get("url", ""),
        "credential_ref": target.get("credential_ref", ""),
        "event_filters": _pretty(trigger.event_filters),
        "payload_mapping": _pretty(trigger.payload_mapping),
    }


def _pretty(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _row(trigger: GitWorkflowTrigger) -> dict[str, Any]:
    return {
        "id": trigger.pk,
        "url": f"{LIST}/{trigger.pk}",
        "name": trigger.name,
        "repository": trigger.repository.full_name if trigger.repository else "",
        "event": trigger.event_type.replace("_", " "),
        "branches": trigger.branch_pattern,
        "paths": trigger.path_pattern,
        "target_kind": "A2A" if trigger.target.get("kind") == "a2a" else "Webhook",
        "target_url": str(trigger.target.get("url", "")),
        "is_active": trigger.is_active and trigger.status == "active",
        "status": trigger.status,
        "count": trigger.trigger_count,
        "last_triggered_at": trigger.last_triggered_at,
    }
