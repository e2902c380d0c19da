"""Who uses prompt templates: each app that does enters how to find out."""

import uuid
from collections.abc import Callable, Mapping

# Account → the users' names by the slug of the template.
Users = Callable[[uuid.UUID], Mapping[str, list[str]]]
_finders: list[Users] = []


def register(finder: Users) -> None:
    """Enter a way to find users; called in `ready()`."""
    if finder not in _finders:
        _finders.append(finder)


def users_by_slug(account_id: uuid.UUID) -> dict[str, list[str]]:
    """What uses each template of the account."""
    found: dict[str, list[str]] = {}
    for finder in _finders:
        for slug, names in finder(account_id).items():
            found.setdefault(slug, []).extend(names)
    return found
