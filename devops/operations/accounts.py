"""Accounts and people change what they are called."""

import zoneinfo
from collections.abc import Mapping

from django.db import transaction
from django.utils.text import slugify

from devops import audit
from devops.access import Actor, member_actor
from devops.choices import Role
from devops.errors import Invalid, PermissionDenied
from devops.models import Account, Membership, User
from devops.operations.prompt_templates import insert_starters


@transaction.atomic
def open_account(user: User) -> Account:
    """An account of the person's own, which they own; called while they sign up.

    Not durable: it belongs to the transaction in which the person is made.
    """
    name = user.name or user.email.partition("@")[0]
    base = slugify(name)[:50] or "account"
    slug = base if not Account.objects.filter(slug=base).exists() else f"{base}-{user.pk.hex[-8:]}"
    account = Account.objects.create(name=name, slug=slug)
    membership = Membership.objects.create(account=account, user=user, role=Role.OWNER)
    insert_starters(account.pk, user.pk)
    audit.record(member_actor(membership), "account.create", account)
    return account


@transaction.atomic(durable=True)
def update_account(actor: Actor, *, name: str) -> Account:
    """Rename the actor's account; addresses keep its slug."""
    actor.require("account.update")
    Account.objects.filter(pk=actor.account_id).update(name=name)
    account = Account.objects.get(pk=actor.account_id)
    audit.record(actor, "account.update", account, detail={"name": name})
    return account


@transaction.atomic(durable=True)
def update_me(actor: Actor, changes: Mapping[str, str]) -> User:
    """Change the actor's own name or time zone.

    Raises:
        PermissionDenied: a token acts for a person but is not that person.
        Invalid: there is no such time zone.
    """
    if actor.kind != "user" or actor.user_id is None:
        raise PermissionDenied(
            "Only the person can change this.", remedy="Log in; a token cannot do it."
        )
    zone = changes.get("timezone")
    if zone and zone not in zoneinfo.available_timezones():
        raise Invalid.field(
            "/timezone", f"There is no time zone {zone!r}.", remedy="Use a name like Europe/Berlin."
        )
    allowed = {name: changes[name] for name in ("name", "timezone") if name in changes}
    if allowed:
        User.objects.filter(pk=actor.user_id).update(**allowed)
    user = User.objects.get(pk=actor.user_id)
    audit.record(actor, "user.update", user, detail={"fields": sorted(allowed)})
    return user
