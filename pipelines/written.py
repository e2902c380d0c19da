"""Pipelines as people wrote them: with the comments, order and quoting of their documents."""

from typing import Any

from devops.access import Actor
from pipelines import selectors
from pipelines.documents import DocumentError, export_yaml, from_definition, parse, to_definition
from pipelines.models import Pipeline, PipelineDocument


def document_of(actor: Actor, row: Pipeline) -> str:
    """The pipeline as a document: as it was written, while that says what is stored."""
    actor.require(selectors.READ_PIPELINES)
    definition = selectors.definition_of(row)
    kept = PipelineDocument.objects.filter(pipeline=row, pipeline__account_id=actor.account_id)
    text = kept.values_list("text", flat=True).first()
    return text if text and _says(text, definition) else export_yaml(definition)


def _says(text: str, definition: dict[str, Any]) -> bool:
    """Whether a text stands for a definition; its address is its own, whatever the text says."""
    try:
        written = to_definition(parse(text).value) | {"slug": definition["slug"]}
    except DocumentError:  # what is read may become stricter after a text was kept
        return False
    return from_definition(written) == from_definition(definition)
