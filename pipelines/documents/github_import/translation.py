"""Texts, scripts and conditions of a workflow in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devops.safety.documents import join_pointer
from pipelines.documents.github_import.report import Report
from pipelines.documents.github_import.words import VARIABLE, VARIABLES, WORDS
from pipelines.expressions import ExpressionError, split
from pipelines.expressions.rewriting import rewrite_references, rewrite_text


@dataclass(slots=True)
class Translation:
    """Rewrites what a workflow says; `job` is the one whose text is being read.

    `step_keys` leads from a job and one of its step ids to the key of the step made of it.
    """

    workflow: Mapping[str, Any]
    report: Report
    step_keys: dict[tuple[str, str], str] = field(default_factory=dict)
    job: str = ""

    def script(self, script: str, pointer: str) -> tuple[str, dict[str, str]]:
        """The script with each expression passed as a variable, and those variables."""
        environment: dict[str, str] = {}
        parts = []
        try:
            sections = split(script)
        except ExpressionError as error:
            self.report.changed(pointer, f"An expression could not be read and stays: {error}")
            sections = []
            parts.append(script)
        for section in sections:
            if not section.is_expression:
                parts.append(VARIABLE.sub(lambda found: self._variable(found[0], pointer),
                                           section.source))  # fmt: skip
                continue
            name = f"VALUE_{len(environment) + 1}"
            environment[name] = self.text(f"${{{{{section.source}}}}}", pointer)
            parts.append(f"${{{name}}}")
        if environment:
            self.report.changed(
                pointer, "Expressions in the script are passed as environment variables."
            )
        return "".join(parts), environment

    def _variable(self, name: str, pointer: str) -> str:
        if name not in VARIABLES:
            self.report.changed(pointer, f"The variable {name} does not exist here.")
        return VARIABLES.get(name, name)

    def environment(self, values: Any, pointer: str) -> dict[str, Any]:
        """Environment variables with their values translated."""
        if not isinstance(values, Mapping):
            return {}
        return {
            str(name): self.text(value, join_pointer(pointer, str(name)))
            if isinstance(value, str)
            else value
            for name, value in values.items()
        }

    def condition(self, text: str, pointer: str) -> str:
        """An `if:`; what cannot be read never holds."""
        source = text.strip()
        if source.startswith("${{") and source.endswith("}}"):
            source = source.removeprefix("${{").removesuffix("}}").strip()
        try:
            return self._rewritten(source, pointer)
        except ExpressionError as error:
            self.report.changed(
                pointer, f"The condition could not be read, so the step is off: {error}"
            )
            return "false"

    def text(self, text: str, pointer: str) -> str:
        """A text with its `${{ }}` translated."""
        try:
            return rewrite_text(text, lambda source: self._rewritten(source, pointer))
        except ExpressionError as error:
            self.report.changed(pointer, f"An expression could not be read and stays: {error}")
            return text

    def _rewritten(self, source: str, pointer: str) -> str:
        def reference(path: tuple[str, ...]) -> str | None:
            return self._reference(path, pointer)

        return rewrite_references(source, reference)

    def _reference(self, path: tuple[str, ...], pointer: str) -> str | None:
        if path in WORDS:
            return WORDS[path]
        if path[0] == "steps" and len(path) > 1:
            key = self.step_keys.get((self.job, path[1]), path[1])
            rest = ["status" if part in {"outcome", "conclusion"} else part for part in path[2:]]
            return ".".join(["steps", key, *rest])
        if path[0] == "needs":
            return self._need(path, pointer)
        if path[0] in {"env", "inputs", "secrets", "matrix"}:
            if path == ("secrets", "GITHUB_TOKEN"):
                self.report.changed(pointer, "GITHUB_TOKEN does not exist here: it is empty.")
                return "''"
            return None
        self.report.changed(pointer, f"`{'.'.join(path)}` has no counterpart: it is empty.")
        return "''"

    def _need(self, path: tuple[str, ...], pointer: str) -> str:
        """An output of an earlier job: what that job computes it from."""
        job = self.workflow["jobs"].get(path[1]) if len(path) > 1 else None
        outputs = job.get("outputs") if isinstance(job, Mapping) else None
        if len(path) == 4 and path[2] == "outputs" and isinstance(outputs, Mapping):
            written = str(outputs.get(path[3]) or "").strip()
            if written.startswith("${{") and written.endswith("}}"):
                here, self.job = self.job, path[1]
                try:
                    inner = written.removeprefix("${{").removesuffix("}}").strip()
                    return f"({self._rewritten(inner, pointer)})"
                finally:
                    self.job = here
        self.report.changed(pointer, f"`{'.'.join(path)}` has no counterpart: it is empty.")
        return "''"
