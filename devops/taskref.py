"""Names of background tasks, so that a sender need not import the code that runs."""

import logging
from dataclasses import dataclass

from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError, OperationalError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TaskRef:
    """A Celery task by name; arguments are identifiers as text, never data."""

    name: str
    queue: str = "default"

    def send(self, *, queue: str | None = None, **ids: str) -> None:
        """Wake the task once the present transaction has committed."""
        transaction.on_commit(lambda: self.send_now(queue=queue, **ids))

    def send_now(self, *, queue: str | None = None, **ids: str) -> bool:
        """Wake the task at once; false when the broker cannot be reached.

        A lost wake-up is not an error: the rows say what is due and the sweepers read them.
        """
        try:
            current_app.send_task(
                self.name, kwargs=ids, queue=queue or self.queue, retry=False, ignore_result=True
            )
        except (OperationalError, KombuError, OSError) as error:
            logger.warning("wake-up %s not sent, a sweeper will find it: %s", self.name, error)
            return False
        return True
