"""From tokens to the syntax tree."""

from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import Literal, cast

from pipelines.expressions.bounds import DEEPEST_NESTING
from pipelines.expressions.errors import ExpressionError
from pipelines.expressions.functions import ARITIES
from pipelines.expressions.lexer import Token, tokenize
from pipelines.expressions.nodes import (
    Call,
    Choice,
    Compare,
    Comparison,
    Constant,
    Context,
    Index,
    Node,
    Not,
    Star,
    children,
)


def parse(source: str, *, functions: Collection[str] = ()) -> Node:
    """Return the syntax tree of an expression (without `${{ }}`).

    `functions` names those that the caller adds to the language's own.

    Raises:
        ExpressionError: not an expression, too long, nested too deeply.
    """
    return _Parser(source, functions).parse()


class _Parser:
    """Recursive descent, one method per level of precedence."""

    def __init__(self, source: str, functions: Collection[str]) -> None:
        self._tokens = tokenize(source)
        self._index = 0
        self._added = {name.lower() for name in functions}
        self._open = 0
        self._depths: dict[int, int] = {}

    def parse(self) -> Node:
        if self._is_at_end():
            raise ExpressionError("The expression is empty", self._token.offset)
        node = self._either()
        if not self._is_at_end():
            raise self._unexpected("an operator")
        return node

    def _is_at_end(self) -> bool:
        return self._token.kind == "end"

    @property
    def _token(self) -> Token:
        return self._tokens[self._index]

    def _take(self, *operators: str) -> Token | None:
        token = self._token
        if token.kind == "operator" and token.text in operators:
            self._index += 1
            return token
        return None

    def _expect(self, operator: str) -> None:
        if self._take(operator) is None:
            raise self._unexpected(f"`{operator}`")

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._token
        found = "the end" if token.kind == "end" else f"`{token.text[:40]}`"
        return ExpressionError(f"Expected {wanted} but found {found}", token.offset)

    def _built(self, node: Node) -> Node:
        # The tree is walked recursively later, so its height is bounded while it grows.
        depth = 1 + max((self._depths[id(child)] for child in children(node)), default=0)
        if depth > DEEPEST_NESTING:
            raise self._too_deep(node.offset)
        self._depths[id(node)] = depth
        return node

    def _too_deep(self, offset: int) -> ExpressionError:
        return ExpressionError(f"Nested deeper than {DEEPEST_NESTING} levels", offset)

    def _either(self) -> Node:
        return self._choice("||", self._both)

    def _both(self) -> Node:
        return self._choice("&&", self._equality)

    def _choice(self, operator: Literal["&&", "||"], operand: Callable[[], Node]) -> Node:
        operands = [operand()]
        offset = self._token.offset
        while self._take(operator):
            operands.append(operand())
        if len(operands) == 1:
            return operands[0]
        return self._built(Choice(operator, tuple(operands), offset))

    def _equality(self) -> Node:
        return self._comparison(("==", "!="), self._order)

    def _order(self) -> Node:
        return self._comparison(("<", "<=", ">", ">="), self._negation)

    def _comparison(self, operators: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        node = operand()
        while token := self._take(*operators):
            operator = cast("Comparison", token.text)
            node = self._built(Compare(operator, node, operand(), token.offset))
        return node

    def _negation(self) -> Node:
        marks = []
        while token := self._take("!"):
            marks.append(token)
        node = self._member()
        for token in reversed(marks):
            node = self._built(Not(node, token.offset))
        return node

    def _member(self) -> Node:
        node = self._primary()
        while token := self._take(".", "["):
            if self._take("*"):
                node = self._built(Star(node, token.offset))
            elif token.text == ".":
                node = self._built(Index(node, self._property(), token.offset))
            else:
                node = self._built(Index(node, self._nested(), token.offset))
            if token.text == "[":
                self._expect("]")
        return node

    def _property(self) -> Node:
        token = self._token
        if token.kind != "name":
            raise self._unexpected("a name after the dot")
        self._index += 1
        return self._built(Constant(token.text, token.offset))

    def _nested(self) -> Node:
        self._open += 1
        if self._open > DEEPEST_NESTING:
            raise self._too_deep(self._token.offset)
        node = self._either()
        self._open -= 1
        return node

    def _primary(self) -> Node:
        token = self._token
        if self._take("("):
            node = self._nested()
            self._expect(")")
            return node
        if token.kind == "literal":
            self._index += 1
            return self._built(Constant(token.value, token.offset))
        if token.kind == "name":
            self._index += 1
            return self._call(token) if self._take("(") else self._context(token)
        raise self._unexpected("a value")

    def _context(self, token: Token) -> Node:
        return self._built(Context(token.text, token.offset))

    def _call(self, token: Token) -> Node:
        arguments: list[Node] = []
        if not self._take(")"):
            arguments.append(self._nested())
            while self._take(","):
                arguments.append(self._nested())
            self._expect(")")
        self._check_call(token, len(arguments))
        return self._built(Call(token.text, tuple(arguments), token.offset))

    def _check_call(self, token: Token, count: int) -> None:
        name = token.text.lower()
        if name in ARITIES:
            least, most = ARITIES[name]
            if not least <= count <= most:
                wanted = str(least) if least == most else f"{least} to {most}"
                message = f"{token.text}() takes {wanted} arguments, not {count}"
                raise ExpressionError(message, token.offset)
        elif name not in self._added:
            near = get_close_matches(name, [*ARITIES, *self._added], n=1)
            hint = f". Did you mean {near[0]}()?" if near else ""
            raise ExpressionError(f"There is no function {token.text[:60]}(){hint}", token.offset)
