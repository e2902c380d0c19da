"""A pipeline's badge is published under an address that nobody can guess, and withdrawn."""

import secrets

from django.db import transaction

from devops import audit
from devops.access import Actor
from pipelines.models import Pipeline
from pipelines.operations.definitions import WRITE

# 192 bits.
_TOKEN_BYTES = 24


@transaction.atomic(durable=True)
def publish_badge(actor: Actor, pipeline: Pipeline) -> Pipeline:
    """Give the badge an address; a former one ends at once."""
    actor.require(WRITE)
    pipeline.badge_token = secrets.token_urlsafe(_TOKEN_BYTES)
    pipeline.save(update_fields=["badge_token", "updated_at"])
    audit.record(actor, "devops.pipeline.publish_badge", pipeline)
    return pipeline


@transaction.atomic(durable=True)
def withdraw_badge(actor: Actor, pipeline: Pipeline) -> bool:
    """Show the badge to nobody any more; false when it was shown to nobody."""
    actor.require(WRITE)
    if pipeline.badge_token is None:
        return False
    pipeline.badge_token = None
    pipeline.save(update_fields=["badge_token", "updated_at"])
    audit.record(actor, "devops.pipeline.withdraw_badge", pipeline)
    return True
