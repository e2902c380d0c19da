"""Invitations: sent by mail, redeemed once, kept as a digest."""

import logging
import secrets
import smtplib
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor, member_actor
from devops.errors import Conflict, NotFound
from devops.models import Account, Invitation, Membership, User
from devops.operations.members import MANAGE, check_role, insert_membership
from devops.tokens import digest

logger = logging.getLogger(__name__)

LIFETIME = timedelta(days=7)


class InvitationSpent(Conflict):
    """The invitation was used, or its time is over."""

    code = "invitation-spent"
    status = 410
    title = "The invitation is no longer valid"
    remedy = "Ask for a new one."


@dataclass(frozen=True, slots=True)
class SentInvitation:
    """A fresh invitation; `accept_url` holds its token and is not kept."""

    invitation: Invitation
    accept_url: str
    is_mailed: bool


def create_invitation(actor: Actor, *, email: str, role: str) -> SentInvitation:
    """Invite an address; an open invitation of the same address is replaced.

    Raises:
        Conflict: the address belongs to a member.
        PermissionDenied: only owners invite owners.
    """
    token = secrets.token_urlsafe(32)
    invitation, account = _insert(actor, email.lower(), role, token)
    accept_url = f"{settings.SITE_URL}/invitations/{token}"
    # The mail goes out after the commit: no transaction is open over I/O.
    is_mailed = _mail(invitation, account, actor.label, accept_url)
    return SentInvitation(invitation, accept_url, is_mailed)


@transaction.atomic(durable=True)
def revoke_invitation(actor: Actor, invitation: Invitation) -> None:
    """Make an invitation void."""
    actor.require(MANAGE)
    audit.record(actor, "account.invitation.revoke", invitation)
    Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()


@transaction.atomic(durable=True)
def accept_invitation(user: User, token: str) -> Membership:
    """Join the account that the token's invitation names, once.

    Raises:
        NotFound: there is no such invitation.
        InvitationSpent: it was used or is too old.
        Conflict: the person is a member already.
    """
    invitation = (
        Invitation.objects.select_for_update()
        .select_related("account")
        .filter(token_digest=digest(token), account__is_active=True)
        .first()
    )
    if invitation is None:
        raise NotFound("There is no such invitation.", remedy="Ask for a new one.")
    now = timezone.now()
    if invitation.accepted_at is not None or invitation.expires_at <= now:
        raise InvitationSpent("This invitation was used already, or its time is over.")
    membership = insert_membership(invitation.account_id, user, invitation.role)
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=now)
    actor = member_actor(membership)
    audit.record(actor, "account.invitation.accept", invitation, detail={"role": invitation.role})
    return membership


@transaction.atomic(durable=True)
def _insert(actor: Actor, email: str, role: str, token: str) -> tuple[Invitation, Account]:
    actor.require(MANAGE)
    check_role(actor, role)
    if Membership.objects.filter(account_id=actor.account_id, user__email=email).exists():
        raise Conflict(f"{email} is a member already.", remedy="Change the role instead.")
    Invitation.objects.filter(
        account_id=actor.account_id, email__iexact=email, accepted_at=None
    ).delete()
    try:
        with transaction.atomic():
            invitation = Invitation.objects.create(
                account_id=actor.account_id,
                email=email,
                role=role,
                token_digest=digest(token),
                invited_by_id=actor.user_id,
                expires_at=timezone.now() + LIFETIME,
            )
    except IntegrityError as error:
        raise Conflict(f"{email} was invited at this very moment.") from error
    audit.record(actor, "account.invitation.create", invitation, detail={"role": role})
    return invitation, Account.objects.get(pk=actor.account_id)


def _mail(invitation: Invitation, account: Account, inviter: str, accept_url: str) -> bool:
    text = (
        f"{inviter} invites you to the account {account.name} as {invitation.role}.\n\n"
        f"Join here within {LIFETIME.days} days:\n{accept_url}\n\n"
        "If you do not know what this is about, ignore this message."
    )
    subject = " ".join(f"Invitation to {account.name}".split())
    try:
        send_mail(subject, text, None, [invitation.email])
    except (smtplib.SMTPException, OSError) as error:
        logger.warning("invitation %s could not be mailed: %s", invitation.pk, error)
        return False
    return True
