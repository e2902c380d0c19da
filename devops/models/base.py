"""The columns that every row of ours has."""

import uuid

from django.db import models
from django.utils import timezone

from devops.ids import uuid7


class Row(models.Model):
    """A row with a time-sortable key and the two moments everyone asks for."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Lifecycle(Row):
    """A row whose `status` moves only through a state machine; `version` counts the moves."""

    status: "models.CharField[str, str]"
    account_id: uuid.UUID
    version = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta(Row.Meta):
        abstract = True
