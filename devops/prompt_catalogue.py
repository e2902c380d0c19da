"""Which text a step gets that names a prompt template."""

import uuid

from devops.models import PromptTemplate


def active_prompt(account_id: uuid.UUID, slug: str) -> PromptTemplate | None:
    """The version in use of an account's template, or None."""
    rows = PromptTemplate.objects.filter(account_id=account_id, slug=slug, is_active=True)
    return rows.first()
