"""A host is connected: which kind, where, and with what; tested before the person goes on."""

import uuid
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError, Invalid
from devops.pages.base import Page
from devops.pages.links import safe_link
from gitintegration import selectors
from gitintegration.catalogue import HOST_KINDS
from gitintegration.choices import AuthType, ProviderType
from gitintegration.models import GitProvider, GitProviderCredential
from gitintegration.operations import credentials as rules
from gitintegration.operations import oauth, providers
from gitintegration.operations.credential_checks import try_credential
from gitintegration.pages.host_forms import AddressForm, OAuthForm, place_errors, secret_form
from gitintegration.pages.hosts import HostPage, host_facts, kinds, where_to_make_a_token

_WAYS = {
    "token": AuthType.PERSONAL_ACCESS_TOKEN,
    "oauth": AuthType.OAUTH,
    "app": AuthType.GITHUB_APP,
    "ssh": AuthType.SSH_KEY,
}


class Connect(Page):
    """`/git/connect`: which kind of host."""

    nav_area = "git"

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(providers.CREATE)
        known = [host_facts(row) for row in selectors.git_providers(self.actor)]
        return self.render("git/connect/kind.html", {"kinds": kinds(), "hosts": known})


class ConnectKind(Page):
    """`/git/connect/<kind>`: where it is; the vendor's own service needs no answer."""

    nav_area = "git"

    def get(self, _request: HttpRequest, kind: str) -> HttpResponse:
        self.actor.require(providers.CREATE)
        return self._show(kind, AddressForm(initial={"name": _kind(kind).name}))

    def post(self, request: HttpRequest, kind: str) -> HttpResponse:
        self.actor.require(providers.CREATE)
        name = _kind(kind).name
        is_hosted = "hosted" in request.POST
        if is_hosted and (known := self._hosted(kind)) is not None:
            return redirect(_credential_page(known))
        form = AddressForm({"name": name} if is_hosted else request.POST)
        if not form.is_valid():
            return self._show(kind, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        values = {**form.cleaned_data, "provider_type": kind}
        try:
            host = providers.create_git_provider(self.actor, values)
        except DomainError as error:
            place_errors(form, error)
            return self._show(kind, form, error.status)
        return redirect(_credential_page(host))

    def _hosted(self, kind: str) -> GitProvider | None:
        """The vendor's own service, if it was entered before."""
        rows = selectors.git_providers(self.actor).filter(provider_type=kind, api_base_url="")
        return rows.first()

    def _show(self, kind: str, form: AddressForm, status: int = HTTPStatus.OK) -> HttpResponse:
        facts = next(each for each in kinds() if each["type"] == kind)
        return self.render("git/connect/address.html", {"kind": facts, "form": form}, status=status)


class ConnectCredential(HostPage):
    """`/git/hosts/<id>/connect`: a token, OAuth, a GitHub App or an SSH key; tested at once."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(rules.CREATE)
        host = self.find(pk)
        way = _way(request.GET.get("way", ""), host)
        form = None if way == "oauth" else secret_form(_WAYS[way], host.provider_type)
        return self._show(host, way, form)

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(rules.CREATE)
        host = self.find(pk)
        way = _way(request.POST.get("way", ""), host)
        if way == "oauth":
            raise Invalid("OAuth begins with its own button.")
        form = secret_form(_WAYS[way], host.provider_type, request.POST.dict())
        if not form.is_valid():
            return self._show(host, way, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        values = {
            "auth_type": _WAYS[way],
            "name": form.cleaned_data["name"],
            "expires_at": form.cleaned_data.get("expires_at"),
            "credentials": form.secret(),
        }
        try:
            credential = rules.create_credential(self.actor, host, values)
        except DomainError as error:
            place_errors(form, error)
            return self._show(host, way, form, error.status)
        return self._tested(credential)

    def _tested(self, credential: GitProviderCredential) -> HttpResponse:
        if credential.auth_type == AuthType.SSH_KEY:
            self.note(f"{credential.name} is kept. It serves git alone; add a token to import.")
            return redirect("/git")
        found = try_credential(credential)
        if not found["success"]:
            # Kept, so that what was typed is not lost: the page shows what the host answered.
            return redirect(f"/git/credentials/{credential.pk}")
        self.note(f"Connected: {credential.provider.name} knows you as @{found['username']}.")
        return redirect(f"/git/credentials/{credential.pk}/import")

    def _show(
        self, host: GitProvider, way: str, form: Any, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        application = OAuthForm(initial={"client_id": host.oauth_config.get("client_id", "")})
        context = {
            "host": host_facts(host),
            "way": way,
            "is_github": host.provider_type == ProviderType.GITHUB,
            "form": form,
            "oauth_form": application,
            "callback_url": _callback_url(host),
            "scopes": HOST_KINDS[host.provider_type].oauth_scopes,
            "may_update": self.actor.may(providers.UPDATE),
            **where_to_make_a_token(host),
        }
        return self.render("git/connect/credential.html", context, status=status)


class OAuthApplication(HostPage):
    """`POST /git/hosts/<id>/application`: the client id and secret that the host gave us."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        host = self.find(pk)
        back = f"/git/hosts/{host.pk}/connect?way=oauth"
        form = OAuthForm(request.POST)
        if not form.is_valid():
            return self.refuse(Invalid("Give the client id that the host shows."), back)
        config = {**host.oauth_config, "client_id": form.cleaned_data["client_id"].strip()}
        if form.cleaned_data["client_secret"]:
            config["client_secret"] = form.cleaned_data["client_secret"]
        providers.update_git_provider(self.actor, host, {"oauth_config": config})
        self.note(f"The OAuth application of {host.name} is saved.")
        return redirect(back)


class OAuthStart(HostPage):
    """`POST /git/hosts/<id>/oauth`: the last page of ours before the host asks the person.

    A link and no redirect: our policy keeps the target of a form on this site.
    """

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        host = self.find(pk)
        try:
            address = oauth.start_authorization(self.actor, host, _callback_url(host))
        except DomainError as error:
            return self.refuse(error, f"/git/hosts/{host.pk}/connect?way=oauth")
        context = {"host": host_facts(host), "authorization_url": safe_link(address)}
        return self.render("git/connect/leave.html", context)


class OAuthCallback(Page):
    """`/git/oauth/callback`: where the host sends the person back to."""

    nav_area = "git"

    def get(self, request: HttpRequest) -> HttpResponse:
        state = request.GET.get("state", "")[:200]
        try:
            host = oauth.host_of_state(self.actor, state)
        except oauth.StateInvalid as error:
            return self.refuse(error, "/git")
        back = f"/git/hosts/{host.pk}/connect?way=oauth"
        if not (code := request.GET.get("code", "")[:2000]):
            said = request.GET.get("error_description") or request.GET.get("error") or "nothing"
            return self.refuse(Invalid(f"{host.name} did not agree: {said[:300]}."), back)
        try:
            credential = oauth.finish_authorization(self.actor, host, code, state)
        except DomainError as error:
            return self.refuse(error, back)
        self.note(f"Connected: {host.name} knows you as @{credential.external_username}.")
        return redirect(f"/git/credentials/{credential.pk}/import")


def _kind(kind: str) -> Any:
    if kind not in HOST_KINDS:
        raise Http404("There is no such kind of host.")
    return HOST_KINDS[kind]


def _way(asked: str, host: GitProvider) -> str:
    if asked not in _WAYS or (asked == "app" and host.provider_type != ProviderType.GITHUB):
        return "token"
    return asked


def _credential_page(host: GitProvider) -> str:
    return f"/git/hosts/{host.pk}/connect"


def _callback_url(host: GitProvider) -> str:
    registered = str(host.oauth_config.get("redirect_uri") or "")
    return registered or f"{settings.SITE_URL}/git/oauth/callback"
