"""The JSON Schema of what steers the flow of a run: matrix, groups, retries."""

from typing import Any

from pipelines.documents.matrix import MOST_COMBINATIONS, MOST_PARALLEL
from pipelines.documents.vocabulary import (
    BACKOFFS,
    LONGEST_CACHE_KEY,
    LONGEST_DELAY_SECONDS,
    MOST_ATTEMPTS,
    NAME_PATTERN,
    RETRY_CAUSES,
)

Schema = dict[str, Any]
_EXPRESSION: Schema = {"type": "string", "pattern": r"\$\{\{", "x-expression": True}


def matrix_schema() -> Schema:
    """Return the schema of `matrix`: dimensions beside four members with a meaning of their own."""
    value = {"type": ["string", "number", "boolean"]}
    entry = {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": value,
        "minProperties": 1,
    }
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "properties": {
            "include": _list_or_expression(entry, "Combinations to extend or to add."),
            "exclude": _list_or_expression(entry, "Combinations to leave out."),
            "fail_fast": {
                "type": "boolean",
                "description": "A failure ends the step's other combinations; default true.",
            },
            "max_parallel": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_PARALLEL,
                "description": "How many combinations run at the same time; default 4.",
            },
        },
        "additionalProperties": _list_or_expression(value, "The values of a dimension."),
    }


def group_settings() -> Schema:
    """Return the schema of what a stored definition keeps of its groups, by their keys."""
    return {
        "type": ["object", "null"],
        "additionalProperties": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 255},
                "fail_fast": {"type": "boolean"},
                "max_parallel": {"type": "integer", "minimum": 1, "maximum": MOST_PARALLEL},
            },
            "additionalProperties": False,
        },
    }


def retry_schema() -> Schema:
    """Return the schema of `retry`."""
    exit_code = {"type": "integer", "minimum": 1, "maximum": 255}
    cause = {
        "anyOf": [
            {"enum": list(RETRY_CAUSES)},
            {
                "type": "object",
                "properties": {
                    "exit_code": {
                        "anyOf": [exit_code, {"type": "array", "items": exit_code, "minItems": 1}]
                    },
                    "log": {"type": "string", "minLength": 1, "maxLength": 512},
                },
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    }
    return {
        "type": "object",
        "properties": {
            "attempts": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_ATTEMPTS,
                "description": "How often the step is tried at most, the first time included.",
            },
            "delay_seconds": {
                "type": "number",
                "minimum": 0,
                "maximum": LONGEST_DELAY_SECONDS,
                "description": "How long to wait before the second attempt; default 0.",
            },
            "backoff": {
                "enum": list(BACKOFFS),
                "description": "fixed: the same delay each time; exponential: twice the last one.",
            },
            "max_delay_seconds": {
                "type": "number",
                "minimum": 0,
                "maximum": LONGEST_DELAY_SECONDS,
                "description": "The longest delay that doubling may reach; default 600.",
            },
            "on": {
                "type": "array",
                "items": cause,
                "minItems": 1,
                "maxItems": 20,
                "description": "Which failures are tried again; absent: every one but a cancel.",
            },
        },
        "required": ["attempts"],
        "additionalProperties": False,
    }


def cache_schema() -> Schema:
    """Return the schema of `cache`."""
    text: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_CACHE_KEY}
    return {
        "type": "object",
        "properties": {
            "key": {**text, "description": "The same key means the same files."},
            "restore_keys": {
                "type": "array",
                "items": text,
                "maxItems": 10,
                "description": "Beginnings of keys to fall back on, in order; the newest wins.",
            },
            "paths": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 500},
                "minItems": 1,
                "maxItems": 20,
                "description": "Files and folders below the workspace, or below `~/`.",
            },
        },
        "required": ["key", "paths"],
        "additionalProperties": False,
    }


def _list_or_expression(items: Schema, description: str) -> Schema:
    values = {"type": "array", "items": items, "minItems": 1, "maxItems": MOST_COMBINATIONS}
    return {"anyOf": [values, dict(_EXPRESSION)], "description": description}
