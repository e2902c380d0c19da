"""Secrets: names and descriptions; values go in and never out."""

import uuid

from django import forms
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from containers import selectors
from containers.models import SecretReference
from containers.operations.secrets import WRITE, create_secret, delete_secret, rotate_secret
from devops.errors import DomainError, NotFound
from devops.pages.base import Page
from devops.pages.forms import show_errors

NAME = RegexValidator(r"^[A-Z_][A-Z0-9_]*$", "Capital letters, digits and underscores.")


class RotateForm(forms.Form):
    """The value that takes the place of a secret's present one."""

    value = forms.CharField(
        label="New value", strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="At least 8 characters, so that it can be masked. It is not shown again.",
    )  # fmt: skip


class SecretForm(forms.Form):
    """A new secret."""

    name = forms.CharField(
        max_length=100, label="Name", validators=[NAME],
        help_text="Also the name of the environment variable, for example PYPI_TOKEN.",
    )  # fmt: skip
    value = forms.CharField(
        label="Value", strip=False, widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="At least 8 characters, so that it can be masked. It is not shown again.",
    )  # fmt: skip
    description = forms.CharField(max_length=500, required=False, label="Description")


class Secrets(Page):
    """`/settings/secrets`."""

    nav_area = "settings"

    def get(self, _request: HttpRequest) -> HttpResponse:
        return self._show(SecretForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SecretForm(request.POST)
        if not form.is_valid():
            return self._show(form, status=422)
        try:
            create_secret(self.actor, **form.cleaned_data)
        except DomainError as error:
            show_errors(form, error)
            return self._show(form, status=error.status)
        self.note(f"{form.cleaned_data['name']} is kept.")
        return redirect("/settings/secrets")

    def _show(self, form: SecretForm, *, status: int = 200) -> HttpResponse:
        secrets = list(selectors.secrets(self.actor))
        for secret in secrets:
            secret.changed_at = secret.rotated_at or secret.created_at  # type: ignore[attr-defined]
        context = {
            "section": "secrets",
            "form": form,
            "secrets": secrets,
            "can_write": self.actor.may(WRITE),
        }
        return self.render("settings/secrets.html", context, status=status)


class SecretPage(Page):
    """The base of the pages of one secret."""

    nav_area = "settings"

    def find(self, pk: uuid.UUID) -> SecretReference:
        self.actor.require(WRITE)
        secret = selectors.secrets(self.actor).filter(pk=pk).first()
        if secret is None:
            raise NotFound("No secret with that identifier.")
        return secret


class SecretRotate(SecretPage):
    """`/settings/secrets/<id>/rotate`: another value under the same name."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        return self._show(self.find(pk), RotateForm())

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        secret, form = self.find(pk), RotateForm(request.POST)
        if not form.is_valid():
            return self._show(secret, form, status=422)
        try:
            rotate_secret(self.actor, secret, form.cleaned_data["value"])
        except DomainError as error:
            show_errors(form, error)
            return self._show(secret, form, status=error.status)
        self.note(f"{secret.name} has a new value.")
        return redirect("/settings/secrets")

    def _show(
        self, secret: SecretReference, form: RotateForm, *, status: int = 200
    ) -> HttpResponse:
        context = {"section": "secrets", "secret": secret, "form": form}
        return self.render("settings/secret_rotate.html", context, status=status)


class SecretDelete(SecretPage):
    """`POST /settings/secrets/<id>/delete`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        secret = self.find(pk)
        delete_secret(self.actor, secret)
        self.note(f"{secret.name} is forgotten.")
        return redirect("/settings/secrets")
