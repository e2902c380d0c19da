"""From the syntax tree to a value."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.expressions.bounds import LARGEST_RESULT_BYTES, Meter, too_large
from pipelines.expressions.coercion import (
    are_equal,
    fold,
    is_less,
    is_truthy,
    kind_of,
    to_number,
    to_string,
)
from pipelines.expressions.errors import ExpressionError
from pipelines.expressions.functions import Builtins
from pipelines.expressions.nodes import (
    Call,
    Choice,
    Compare,
    Constant,
    Context,
    Index,
    Node,
    Not,
    Star,
)


class _Filtered(list[Any]):
    """What `*` yields: a member access on it goes to each of its items."""


class Evaluator:
    """Evaluates nodes against contexts within one budget of steps."""

    def __init__(
        self,
        contexts: Mapping[str, Any],
        functions: Mapping[str, Callable[..., Any]],
        meter: Meter,
    ) -> None:
        self._contexts = contexts
        self._meter = meter
        self._builtins = Builtins(meter).table
        self._added = {name.lower(): function for name, function in functions.items()}

    def result(self, node: Node) -> Any:
        """Return the value of a whole expression, of JSON types only.

        Raises:
            ExpressionError: it takes too long, becomes too large, or a function refuses.
        """
        value = self._value(node)
        self._meter.spend_text(_checked_length(value, node.offset), node.offset)
        return list(value) if isinstance(value, _Filtered) else value

    def _value(self, node: Node) -> Any:
        self._meter.spend(1, node.offset)
        match node:
            case Constant(value):
                return value
            case Context(name):
                return self._lookup(self._contexts, name, node.offset)
            case Index() | Star():
                return self._index(node) if isinstance(node, Index) else self._star(node)
            case Call():
                return self._call(node)
            case _:
                return self._operation(node)

    def _operation(self, node: Not | Compare | Choice) -> Any:
        if isinstance(node, Not):
            return not is_truthy(self._value(node.operand))
        return self._compare(node) if isinstance(node, Compare) else self._choose(node)

    def _choose(self, node: Choice) -> Any:
        wanted = node.operator == "||"
        value: Any = None
        for operand in node.operands:
            value = self._value(operand)
            if is_truthy(value) is wanted:
                break
        return value

    def _compare(self, node: Compare) -> bool:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(left, str) or isinstance(right, str):
            length = sum(len(value) for value in (left, right) if isinstance(value, str))
            self._meter.spend_text(length, node.offset)
        match node.operator:
            case "==":
                return are_equal(left, right)
            case "!=":
                return not are_equal(left, right)
            case "<":
                return is_less(left, right)
            case ">":
                return is_less(right, left)
            case "<=":
                return is_less(left, right) or are_equal(left, right)
            case ">=":
                return is_less(right, left) or are_equal(left, right)

    def _star(self, node: Star) -> _Filtered:
        target = self._value(node.target)
        if isinstance(target, _Filtered):
            members = [member for item in target for member in _members(item)]
        else:
            members = _members(target)
        self._meter.spend(len(members), node.offset)
        return _Filtered(members)

    def _index(self, node: Index) -> Any:
        target = self._value(node.target)
        index = self._value(node.index)
        if isinstance(target, _Filtered) and isinstance(index, str):
            found = [self._member(item, index, node.offset, _MISSING) for item in target]
            return _Filtered([item for item in found if item is not _MISSING])
        return self._member(target, index, node.offset, None)

    def _member(self, target: Any, index: Any, offset: int, missing: Any) -> Any:
        self._meter.spend_text(len(index) if isinstance(index, str) else 0, offset)
        kind = kind_of(target)
        if kind == "object" and kind_of(index) not in ("array", "object"):
            return self._lookup(target, to_string(index), offset, missing)
        if kind != "array":
            return missing
        number = to_number(index)
        if math.isnan(number) or not 0 <= number < len(target):
            return missing
        return target[int(number)]

    def _lookup(
        self, members: Mapping[str, Any], name: str, offset: int, missing: Any = None
    ) -> Any:
        if name in members:
            return members[name]
        self._meter.spend_members(len(members), offset)
        folded = fold(name)
        return next(
            (
                value
                for key, value in members.items()
                if isinstance(key, str) and len(key) == len(name) and fold(key) == folded
            ),
            missing,
        )

    def _call(self, node: Call) -> Any:
        arguments = [self._value(argument) for argument in node.arguments]
        name = node.name.lower()
        if name not in self._added:
            return self._builtins[name](arguments, node.offset)
        try:
            return self._added[name](*arguments)
        except ExpressionError as error:
            raise ExpressionError(error.message, node.offset) from error


_MISSING: Any = object()


def _members(value: Any) -> list[Any]:
    match kind_of(value):
        case "array":
            return list(value)
        case "object":
            return list(value.values())
        case _:
            return []


def _checked_length(value: Any, offset: int) -> int:
    try:
        text = value if isinstance(value, str) else json.dumps(value, default=_as_dict)
    except (TypeError, ValueError, RecursionError) as error:
        raise ExpressionError("The result is no JSON value", offset) from error
    if len(text) > LARGEST_RESULT_BYTES or (
        not text.isascii() and len(text.encode("utf-8", "replace")) > LARGEST_RESULT_BYTES
    ):
        raise too_large(offset)
    return len(text)


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
