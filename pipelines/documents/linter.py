"""Everything that can be said about a pipeline before it runs, with the place of each thing."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from devops.safety.documents import DocumentError, Marked, load_marked
from devops.safety.json_values import join_pointer
from pipelines.documents.expression_checks import expression_problems
from pipelines.documents.findings import Finding, Problem
from pipelines.documents.mapping import document_pointers, from_definition
from pipelines.documents.places import step_places
from pipelines.documents.structure_checks import structure_problems
from pipelines.documents.triggers import stored_triggers
from pipelines.documents.validation import definition_problems, schema_problems
from pipelines.documents.vocabulary import MOST_PROBLEMS

Schemas = Mapping[str, dict[str, Any]]
# What a step type says of a configuration beyond its schema: (JSON pointer, sentence) each.
Check = Callable[[str, Mapping[str, Any]], Sequence[tuple[str, str]]]
_FIELDS = {
    "/on": "/triggers",
    "/type": "/pipeline_type",
    "/key": "/slug",
    "/env": "/environment",
    "/secrets": "/secret_refs",
    "/image": "/settings/image",
    "/concurrency": "/settings/concurrency",
    "/notifications/recipients": "/notification_recipients",
    "/notifications": "/notification_settings",
}
_STEP_FIELDS = {
    "uses": "step_type",
    "with": "configuration",
    "if": "condition",
    "approval": "approval_settings",
    "env": "environment",
    "secrets": "secret_refs",
    "enabled": "is_active",
    "parallel": "group_key",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A document as read; `marked` knows where each part was written."""

    value: dict[str, Any]
    marked: Marked


def parse(text: str | bytes) -> Document:
    """Read a pipeline document without checking more than that it is an object.

    Raises:
        DocumentError: it is no YAML that we accept, or no object.
    """
    marked = load_marked(text)
    if not isinstance(marked.value, dict):
        raise DocumentError("A pipeline is an object: start with `name:`", 1, 1)
    return Document(marked.value, marked)


def lint(
    text: str | bytes,
    *,
    schemas: Schemas,
    check: Check | None = None,
    known_labels: Collection[str] | None = None,
) -> list[Finding]:
    """Return what is wrong with a document, in the order of its lines; never raises for its text.

    Of each kind of check (schema, structure, expressions) the first 100 findings are kept.
    `schemas` are the JSON Schemas of `with` by step type, `check` asks a type about what no schema
    can say, `known_labels` are those that workers have.
    """
    try:
        document = parse(text)
    except DocumentError as error:
        place = (error.line or 1, error.column or 1)
        return [Finding("error", "yaml", error.message, *place, error.pointer, "")]
    problems = _problems(document.value, schemas, check, known_labels)
    findings = [_placed(problem, document.marked) for problem in problems]
    return sorted(findings, key=lambda finding: (finding.line, finding.column))


def lint_definition(
    definition: Mapping[str, Any], *, schemas: Schemas, check: Check | None = None
) -> list[Finding]:
    """Return what is wrong with a definition; pointers lead into it, lines are 0.

    Triggers may have any form that a document may give them.
    """
    broken = definition_problems(definition)
    if broken:
        return [_unplaced(problem, problem.pointer) for problem in broken]
    plain = {**definition, "triggers": stored_triggers(definition.get("triggers"))}
    places = document_pointers(plain)
    document = from_definition(plain)
    return [
        _unplaced(problem, _pointer_in_definition(problem.pointer, places))
        for problem in _problems(document, schemas, check, None)
    ]


def _problems(
    document: dict[str, Any],
    schemas: Schemas,
    check: Check | None,
    known_labels: Collection[str] | None,
) -> list[Problem]:
    return [
        *schema_problems(document, schemas),
        *islice(_configuration_problems(document, schemas, check), MOST_PROBLEMS),
        *islice(structure_problems(document, known_labels), MOST_PROBLEMS),
        *islice(expression_problems(document, schemas), MOST_PROBLEMS),
    ]


def _configuration_problems(
    document: Mapping[str, Any], schemas: Schemas, check: Check | None
) -> Iterator[Problem]:
    if check is None:
        return
    for place in step_places(document):
        uses, written = place.step.get("uses"), place.step.get("with")
        if place.is_group or not isinstance(uses, str) or uses not in schemas:
            continue
        if written is not None and not isinstance(written, Mapping):
            continue
        # What is missing altogether is said at the step.
        base = place.pointer if written is None else f"{place.pointer}/with"
        # What `inputs` evaluate to is laid over `with`.
        later = place.step.get("inputs")
        whole = {**(written or {}), **(later if isinstance(later, Mapping) else {})}
        for pointer, message in check(uses, whole):
            yield Problem(base + pointer, "configuration", message)


def _placed(problem: Problem, marked: Marked) -> Finding:
    if problem.offset is not None:
        line, column = marked.locate(problem.pointer, problem.offset)
    elif problem.at_key:
        line, column = marked.key_position(problem.pointer)
    else:
        line, column = marked.position(problem.pointer)
    return _finding(problem, problem.pointer, line, column)


def _unplaced(problem: Problem, pointer: str) -> Finding:
    return _finding(problem, pointer, 0, 0)


def _finding(problem: Problem, pointer: str, line: int, column: int) -> Finding:
    return Finding(
        problem.severity, problem.code, problem.message, line, column, pointer, problem.remedy
    )


def _pointer_in_definition(pointer: str, places: Mapping[str, str]) -> str:
    step = max((p for p in places if _is_at(pointer, p)), key=len, default="")
    if step:
        member, _, rest = pointer[len(step) + 1 :].partition("/")
        moved = places[step]
        if member:
            moved = join_pointer(moved, _STEP_FIELDS.get(member, member))
        return f"{moved}/{rest}" if rest else moved
    for written, stored in _FIELDS.items():
        if _is_at(pointer, written):
            return stored + pointer[len(written) :]
    return pointer


def _is_at(pointer: str, ancestor: str) -> bool:
    return pointer == ancestor or pointer.startswith(f"{ancestor}/")
