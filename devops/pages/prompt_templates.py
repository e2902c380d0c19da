"""Prompt templates: the texts that AI steps ask with."""

import re
import uuid
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops import selectors
from devops.errors import DomainError, Stale
from devops.models import PromptTemplate
from devops.operations.prompt_templates import (
    WRITE,
    add_starters,
    create_prompt_template,
    delete_prompt_template,
    duplicate_prompt_template,
    new_version,
    update_prompt_template,
)
from devops.pages.base import Page, one_of
from devops.pages.conflicts import RowForm, seen_in, show_overtaken
from devops.pages.forms import PairsField, pairs_text, show_errors
from devops.prompt_usage import users_by_slug
from devops.prompts import MOST_BYTES, render, variables_of
from devops.versions import version_of

_HOME = "/settings/prompts"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class PromptForm(RowForm):
    """A template's text and the defaults of its variables."""

    name = forms.CharField(max_length=255, label="Name")
    category = forms.ChoiceField(choices=PromptTemplate.Category.choices, label="Category")
    description = forms.CharField(max_length=2000, required=False, label="Description")
    content = forms.CharField(
        max_length=MOST_BYTES, strip=False, label="Text",
        widget=forms.Textarea({"rows": 14, "class": "mono", "spellcheck": "false"}),
        help_text="Liquid: {{ pr_title }}, {% if branch %}…{% endif %}. What is unknown at run "
        "time is empty.",
    )  # fmt: skip
    defaults = PairsField(label="Defaults of variables", help_text="One a line.")

    def clean_defaults(self) -> dict[str, str]:
        given: dict[str, str] = self.cleaned_data["defaults"]
        for name in given:
            if not _NAME.fullmatch(name):
                raise forms.ValidationError(f"{name} is no name of a variable.")
        return given


class PreviewForm(forms.Form):
    """Values to try a template with."""

    values = PairsField(label="Values", help_text="One a line; the defaults fill the rest.")


class PromptPage(Page):
    """The base of the pages of prompt templates."""

    nav_area = "settings"

    def find(self, pk: uuid.UUID) -> PromptTemplate:
        return one_of(selectors.prompt_templates(self.actor), pk)

    def show(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        extra = {"section": "prompts", "can_write": self.actor.may(WRITE)}
        return self.render(f"settings/prompts/{template}.html", {**extra, **context}, status=status)


class PromptList(PromptPage):
    """`/settings/prompts`: the active version of each, by category."""

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = selectors.prompt_templates(self.actor).order_by("name", "-version")
        users = users_by_slug(self.actor.account_id)
        shown: dict[str, PromptTemplate] = {}
        for row in rows:
            if row.slug not in shown or row.is_active:
                shown[row.slug] = row
        everything = list(shown.values())
        category = request.GET.get("category", "")
        items = [
            {"template": row, "users": users.get(row.slug, [])}
            for row in everything
            if category in {"", row.category}
        ]
        counts = [
            (value, label, sum(row.category == value for row in everything))
            for value, label in PromptTemplate.Category.choices
        ]
        context = {
            "items": items,
            "category": category,
            "counts": [each for each in counts if each[2]],
            "total": len(everything),
        }
        return self.show("list", context)

    def post(self, _request: HttpRequest) -> HttpResponse:
        """Add the starters."""
        count = add_starters(self.actor)
        self.note(f"{count} templates added." if count else "They are all there.")
        return redirect(_HOME)


class PromptNew(PromptPage):
    """`/settings/prompts/new`."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(WRITE)
        return self.show("edit", {"form": PromptForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(WRITE)
        form = PromptForm(request.POST)
        if not form.is_valid():
            return self.show("edit", {"form": form}, status=422)
        try:
            made = create_prompt_template(self.actor, _values(form))
        except DomainError as error:
            show_errors(form, error)
            return self.show("edit", {"form": form}, status=error.status)
        self.note(f"Steps name it {made.slug}.")
        return redirect(f"{_HOME}/{made.pk}")


class PromptDetail(PromptPage):
    """`/settings/prompts/<id>`: the text, its versions, and a preview."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        template = self.find(pk)
        names = variables_of(template.content)
        defaults = {each["name"]: each.get("default", "") for each in template.variables}
        given = {name: str(defaults.get(name) or f"<{name}>") for name in names}
        text = "\n".join(f"{name}={value}" for name, value in given.items())
        form = PreviewForm(request.GET if "values" in request.GET else {"values": text})
        rendered, problem = "", ""
        if form.is_valid():
            try:
                values = {**defaults, **form.cleaned_data["values"]}
                rendered = render(template.content, values, strict=True)
            except DomainError as error:
                problem = error.detail
        context = {
            "template": template,
            "versions": selectors.prompt_versions(template),
            "users": users_by_slug(self.actor.account_id).get(template.slug, []),
            "form": form,
            "rendered": rendered,
            "problem": problem,
        }
        return self.show("detail", context)


class PromptEdit(PromptPage):
    """`/settings/prompts/<id>/edit`: in place, or as the next version."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(WRITE)
        template = self.find(pk)
        stored = _stored(template)
        form = PromptForm(initial={**stored, "defaults": pairs_text(stored["defaults"])})
        form.seen = version_of(template)
        return self.show("edit", {"form": form, "template": template})

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(WRITE)
        template, form = self.find(pk), PromptForm(request.POST)
        form.seen = seen_in(request)
        context = {"form": form, "template": template}
        if not form.is_valid():
            return self.show("edit", context, status=422)
        values = _values(form, template)
        try:
            if request.POST.get("as") == "version":
                kept = new_version(self.actor, template, values)
            else:
                kept = update_prompt_template(self.actor, template, values, seen=form.seen)
        except Stale as error:
            now = self.find(pk)
            show_overtaken(form, self.actor, now, _stored(now))
            return self.show("edit", {"form": form, "template": now}, status=error.status)
        except DomainError as error:
            show_errors(form, error)
            return self.show("edit", context, status=error.status)
        self.note(f"{kept.name} is saved as version {kept.version}.")
        return redirect(f"{_HOME}/{kept.pk}")


class PromptAct(PromptPage):
    """`POST /settings/prompts/<id>/<what>`: copy, use this version, or take away."""

    http_method_names = ["post"]
    what = ""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        template = self.find(pk)
        if self.what == "delete":
            delete_prompt_template(self.actor, template)
            self.note(f"{template.name} is taken away.")
            return redirect(_HOME)
        if self.what == "duplicate":
            template = duplicate_prompt_template(self.actor, template)
            self.note(f"Copied as {template.slug}.")
        else:
            update_prompt_template(self.actor, template, {"is_active": True})
            self.note(f"Steps use version {template.version} from their next run.")
        return redirect(f"{_HOME}/{template.pk}")


def _stored(template: PromptTemplate) -> dict[str, Any]:
    """The template by the names of the form's fields."""
    names = ("name", "category", "description", "content")
    stored = {name: getattr(template, name) for name in names}
    return {
        **stored,
        "defaults": {each["name"]: each.get("default", "") for each in template.variables},
    }


def _values(form: PromptForm, template: PromptTemplate | None = None) -> dict[str, Any]:
    values = dict(form.cleaned_data)
    defaults: dict[str, str] = values.pop("defaults")
    known = {each["name"]: each for each in template.variables} if template else {}
    plain = {"type": "string", "required": False, "description": ""}
    values["variables"] = [
        {**plain, **known.get(name, {}), "name": name, "default": default}
        for name, default in defaults.items()
    ]
    return values
