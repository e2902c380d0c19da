"""The executions that a run has: one for each step, or one for each combination of its matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.documents.matrix import MatrixError, combinations, label
from pipelines.documents.vocabulary import MOST_EXECUTIONS
from pipelines.expressions import ExpressionError, interpolate, interpolate_value, references
from pipelines.expressions.coercion import to_string

# Characters of the column.
NAME_MAX = 200
# What is known of a step's name before it begins.
_KNOWN = frozenset({"matrix", "trigger", "inputs", "pipeline", "repository"})


class ExpansionError(ValueError):
    """The steps cannot be brought into executions; names the step and the part of it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One execution to come."""

    step: Mapping[str, Any]
    position: int
    name: str
    index: int = 0
    matrix: Mapping[str, Any] = field(default_factory=dict)


def expand(steps: Sequence[Mapping[str, Any]], contexts: Mapping[str, Any]) -> list[Planned]:
    """Return the executions of the steps, in order; `finally` comes last, whatever its place.

    `contexts` are those of the trigger: `trigger`, `inputs`, `pipeline`, `repository`.

    Raises:
        ExpansionError: a matrix cannot be evaluated, or there are too many executions.
    """
    ordered = sorted(steps, key=lambda step: step.get("phase") == "finally")
    planned: list[Planned] = []
    for position, step in enumerate(ordered, start=1):
        planned += _of_step(step, position, contexts)
        if len(planned) > MOST_EXECUTIONS:
            raise ExpansionError(
                f"The steps come to more than {MOST_EXECUTIONS} executions, counted up to "
                f"step {step['name']}. Leave combinations of its matrix out."
            )
    return planned


def _of_step(step: Mapping[str, Any], position: int, contexts: Mapping[str, Any]) -> list[Planned]:
    matrix = step.get("matrix")
    if not matrix:
        return [Planned(step, position, _name(step["name"], {}, contexts))]
    try:
        found = combinations(interpolate_value(matrix, contexts))
    except MatrixError as error:
        where = f"matrix.{error.member}" if error.member else "matrix"
        raise ExpansionError(f"Step {step['name']}, {where}: {error.message}.") from error
    except ExpressionError as error:
        raise ExpansionError(f"Step {step['name']}, matrix: {error}.") from error
    if not found:
        raise ExpansionError(f"Step {step['name']}, matrix: it has no values.")
    return [
        Planned(step, position, _name(step["name"], each, contexts), index, each)
        for index, each in enumerate(found)
    ]


def _name(written: str, combination: Mapping[str, Any], contexts: Mapping[str, Any]) -> str:
    """The name to show; one that needs more than the trigger keeps its expressions until then."""
    if "${{" not in written:
        suffix = f" ({label(combination)})" if combination else ""
        return one_line(written + suffix)
    try:
        roots = {reference.path[0].lower() for reference in references(written)}
        if roots <= _KNOWN:
            evaluated = interpolate(written, {**contexts, "matrix": combination})
            return one_line(to_string(evaluated))
    except ExpressionError:
        # The step says so when it begins.
        return written[:NAME_MAX]
    return written[:NAME_MAX]


def one_line(text: str) -> str:
    """An evaluated name as a single line that its column can hold."""
    printable = "".join(each for each in " ".join(text.split()) if each.isprintable())
    return printable[:NAME_MAX] or "(no name)"
