"""The linter of documents with all that this process knows of step types."""

from collections.abc import Collection, Mapping
from typing import Any

from pipelines import step_types
from pipelines.documents import Finding, lint, lint_definition


def lint_text(text: str | bytes, *, known_labels: Collection[str] | None = None) -> list[Finding]:
    """Return what is wrong with a document, in the order of its lines; never raises for its text.

    `known_labels` are those that workers have; without them labels are not looked at.
    """
    return lint(
        text,
        schemas=step_types.all_schemas(),
        check=step_types.more_problems,
        known_labels=known_labels,
    )


def lint_stored(definition: Mapping[str, Any]) -> list[Finding]:
    """Return what is wrong with a definition; pointers lead into it, lines are 0."""
    return lint_definition(
        definition, schemas=step_types.all_schemas(), check=step_types.more_problems
    )
