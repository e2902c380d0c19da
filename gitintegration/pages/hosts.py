"""The git hosts of an account and the credentials that speak to them."""

import uuid
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError, Stale
from devops.pages.base import Page, one_of
from devops.pages.conflicts import seen_in, show_overtaken
from devops.pages.links import safe_link
from devops.versions import version_of
from gitintegration import selectors
from gitintegration.catalogue import HOST_KINDS
from gitintegration.choices import AuthType
from gitintegration.models import GitProvider, GitProviderCredential
from gitintegration.operations import credentials as rules
from gitintegration.operations import providers
from gitintegration.operations.credential_checks import check_credential, try_credential
from gitintegration.operations.imports import request_sync
from gitintegration.pages.host_forms import HostForm, OAuthForm, edit_form, place_errors
from gitintegration.pages.looks import AUTH_WORDS, ICONS

SYNC = "git.repositories.sync"
_STATUS = {
    "connected": ("success", "circle-check", "Connected"),
    "error": ("failure", "circle-x", "Error"),
    "disconnected": ("skipped", "unlink", "Disconnected"),
}
_CAPABILITIES = {
    "repos": "Repositories", "branches": "Branches", "commits": "Commits",
    "pull_requests": "Pull requests", "merge_requests": "Merge requests", "issues": "Issues",
    "webhooks": "Webhooks", "devops": "CI/CD", "pipelines": "CI/CD", "act_runner": "Runners",
}  # fmt: skip


class HostPage(Page):
    """The base of the pages of one host."""

    nav_area = "git"

    def find(self, pk: uuid.UUID) -> GitProvider:
        return selectors.git_provider(self.actor, pk)


class CredentialPage(Page):
    """The base of the pages of one credential."""

    nav_area = "git"

    def find(self, pk: uuid.UUID) -> GitProviderCredential:
        return one_of(selectors.credentials(self.actor), pk)


class HostList(Page):
    """`/git`: every host with its health, and what speaks to it."""

    nav_area = "git"

    def get(self, _request: HttpRequest) -> HttpResponse:
        rows = list(selectors.git_providers(self.actor))
        held: dict[uuid.UUID, list[dict[str, Any]]] = {row.pk: [] for row in rows}
        may_read = self.actor.may(selectors.CREDENTIALS)
        if may_read:
            for credential in selectors.credentials(self.actor):
                held[credential.provider_id].append(credential_facts(credential))
        hosts = [{**host_facts(row), "credentials": held[row.pk]} for row in rows]
        context = {
            "hosts": hosts,
            "kinds": kinds(),
            "may_read_credentials": may_read,
            "may_create": self.actor.may(providers.CREATE),
            "may_update": self.actor.may(providers.UPDATE),
            "may_delete": self.actor.may(providers.DELETE),
            "may_add": self.actor.may(rules.CREATE),
            "may_edit": self.actor.may(rules.UPDATE),
            "may_test": self.actor.may(rules.TEST),
            "may_remove": self.actor.may(rules.DELETE),
            "may_sync": self.actor.may(SYNC),
        }
        return self.render("git/hosts/list.html", context)


class HostEdit(HostPage):
    """`/git/hosts/<id>`: what is known of a host, and its OAuth application."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(providers.UPDATE)
        host = self.find(pk)
        form = HostForm(initial=_stored(host))
        form.seen = version_of(host)
        return self._show(host, form)

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(providers.UPDATE)
        host = self.find(pk)
        form = HostForm(request.POST)
        form.seen = seen_in(request)
        if not form.is_valid():
            return self._show(host, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            providers.update_git_provider(self.actor, host, form.cleaned_data, seen=form.seen)
        except Stale as error:
            host = self.find(pk)
            show_overtaken(form, self.actor, host, _stored(host))
            return self._show(host, form, error.status)
        except DomainError as error:
            place_errors(form, error)
            return self._show(self.find(pk), form, error.status)
        self.note(f"{host.name} is saved.")
        return redirect("/git")

    def _show(self, host: GitProvider, form: HostForm, status: int = HTTPStatus.OK) -> HttpResponse:
        application = OAuthForm(initial={"client_id": host.oauth_config.get("client_id", "")})
        context = {"host": host_facts(host), "form": form, "oauth_form": application}
        return self.render("git/hosts/edit.html", context, status=status)


class HostDelete(HostPage):
    """`POST /git/hosts/<id>/delete`."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        host = self.find(pk)
        providers.delete_git_provider(self.actor, host)
        self.note(f"{host.name} is removed, with its credentials and host repositories.")
        return redirect("/git")


class CredentialTest(CredentialPage):
    """`POST /git/credentials/<id>/test`: ask the host who we are to it."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        credential = self.find(pk)
        found = check_credential(self.actor, credential)
        if not found["success"]:
            failure = DomainError(f"{credential.name} does not work. {found['error']}")
            return self.refuse(failure, _card(credential))
        self.note(
            f"{credential.provider.name} knows {credential.name} as @{found['username']}; "
            f"it answered in {found['response_time_ms']} ms."
        )
        return redirect(_card(credential))


class CredentialDefault(CredentialPage):
    """`POST /git/credentials/<id>/default`."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        credential = self.find(pk)
        rules.make_default(self.actor, credential)
        self.note(f"{credential.name} is now used wherever none is named.")
        return redirect(_card(credential))


class CredentialSync(Page):
    """`POST /git/credentials/<id>/sync`: bring its host repositories up to date."""

    nav_area = "git"
    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        credential = one_of(selectors.syncable_credentials(self.actor), pk)
        sync = request_sync(self.actor, credential)
        return redirect(f"/git/syncs/{sync.pk}")


class CredentialDelete(CredentialPage):
    """`POST /git/credentials/<id>/delete`; the only one of a host stays."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        credential = self.find(pk)
        back = _card(credential)
        try:
            rules.delete_credential(self.actor, credential)
        except DomainError as error:
            return self.refuse(error, back)
        self.note(f"{credential.name} is deleted.")
        return redirect(back)


class CredentialEdit(CredentialPage):
    """`/git/credentials/<id>`: name, end, on or off, and a new secret, which is tested at once."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(rules.UPDATE)
        credential = self.find(pk)
        return self._show(credential, self._form(credential, None))

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(rules.UPDATE)
        credential = self.find(pk)
        form = self._form(credential, request.POST.dict())
        if not form.is_valid():
            return self._show(credential, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        names = ("name", "is_active", "expires_at")
        changes = {name: form.cleaned_data[name] for name in names if name in form.cleaned_data}
        if credential.auth_type != AuthType.OAUTH and (secret := form.secret()):
            changes["credentials"] = secret
        try:
            is_new = rules.update_credential(self.actor, credential, changes)
        except DomainError as error:
            place_errors(form, error)
            return self._show(self.find(pk), form, error.status)
        if is_new and credential.auth_type != AuthType.SSH_KEY:
            return self._tested(credential)
        self.note(f"{credential.name} is saved.")
        return redirect(_card(credential))

    def _tested(self, credential: GitProviderCredential) -> HttpResponse:
        found = try_credential(credential)
        if not found["success"]:
            # The page that it leads to says what the host answered.
            return redirect(f"/git/credentials/{credential.pk}")
        self.note(f"The new secret works: {credential.provider.name} knows it as "
                  f"@{found['username']}.")  # fmt: skip
        is_first = not getattr(credential, "repositories_count", 0)
        return redirect(
            f"/git/credentials/{credential.pk}/import" if is_first else _card(credential)
        )

    def _form(self, credential: GitProviderCredential, data: dict[str, Any] | None) -> Any:
        initial = {
            "name": credential.name,
            "is_active": credential.is_active,
            "expires_at": credential.expires_at and credential.expires_at.date(),
        }
        kind = credential.provider.provider_type
        return edit_form(credential.auth_type, kind, data, initial)

    def _show(
        self, credential: GitProviderCredential, form: Any, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        host = credential.provider
        context = {
            "credential": credential_facts(credential),
            "host": {"name": host.name, "icon": ICONS[host.provider_type]},
            "form": form,
            **where_to_make_a_token(host),
        }
        return self.render("git/hosts/credential.html", context, status=status)


def kinds() -> list[dict[str, Any]]:
    """The kinds of hosts as tiles; a hosted service needs no address."""
    return [
        {
            "type": key,
            "name": kind.name,
            "icon": ICONS[key],
            "place": kind.web_base_url.removeprefix("https://") or "Your own server",
            "is_hosted": bool(kind.api_base_url),
            "is_self_hosted": bool(kind.api_path),
        }
        for key, kind in HOST_KINDS.items()
    ]


def host_facts(host: Any) -> dict[str, Any]:
    """A host of `selectors.git_providers` as a card shows it."""
    names = (
        "id", "name", "description", "provider_type", "is_active", "last_contact_at",
        "last_error", "retry_at", "credentials_count", "repositories_count", "webhooks_count",
        "organizations_count",
    )  # fmt: skip
    status, icon, word = _STATUS[selectors.provider_status(host)]
    chips = dict.fromkeys(_CAPABILITIES.get(name, name) for name in host.capabilities)
    return {
        **{name: getattr(host, name) for name in names},
        "icon": ICONS[host.provider_type],
        "kind": HOST_KINDS[host.provider_type].name,
        "status": {"shown": status, "icon": icon, "word": word},
        "api_url": providers.effective_api_url(host),
        "web_url": safe_link(providers.effective_web_url(host)),
        "capabilities": list(chips),
        "has_oauth": bool(host.oauth_config.get("client_id")),
    }


def credential_facts(credential: Any) -> dict[str, Any]:
    """A credential without what it holds."""
    names = (
        "id", "name", "auth_type", "is_active", "is_default", "expires_at", "external_username",
        "last_used_at", "last_test_at", "last_test_status", "last_error", "consecutive_failures",
        "repositories_count", "scopes",
    )  # fmt: skip
    is_renewed = credential.auth_type in rules.RENEWED
    return {
        **{name: getattr(credential, name) for name in names},
        "auth_word": AUTH_WORDS[credential.auth_type],
        "is_healthy": rules.is_healthy(credential),
        "is_expired": rules.is_expired(credential) and not is_renewed,
        "expires_soon": rules.expires_soon(credential) and not is_renewed,
        "is_for_api": credential.auth_type != AuthType.SSH_KEY,
        "url": f"/git/credentials/{credential.pk}",
    }


def _stored(host: GitProvider) -> dict[str, Any]:
    """The host by the names of the form's fields."""
    return {name: getattr(host, name) for name in HostForm.base_fields}


def where_to_make_a_token(host: GitProvider) -> dict[str, str]:
    """How a person comes by a token, and the page where."""
    kind = HOST_KINDS[host.provider_type]
    base = safe_link(providers.effective_web_url(host))
    return {
        "token_hint": kind.token_hint,
        "token_url": base + kind.token_path if base else "",
    }


def _card(credential: GitProviderCredential) -> str:
    return f"/git#host-{credential.provider_id}"
