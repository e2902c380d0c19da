"""Which values an expression reads, found without evaluating it."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.expressions.coercion import to_string
from pipelines.expressions.functions import STATUS_FUNCTIONS
from pipelines.expressions.nodes import Call, Constant, Context, Index, Node, Star, children


@dataclass(frozen=True, slots=True)
class Reference:
    """A path such as `("steps", "tests", "outputs", "*")`; `offset` is where it starts.

    `*` stands for all members and for a member that only evaluation can name.
    """

    path: tuple[str, ...]
    offset: int

    def __str__(self) -> str:
        return ".".join(self.path)


def references_of(node: Node) -> Iterator[Reference]:
    """Yield the references in a syntax tree in the order of the source."""
    path = _path(node)
    if path is not None:
        yield Reference(path, _root(node).offset)
    for child in _beside_path(node) if path is not None else children(node):
        yield from references_of(child)


def uses_status_function(node: Node) -> bool:
    """Tell whether the tree calls success(), failure(), always() or cancelled()."""
    if isinstance(node, Call) and node.name.lower() in STATUS_FUNCTIONS:
        return True
    return any(uses_status_function(child) for child in children(node))


def calls(node: Node, name: str) -> bool:
    """Tell whether the tree calls a function, by its name without case."""
    if isinstance(node, Call) and node.name.lower() == name.lower():
        return True
    return any(calls(child, name) for child in children(node))


def _path(node: Node) -> tuple[str, ...] | None:
    match node:
        case Context(name):
            return (name,)
        case Star(target):
            path = _path(target)
            return None if path is None else (*path, "*")
        case Index(target, index):
            path = _path(target)
            part = to_string(index.value) if isinstance(index, Constant) else "*"
            return None if path is None else (*path, part)
        case _:
            return None


def _root(node: Node) -> Node:
    while isinstance(node, Index | Star):
        node = node.target
    return node


def _beside_path(node: Node) -> Iterator[Node]:
    while isinstance(node, Index | Star):
        if isinstance(node, Index) and not isinstance(node.index, Constant):
            yield node.index
        node = node.target
