"""The pipeline document: its schema, its linter, and its mapping to the stored definition.

Pure: text and values in, findings and values out.
"""

from devops.safety.documents import DocumentError
from pipelines.documents.differences import completed, document_diff
from pipelines.documents.findings import Finding, Severity
from pipelines.documents.keys import pipeline_slug, step_key
from pipelines.documents.linter import Document, lint, lint_definition, parse
from pipelines.documents.mapping import export_yaml, from_definition, to_definition
from pipelines.documents.matrix import (
    DEFAULT_PARALLEL,
    MatrixError,
    combinations,
    dimensions,
    label,
)
from pipelines.documents.schema import json_schema
from pipelines.documents.triggers import is_by_hand, stored_triggers
from pipelines.documents.vocabulary import FEATURES, MOST_EXECUTIONS

__all__ = [
    "DEFAULT_PARALLEL",
    "FEATURES",
    "MOST_EXECUTIONS",
    "Document",
    "DocumentError",
    "Finding",
    "MatrixError",
    "Severity",
    "combinations",
    "completed",
    "dimensions",
    "document_diff",
    "export_yaml",
    "from_definition",
    "is_by_hand",
    "json_schema",
    "label",
    "lint",
    "lint_definition",
    "parse",
    "pipeline_slug",
    "step_key",
    "stored_triggers",
    "to_definition",
]
