"""What every generator makes its workflow of: jobs of plain steps, and notes for the reader."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devops.safety.documents import dump_yaml
from pipelines.expressions import ExpressionError
from pipelines.expressions.coercion import to_string
from pipelines.expressions.rewriting import rewrite_references, rewrite_text

COMMANDS = frozenset({"run_command", "custom", "run_tests"})
# Without these going on would be unsafe: where the host has no counterpart the step fails.
GATES = frozenset(
    {"policy_gate", "code_factory_gate", "vulnerability_scan", "sbom_generate", "sign_artifact"}
)
_MOST_COMBINATIONS = 256
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Generated:
    """A workflow: its text, where its file belongs, and what could not be expressed."""

    text: str
    path: str
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Part:
    """One step as the generators see it: a matrix is already written out.

    `members` are the values of the matrix that this part stands for.
    """

    key: str
    name: str
    step_type: str
    configuration: Mapping[str, Any]
    condition: str
    environment: Mapping[str, Any]
    secrets: list[str]
    timeout_minutes: float | None
    continue_on_error: bool
    cache: Mapping[str, Any]
    members: Mapping[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The shell script of a step that runs one, else the empty text."""
        if self.step_type in COMMANDS:
            return str(self.configuration.get("command") or "")
        if self.step_type == "deploy":
            return str(self.configuration.get("command") or "")
        return ""

    @property
    def folder(self) -> str:
        """The folder below the workspace in which the command runs."""
        return str(self.configuration.get("working_directory") or "")


@dataclass(slots=True)
class Job:
    """Steps that share a machine; `gate` names the step whose approval they wait for."""

    key: str
    gate: str = ""
    parts: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class Notes:
    """What the reader has to know, each sentence once, in order."""

    said: dict[str, None] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Say it, unless it was said."""
        self.said.setdefault(text)

    @property
    def texts(self) -> list[str]:
        return list(self.said)


def jobs_of(definition: Mapping[str, Any], notes: Notes) -> tuple[list[Job], list[Part]]:
    """The main steps in jobs, split where somebody has to approve, and the steps of `finally`."""
    jobs, last = [Job("pipeline")], []
    for step in definition["steps"]:
        if not step.get("is_active", True):
            notes.add(f"{step['name']}: switched off, so it is left out.")
            continue
        _note_unsupported(step, notes)
        parts = list(_parts(step, notes))
        if step.get("phase") == "finally":
            last += parts
            continue
        if step.get("requires_approval"):
            jobs.append(Job(f"approved-{step['key']}", gate=step["key"]))
            notes.add(
                f"{step['name']}: waits for an approval, so it and what follows form a job of their"
                " own, which starts in a fresh checkout; hand files over as artifacts."
            )
        jobs[-1].parts += parts
    return [job for job in jobs if job.parts], last


def _note_unsupported(step: Mapping[str, Any], notes: Notes) -> None:
    name = step["name"]
    if step.get("retry"):
        notes.add(f"{name}: its retries have no counterpart and are left out.")
    if step.get("image") or step.get("services"):
        notes.add(
            f"{name}: an image or services of a single step have no counterpart; it runs where the"
            " others run."
        )
    if step.get("inputs"):
        notes.add(f"{name}: its `inputs` are merged into its configuration as they are written.")
    if step.get("group_key"):
        notes.add(f"{name}: runs after the step before it, not beside it.")


def _parts(step: Mapping[str, Any], notes: Notes) -> Iterator[Part]:
    combinations = _combinations(step.get("matrix") or {})
    if step.get("matrix") and not combinations:
        notes.add(f"{step['name']}: its matrix is known at run time only and is left out.")
    combinations = combinations or [{}]
    if combinations != [{}]:
        notes.add(f"{step['name']}: its matrix is written out, one step for each combination.")
    for number, members in enumerate(combinations, start=1):
        suffix = f" ({', '.join(to_string(value) for value in members.values())})"
        yield Part(
            key=step["key"] if len(combinations) == 1 else f"{step['key']}_{number}",
            name=step["name"] + (suffix if members else ""),
            step_type=step["step_type"],
            configuration=_filled(
                {**(step.get("configuration") or {}), **(step.get("inputs") or {})}, members
            ),
            condition=_filled(step.get("condition") or "", members),
            environment=_filled(step.get("environment") or {}, members),
            secrets=list(step.get("secret_refs") or ()),
            timeout_minutes=step.get("timeout_minutes"),
            continue_on_error=bool(step.get("continue_on_error")),
            cache=step.get("cache") or {},
            members=members,
        )


def _combinations(matrix: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The combinations of a matrix of written lists; none where it is known at run time only.

    `include` and `exclude` as in the pipeline document.
    """
    axes = {
        name: values
        for name, values in matrix.items()
        if isinstance(values, list) and name not in {"include", "exclude"}
    }
    rows = [dict(zip(axes, row, strict=True)) for row in itertools.product(*axes.values())]
    rows = rows if axes else []
    excluded = [row for row in matrix.get("exclude") or () if isinstance(row, Mapping)]
    kept = [row for row in rows if not any(_covers(row, other) for other in excluded)]
    extra = [dict(row) for row in matrix.get("include") or () if isinstance(row, Mapping)]
    return [*kept, *extra][:_MOST_COMBINATIONS]


def _covers(row: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    return all(row.get(name) == value for name, value in pattern.items())


def _filled(value: Any, members: Mapping[str, Any]) -> Any:
    """The value with the members of the matrix written in where they are read."""
    if not members:
        return value
    if isinstance(value, Mapping):
        return {key: _filled(member, members) for key, member in value.items()}
    if isinstance(value, list):
        return [_filled(member, members) for member in value]
    if not isinstance(value, str):
        return value

    def literal(path: tuple[str, ...]) -> str | None:
        if path[0] != "matrix" or len(path) != 2 or path[1] not in members:
            return None
        return literal_of(members[path[1]])

    try:
        return rewrite_text(value, lambda source: rewrite_references(source, literal))
    except ExpressionError:
        return value


def literal_of(value: Any) -> str:
    """A value as an expression writes it."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return to_string(value)
    return f"fromJSON({literal_of(json.dumps(value))})"


def has_checkout(jobs: list[Job]) -> Part | None:
    """The first checkout of the run's own repository."""
    for job in jobs:
        for part in job.parts:
            if part.step_type == "checkout" and not part.configuration.get("repository"):
                return part
    return None


def plain_name(text: str) -> str:
    """A text as a job's or environment's name."""
    return _UNSAFE_NAME.sub("-", text).strip("-")[:60] or "step"


def whole_minutes(minutes: float | None) -> int | None:
    """A limit in whole minutes, at least one."""
    return None if minutes is None else max(1, -int(-minutes // 1))


def with_notes(workflow: Mapping[str, Any], name: str, notes: Notes) -> str:
    """The workflow's text under a comment that names its origin and what is missing."""
    head = [f"# Generated from the pipeline {_one_line(name)}."]
    if notes.texts:
        head.append("# What differs from it:")
        head += [f"# - {_one_line(text)}" for text in notes.texts]
    return "\n".join(head) + "\n" + dump_yaml(workflow)


def _one_line(text: str) -> str:
    return " ".join(text.split())
