"""A document against its schema, with messages for people."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from devops.safety.json_values import join_pointer
from pipelines.documents.findings import Problem
from pipelines.documents.schema import definition_schema, json_schema
from pipelines.documents.vocabulary import MOST_PROBLEMS, RECIPIENT_PATTERN

_TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}
_JSON_TYPES = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (Mapping, "object"),
)
# What a text should have been, where its pattern would not tell people.
_PATTERNS = {
    RECIPIENT_PATTERN: "is no mail address, `user:<id>` or `role:developer|admin|owner`",
}
_LIMITS = {
    "minimum": "must be at least",
    "maximum": "must be at most",
    "maxLength": "must not be longer than",
    "maxItems": "must not have more entries than",
    "const": "must be",
    "exclusiveMinimum": "must be more than",
    "exclusiveMaximum": "must be less than",
}


def schema_problems(document: Any, schemas: Mapping[str, dict[str, Any]]) -> list[Problem]:
    """Return where a document departs from its schema, in the order of the document."""
    return _gather(_validator(orjson.dumps(dict(schemas))), document)


def definition_problems(definition: Any) -> list[Problem]:
    """Return where a stored definition has not the shape that a document can be made of."""
    return _gather(_definition_validator(), definition)


def _gather(validator: Draft202012Validator, value: Any) -> list[Problem]:
    problems: dict[tuple[str, str], Problem] = {}
    for error in validator.iter_errors(value):
        for cause in _causes(error):
            for problem in _explain(cause):
                problems.setdefault((problem.pointer, problem.message), problem)
        if len(problems) >= MOST_PROBLEMS:
            break
    return list(problems.values())


@lru_cache(maxsize=8)
def _validator(schemas: bytes) -> Draft202012Validator:
    return Draft202012Validator(json_schema(orjson.loads(schemas)))


@lru_cache(maxsize=1)
def _definition_validator() -> Draft202012Validator:
    return Draft202012Validator(definition_schema())


def _causes(error: ValidationError) -> Iterator[ValidationError]:
    if error.validator not in ("anyOf", "oneOf"):
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for cause in error.context or ():
        branches.setdefault(cause.schema_path[0], []).append(cause)
    # The branch that wants this very type is the one that was meant.
    meant = [found for found in branches.values() if not _is_of_other_type(found, error)]
    if len(meant) == 1:
        for cause in meant[0]:
            yield from _causes(cause)
    else:
        yield error


def _is_of_other_type(causes: list[Any], error: Any) -> bool:
    return any(
        cause.validator in ("type", "const")
        or (cause.validator == "enum" and not isinstance(error.instance, str))
        or (isinstance(cause.schema, Mapping) and bool(cause.schema.get("x-expression")))
        for cause in causes
        if not cause.relative_path
    )


def _explain(error: Any) -> Iterator[Problem]:
    pointer = _pointer(error)
    if error.validator == "additionalProperties":
        yield from _unknown_keys(error, pointer)
    elif error.validator == "required":
        yield from _missing_keys(error, pointer)
    elif error.validator == "enum":
        yield _not_among(error, pointer)
    elif error.validator == "not":
        yield _misplaced(error, pointer)
    else:
        yield Problem(pointer, "schema", f"{_subject(error)} {_complaint(error)}")


def _misplaced(error: Any, pointer: str) -> Problem:
    if _last(error) in ("fail_fast", "max_parallel"):
        message = f"`{_last(error)}` belongs to a group or into `matrix`"
        remedy = "Write it beside `parallel`, or as a member of `matrix`."
    else:
        message = f"`{_last(error)}` has no place beside `parallel`"
        remedy = "Move it into the members."
    return Problem(pointer, "schema", message, remedy, at_key=True)


def _unknown_keys(error: Any, pointer: str) -> Iterator[Problem]:
    known = list(error.schema.get("properties", {}))
    for key in error.instance:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            remedy = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
            message = f"Unknown key `{key[:80]}`"
            place = join_pointer(pointer, key)
            yield Problem(place, "unknown-key", message, remedy, at_key=True)


def _missing_keys(error: Any, pointer: str) -> Iterator[Problem]:
    for key in error.validator_value:
        if key not in error.instance:
            where = f"`{_last(error)}`" if error.absolute_path else "The pipeline"
            if error.absolute_path and isinstance(error.absolute_path[-1], int):
                where = "The step"
            yield Problem(pointer, "missing-key", f"{where} needs `{key}`", f"Add `{key}: …`.")


def _not_among(error: Any, pointer: str) -> Problem:
    options = [str(option) for option in error.validator_value]
    near = get_close_matches(str(error.instance)[:80], options, n=1)
    if _last(error) == "uses":
        code, message = "unknown-step-type", f"There is no step type `{str(error.instance)[:80]}`"
    else:
        code, message = "schema", f"{_subject(error)} cannot be `{str(error.instance)[:80]}`"
    hint = f"Did you mean `{near[0]}`? " if near else ""
    return Problem(pointer, code, message, f"{hint}Known: {', '.join(options)}.")


def _complaint(error: Any) -> str:
    value = error.validator_value
    match error.validator:
        case "type":
            wanted = value if isinstance(value, list) else [value]
            names = " or ".join(_TYPES[name] for name in wanted if name != "null")
            words = f"must be {names}, not {_type_of(error.instance)}"
        case "pattern":
            said = _PATTERNS.get(value, f"does not match {value}")
            words = f"`{str(error.instance)[:80]}` {said}"
        case "anyOf" | "oneOf":
            words = f"cannot be {_type_of(error.instance)} of this form"
        case "minLength" | "minItems":
            words = "must not be empty"
        case limit if limit in _LIMITS:
            words = f"{_LIMITS[limit]} {value}"
        case _:
            words = f"is not valid: {error.message[:200]}"
    return words


def _type_of(value: Any) -> str:
    for kind, name in _JSON_TYPES:
        if isinstance(value, kind):
            return _TYPES[name]
    return "nothing"


def _subject(error: Any) -> str:
    last = _last(error)
    return f"Entry {last + 1}" if isinstance(last, int) else f"`{last}`"


def _last(error: Any) -> Any:
    return error.absolute_path[-1] if error.absolute_path else "the document"


def _pointer(error: Any) -> str:
    pointer = ""
    for part in error.absolute_path:
        pointer = join_pointer(pointer, part)
    return pointer
