"""API tokens are made, shown once, and revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor, expand_scopes
from devops.choices import PERMISSIONS, ROLE_PERMISSIONS, SCOPE_ALL, SCOPE_READ
from devops.errors import FieldProblem, Invalid, PermissionDenied
from devops.models import ApiToken
from devops.tokens import digest, new_token_text

MANAGE = "account.tokens.manage"
_PREFIX_SHOWN = 10


@dataclass(frozen=True, slots=True)
class NewToken:
    """A fresh token; `text` is not kept anywhere."""

    row: ApiToken
    text: str


@transaction.atomic(durable=True)
def create_token(
    actor: Actor, *, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> NewToken:
    """Make a token that acts for the actor's person, never beyond the actor's own permissions.

    Raises:
        Invalid: a scope is unknown or beyond the actor, or the moment is past.
    """
    actor.require(MANAGE)
    if actor.user_id is None:
        raise PermissionDenied("A token belongs to a person.", remedy="Log in to make one.")
    _check_scopes(actor, scopes)
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid.field("/expires_at", "The moment is past.", remedy="Name a later one.")
    text = new_token_text()
    row = ApiToken.objects.create(
        account_id=actor.account_id,
        user_id=actor.user_id,
        name=name,
        prefix=text[:_PREFIX_SHOWN],
        digest=digest(text),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    audit.record(actor, "account.token.create", row, detail={"scopes": row.scopes})
    return NewToken(row, text)


@transaction.atomic(durable=True)
def revoke_token(actor: Actor, token: ApiToken) -> None:
    """Make a token void at once; its row stays for the audit trail."""
    actor.require(MANAGE)
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    audit.record(actor, "account.token.revoke", token)


def _check_scopes(actor: Actor, scopes: Sequence[str]) -> None:
    problems = [
        FieldProblem(f"/scopes/{index}", "invalid-scope", problem)
        for index, scope in enumerate(scopes)
        if (problem := _problem(actor, scope))
    ]
    if problems:
        raise Invalid(problems[0].detail, errors=problems)


def _problem(actor: Actor, scope: str) -> str:
    if scope not in PERMISSIONS and scope not in {SCOPE_ALL, SCOPE_READ}:
        return f"There is no scope {scope[:80]!r}; use `*`, `read` or the name of a permission."
    # `*` and `read` mean what the person's role holds; the token is cut down to it at each use.
    granted = expand_scopes([scope]) & ROLE_PERMISSIONS.get(actor.role, frozenset())
    if scope in PERMISSIONS:
        granted = frozenset({scope})
    if not granted <= actor.permissions:
        return f"The scope {scope} goes beyond your own permissions."
    return ""
