"""Who is asking, what they may do, and which rows they can see: the one door."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from django.db.models import Model, QuerySet

from devops.choices import PERMISSIONS, READ, ROLE_PERMISSIONS, SCOPE_ALL, SCOPE_READ
from devops.errors import NotFound, PermissionDenied
from devops.models import Account, ApiToken, Membership, User

AnyModel = TypeVar("AnyModel", bound=Model)


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a token or the system itself, acting in exactly one account."""

    kind: str
    account_id: uuid.UUID
    label: str
    permissions: frozenset[str]
    user_id: uuid.UUID | None = None
    token_id: uuid.UUID | None = None
    role: str = ""
    ip_address: str | None = None
    user_agent: str = ""

    def may(self, permission: str) -> bool:
        """Whether this actor holds the permission."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Refuse whoever lacks the permission.

        Raises:
            PermissionDenied: naming the permission and who could grant it.
        """
        if not self.may(permission):
            raise PermissionDenied(
                f"{self.label} lacks the permission {permission}.",
                remedy="Ask an administrator for a role or a token scope that includes it.",
            )

    def seen_from(self, ip_address: str | None, user_agent: str) -> "Actor":
        """The same actor with the connection it came over, for the audit trail."""
        return replace(self, ip_address=ip_address, user_agent=user_agent[:300])


def system_actor(account_id: uuid.UUID, label: str = "Powernode") -> Actor:
    """The platform acting by itself in an account."""
    return Actor("system", account_id, label, PERMISSIONS)


def member_actor(membership: Membership) -> Actor:
    """A person acting through a membership."""
    return Actor(
        "user",
        membership.account_id,
        str(membership.user),
        ROLE_PERMISSIONS[membership.role],
        user_id=membership.user_id,
        role=membership.role,
    )


def token_actor(token: ApiToken, membership: Membership) -> Actor:
    """A token acting for its owner: never more than the owner may do now."""
    return replace(
        member_actor(membership),
        kind="token",
        label=f"token {token.name}",
        permissions=expand_scopes(token.scopes) & ROLE_PERMISSIONS[membership.role],
        token_id=token.pk,
    )


def expand_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """The permissions that a list of token scopes names; unknown ones grant nothing."""
    granted: set[str] = set()
    for scope in scopes:
        if scope == SCOPE_ALL:
            granted |= PERMISSIONS
        elif scope == SCOPE_READ:
            granted |= READ
        elif scope in PERMISSIONS:
            granted.add(scope)
    return frozenset(granted)


def is_operator(actor: Actor) -> bool:
    """Whether the person behind the actor runs the installation (Django staff)."""
    if actor.user_id is None:
        return actor.kind == "system"
    return User.objects.filter(pk=actor.user_id, is_staff=True, is_active=True).exists()


def membership_of(user: User, account_id: uuid.UUID | None = None) -> Membership | None:
    """The user's membership of the given account, or the oldest one when none is named."""
    rows = Membership.objects.filter(
        user=user, user__is_active=True, account__is_active=True
    ).select_related("user", "account")
    if account_id is not None:
        rows = rows.filter(account_id=account_id)
    return rows.order_by("id").first()


def memberships_of(user: User) -> QuerySet[Membership]:
    """Every live membership of a person, for the account switch."""
    return (
        Membership.objects.filter(user=user, account__is_active=True)
        .select_related("account")
        .order_by("account__name")
    )


def visible(actor: Actor, model: type[AnyModel], permission: str) -> QuerySet[AnyModel]:
    """The rows of a model that belong to the actor's account; every read starts here.

    Raises:
        PermissionDenied: the actor lacks the permission.
    """
    actor.require(permission)
    rows = model._base_manager.all()
    if model is Account:
        return rows.filter(pk=actor.account_id)
    return rows.filter(account_id=actor.account_id)


def get_visible(actor: Actor, model: type[AnyModel], permission: str, pk: object) -> AnyModel:
    """One visible row by key.

    Raises:
        NotFound: no such row in the actor's account.
    """
    row = visible(actor, model, permission).filter(pk=pk).first()
    if row is None:
        raise NotFound(f"No {model._meta.verbose_name} with that identifier.")
    return row
