"""What other apps may use of the containers app."""

import uuid
from collections.abc import Iterable

from containers.models import SecretReference
from containers.operations.secrets import binding_of
from devops.clock import DbNow
from devops.errors import Conflict
from devops.safety.encryption import decrypt

__all__ = ["resolve_secrets"]


class SecretMissing(Conflict):
    """A step names secrets that the account does not have."""

    code = "secret-missing"
    title = "A secret is missing"


def resolve_secrets(account_id: uuid.UUID, names: Iterable[str]) -> dict[str, str]:
    """The values of an account's secrets by name, for a run that may have them.

    Raises:
        SecretMissing: naming each that does not exist.
        CannotDecryptError: a value is bound to another row or its key is gone.
    """
    wanted = sorted(set(names))
    rows = SecretReference.objects.filter(account_id=account_id, name__in=wanted)
    values = {
        row.name: decrypt(row.encrypted_value, binding=binding_of(row)).decode() for row in rows
    }
    missing = [name for name in wanted if name not in values]
    if missing:
        raise SecretMissing(
            f"The account has no secret called {', '.join(missing)}.",
            remedy="Add it under Settings, Secrets, or remove it from the pipeline.",
        )
    rows.update(last_used_at=DbNow())
    return values
