"""The expression language of `${{ … }}` and `if:`: GitHub Actions' language over our contexts.

Pure: values in, values out; no eval, no attribute access, and every cost is counted.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.expressions.bounds import Meter, Output
from pipelines.expressions.coercion import is_truthy, to_string
from pipelines.expressions.errors import ExpressionError
from pipelines.expressions.evaluator import Evaluator
from pipelines.expressions.nodes import Node
from pipelines.expressions.parser import parse
from pipelines.expressions.references import Reference, calls, references_of, uses_status_function
from pipelines.expressions.templates import OPENING, Section, sole_expression, split

__all__ = [
    "ExpressionError",
    "Node",
    "Reference",
    "Section",
    "calls_function",
    "condition",
    "condition_section",
    "evaluate",
    "interpolate",
    "interpolate_value",
    "parse",
    "references",
    "references_of",
    "split",
]

_DEEPEST_VALUE = 64
_SUCCESS = parse("success()")
Functions = Mapping[str, Callable[..., Any]]
_NONE: Functions = {}


def evaluate(source: str, contexts: Mapping[str, Any], *, functions: Functions = _NONE) -> Any:
    """Return the value of an expression (without `${{ }}`); an unknown member is null.

    `functions` adds to or replaces the language's own, by name without case.

    Raises:
        ExpressionError: with the position in `source`.
    """
    node = parse(source, functions=functions)
    return Evaluator(contexts, functions, Meter()).result(node)


def interpolate(text: str, contexts: Mapping[str, Any], *, functions: Functions = _NONE) -> Any:
    """Replace each `${{ }}` in a text; a text that is exactly one keeps the type of its value.

    Raises:
        ExpressionError: with the position in `text`.
    """
    return _interpolate(text, Evaluator(contexts, functions, meter := Meter()), meter, functions)


def interpolate_value(
    value: Any, contexts: Mapping[str, Any], *, functions: Functions = _NONE
) -> Any:
    """Interpolate every string inside objects and lists; keys stay as they are.

    Raises:
        ExpressionError: with the position in the string concerned.
    """
    meter = Meter()
    evaluator = Evaluator(contexts, functions, meter)

    def walk(item: Any, depth: int) -> Any:
        if depth > _DEEPEST_VALUE:
            raise ExpressionError(f"The value is nested deeper than {_DEEPEST_VALUE} levels")
        if isinstance(item, str):
            return _interpolate(item, evaluator, meter, functions)
        if isinstance(item, Mapping):
            return {key: walk(member, depth + 1) for key, member in item.items()}
        if isinstance(item, list | tuple):
            return [walk(member, depth + 1) for member in item]
        return item

    return walk(value, 1)


def condition(
    source: str,
    contexts: Mapping[str, Any],
    *,
    functions: Functions = _NONE,
    implies_success: bool = True,
) -> bool:
    """Tell whether a step runs; `success() &&` is implied unless a status function is called.

    The expression may stand in `${{ }}` or bare; an empty one is `success()`. Without
    `implies_success`, as under `finally`, an empty one is true and nothing is implied.

    Raises:
        ExpressionError: with the position in `source`.
    """
    section = condition_section(source)
    evaluator = Evaluator(contexts, functions, Meter())
    if section is None:
        return not implies_success or is_truthy(evaluator.result(_SUCCESS))
    try:
        node = parse(section.source, functions=functions)
        is_implied = implies_success and not uses_status_function(node)
        if is_implied and not is_truthy(evaluator.result(_SUCCESS)):
            return False
        return is_truthy(evaluator.result(node))
    except ExpressionError as error:
        raise error.moved(section.offset) from error


def condition_section(source: str) -> Section | None:
    """Return the expression of a condition and where it starts; None for an empty condition.

    Raises:
        ExpressionError: text and `${{ }}` are mixed, which would be true whatever it says.
    """
    text = source.strip()
    start = len(source) - len(source.lstrip())
    if not text:
        return None
    if OPENING not in text:
        return Section(text, start, is_expression=True)
    section = sole_expression(text)
    if section is None:
        raise ExpressionError(
            "A condition is one expression: put all of it inside `${{ }}` or drop the braces", start
        )
    return Section(section.source, start + section.offset, is_expression=True)


def references(text: str) -> list[Reference]:
    """Return what a text with `${{ }}`, or else a bare expression, reads; offsets are into `text`.

    Raises:
        ExpressionError: with the position in `text`.
    """
    sections = split(text) if OPENING in text else [Section(text, 0, is_expression=True)]
    found: list[Reference] = []
    for section in sections:
        if section.is_expression:
            try:
                node = parse(section.source)
            except ExpressionError as error:
                raise error.moved(section.offset) from error
            found += [Reference(r.path, r.offset + section.offset) for r in references_of(node)]
    return found


def calls_function(text: str, name: str) -> bool:
    """Tell whether a text with `${{ }}`, or else a bare expression, calls a function."""
    try:
        sections = split(text) if OPENING in text else [Section(text, 0, is_expression=True)]
        return any(
            calls(parse(section.source), name) for section in sections if section.is_expression
        )
    except ExpressionError:
        # What is no expression calls nothing.
        return False


def _interpolate(text: str, evaluator: Evaluator, meter: Meter, functions: Functions) -> Any:
    if OPENING not in text:
        return text
    sections = split(text)
    if len(sections) == 1:
        return _value(sections[0], evaluator, functions)
    output = Output(meter, 0)
    for section in sections:
        output.add(
            to_string(_value(section, evaluator, functions))
            if section.is_expression
            else section.source
        )
    return output.text()


def _value(section: Section, evaluator: Evaluator, functions: Functions) -> Any:
    try:
        return evaluator.result(parse(section.source, functions=functions))
    except ExpressionError as error:
        raise error.moved(section.offset) from error
