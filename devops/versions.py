"""Which state of a row somebody looked at, so that nobody overwrites what they have not seen."""

import hashlib
import json
from typing import Any, TypeVar

from django.db.models import Model

from devops.errors import NotFound, Stale

# The header by which a caller of the REST API says which version it changes.
IF_MATCH = "If-Match"
R = TypeVar("R", bound=Model)


def version_of(row: Any) -> str:
    """The state of what people edit of a row (its model's `EDITED`), as 32 characters.

    Only equality says anything of two of them.
    """
    state = [getattr(row, name) for name in row.EDITED]
    text = json.dumps(state, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def lock(row: R, seen: str = "") -> R:
    """The row as it is now, held until the caller's transaction ends.

    `seen` is the version that the change was made from; empty, any will do.

    Raises:
        Stale: it is another by now.
        NotFound: it is gone.
    """
    held = type(row)._base_manager.select_for_update().filter(pk=row.pk).first()
    if held is None:
        raise NotFound(f"{row} was taken away meanwhile.")
    if seen and seen != version_of(held):
        raise Stale(f"{held} was changed after you read it; nothing is saved.")
    return held
