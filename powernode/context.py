"""What every page's frame shows: the account, the switch, what is running."""

from typing import Any

from django.http import HttpRequest

from devops.access import memberships_of


def frame(request: HttpRequest) -> dict[str, Any]:
    """The person's accounts, read only when a template asks for them."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {"memberships": lambda: memberships_of(user), "actor": getattr(request, "actor", None)}
