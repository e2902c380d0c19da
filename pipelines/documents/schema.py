"""The JSON Schema of the pipeline document, for the linter, the editor and the importer."""

from collections.abc import Mapping
from typing import Any

from pipelines.documents.container_schema import image_schema, services_schema
from pipelines.documents.flow_schema import (
    cache_schema,
    group_settings,
    matrix_schema,
    retry_schema,
)
from pipelines.documents.matrix import MOST_PARALLEL
from pipelines.documents.vocabulary import (
    ACTION_TRIGGERS,
    FEATURES,
    INPUT_TYPES,
    KEY_PATTERN,
    LONGEST_GATE_HOURS,
    LONGEST_RUN_MINUTES,
    MISSED,
    MOST_APPROVALS,
    MOST_JITTER_SECONDS,
    MOST_RECIPIENTS,
    MOST_STEPS,
    NAME_PATTERN,
    OUTPUT_PATTERN,
    OUTPUT_TYPES,
    OVERLAPS,
    PIPELINE_TYPES,
    POLICIES,
    RECIPIENT_KINDS,
    RECIPIENT_PATTERN,
    SHORTEST_MINUTES,
    SLUG_PATTERN,
    TRIGGERS,
    UNLIMITED,
)

Schema = dict[str, Any]


def json_schema(schemas: Mapping[str, Schema]) -> Schema:
    """Return the schema (2020-12) of the whole document; `schemas` are those of `with` by type."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Powernode pipeline",
        "description": "What starts a pipeline and the steps that it runs.",
        **_object(_pipeline(), required=["name", "steps"]),
        "$defs": {
            "step": _step(schemas),
            "rule": _rule(),
            **{_definition_name(name): _rehomed(name, schema) for name, schema in schemas.items()},
        },
    }


def _pipeline() -> Schema:
    steps = {"type": "array", "items": {"$ref": "#/$defs/step"}, "maxItems": MOST_STEPS}
    return {
        "name": _text("The name that people see.", maxLength=255, minLength=1),
        "key": _text("Short name in addresses; default: made from the name.", pattern=SLUG_PATTERN),
        "type": _said({"enum": list(PIPELINE_TYPES)}, "What the pipeline is for; default custom."),
        "description": _text("A sentence or two for readers."),
        "on": _said(_triggers(), "What starts the pipeline."),
        "concurrency": _said(_concurrency(), "Which runs may go on side by side; default: one."),
        "timeout_minutes": _said(
            _minutes(LONGEST_RUN_MINUTES), "Limit of the whole run, waiting for people not counted."
        ),
        "runner_labels": _said(_names(), "Labels that the worker must have."),
        "image": image_schema(
            "Container image of every step; absent: processes of the worker. A step may say `none`."
        ),
        "env": _said(_environment(), "Environment variables of every step."),
        "secrets": _said(_secret_names(), "Names of the secrets that steps may ask for."),
        "features": _said(_features(), "Switches of optional behaviour."),
        "notifications": _said(_notifications(), "Who is told about what."),
        "services": services_schema("Containers beside every step that runs in one."),
        "steps": _said(steps, "What is done, in this order."),
        "finally": _said(dict(steps), "Steps that run at the end, whatever happened."),
    }


def _step(schemas: Mapping[str, Schema]) -> Schema:
    members: Schema = {
        "name": _text("The name that people see.", maxLength=255, minLength=1),
        "key": _text(
            "Outputs live under steps.<key>; default: made from the name.", pattern=KEY_PATTERN
        ),
        "uses": _said({"enum": sorted(schemas)}, "The step type."),
        "with": _said({"type": "object"}, "The configuration of the step type."),
        "if": _said({"type": ["string", "boolean"]}, "Condition; success() && is implied."),
        "continue_on_error": _said({"type": "boolean"}, "A failure becomes a warning."),
        "enabled": _said({"type": "boolean"}, "False: the step is left out of runs."),
        "timeout_minutes": _said(_minutes(LONGEST_RUN_MINUTES), "Limit of this step."),
        "approval": _said(_approval(), "A person decides before the step."),
        "retry": _said(retry_schema(), "When and how often to try again."),
        "matrix": _said(matrix_schema(), "One execution for each combination."),
        "cache": _said(cache_schema(), "Paths that are kept from run to run under a key."),
        "image": image_schema("Container image of this step; `none`: a process of the worker."),
        "services": services_schema("Containers beside this step, added to the pipeline's."),
        "secrets": _said(_secret_names(), "Secrets that this step gets."),
        "env": _said(_environment(), "Environment variables of this step."),
        "inputs": _said({"type": "object"}, "Values merged into `with` after evaluation."),
        "outputs": _said(_outputs(), "Declared outputs: name to type and description."),
        "parallel": _said(
            {"type": "array", "items": {"$ref": "#/$defs/step"}, "maxItems": 50},
            "Steps that run side by side.",
        ),
        "fail_fast": _said({"type": "boolean"}, "A member's failure ends the others of the group."),
        "max_parallel": _said(
            {"type": "integer", "minimum": 1, "maximum": MOST_PARALLEL},
            "How many members of the group run at the same time.",
        ),
    }
    group = {"required": ["parallel"]}
    of_groups = ("parallel", "fail_fast", "max_parallel")
    in_group = ("name", "key", *of_groups)
    return {
        **_object(members, required=["name"]),
        "if": group,
        "then": {"properties": {name: {"not": {}} for name in members if name not in in_group}},
        "else": {
            "required": ["uses"],
            "properties": {name: {"not": {}} for name in of_groups if name != "parallel"},
        },
        "allOf": [_of_type(name, schema) for name, schema in sorted(schemas.items())],
    }


def _recipients() -> Schema:
    return {
        "type": "array", "items": {"type": "string", "pattern": RECIPIENT_PATTERN},
        "maxItems": MOST_RECIPIENTS, "uniqueItems": True,
    }  # fmt: skip


def _approval() -> Schema:
    settings = _object(
        {
            "recipients": _said(
                _recipients(),
                "Who is asked: addresses, `user:<id>`, `role:<role>`; default: anyone.",
            ),
            "timeout_hours": _said(
                {"type": "number", "minimum": 1, "maximum": LONGEST_GATE_HOURS},
                "How long an answer is waited for; default 24.",
            ),
            "required": _said(
                {"type": "integer", "minimum": 1, "maximum": MOST_APPROVALS},
                "How many must approve; one rejection always decides.",
            ),
            "require_comment": _said({"type": "boolean"}, "An approval needs a comment, too."),
            "allow_self_approval": _said(
                {"type": "boolean"}, "Whoever started the run, or wrote it, may approve it."
            ),
        }
    )
    return {"anyOf": [settings, {"type": "boolean"}]}


def _outputs() -> Schema:
    declaration = _object({"type": {"enum": list(OUTPUT_TYPES)}, "description": {"type": "string"}})
    return {
        "type": "object",
        "propertyNames": {"pattern": OUTPUT_PATTERN},
        "additionalProperties": {"anyOf": [declaration, {"type": "null"}]},
    }


def _of_type(name: str, schema: Schema) -> Schema:
    then: Schema = {"properties": {"with": {"$ref": f"#/$defs/{_definition_name(name)}"}}}
    if schema.get("required"):
        then["required"] = ["with"]
    return {"if": {"properties": {"uses": {"const": name}}, "required": ["uses"]}, "then": then}


def _triggers() -> Schema:
    rule = {"$ref": "#/$defs/rule"}
    actions = {"anyOf": [_names(), rule, {"type": "null"}]}
    manual = _object({"inputs": {"type": "object", "additionalProperties": _input()}})
    return {
        "anyOf": [
            {"enum": list(TRIGGERS)},
            {"type": "array", "items": {"enum": list(TRIGGERS)}, "uniqueItems": True},
            {
                **_object(
                    {
                        **dict.fromkeys(ACTION_TRIGGERS, actions),
                        "push": {"anyOf": [rule, {"type": "null"}]},
                        "schedule": {"type": "array", "items": _schedule()},
                        "manual": {"anyOf": [manual, {"type": ["boolean", "null"]}]},
                        "workflow_dispatch": {"anyOf": [manual, {"const": True}, {"type": "null"}]},
                        "webhook": {"anyOf": [_object({}), {"type": "null"}]},
                    }
                ),
            },
        ]
    }


def _rule() -> Schema:
    filters = ("actions", "branches", "branches-ignore", "tags", "paths", "paths-ignore", "labels")
    return _object({**dict.fromkeys(filters, _names()), "mention": {"type": "string"}})


def _schedule() -> Schema:
    entry = _object(
        {
            "cron": _text("Five fields, or an alias such as @daily.", maxLength=100),
            "timezone": _text("IANA name; default UTC.", maxLength=64),
            "name": _text("What people see; default: the expression.", maxLength=200, minLength=1),
            "missed": _said(
                {"enum": list(MISSED)}, "What becomes of missed times; default latest."
            ),
            "overlap": _said(
                {"enum": list(OVERLAPS)}, "While an earlier run goes on; default queue."
            ),
            "jitter_seconds": _said(
                {"type": "integer", "minimum": 0, "maximum": MOST_JITTER_SECONDS},
                "Spreads the times by up to so much, each always by the same.",
            ),
            "inputs": _said({"type": "object"}, "Inputs of the run."),
        },
        required=["cron"],
    )
    return {"anyOf": [entry, {"type": "string"}]}


def _input() -> Schema:
    return _object(
        {
            "type": {"enum": list(INPUT_TYPES)},
            "options": {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
            "default": {"type": ["string", "number", "boolean", "null"]},
            "required": {"type": "boolean"},
            "description": {"type": "string"},
        }
    )


def _concurrency() -> Schema:
    limited = _object({"group": {"type": "string"}, "policy": {"enum": list(POLICIES)}})
    return {"anyOf": [limited, {"const": UNLIMITED}]}


def _environment() -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    }


def _features() -> Schema:
    return {
        "type": "object",
        "properties": {name: {"type": "boolean"} for name in FEATURES},
        "additionalProperties": {"type": "boolean"},
    }


def _notifications() -> Schema:
    told = {"anyOf": [_names(), {"type": "boolean"}]}
    who = "Addresses, `user:<id>`, `role:<role>`; told of every event that names nobody else."
    return _object(
        {
            "recipients": _said(_recipients(), who),
            **dict.fromkeys(("on_failure", "on_completion", "on_approval_required"), told),
        }
    )


def _secret_names() -> Schema:
    return {"type": "array", "items": {"type": "string", "pattern": NAME_PATTERN}}


def _names() -> Schema:
    return {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 512},
        "maxItems": 256,
    }


def _minutes(most: float) -> Schema:
    return {"type": "number", "minimum": SHORTEST_MINUTES, "maximum": most}


def _text(description: str, **rules: Any) -> Schema:
    return {"type": "string", "description": description, **rules}


def _said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def _object(properties: Schema, *, required: list[str] | None = None) -> Schema:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _definition_name(step_type: str) -> str:
    return f"with_{step_type}"


def _rehomed(name: str, schema: Any) -> Any:
    """Point a step schema's own references to where it stands in the whole."""
    if isinstance(schema, list):
        return [_rehomed(name, member) for member in schema]
    if not isinstance(schema, Mapping):
        return schema
    moved = {key: _rehomed(name, member) for key, member in schema.items()}
    reference = moved.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        moved["$ref"] = f"#/$defs/{_definition_name(name)}/{reference.removeprefix('#/')}"
    return moved


def _entry() -> Schema:
    kinds = {"enum": list(RECIPIENT_KINDS)}
    return _object({"type": kinds, "value": {"type": "string"}}, required=["type", "value"])


def definition_schema() -> Schema:
    """Return the schema of a stored definition: its shape only, so that it can be mapped.

    What its members may say is then checked on the document made of it.
    """
    some: Schema = {"type": ["object", "null"]}
    texts: Schema = {"type": ["array", "null"], "items": {"type": "string"}}
    text: Schema = {"type": ["string", "null"]}
    flag: Schema = {"type": ["boolean", "null"]}
    settings = _object(
        {"image": text, "services": some, "concurrency": some, "groups": group_settings()}
    )
    step = _object(
        {
            "key": text,
            "name": {"type": "string", "minLength": 1, "maxLength": 255},
            "step_type": {"type": "string"},
            **dict.fromkeys(("condition", "group_key", "image"), text),
            **dict.fromkeys(("configuration", "approval_settings", "inputs"), some),
            **dict.fromkeys(("environment", "retry", "matrix", "cache", "services"), some),
            "outputs": {"type": ["object", "array", "null"]},
            **dict.fromkeys(("continue_on_error", "is_active", "requires_approval"), flag),
            "secret_refs": texts,
            "timeout_minutes": {"type": ["number", "null"]},
            "phase": {"enum": ["main", "finally", None]},
        },
        required=["name", "step_type"],
    )
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 255},
            **dict.fromkeys(("slug", "description", "pipeline_type"), text),
            "triggers": {"type": ["object", "array", "string", "null"]},
            **dict.fromkeys(("environment", "features", "notification_settings"), some),
            "secret_refs": texts,
            "runner_labels": texts,
            "timeout_minutes": {"type": ["number", "null"]},
            "allow_concurrent": flag,
            "notification_recipients": {"type": ["array", "null"], "items": _entry()},
            "settings": {"anyOf": [settings, {"type": "null"}]},
            "steps": {"type": ["array", "null"], "items": step, "maxItems": MOST_STEPS},
        },
        "required": ["name"],
    }
