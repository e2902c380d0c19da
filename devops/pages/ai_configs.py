"""AI providers: how to reach a model, what it may cost, and whether it answers."""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops import ai_spending, selectors
from devops.clients.anthropic.shapes import AiFailed
from devops.connections import release_connection
from devops.errors import DomainError, Stale
from devops.models import AiConfig
from devops.operations.ai_configs import (
    MANAGE,
    create_ai_config,
    delete_ai_config,
    record_test,
    set_default_ai_config,
    update_ai_config,
)
from devops.pages.base import Page, one_of
from devops.pages.conflicts import RowForm, seen_in, show_overtaken
from devops.pages.forms import show_errors
from devops.versions import version_of

_HOME = "/settings/ai"


class AiConfigForm(RowForm):
    """A connection to a language model."""

    name = forms.CharField(max_length=255, label="Name", initial="Claude")
    provider = forms.ChoiceField(
        choices=[("anthropic", "Anthropic"), ("custom", "Another server with the same API")],
        label="Provider",
    )
    model = forms.CharField(
        max_length=100, label="Model", initial="claude-sonnet-5-5",
        help_text="Used where a step names none.",
    )  # fmt: skip
    api_key = forms.CharField(
        max_length=500, required=False, label="API key",
        widget=forms.PasswordInput({"autocomplete": "off"}),
        help_text="Encrypted here and never shown again. Empty: the present one stays.",
    )  # fmt: skip
    base_url = forms.URLField(
        max_length=500, required=False, label="Address", assume_scheme="https",
        help_text="Empty: the provider's own. Another address forgets the key.",
    )  # fmt: skip
    monthly_budget_usd = forms.DecimalField(
        label="Budget for a month, in dollars", initial=Decimal(20), min_value=0,
        max_digits=10, decimal_places=2,
        help_text="No call begins that could go beyond it.",
    )  # fmt: skip
    config_type = forms.ChoiceField(choices=AiConfig.Kind.choices, label="For")
    max_tokens = forms.IntegerField(
        label="Longest answer, in tokens", initial=4096, min_value=1, max_value=100_000
    )
    timeout_seconds = forms.IntegerField(
        label="Longest silence, in seconds", initial=60, min_value=1, max_value=300
    )
    is_active = forms.BooleanField(required=False, initial=True, label="Steps may use it")


class AiConfigPage(Page):
    """The base of the pages of AI providers."""

    nav_area = "settings"

    def find(self, pk: uuid.UUID) -> AiConfig:
        return one_of(selectors.ai_configs(self.actor), pk)

    def show(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        return self.render(
            f"settings/ai/{template}.html", {"section": "ai", **context}, status=status
        )


class AiConfigList(AiConfigPage):
    """`/settings/ai`."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        return self.show(
            "list", {"cards": [_card(row) for row in selectors.ai_configs(self.actor)]}
        )


class AiConfigNew(AiConfigPage):
    """`/settings/ai/new`."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(MANAGE)
        return self.show("edit", {"form": AiConfigForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(MANAGE)
        form = AiConfigForm(request.POST)
        if not form.is_valid():
            return self.show("edit", {"form": form}, status=422)
        is_first = not selectors.ai_configs(self.actor).exists()
        try:
            create_ai_config(self.actor, {**form.cleaned_data, "is_default": is_first})
        except DomainError as error:
            show_errors(form, error)
            return self.show("edit", {"form": form}, status=error.status)
        self.note(f"{form.cleaned_data['name']} is added. Test it before a step needs it.")
        return redirect(_HOME)


class AiConfigEdit(AiConfigPage):
    """`/settings/ai/<id>`."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        form = AiConfigForm(initial=_stored(config))
        form.seen = version_of(config)
        return self.show("edit", {"form": form, "config": config})

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config, form = self.find(pk), AiConfigForm(request.POST)
        form.seen = seen_in(request)
        if not form.is_valid():
            return self.show("edit", {"form": form, "config": config}, status=422)
        had_key = config.has_key
        try:
            config = update_ai_config(self.actor, config, form.cleaned_data, seen=form.seen)
        except Stale as error:
            config = self.find(pk)
            show_overtaken(form, self.actor, config, _stored(config))
            return self.show("edit", {"form": form, "config": config}, status=error.status)
        except DomainError as error:
            show_errors(form, error)
            return self.show("edit", {"form": form, "config": self.find(pk)}, status=error.status)
        lost = " Its key was for the other address: enter one." * (had_key and not config.has_key)
        self.note(f"{config.name} is saved.{lost}")
        return redirect(_HOME)


class AiConfigDefault(AiConfigPage):
    """`POST /settings/ai/<id>/default`."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = set_default_ai_config(self.actor, self.find(pk))
        self.note(f"Steps that name no provider use {config.name}.")
        return redirect(_HOME)


class AiConfigTest(AiConfigPage):
    """`POST /settings/ai/<id>/test`: asks about the model, which costs nothing."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        release_connection()
        failure = _tried(config)
        record_test(self.actor, config, failure)
        if failure is not None:
            return self.refuse(failure, _HOME)
        self.note(f"{config.name} answers, and knows {config.model}.")
        return redirect(_HOME)


class AiConfigDelete(AiConfigPage):
    """`POST /settings/ai/<id>/delete`."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        config = self.find(pk)
        delete_ai_config(self.actor, config)
        self.note(f"{config.name} is removed.")
        return redirect(_HOME)


def _stored(config: AiConfig) -> dict[str, Any]:
    """The connection by the names of the form's fields; its key leaves for nowhere."""
    return {name: getattr(config, name) for name in AiConfigForm.base_fields if name != "api_key"}


def _tried(config: AiConfig) -> DomainError | None:
    from devops.clients.anthropic.client import Models  # noqa: PLC0415  (the SDK is heavy)

    try:
        ai_spending.check_usable(config)
        with Models(ai_spending.access_of(config)) as models:
            models.check(config.model)
    except AiFailed as error:
        return error
    except DomainError as error:
        return error
    return None


def _card(config: AiConfig) -> dict[str, Any]:
    month = ai_spending.spent(config)
    used = month.settled + month.open
    if not config.is_usable:
        state = ("skipped", "player-stop", "Off")
    elif not config.has_key:
        state = ("warning", "alert-triangle", "No key")
    elif config.last_test_error:
        state = ("failure", "circle-x", "Last test failed")
    elif config.last_test_at:
        state = ("success", "circle-check", "Answers")
    else:
        state = ("pending", "clock", "Not tested")
    return {
        "config": config,
        "shown": state[0],
        "icon": state[1],
        "word": state[2],
        "used": ai_spending.dollars(used),
        "open": ai_spending.dollars(month.open) if month.open else "",
        "percent": min(100, round(100 * used / month.limit)) if month.limit else 100,
    }
