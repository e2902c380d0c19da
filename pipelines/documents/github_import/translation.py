"""Texts, scripts and conditions of a workflow in our words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devops.safety.documents import join_pointer
from pipelines.documents.github_import.report import Report
from pipelines.documents.github_import.words import RESULT, VARIABLE, VARIABLES, WORDS
from pipelines.documents.vocabulary import NAME_PATTERN
from pipelines.expressions import (
    ExpressionError,
    calls_function,
    parse,
    references,
    references_of,
    split,
)
from pipelines.expressions.rewriting import rewrite_references, rewrite_text

_NAME = re.compile(NAME_PATTERN)
Roots = frozenset[str]


@dataclass(slots=True)
class Translation:
    """Rewrites what a workflow says; `job` is the one whose text is being read.

    `step_keys` leads from a job and one of its step ids to the key of the step made of it,
    `inputs` are those that the pipeline asks for, `matrix` the members of the job's;
    None: only the run can tell which.
    """

    workflow: Mapping[str, Any]
    report: Report
    step_keys: dict[tuple[str, str], str] = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()
    matrix: frozenset[str] | None = frozenset()
    job: str = ""
    # Jobs whose outputs are being read: a circle of them has no value.
    asked: list[str] = field(default_factory=list)

    def script(self, script: str, pointer: str) -> tuple[str, dict[str, str]]:
        """The script with each expression passed as a variable, and those variables."""
        environment: dict[str, str] = {}
        parts = []
        try:
            sections = split(script)
        except ExpressionError as error:
            self.report.changed(pointer, f"An expression could not be read, so it is out: {error}")
            sections = split(without_expressions(script))
        for section in sections:
            if not section.is_expression:
                parts.append(VARIABLE.sub(lambda found: self._variable(found[0], pointer),
                                           section.source))  # fmt: skip
                continue
            name = f"VALUE_{len(environment) + 1}"
            environment[name] = self.text(f"${{{{{section.source}}}}}", pointer)
            # Between single quotes a shell would take the name for the value.
            is_quoted = _ends_in_single_quotes("".join(parts))
            parts.append(f"'\"${{{name}}}\"'" if is_quoted else f"${{{name}}}")
        if environment:
            self.report.changed(
                pointer, "Expressions in the script are passed as environment variables."
            )
        return "".join(parts), environment

    def _variable(self, name: str, pointer: str) -> str:
        if name not in VARIABLES:
            self.report.changed(pointer, f"The variable {name} does not exist here.")
        return VARIABLES.get(name, name)

    def environment(
        self, values: Any, pointer: str, *, roots: Roots | None = None
    ) -> dict[str, Any]:
        """Environment variables with their values translated."""
        kept: dict[str, Any] = {}
        for name, value in values.items() if isinstance(values, Mapping) else ():
            place = join_pointer(pointer, str(name))
            if not _NAME.fullmatch(str(name)) or isinstance(value, Mapping | list):
                self.report.left_out(place, f"{str(name)[:60]} is no variable with a value.")
            else:
                is_text = isinstance(value, str)
                kept[name] = self.text(value, place, roots=roots) if is_text else value
        return kept

    def condition(self, text: str, pointer: str, *, roots: Roots | None = None) -> str:
        """An `if:`; what cannot be read never holds."""
        source = text.strip()
        if source.startswith("${{") and source.endswith("}}"):
            source = source.removeprefix("${{").removesuffix("}}").strip()
        try:
            written = self._rewritten(source, pointer, roots=roots, is_condition=True)
        except ExpressionError as error:
            written, why = "false", f"could not be read: {error}"
        else:
            why = _unanswerable(written)
            if not why:
                return written
        self.report.changed(pointer, f"The step is off: its condition {why}.")
        return "false"

    def text(
        self, text: str, pointer: str, *, roots: Roots | None = None, has_files: bool = False
    ) -> str:
        """A text with its `${{ }}` translated.

        What begins with none of `roots` is empty there, and `hashFiles()` where files are not yet.
        """

        def rewrite(source: str) -> str:
            if not has_files and calls_function(f"${{{{{source}}}}}", "hashFiles"):
                self.report.changed(pointer, "`hashFiles()` works in caches only: it is empty.")
                return "''"
            return self._rewritten(source, pointer, roots=roots)

        try:
            return rewrite_text(text, rewrite)
        except ExpressionError as error:
            self.report.changed(pointer, f"An expression could not be read, so it is out: {error}")
            return without_expressions(text)

    def _rewritten(
        self, source: str, pointer: str, *, roots: Roots | None = None, is_condition: bool = False
    ) -> str:
        def reference(path: tuple[str, ...]) -> str | None:
            if is_condition and path[0] == "needs" and path[2:] == ("result",):
                return RESULT
            found = self._need(path) if path[0] == "needs" else self._reference(path)
            made = ".".join(path) if found is None else found
            if not made or (roots is not None and not _begins_with(made, roots)):
                self.report.changed(pointer, f"`{'.'.join(path)}` has no counterpart: it is empty.")
                return "''"
            return found

        written = rewrite_references(source, reference)
        parse(written)
        return written

    def _reference(self, path: tuple[str, ...]) -> str | None:
        """The reference in our words: None for the same, the empty string for none."""
        if path in WORDS:
            return WORDS[path]
        member = path[1] if len(path) > 1 else ""
        if path[:3] == ("github", "event", "inputs") and len(path) == 4:
            return f"inputs.{path[3]}" if path[3] in self.inputs else ""
        known = {
            "steps": member if (self.job, member) in self.step_keys else "",
            "inputs": member if member in self.inputs else "",
            "matrix": member if self.matrix is None or member in self.matrix else "",
            "env": member,
            "secrets": "" if member == "GITHUB_TOKEN" else member,
        }.get(path[0], "")
        if not known or path[0] != "steps":
            return None if known else ""
        rest = ["status" if part in {"outcome", "conclusion"} else part for part in path[2:]]
        return ".".join(["steps", self.step_keys[self.job, member], *rest])

    def _need(self, path: tuple[str, ...]) -> str:
        """An output of an earlier job: what that job computes it from; empty where none is."""
        job = self.workflow["jobs"].get(path[1]) if len(path) > 1 else None
        outputs = job.get("outputs") if isinstance(job, Mapping) else None
        if len(path) != 4 or path[2] != "outputs" or not isinstance(outputs, Mapping):
            return ""
        written = str(outputs.get(path[3]) or "").strip()
        is_sole = written.startswith("${{") and written.endswith("}}")
        if not is_sole or path[1] in self.asked or calls_function(written, "hashFiles"):
            return ""
        here, self.job = self.job, path[1]
        matrix, self.matrix = self.matrix, frozenset()
        self.asked.append(path[1])
        try:
            return f"({self._rewritten(written[3:-2].strip(), f'/jobs/{path[1]}/outputs')})"
        except ExpressionError:
            return ""
        finally:
            self.asked.pop()
            self.job, self.matrix = here, matrix


def without_expressions(text: str) -> str:
    """A text with dots for its expressions, and for what follows one without an end."""
    return re.sub(r"\$\{\{.*?(?:\}\}|\Z)", "…", text, flags=re.DOTALL)


def _begins_with(source: str, roots: Roots) -> bool:
    return all(reference.path[0].lower() in roots for reference in references_of(parse(source)))


def _ends_in_single_quotes(script: str) -> bool:
    """Whether the end of a script's last line stands between single quotes."""
    is_single = is_double = is_escaped = False
    for character in script.rpartition("\n")[2]:
        if is_escaped:
            is_escaped = False
        elif character == "\\" and not is_single:
            is_escaped = True
        elif character == "'" and not is_double:
            is_single = not is_single
        elif character == '"' and not is_single:
            is_double = not is_double
    return is_single


def _unanswerable(condition: str) -> str:
    """What a condition asks for that none can know here, or empty."""
    if calls_function(condition, "hashFiles"):
        return "asks for `hashFiles()`, which works in caches only"
    if any(each.path[0].lower() == "secrets" for each in references(condition)):
        return "asks for a secret, which no condition sees"
    return ""
