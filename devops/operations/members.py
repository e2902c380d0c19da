"""People join an account, change their role and leave; one owner always stays."""

import uuid

from django.db import IntegrityError, transaction

from devops import audit
from devops.access import Actor
from devops.choices import Role
from devops.errors import Conflict, Invalid, PermissionDenied
from devops.models import Account, Membership, User

MANAGE = "account.members.manage"
MAKE_OWNERS = "account.transfer"


class LastOwner(Conflict):
    """An account without an owner could not be administered by anybody."""

    code = "last-owner"
    title = "The last owner cannot go"
    remedy = "Make somebody else an owner first."


@transaction.atomic(durable=True)
def add_member(actor: Actor, *, email: str, role: str) -> Membership:
    """Let a person who has a login join at once.

    Raises:
        Invalid: nobody has this address.
        Conflict: the person is a member already.
    """
    actor.require(MANAGE)
    check_role(actor, role)
    user = User.objects.filter(email=email.lower(), is_active=True).first()
    if user is None:
        raise Invalid.field(
            "/email", "Nobody has a login with this address.", code="unknown-person",
            remedy="Invite the address instead.",
        )  # fmt: skip
    membership = insert_membership(actor.account_id, user, role)
    audit.record(actor, "account.member.add", membership, detail={"role": role})
    return membership


@transaction.atomic(durable=True)
def change_role(actor: Actor, membership: Membership, role: str) -> Membership:
    """Give a member another role.

    Raises:
        LastOwner: the account would have no owner.
        PermissionDenied: only owners make owners, or change them.
    """
    actor.require(MANAGE)
    check_role(actor, role)
    row = _locked(actor, membership)
    if row.role == Role.OWNER and role != Role.OWNER:
        _keep_an_owner(row)
    Membership.objects.filter(pk=row.pk).update(role=role)
    audit.record(actor, "account.member.change_role", row, detail={"from": row.role, "to": role})
    row.role = role
    return row


@transaction.atomic(durable=True)
def remove_member(actor: Actor, membership: Membership) -> None:
    """Take a person out of the account; their tokens for it no longer work.

    Raises:
        LastOwner: the account would have no owner.
        PermissionDenied: only owners remove owners.
    """
    actor.require(MANAGE)
    row = _locked(actor, membership)
    if row.role == Role.OWNER:
        _keep_an_owner(row)
    audit.record(actor, "account.member.remove", row, detail={"role": row.role})
    row.delete()


def check_role(actor: Actor, role: str) -> None:
    """Only owners make owners.

    Raises:
        PermissionDenied: the actor is none.
    """
    if role == Role.OWNER and not actor.may(MAKE_OWNERS):
        raise PermissionDenied(
            "Only an owner makes somebody an owner.", remedy="Ask an owner of the account."
        )


def insert_membership(account_id: uuid.UUID, user: User, role: str) -> Membership:
    """Enter a person inside the caller's transaction.

    Raises:
        Conflict: the person is a member already.
    """
    try:
        with transaction.atomic():
            return Membership.objects.create(account_id=account_id, user=user, role=role)
    except IntegrityError as error:
        raise Conflict(f"{user} is a member already.", remedy="Change the role instead.") from error


def _locked(actor: Actor, membership: Membership) -> Membership:
    """The row as it is now; the account's lock lets no two of these run side by side."""
    Account.objects.select_for_update().get(pk=actor.account_id)
    row = Membership.objects.select_related("user").get(pk=membership.pk)
    check_role(actor, row.role)
    return row


def _keep_an_owner(row: Membership) -> None:
    owners = Membership.objects.filter(
        account_id=row.account_id, role=Role.OWNER, user__is_active=True
    )
    if not owners.exclude(pk=row.pk).exists():
        raise LastOwner(f"{row.user} is the only owner.")
