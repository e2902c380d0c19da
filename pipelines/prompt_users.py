"""Which steps name which prompt template."""

import uuid

from pipelines.documents.vocabulary import AI_STEP_TYPES
from pipelines.models import PipelineStep


def prompt_users(account_id: uuid.UUID) -> dict[str, list[str]]:
    """Slug → `pipeline, step` of every step of the account that names the template."""
    rows = PipelineStep.objects.filter(
        pipeline__account_id=account_id, pipeline__deleted_at=None, step_type__in=AI_STEP_TYPES
    )
    found: dict[str, list[str]] = {}
    for pipeline, step, configuration in rows.order_by("pipeline__name", "position").values_list(
        "pipeline__name", "name", "configuration"
    ):
        for slug in _named(configuration):
            found.setdefault(slug, []).append(f"{pipeline}, step {step}")
    return found


def _named(configuration: dict[str, object]) -> list[str]:
    stages = configuration.get("stages")
    parts = [configuration, *(stages if isinstance(stages, list) else [])]
    slugs = [part.get("prompt_template") for part in parts if isinstance(part, dict)]
    return sorted({slug for slug in slugs if isinstance(slug, str) and slug})
