"""What every page's frame shows: the account, the others to switch to, who is here."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from devops.access import Actor, memberships_of
from devops.models import Account
from gitintegration import public as git
from pipelines import inbox


def _waiting(actor: Actor | None) -> int:
    """How many questions wait for this person, ours and those of the hosts' runs."""
    if actor is None:
        return 0
    hosts = git.pending_approvals(actor).count() if actor.may("git.approvals.manage") else 0
    return inbox.waiting_count(actor) + hosts


def frame(request: HttpRequest) -> dict[str, Any]:
    """The person's accounts, read only when a template asks for them."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    actor = getattr(request, "actor", None)
    accounts = SimpleLazyObject(lambda: [row.account for row in memberships_of(user)])

    def current() -> Account | None:
        wanted = str(actor.account_id) if actor else request.session.get("account_id")
        return next((a for a in accounts if str(a.pk) == wanted), None) or next(
            iter(accounts), None
        )

    return {
        "accounts": accounts,
        "account": SimpleLazyObject(current),
        "actor": actor,
        "waiting_approvals": SimpleLazyObject(lambda: _waiting(actor)),
        "is_operator": user.is_staff,
    }
