"""The expressions in a document: their syntax, their references, and where they must not stand."""

from collections.abc import Iterator, Mapping
from typing import Any

from devops.safety.json_values import join_pointer
from pipelines.documents.findings import Problem
from pipelines.documents.matrix import member_names
from pipelines.documents.places import StepPlace, step_places
from pipelines.documents.scopes import Scope
from pipelines.documents.triggers import declared_inputs
from pipelines.expressions import (
    ExpressionError,
    Reference,
    Section,
    calls_function,
    condition_section,
    parse,
    references,
    references_of,
    split,
)
from pipelines.expressions.coercion import is_truthy
from pipelines.expressions.nodes import Constant

_GROUP_ROOTS = ("trigger", "repository", "pipeline", "inputs")
_PIPELINE_ENV_ROOTS = ("trigger", "repository", "run", "pipeline", "inputs", "worker")
_USE_ENV = 'Set it in `env:` of the step and write "$NAME" in the command.'


def expression_problems(
    document: Mapping[str, Any], schemas: Mapping[str, dict[str, Any]]
) -> Iterator[Problem]:
    """Yield what is wrong with the expressions of a document."""
    inputs = {
        name: str(rule.get("type", "string"))
        for name, rule in declared_inputs(document.get("on")).items()
    }
    concurrency = document.get("concurrency")
    if isinstance(concurrency, Mapping):
        scope = Scope(inputs, roots=(*_GROUP_ROOTS, "run"))
        yield from _text_problems(concurrency.get("group"), "/concurrency/group", scope)
    whole = Scope(inputs, roots=_PIPELINE_ENV_ROOTS)
    yield from _text_problems(document.get("env"), "/env", whole)
    yield from _machine_problems(document, "", whole)
    for place in step_places(document):
        if not place.is_group:
            yield from _step_problems(place, document, inputs, schemas)


def _step_problems(
    place: StepPlace,
    document: Mapping[str, Any],
    inputs: Mapping[str, str],
    schemas: Mapping[str, dict[str, Any]],
) -> Iterator[Problem]:
    step = place.step
    matrix = step.get("matrix")
    matrix = matrix if isinstance(matrix, Mapping) else {}
    at_start = Scope(inputs, roots=_GROUP_ROOTS)
    yield from _text_problems(matrix, f"{place.pointer}/matrix", at_start)
    scope = Scope(
        inputs,
        environment=[*_names(document.get("env")), *_names(step.get("env"))],
        secrets=_names(step.get("secrets")),
        earlier_steps=place.earlier,
        matrix=member_names(matrix),
        is_matrix_trusted=_is_trusted(matrix, at_start),
    )
    yield from _text_problems(step.get("name"), f"{place.pointer}/name", scope)
    cache = step.get("cache")
    cache = cache if isinstance(cache, Mapping) else {}
    for member in ("key", "restore_keys"):
        yield from _text_problems(cache.get(member), f"{place.pointer}/cache/{member}", scope)
    yield from _machine_problems(step, place.pointer, scope)
    yield from _hash_problems(step, place.pointer)
    yield from _condition_problems(step.get("if"), f"{place.pointer}/if", scope)
    yield from _text_problems(step.get("env"), f"{place.pointer}/env", scope)
    uses = step.get("uses")
    schema = schemas.get(uses, {}) if isinstance(uses, str) else {}
    for member in ("with", "inputs"):
        yield from _configuration_problems(
            step.get(member), f"{place.pointer}/{member}", scope, schema
        )


def _machine_problems(owner: Mapping[str, Any], pointer: str, scope: Scope) -> Iterator[Problem]:
    """Images and services; what a stranger wrote must not choose what runs with our secrets."""
    services = owner.get("services")
    yield from _text_problems(owner.get("image"), f"{pointer}/image", scope)
    yield from _text_problems(services, f"{pointer}/services", scope)
    images = [(f"{pointer}/image", owner.get("image"))]
    for name, service in services.items() if isinstance(services, Mapping) else ():
        if isinstance(service, Mapping):
            place = join_pointer(f"{pointer}/services", name)
            images += [(f"{place}/{part}", service.get(part)) for part in ("image", "command")]
    for place, text in images:
        if not _is_trusted(text, scope):
            message = "Untrusted expression: foreign text could choose what runs"
            remedy = "Use `matrix`, a choice input or a fixed text."
            yield Problem(place, "untrusted-in-image", message, remedy)


def _configuration_problems(
    values: Any, pointer: str, scope: Scope, schema: Mapping[str, Any]
) -> Iterator[Problem]:
    """Walk a configuration beside its schema, so that commands are known as such at any depth."""
    if not isinstance(values, Mapping):
        yield from _text_problems(values, pointer, scope)
        return
    properties = _resolved(schema, schema).get("properties") or {}
    for name, value in values.items():
        place = join_pointer(pointer, name)
        inner = properties.get(name) or {}
        if inner.get("x-command"):
            yield from _text_problems(value, place, scope, is_command=True)
        else:
            below = {**_resolved(inner, schema), "$defs": schema.get("$defs", {})}
            yield from _configuration_problems(value, place, scope, below)


def _resolved(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a schema that lists properties, through one `anyOf` and one `$ref`."""
    for branch in (schema, *schema.get("anyOf", ())):
        reference = branch.get("$ref", "")
        target = whole.get("$defs", {}).get(reference.rpartition("/")[2]) if reference else branch
        if target and "properties" in target:
            return dict(target)
    return {}


def _text_problems(
    value: Any, pointer: str, scope: Scope, *, is_command: bool = False
) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _text_problems(
                member, join_pointer(pointer, name), scope, is_command=is_command
            )
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _text_problems(
                member, join_pointer(pointer, index), scope, is_command=is_command
            )
    elif isinstance(value, str):
        try:
            sections = [section for section in split(value) if section.is_expression]
        except ExpressionError as error:
            yield _syntax(pointer, error)
            return
        for section in sections:
            yield from _section_problems(section, pointer, scope, is_command=is_command)


def _hash_problems(step: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    """Files are there only when a step is about to run: not where it is planned."""
    for member in ("if", "name", "env", "with", "inputs", "matrix", "image", "services"):
        for place, text in _texts(step.get(member), f"{pointer}/{member}"):
            if "hashfiles" in text.lower() and calls_function(text, "hashFiles"):
                message = "`hashFiles()` works in `cache` only"
                yield Problem(place, "expression", message, "Use it in the key of a cache.")


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _texts(member, join_pointer(pointer, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _texts(member, join_pointer(pointer, index))


def _is_trusted(value: Any, scope: Scope) -> bool:
    """Tell whether no expression in a value reads what a stranger may have written."""
    if isinstance(value, Mapping):
        return all(_is_trusted(member, scope) for member in value.values())
    if isinstance(value, list):
        return all(_is_trusted(member, scope) for member in value)
    if not isinstance(value, str) or "${{" not in value:
        return True
    try:
        found = references(value)
    except ExpressionError:
        # The syntax is reported already.
        return True
    return all(scope.is_trusted(reference.path) for reference in found)


def _condition_problems(value: Any, pointer: str, scope: Scope) -> Iterator[Problem]:
    if value is False:
        yield _never(pointer)
    if not isinstance(value, str):
        return
    try:
        section = condition_section(value)
    except ExpressionError as error:
        yield _syntax(pointer, error)
        return
    if section is not None:
        found = _section_problems(section, pointer, scope, is_command=False)
        yield from (each for each in found if each.code != "undeclared-secret")
        yield from _secret_problems(section, pointer)
        yield from _constant_problems(section, pointer)


def _secret_problems(section: Section, pointer: str) -> Iterator[Problem]:
    try:
        found = list(references_of(parse(section.source)))
    except ExpressionError:
        # The syntax is reported already.
        return
    for reference in found:
        if reference.path[0].lower() == "secrets":
            message = f"A condition cannot see `{reference}`: secrets are read when a step begins"
            remedy = "Look in the step's command whether the variable is empty."
            offset = section.offset + reference.offset
            yield Problem(pointer, "secret-in-condition", message, remedy, offset=offset)


def _constant_problems(section: Section, pointer: str) -> Iterator[Problem]:
    try:
        node = parse(section.source)
    except ExpressionError:
        # The syntax is reported already.
        return
    if isinstance(node, Constant) and not is_truthy(node.value):
        yield _never(pointer)


def _section_problems(
    section: Section, pointer: str, scope: Scope, *, is_command: bool
) -> Iterator[Problem]:
    try:
        found = list(references_of(parse(section.source)))
    except ExpressionError as error:
        yield _syntax(pointer, error.moved(section.offset))
        return
    for reference in found:
        offset = section.offset + reference.offset
        yield from _reference_problems(reference, pointer, scope, offset)
        if is_command and not scope.is_trusted(reference.path):
            message = f"Untrusted expression in a command: `{reference}` can hold foreign text"
            yield Problem(pointer, "untrusted-in-command", message, _USE_ENV, offset=offset)


def _reference_problems(
    reference: Reference, pointer: str, scope: Scope, offset: int
) -> Iterator[Problem]:
    complaint = scope.complaint(reference.path)
    if not complaint:
        return
    root = reference.path[0].lower()
    if root == "env":
        # The platform adds variables of its own, which no document declares.
        message = f"`{reference}` is not declared in `env`"
        yield Problem(pointer, "undeclared-env", message, severity="warning", offset=offset)
    elif root == "secrets" and root in scope.roots:
        message = f"The step does not declare the secret `{reference.path[1]}`"
        remedy = f"Add `secrets: [{reference.path[1]}]` to the step."
        yield Problem(pointer, "undeclared-secret", message, remedy, offset=offset)
    else:
        message = f"Unknown reference `{reference}`: {complaint}"
        yield Problem(pointer, "unknown-reference", message, offset=offset)


def _syntax(pointer: str, error: ExpressionError) -> Problem:
    return Problem(pointer, "expression", error.message, offset=error.position)


def _never(pointer: str) -> Problem:
    message = "The condition is never true, so the step never runs"
    remedy = "Remove the step or write `enabled: false`."
    return Problem(pointer, "unreachable", message, remedy, severity="warning")


def _names(value: Any) -> list[str]:
    return (
        [name for name in value if isinstance(name, str)]
        if isinstance(value, Mapping | list)
        else []
    )
