"""The syntax tree of an expression."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Comparison: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, string, boolean or null written in the source."""

    value: Any
    offset: int


@dataclass(frozen=True, slots=True)
class Context:
    """The name with which a reference starts, such as `steps`."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Index:
    """A member of an object or array: `target.name` or `target[index]`."""

    target: "Node"
    index: "Node"
    offset: int


@dataclass(frozen=True, slots=True)
class Star:
    """All members of an object or array: `target.*` or `target[*]`."""

    target: "Node"
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; the name is as written."""

    name: str
    arguments: tuple["Node", ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: "Node"
    offset: int


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and the operator between them."""

    operator: Comparison
    left: "Node"
    right: "Node"
    offset: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Operands joined by `&&` or by `||`, of which one is the result."""

    operator: Literal["&&", "||"]
    operands: tuple["Node", ...]
    offset: int


Node: TypeAlias = Constant | Context | Index | Star | Call | Not | Compare | Choice


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right below a node, in the order of the source."""
    match node:
        case Constant() | Context():
            below: tuple[Node, ...] = ()
        case Index(target, index):
            below = (target, index)
        case Star(target):
            below = (target,)
        case Call(_, operands) | Choice(_, operands):
            below = operands
        case Not(operand):
            below = (operand,)
        case Compare(_, left, right):
            below = (left, right)
    return below
