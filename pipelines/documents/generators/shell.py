"""Our expressions in the words of a shell, for hosts whose scripts know variables only."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.documents.generators.parts import GATES, Notes, Part
from pipelines.expressions import ExpressionError, condition_section, parse, split
from pipelines.expressions.coercion import to_string
from pipelines.expressions.nodes import Call, Choice, Compare, Constant, Context, Index, Node, Not

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What each function asks of a text, as a pattern of the shell's `case`.
_PATTERNS = {"startswith": "{0}*", "endswith": "*{0}", "contains": "*{0}*"}


class NoShellWordsError(ValueError):
    """The shell cannot say this; the message names what."""


@dataclass(frozen=True, slots=True)
class ShellWords:
    """A host's variables for our references.

    `variables` leads from a path to the variable's name; inputs, env and secrets are variables of
    their own names.
    """

    variables: Mapping[tuple[str, ...], str]

    def text(self, text: str, quote: Callable[[str], str] = str) -> str:
        """A text with each `${{ }}` as a variable; `quote` treats what is no expression.

        Raises:
            NoShellWordsError: an expression is more than a reference or a constant.
        """
        return "".join(
            self.value(section.source) if section.is_expression else quote(section.source)
            for section in split(text)
        )

    def value(self, source: str) -> str:
        """The value of an expression, for use between double quotes or bare.

        Raises:
            NoShellWordsError: it is more than a reference or a constant.
        """
        node = _parsed(source)
        if isinstance(node, Constant):
            return shlex.quote(to_string(node.value))
        return f"${{{self._variable(node)}}}"

    def test(self, source: str) -> str:
        """A condition as a command whose exit status answers it; empty when it always holds.

        Raises:
            NoShellWordsError: it asks what the shell cannot know.
        """
        try:
            section = condition_section(source)
        except ExpressionError as error:
            raise NoShellWordsError(str(error)) from error
        return "" if section is None else self._test(_parsed(section.source))

    def _test(self, node: Node) -> str:
        match node:
            case Compare("==" | "!=" as operator, left, right):
                sign = "=" if operator == "==" else "!="
                return f'[ "{self._word(left)}" {sign} "{self._word(right)}" ]'
            case Choice(operator, operands):
                return f"{{ {f' {operator} '.join(self._test(each) for each in operands)}; }}"
            case Not(operand):
                return f"! {self._test(operand)}"
            case Call(name, arguments):
                return self._call(name.lower(), arguments)
            case Constant(value) if isinstance(value, bool):
                return "true" if value else "false"
            case Context() | Index():
                return f'[ -n "{self._word(node)}" ]'
        raise NoShellWordsError("a comparison of numbers or a list")

    def _call(self, name: str, arguments: tuple[Node, ...]) -> str:
        # A script ends at its first failure, so that a step that is reached follows successes.
        if name in {"success", "always"}:
            return "true"
        if name in {"failure", "cancelled"}:
            return "false"
        if name in _PATTERNS and len(arguments) == 2 and isinstance(arguments[1], Constant):
            pattern = _PATTERNS[name].format(f'"{_quoted(to_string(arguments[1].value))}"')
            return f'case "{self._word(arguments[0])}" in {pattern}) true;; *) false;; esac'
        raise NoShellWordsError(f"the function {name}")

    def _word(self, node: Node) -> str:
        """An operand as it stands between double quotes."""
        if isinstance(node, Constant):
            return _quoted(to_string(node.value))
        return f"${{{self._variable(node)}}}"

    def _variable(self, node: Node) -> str:
        path = _path(node)
        if path in self.variables:
            return self.variables[path]
        if len(path) == 2 and path[0] in {"inputs", "env", "secrets"} and _NAME.fullmatch(path[1]):
            return input_variable(path[1]) if path[0] == "inputs" else path[1]
        raise NoShellWordsError(f"`{'.'.join(path)}`" if path else "a computed value")


def input_variable(name: str) -> str:
    """The variable that carries an input."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name).upper()


def script_of(part: Part, words: ShellWords, notes: Notes) -> list[str]:
    """The lines that do a command step's work; without counterpart: none, or a failure for gates.

    Each step is a shell of its own, so that folders, variables and `set -e` do not leak.
    """
    if not part.command:
        return _without_counterpart(part, notes)
    try:
        lines = ["set -e", *_exports(part, words)]
        if part.folder:
            lines.append(f"cd {words.text(part.folder, shlex.quote)}")
        lines.append(words.text(part.command))
        body = "(\n" + "\n".join(lines) + "\n)"
        if part.continue_on_error:
            body += f" || echo {shlex.quote(f'{part.name} failed; going on')}"
        test = words.test(part.condition)
    except (NoShellWordsError, ExpressionError) as error:
        notes.add(f"{part.name}: left out, because {error} has no counterpart in a script.")
        return [f"echo {shlex.quote(f'{part.name}: left out, see the top of this file')}"]
    if "POWERNODE_OUTPUT" in part.command or "POWERNODE_SUMMARY" in part.command:
        notes.add(f"{part.name}: outputs and summaries have no counterpart and are dropped.")
        body = 'export POWERNODE_OUTPUT="$(mktemp)" POWERNODE_SUMMARY="$(mktemp)"\n' + body
    if test:
        body = f"if {test}; then\n{body}\nfi"
    return [f"echo {shlex.quote(part.name)}", body]


def _exports(part: Part, words: ShellWords) -> list[str]:
    lines = []
    for name, value in part.environment.items():
        if isinstance(value, str) and "${{" in value:
            lines.append(f'export {name}="{words.text(value, _quoted)}"')
        else:
            lines.append(f"export {name}={shlex.quote(_plain(value))}")
    return lines


def _without_counterpart(part: Part, notes: Notes) -> list[str]:
    if part.step_type in GATES:
        notes.add(
            f"{part.name}: {part.step_type} has no counterpart; the step fails, so that nothing"
            " goes on unchecked."
        )
        said = f"{part.step_type} is checked by Powernode only"
        return [f"echo {shlex.quote(said)} >&2; exit 1"]
    notes.add(f"{part.name}: {part.step_type} has no counterpart and is left out.")
    return []


def _parsed(source: str) -> Node:
    try:
        return parse(source)
    except ExpressionError as error:
        raise NoShellWordsError(str(error)) from error


def _path(node: Node) -> tuple[str, ...]:
    if isinstance(node, Context):
        return (node.name.lower(),)
    if isinstance(node, Index) and isinstance(node.index, Constant):
        below = _path(node.target)
        return (*below, to_string(node.index.value)) if below else ()
    return ()


def _quoted(text: str) -> str:
    """A text as it stands between double quotes of a shell."""
    return re.sub(r'([\\"$`])', r"\\\1", text)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else to_string(value)
