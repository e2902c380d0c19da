"""Definitions in one form, and two of them as the difference of their documents."""

import difflib
from collections.abc import Mapping
from typing import Any

from pipelines.documents.mapping import export_yaml, from_definition, to_definition


def document_diff(
    before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, str]
) -> str:
    """The unified difference between two definitions, empty when they say the same."""
    old, new = (export_yaml(each).splitlines(keepends=True) for each in (before, after))
    return "".join(difflib.unified_diff(old, new, *names))


def completed(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition with every member filled in, as its document is read."""
    return to_definition(from_definition(definition))
