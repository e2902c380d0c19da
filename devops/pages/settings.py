"""Settings: the person, the account, its members, invitations, tokens and audit trail."""

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views import View

from devops import selectors
from devops.access import Actor, memberships_of
from devops.choices import Role
from devops.errors import DomainError, NotFound
from devops.models import User
from devops.operations.accounts import update_account, update_me
from devops.operations.invitations import (
    InvitationSpent,
    accept_invitation,
    create_invitation,
    revoke_invitation,
)
from devops.operations.members import change_role, remove_member
from devops.operations.tokens import create_token, revoke_token
from devops.pages.base import Page, cursor_page, one_of
from devops.pages.forms import AccountForm, InvitationForm, ProfileForm, TokenForm, show_errors

MANAGE_MEMBERS = "account.members.manage"


class SettingsPage(Page):
    """The base of the settings: one section each."""

    nav_area = "settings"
    section = ""

    def show(self, context: dict[str, object], *, status: int = 200) -> HttpResponse:
        """The section's template."""
        return self.render(
            f"settings/{self.section}.html", {"section": self.section, **context}, status=status
        )


class Profile(SettingsPage):
    """`/settings/profile`."""

    section = "profile"

    def get(self, _request: HttpRequest) -> HttpResponse:
        person = self._person()
        form = ProfileForm(initial={"name": person.name, "timezone": person.timezone})
        return self.show({"form": form, "mfa_enabled": is_mfa_enabled(person)})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ProfileForm(request.POST)
        if not form.is_valid():
            return self.show(
                {"form": form, "mfa_enabled": is_mfa_enabled(self._person())}, status=422
            )
        update_me(self.actor, form.cleaned_data)
        self.note("Saved.")
        return redirect("/settings/profile")

    def _person(self) -> User:
        person = selectors.person(self.actor)
        if person is None:
            raise NotFound("There is no such person.")
        return person


class Account(SettingsPage):
    """`/settings/account`."""

    section = "account"

    def get(self, _request: HttpRequest) -> HttpResponse:
        account = selectors.account(self.actor)
        return self.show(self._context(AccountForm(initial={"name": account.name})))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AccountForm(request.POST)
        if not form.is_valid():
            return self.show(self._context(form), status=422)
        update_account(self.actor, name=form.cleaned_data["name"])
        self.note("Saved.")
        return redirect("/settings/account")

    def _context(self, form: AccountForm) -> dict[str, object]:
        may = self.actor.may("account.update")
        return {"form": form, "can_write": may}


class Members(SettingsPage):
    """`/settings/members`."""

    section = "members"

    def get(self, _request: HttpRequest) -> HttpResponse:
        members = list(selectors.members(self.actor))
        for member in members:
            member.is_self = member.user_id == self.actor.user_id  # type: ignore[attr-defined]
        manages = self.actor.may(MANAGE_MEMBERS)
        context = {"members": members, "roles": Role.choices, "can_manage": manages}
        return self.show(context)


class MemberRole(SettingsPage):
    """`POST /settings/members/<id>`."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        member = one_of(selectors.members(self.actor), pk)
        try:
            change_role(self.actor, member, request.POST.get("role", ""))
        except DomainError as error:
            return self.refuse(error, "/settings/members")
        self.note(f"{member.user} is now {request.POST.get('role')}.")
        return redirect("/settings/members")


class MemberRemove(SettingsPage):
    """`POST /settings/members/<id>/remove`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        member = one_of(selectors.members(self.actor), pk)
        try:
            remove_member(self.actor, member)
        except DomainError as error:
            return self.refuse(error, "/settings/members")
        self.note(f"{member.user} is no longer a member.")
        return redirect("/settings/members")


class Invitations(SettingsPage):
    """`/settings/invitations`."""

    section = "invitations"

    def get(self, _request: HttpRequest) -> HttpResponse:
        return self.show(self._context(InvitationForm()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = InvitationForm(request.POST)
        if not form.is_valid():
            return self.show(self._context(form), status=422)
        try:
            sent = create_invitation(self.actor, **form.cleaned_data)
        except DomainError as error:
            show_errors(form, error)
            return self.show(self._context(form), status=error.status)
        shown = {"new_link": sent.accept_url, "is_mailed": sent.is_mailed}
        return self.show({**self._context(InvitationForm()), **shown})

    def _context(self, form: InvitationForm) -> dict[str, object]:
        rows = list(selectors.invitations(self.actor))
        for row in rows:
            row.invited_by_label = str(row.invited_by or "")  # type: ignore[attr-defined]
        return {"form": form, "invitations": rows, "can_manage": self.actor.may(MANAGE_MEMBERS)}


class InvitationRevoke(SettingsPage):
    """`POST /settings/invitations/<id>/revoke`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        revoke_invitation(self.actor, one_of(selectors.invitations(self.actor), pk))
        self.note("The invitation no longer works.")
        return redirect("/settings/invitations")


class InvitationAccept(View):
    """`/invitations/<token>`: says what one is invited to; joining takes a press of a button."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        invitation = selectors.open_invitation(token)
        if invitation is not None:
            # Opens the door of the sign-up for whoever holds the link.
            request.session["invitation_token"] = token
        query = urlencode({"next": request.path})
        context = {
            "invitation": invitation,
            "sign_up_url": f"/accounts/signup/?{query}",
            "sign_in_url": f"/accounts/login/?{query}",
        }
        status = 200 if invitation else 410
        return render(request, "invitation.html", context, status=status)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if not isinstance(request.user, User):
            return redirect(request.path)
        try:
            membership = accept_invitation(request.user, token)
        except DomainError as error:
            messages.error(request, f"{error.detail} {error.remedy}".strip())
            return redirect(request.path if error.status != InvitationSpent.status else "/")
        request.session.pop("invitation_token", None)
        request.session["account_id"] = str(membership.account_id)
        messages.success(request, f"Welcome to {membership.account.name}.")
        return redirect("/")


class Tokens(SettingsPage):
    """`/settings/tokens`."""

    section = "tokens"

    def get(self, _request: HttpRequest) -> HttpResponse:
        return self.show({"form": TokenForm(), "tokens": selectors.tokens(self.actor)})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TokenForm(request.POST)
        if not form.is_valid():
            return self.show({"form": form, "tokens": selectors.tokens(self.actor)}, status=422)
        days = form.cleaned_data["expires"]
        ends = timezone.now() + timedelta(days=int(days)) if days else None
        try:
            made = create_token(
                self.actor,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                expires_at=ends,
            )
        except DomainError as error:
            show_errors(form, error)
            context = {"form": form, "tokens": selectors.tokens(self.actor)}
            return self.show(context, status=error.status)
        tokens = selectors.tokens(self.actor)
        return self.show({"form": TokenForm(), "tokens": tokens, "new_token": made.text})


class TokenRevoke(SettingsPage):
    """`POST /settings/tokens/<id>/revoke`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        revoke_token(self.actor, one_of(selectors.tokens(self.actor), pk))
        self.note("The token no longer works.")
        return redirect("/settings/tokens")


class Audit(SettingsPage):
    """`/settings/audit`."""

    section = "audit"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = {name: request.GET.get(name, "").strip() for name in ("action", "actor")}
        rows = selectors.audit_events(self.actor)
        if filters["action"]:
            rows = rows.filter(action__icontains=filters["action"])
        if filters["actor"]:
            rows = rows.filter(actor_label__icontains=filters["actor"])
        events, page = cursor_page(request, rows)
        is_filtered = any(filters.values())
        context = {"events": events, "filters": filters, "is_filtered": is_filtered, "page": page}
        return self.show(context)


class SwitchAccount(Page):
    """`POST /accounts/<id>/switch`."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        assert isinstance(request.user, User)  # noqa: S101  (narrows the type; dispatch checked it)
        if not memberships_of(request.user).filter(account_id=pk).exists():
            raise NotFound("You are no member of such an account.")
        request.session["account_id"] = str(pk)
        return redirect("/")

    def resolve_actor(self, request: HttpRequest, **kwargs: Any) -> Actor:
        return self.act_in(request, kwargs["pk"])
