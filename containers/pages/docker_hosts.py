"""Docker hosts: connecting them, and what their Engines say."""

import uuid
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from containers import selectors
from containers.choices import HostEnvironment
from containers.clients.docker.errors import EngineError
from containers.models import DockerHost
from containers.operations import docker_hosts as operations
from devops.errors import DomainError
from devops.pages.base import Page, one_of
from devops.pages.forms import show_errors

_PEM = {"rows": 4, "spellcheck": "false", "autocomplete": "off"}
_TLS = ("tls_ca", "tls_cert", "tls_key")
# The tone, the icon and the word of each status.
_STATUS = {
    "connected": ("success", "circle-check", "Connected"),
    "pending": ("pending", "clock", "Not asked yet"),
    "error": ("failure", "circle-x", "Error"),
    "disconnected": ("skipped", "unlink", "Disconnected"),
    "maintenance": ("waiting", "player-stop", "Maintenance"),
}


class DockerHostForm(forms.Form):
    """What is known of a Docker host; certificates go in and never out."""

    name = forms.CharField(max_length=255, label="Name")
    api_endpoint = forms.CharField(
        max_length=500, label="Address of the Engine",
        widget=forms.TextInput(attrs={"placeholder": "https://docker.example.com:2376"}),
        help_text="https:// with certificates. Sockets of this machine are the operator's to give.",
    )  # fmt: skip
    environment = forms.ChoiceField(
        choices=HostEnvironment.choices, initial=HostEnvironment.DEVELOPMENT, label="What it is for"
    )
    description = forms.CharField(max_length=2000, required=False, label="Description")
    tls_ca = forms.CharField(
        required=False, label="Certificate of the authority", widget=forms.Textarea(attrs=_PEM),
        help_text="PEM, usually ca.pem.",
    )  # fmt: skip
    tls_cert = forms.CharField(
        required=False, label="Our certificate", widget=forms.Textarea(attrs=_PEM),
        help_text="PEM, usually cert.pem.",
    )  # fmt: skip
    tls_key = forms.CharField(
        required=False, label="Its key", widget=forms.Textarea(attrs=_PEM),
        help_text="PEM, usually key.pem. It is kept encrypted and not shown again.",
    )  # fmt: skip
    is_default = forms.BooleanField(
        required=False,
        label="Steps in containers run here",
        help_text="The account's default host.",
    )

    def values(self) -> dict[str, Any]:
        """What was given; a certificate that was left empty stays as it is."""
        return {
            name: value for name, value in self.cleaned_data.items() if name not in _TLS or value
        }


class DockerHostList(Page):
    """`/docker`: every host with what its Engine last said."""

    nav_area = "docker"

    def get(self, _request: HttpRequest) -> HttpResponse:
        hosts = [_facts(host) for host in selectors.docker_hosts(self.actor)]
        context = {"hosts": hosts, "may_manage": self.actor.may(operations.MANAGE)}
        return self.render("docker/list.html", context)


class DockerHostNew(Page):
    """`/docker/new`."""

    nav_area = "docker"

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(operations.MANAGE)
        return self._show(DockerHostForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(operations.MANAGE)
        form = DockerHostForm(request.POST)
        if not form.is_valid():
            return self._show(form, status=422)
        try:
            host = operations.connect_host(self.actor, form.values())
        except DomainError as error:
            show_errors(form, error)
            return self._show(form, status=error.status)
        return _asked(self, host)

    def _show(self, form: DockerHostForm, *, status: int = 200) -> HttpResponse:
        return self.render("docker/form.html", {"form": form, "host": None}, status=status)


class DockerHostPage(Page):
    """The base of the pages of one host."""

    nav_area = "docker"

    def find(self, pk: uuid.UUID) -> DockerHost:
        return one_of(selectors.docker_hosts(self.actor), pk)


class DockerHostDetail(DockerHostPage):
    """`/docker/<id>`: the Engine, and what of ours runs there."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        host = self.find(pk)
        context = {
            "host": _facts(host),
            "instances": list(selectors.live_instances(self.actor, host)[:100]),
            "may_manage": self.actor.may(operations.MANAGE),
        }
        return self.render("docker/detail.html", context)


class DockerHostEdit(DockerHostPage):
    """`/docker/<id>/edit`."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(operations.MANAGE)
        host = self.find(pk)
        names = [name for name in DockerHostForm.base_fields if name not in _TLS]
        form = DockerHostForm(initial={name: getattr(host, name) for name in names})
        return self._show(host, form)

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(operations.MANAGE)
        host, form = self.find(pk), DockerHostForm(request.POST)
        if not form.is_valid():
            return self._show(host, form, status=422)
        try:
            operations.update_host(self.actor, host, form.values())
        except DomainError as error:
            show_errors(form, error)
            return self._show(self.find(pk), form, status=error.status)
        return _asked(self, host)

    def _show(self, host: DockerHost, form: DockerHostForm, *, status: int = 200) -> HttpResponse:
        context = {"form": form, "host": _facts(host)}
        return self.render("docker/form.html", context, status=status)


class DockerHostTest(DockerHostPage):
    """`POST /docker/<id>/test`: ask its Engine now."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        return _asked(self, self.find(pk))


class DockerHostMaintenance(DockerHostPage):
    """`POST /docker/<id>/maintenance`: no new containers there, or again some."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        host = self.find(pk)
        is_wanted = request.POST.get("is_maintenance") == "true"
        operations.update_host(self.actor, host, {"is_maintenance": is_wanted})
        if not is_wanted:
            return _asked(self, host)
        self.note(f"{host.name} gets no new containers until its maintenance is over.")
        return redirect(f"/docker/{host.pk}")


class DockerHostDelete(DockerHostPage):
    """`POST /docker/<id>/delete`."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        host = self.find(pk)
        operations.remove_host(self.actor, host)
        self.note(f"{host.name} is forgotten; nothing was changed on it.")
        return redirect("/docker")


def _asked(page: Page, host: DockerHost) -> HttpResponse:
    """Ask an Engine, and show its host with what came of it."""
    back = f"/docker/{host.pk}"
    try:
        operations.test_host(page.actor, host)
    except EngineError as error:
        return page.refuse(error, back)
    page.note(f"Connected to {host.name}: Docker {host.docker_version}, API {host.api_version}.")
    return redirect(back)


def _facts(host: DockerHost) -> dict[str, Any]:
    tone, icon, word = _STATUS[host.status]
    return {
        "id": host.pk,
        "name": host.name,
        "description": host.description,
        "api_endpoint": host.api_endpoint,
        "environment": host.get_environment_display(),
        "tone": tone,
        "icon": icon,
        "word": word,
        "is_maintenance": host.status == "maintenance",
        "is_default": host.is_default,
        "has_tls_credentials": host.has_tls_credentials,
        "docker_version": host.docker_version,
        "api_version": host.api_version,
        "os_type": host.os_type,
        "architecture": host.architecture,
        "kernel_version": host.kernel_version,
        "memory_gb": round(host.memory_bytes / 1024**3, 1) if host.memory_bytes else None,
        "cpu_count": host.cpu_count,
        "container_count": host.container_count,
        "image_count": host.image_count,
        "last_error": host.last_error,
        "last_seen_at": host.last_seen_at,
    }
