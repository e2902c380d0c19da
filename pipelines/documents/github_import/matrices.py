"""The matrix of a job's `strategy` as that of its steps."""

from collections.abc import Mapping
from typing import Any

from devops.safety.documents import join_pointer
from pipelines.documents.github_import.translation import Roots, Translation
from pipelines.documents.matrix import MOST_PARALLEL, RESERVED, static_error

# What is known when a run begins, and its combinations with it.
_AT_START: Roots = frozenset({"trigger", "repository", "pipeline", "inputs"})


def read_matrix(strategy: Any, pointer: str, words: Translation) -> dict[str, Any]:
    """The matrix; empty where there is none that can be known when a run begins."""
    if not isinstance(strategy, Mapping) or not strategy.get("matrix"):
        return {}
    written, place = strategy["matrix"], f"{pointer}/matrix"
    if not isinstance(written, Mapping):
        words.report.left_out(place, "A matrix that is computed as a whole has no counterpart.")
        return {}
    made: dict[str, Any] = {}
    for name, values in written.items():
        here = join_pointer(place, str(name))
        kept = _values(str(name), values, here, words)
        if kept:
            made[str(name)] = kept
    error = static_error(made) if made else None
    if error is not None:
        words.report.left_out(place, f"{error.message}.")
        return {}
    return {**made, **_pace(strategy)} if made else {}


def _values(name: str, values: Any, pointer: str, words: Translation) -> Any:
    """What one member of a matrix lists."""
    is_entries = name in {"include", "exclude"}
    is_dimension = is_entries or name not in RESERVED
    if is_dimension and isinstance(values, str) and "${{" in values:
        text = words.text(values, pointer, roots=_AT_START)
        return text if "${{" in text and "''" not in text else ""
    listed = values if is_dimension and isinstance(values, list) else []
    if is_entries:
        entries = [_plain(each) for each in listed if isinstance(each, Mapping)]
        kept: list[Any] = [each for each in entries if each]
        is_whole = kept == listed
    else:
        kept = [each for each in listed if _is_plain(each)]
        is_whole = kept == listed
    if not is_whole or not listed:
        words.report.left_out(pointer, "Only lists of texts, numbers and switches are taken over.")
    return kept


def _plain(entry: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in entry.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and "${{" not in str(value)


def _pace(strategy: Mapping[str, Any]) -> dict[str, Any]:
    pace: dict[str, Any] = {}
    if strategy.get("fail-fast") is False:
        pace["fail_fast"] = False
    most = strategy.get("max-parallel")
    if type(most) is int and most > 0:
        pace["max_parallel"] = min(most, MOST_PARALLEL)
    return pace
