"""Re-encrypts stored secrets under the current key; each app enters its encrypted columns."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Model

from devops.safety import encryption
from devops.safety.encryption import Binding, CannotDecrypt

BATCH = 200


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """A column that holds envelopes, and the field name its values are bound to.

    Attributes:
        model: as `app.Model`; the row has an `account_id`.
        bound_as: the last part of the binding, which need not be the column's name.
    """

    model: str
    column: str
    bound_as: str

    def binding(self, row: Model) -> Binding:
        """The place where this row's value is valid."""
        account: Any = getattr(row, "account_id")  # noqa: B009  (every such model has one)
        return Binding(row._meta.db_table, str(account), str(row.pk), self.bound_as)


@dataclass(slots=True)
class Rotation:
    """What came of it; `failed` names each value that no configured key opens."""

    rotated: int = 0
    overtaken: int = 0
    failed: list[str] = field(default_factory=list)


_columns: list[EncryptedColumn] = []


def register(model: str, column: str, bound_as: str) -> None:
    """Have a column rotated; called in `ready()`."""
    entry = EncryptedColumn(model, column, bound_as)
    if entry not in _columns:
        _columns.append(entry)


def columns() -> tuple[EncryptedColumn, ...]:
    """Everything that was entered."""
    return tuple(_columns)


def rotate_keys(
    on_progress: Callable[[int], None] = lambda _done: None, *, batch: int = BATCH
) -> Rotation:
    """Bring every value under the current key, each row in a transaction of its own.

    It can be stopped at any moment and begun again: what is under the current key is passed over.
    `on_progress` gets the number of values that are done.
    """
    outcome = Rotation()
    for column in _columns:
        for row in _outdated(column, batch):
            _rotate(column, row, outcome)
            on_progress(outcome.rotated)
    return outcome


def count_by_key() -> dict[str, int]:
    """How many values each key protects; a key with none can be taken away."""
    found: Counter[str] = Counter()
    for column in _columns:
        values = _rows(column).values_list(column.column, flat=True)
        found.update(_key_id(value) for value in values.iterator(chunk_size=BATCH))
    return dict(found)


def _rotate(column: EncryptedColumn, row: Model, outcome: Rotation) -> None:
    old: str = getattr(row, column.column)
    binding = column.binding(row)
    try:
        fresh = encryption.encrypt(encryption.decrypt(old, binding=binding), binding=binding)
    except CannotDecrypt as error:
        outcome.failed.append(f"{column.model} {row.pk}: {error.detail}")
        return
    with transaction.atomic(durable=True):
        # Whoever wrote meanwhile wrote under the current key; that value is the newer one.
        changed = _rows(column).filter(pk=row.pk, **{column.column: old})
        done = changed.update(**{column.column: fresh})
    outcome.rotated += done
    outcome.overtaken += 1 - done


def _outdated(column: EncryptedColumn, batch: int) -> Iterator[Model]:
    """Rows under another key, in batches, so that no cursor stays open between writes."""
    current = f"v1:{encryption.current_key_id()}:"
    rows = _rows(column).exclude(**{f"{column.column}__startswith": current}).order_by("pk")
    last: Any = None
    while True:
        found = list((rows.filter(pk__gt=last) if last is not None else rows)[:batch])
        yield from found
        if len(found) < batch:
            return
        last = found[-1].pk


def _rows(column: EncryptedColumn) -> Any:
    model = apps.get_model(column.model)
    rows = model._base_manager.exclude(**{column.column: ""})
    return rows.only("pk", "account_id", column.column)


def _key_id(envelope: str) -> str:
    try:
        return encryption.key_id_of(envelope)
    except CannotDecrypt:
        return "?"
