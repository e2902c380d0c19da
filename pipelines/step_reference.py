"""What there is to know of a step type, in words: for its page and for the written reference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devops.safety.documents import dump_yaml
from pipelines import step_types

Schema = Mapping[str, Any]

EFFECTS = {
    "pure": "It changes nothing: repeated freely after a worker's death.",
    "workspace": "It changes the workspace: repeated after a worker's death.",
    "external": "It acts outside: repeated only after a look at what is there already.",
    "once": "It acts outside: never repeated unasked.",
}
_TYPES = {
    "string": "text", "boolean": "true or false", "integer": "whole number", "number": "number",
    "object": "map", "array": "list", "null": "nothing",
}  # fmt: skip
_LISTS = {
    "text": "list of texts", "whole number": "list of numbers", "number": "list of numbers",
    "map": "list of maps",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """A key of `with:`; those of a map or of a list's maps have its name before theirs."""

    path: str
    kind: str
    is_required: bool
    default: str
    title: str
    meaning: str
    choices: tuple[str, ...]


def keys_of(name: str) -> list[Key]:
    """The keys of a type's configuration, those of a map after the map.

    Raises:
        UnknownStepTypeError: there is no such type.
    """
    schema = step_types.config_schema(name, expressions=False)
    return list(_keys(schema, schema.get("$defs", {}), ""))


def example_of(kind: step_types.StepType) -> str:
    """A step of the type as it stands in a document."""
    step: dict[str, Any] = {"name": kind.title, "uses": kind.name}
    if kind.example:
        step["with"] = dict(kind.example)
    return dump_yaml([step]).rstrip()


def _keys(schema: Schema, shared: Mapping[str, Schema], before: str) -> Iterator[Key]:
    required = schema.get("required", ())
    for name, facts in schema.get("properties", {}).items():
        if "const" in facts:
            continue
        own, kind, inside = _looked_at(facts, shared)
        words = facts.get("description") or (own.get("description") if inside else "")
        yield Key(
            path=f"{before}{name}",
            kind=kind,
            is_required=name in required,
            default="" if name in required else _default(facts),
            title=str(facts.get("title", "")).rstrip("."),
            meaning=str(words or ""),
            choices=tuple(str(each) for each in own.get("enum", ()) if each),
        )
        for suffix, part in inside:
            yield from _keys(part, shared, f"{before}{name}{suffix}.")


def _looked_at(
    facts: Schema, shared: Mapping[str, Schema]
) -> tuple[Schema, str, list[tuple[str, Schema]]]:
    """A property's schema, its type in words, and the maps that it holds, each with its place."""
    choices = [_resolved(each, shared) for each in facts.get("anyOf", [facts])]
    choices = [each for each in choices if each.get("type") != "null"]
    first = choices[0] if choices else facts
    kind = " or ".join(dict.fromkeys(_kind(each, shared) for each in choices))
    items = _resolved(first.get("items", {}), shared)
    told_by = items.get("discriminator", {})
    if told_by:
        name = told_by["propertyName"]
        variants = sorted(told_by["mapping"].items())
        parts = [(f"[{name}: {word}]", _resolved({"$ref": to}, shared)) for word, to in variants]
        first = {**first, "enum": [f"{name}: {word}" for word, _ in variants]}
    elif "properties" in items:
        parts = [("[]", items)]
    else:
        parts = [("", first)] if "properties" in first else []
    return first, kind, parts


def _resolved(schema: Schema, shared: Mapping[str, Schema]) -> Schema:
    reference = str(schema.get("$ref", "")).rpartition("/")[2]
    return shared[reference] if reference else schema


def _kind(schema: Schema, shared: Mapping[str, Schema]) -> str:
    kind = _TYPES.get(str(schema.get("type", "")), "any value")
    if kind == "list" and "items" in schema:
        items = _resolved(schema["items"], shared)
        return _LISTS.get("map" if "oneOf" in items else _kind(items, shared), kind)
    return kind


def _default(facts: Schema) -> str:
    """As one writes it in a document; empty where nothing is the default."""
    value = facts.get("default")
    if value is None or value in ("", [], {}):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
