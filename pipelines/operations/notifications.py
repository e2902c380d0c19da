"""What a run tells its listeners."""

import uuid

from django.db import transaction

from devops import outbox
from devops.models import OutboxMessage


@transaction.atomic(durable=True)
def record_notification(
    account_id: uuid.UUID, key: uuid.UUID, *, title: str, message: str, url: str
) -> bool:
    """Tell the account's listeners once per key; false when they were told already."""
    topic = f"notification.{key.hex}"
    if OutboxMessage.objects.filter(topic=topic).exists():
        return False
    payload = {"version": 1, "title": title, "message": message, "url": url}
    outbox.record(account_id, topic, 1, "notification", payload)
    return True
