"""The person, the account, its members, invitations, tokens and trail."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from devops import selectors
from devops.api.permissions import MEMBER
from devops.api.views import ActorView, ActorViewSet
from devops.models import ApiToken, AuditEvent, Invitation, Membership
from devops.operations.accounts import update_account, update_me
from devops.operations.invitations import create_invitation, revoke_invitation
from devops.operations.members import add_member, change_role, remove_member
from devops.operations.tokens import create_token, revoke_token
from devops.rest import serializers as s
from devops.rest.filters import AuditEventFilter

MANAGE = "account.members.manage"


class MeView(ActorView):
    """The caller: who, in which account, with which permissions."""

    permissions = {"get": MEMBER, "patch": MEMBER}

    @extend_schema(operation_id="me_read", responses=s.MeSerializer)
    def get(self, _request: Request) -> Response:
        """The person, the account acted in, and the accounts to switch between."""
        return self._answer()

    @extend_schema(operation_id="me_update", request=s.MeChanges, responses=s.MeSerializer)
    def patch(self, _request: Request) -> Response:
        """Change one's own name or time zone; not possible with a token."""
        update_me(self.actor, self.parse(s.MeChanges))
        return self._answer()

    def _answer(self) -> Response:
        actor = self.actor
        user: Any = selectors.person(actor)
        user.live_memberships = selectors.person_memberships(actor)
        user.actor = {
            "kind": actor.kind,
            "account_id": actor.account_id,
            "role": actor.role,
            "permissions": sorted(actor.permissions),
        }
        return Response(s.MeSerializer(user).data)


class AccountView(ActorView):
    """The account that the caller acts in."""

    permissions = {"get": "account.read", "patch": "account.update"}

    @extend_schema(operation_id="account_read", responses=s.AccountSerializer)
    def get(self, _request: Request) -> Response:
        """The account."""
        return Response(s.AccountSerializer(selectors.account(self.actor)).data)

    @extend_schema(
        operation_id="account_update", request=s.AccountChanges, responses=s.AccountSerializer
    )
    def patch(self, _request: Request) -> Response:
        """Rename it."""
        values = self.parse(s.AccountChanges)
        account = selectors.account(self.actor)
        if values:
            account = update_account(self.actor, name=values["name"])
        return Response(s.AccountSerializer(account).data)


class MemberViewSet(mixins.ListModelMixin, ActorViewSet[Membership]):
    """The people of the account."""

    model = Membership
    serializer_class = s.MemberSerializer
    permissions = {
        "list": "account.members.read",
        "create": MANAGE,
        "partial_update": MANAGE,
        "destroy": MANAGE,
    }

    def rows(self) -> QuerySet[Membership]:
        return selectors.members(self.actor)

    @extend_schema(request=s.NewMember, responses={201: s.MemberSerializer})
    def create(self, _request: Request) -> Response:
        """Add somebody who has a login; others are invited."""
        member = add_member(self.actor, **self.parse(s.NewMember))
        return self.render(s.MemberSerializer, member, 201)

    @extend_schema(request=s.RoleChange, responses=s.MemberSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a role; 409 `last-owner` when nobody would own the account."""
        row = self.get_object()
        values = self.parse(s.RoleChange)
        if values:
            row = change_role(self.actor, row, values["role"])
        return self.render(s.MemberSerializer, row)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a member; 409 `last-owner` when nobody would own the account."""
        remove_member(self.actor, self.get_object())
        return Response(status=204)


class InvitationViewSet(mixins.ListModelMixin, ActorViewSet[Invitation]):
    """Open invitations to the account."""

    model = Invitation
    serializer_class = s.InvitationSerializer
    permissions = {"list": MANAGE, "create": MANAGE, "destroy": MANAGE}

    def rows(self) -> QuerySet[Invitation]:
        return selectors.invitations(self.actor)

    @extend_schema(request=s.NewMember, responses={201: s.SentInvitationSerializer})
    def create(self, _request: Request) -> Response:
        """Invite an address by mail; `accept_url` is shown this once."""
        sent = create_invitation(self.actor, **self.parse(s.NewMember))
        row: Any = sent.invitation
        row.accept_url, row.is_mailed = sent.accept_url, sent.is_mailed
        return self.render(s.SentInvitationSerializer, row, 201)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Make an invitation void."""
        revoke_invitation(self.actor, self.get_object())
        return Response(status=204)


class TokenViewSet(mixins.ListModelMixin, ActorViewSet[ApiToken]):
    """API tokens of the account."""

    model = ApiToken
    serializer_class = s.TokenSerializer
    permissions = dict.fromkeys(("list", "create", "destroy"), "account.tokens.manage")

    def rows(self) -> QuerySet[ApiToken]:
        return selectors.tokens(self.actor)

    @extend_schema(request=s.TokenWish, responses={201: s.NewTokenSerializer})
    def create(self, _request: Request) -> Response:
        """Make a token; its text is in `token`, this once."""
        new = create_token(self.actor, **self.parse(s.TokenWish))
        row: Any = new.row
        row.token = new.text
        return self.render(s.NewTokenSerializer, row, 201)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Revoke a token."""
        revoke_token(self.actor, self.get_object())
        return Response(status=204)


class AuditEventViewSet(mixins.ListModelMixin, ActorViewSet[AuditEvent]):
    """Who did what: every change and every refusal."""

    model = AuditEvent
    serializer_class = s.AuditEventSerializer
    filterset_class = AuditEventFilter
    permissions = {"list": "account.audit.read"}

    def rows(self) -> QuerySet[AuditEvent]:
        return selectors.audit_events(self.actor)
