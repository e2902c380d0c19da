"""Between the document that people write and the definition that the database and runs keep."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from devops.safety.documents import dump_yaml
from pipelines.documents.keys import pipeline_slug, step_key
from pipelines.documents.triggers import stored_triggers, written_triggers
from pipelines.documents.vocabulary import DEFAULT_RUN_MINUTES, DEFAULT_TYPE, UNLIMITED

Document = Mapping[str, Any]
Definition = Mapping[str, Any]

# Members of a step that have the same value on both sides, document name first.
_SAME_IN_STEP: tuple[tuple[str, str, Any], ...] = (
    ("with", "configuration", {}),
    ("continue_on_error", "continue_on_error", False),
    ("enabled", "is_active", True),
    ("timeout_minutes", "timeout_minutes", None),
    ("retry", "retry", {}),
    ("matrix", "matrix", {}),
    ("cache", "cache", {}),
    ("image", "image", ""),
    ("services", "services", {}),
    ("env", "environment", {}),
    ("secrets", "secret_refs", []),
    ("inputs", "inputs", {}),
    ("outputs", "outputs", {}),
)
# What stands before the value of a recipient in a document, by its stored type.
_PREFIXES: Mapping[str, str] = {"email": "", "user_id": "user:", "role": "role:"}
_KINDS: Mapping[str, str] = {"user:": "user_id", "role:": "role"}
_OF_GROUPS = ("name", "fail_fast", "max_parallel")
_SAME_IN_PIPELINE: tuple[tuple[str, str, Any], ...] = (
    ("runner_labels", "runner_labels", []),
    ("env", "environment", {}),
    ("secrets", "secret_refs", []),
    ("features", "features", {}),
)


def to_definition(document: Document) -> dict[str, Any]:
    """Return the definition of a document without errors, with every member filled in."""
    concurrency = document.get("concurrency")
    settings: dict[str, Any] = {}
    if document.get("image"):
        settings["image"] = document["image"]
    _put(settings, "services", dict(document.get("services") or {}))
    if isinstance(concurrency, Mapping) and concurrency:
        settings["concurrency"] = dict(concurrency)
    _put(settings, "groups", _groups(document))
    return {
        "name": document["name"],
        "slug": document.get("key") or pipeline_slug(document["name"]),
        "description": document.get("description") or "",
        "pipeline_type": document.get("type") or DEFAULT_TYPE,
        "triggers": stored_triggers(document.get("on")),
        "timeout_minutes": document.get("timeout_minutes", DEFAULT_RUN_MINUTES),
        "allow_concurrent": concurrency == UNLIMITED,
        **{field: _copy(document.get(key), empty) for key, field, empty in _SAME_IN_PIPELINE},
        **_told(document.get("notifications")),
        "settings": settings,
        "steps": [_step_definition(step, phase, group) for step, phase, group in _walk(document)],
    }


def from_definition(definition: Definition) -> dict[str, Any]:
    """Return the document of a definition, without what is at its default."""
    settings = definition.get("settings") or {}
    document: dict[str, Any] = {"name": definition["name"]}
    slug = definition.get("slug")
    if slug and slug != pipeline_slug(definition["name"]):
        document["key"] = slug
    document["type"] = definition.get("pipeline_type") or DEFAULT_TYPE
    _put(document, "description", definition.get("description") or "")
    _put(document, "on", written_triggers(definition.get("triggers") or {}))
    if definition.get("allow_concurrent"):
        document["concurrency"] = UNLIMITED
    else:
        _put(document, "concurrency", dict(settings.get("concurrency") or {}))
    minutes = definition.get("timeout_minutes")
    if minutes is not None:
        document["timeout_minutes"] = _plain_number(minutes)
    _put(document, "image", settings.get("image") or "")
    _put(document, "services", dict(settings.get("services") or {}))
    for key, field, empty in _SAME_IN_PIPELINE:
        _put(document, key, _copy(definition.get(field), empty))
    recipients = written_recipients(definition.get("notification_recipients") or [])
    told = {"recipients": recipients} if recipients else {}
    _put(document, "notifications", {**told, **(definition.get("notification_settings") or {})})
    document["steps"] = _written_steps(definition, "main")
    _put(document, "finally", _written_steps(definition, "finally"))
    return document


def export_yaml(definition: Definition) -> str:
    """Return a definition as the text of a pipeline document.

    Raises:
        devops.safety.documents.DocumentError: it holds what is no JSON value.
    """
    return dump_yaml(from_definition(definition))


def document_pointers(definition: Definition) -> dict[str, str]:
    """Return, for each step's pointer in the document of a definition, that in the definition."""
    pointers: dict[str, str] = {}
    places: dict[str, list[str]] = {"main": [], "finally": []}
    for index, step in enumerate(definition.get("steps") or []):
        places[_phase(step)].append(f"/steps/{index}")
    for phase, name in (("main", "steps"), ("finally", "finally")):
        own = iter(places[phase])
        for index, step in enumerate(_written_steps(definition, phase)):
            members = step.get("parallel")
            if members is None:
                pointers[f"/{name}/{index}"] = next(own)
            else:
                inner = [next(own) for _ in members]
                pointers[f"/{name}/{index}"] = inner[0]
                for position, place in enumerate(inner):
                    pointers[f"/{name}/{index}/parallel/{position}"] = place
    return pointers


def written_recipients(entries: Iterable[Any]) -> list[str]:
    """Return stored recipients as a document writes them; what is none of them is left out."""
    return [
        f"{_PREFIXES[entry['type']]}{entry.get('value')}"
        for entry in entries
        if isinstance(entry, Mapping) and entry.get("type") in _PREFIXES
    ]


def _told(written: Any) -> dict[str, Any]:
    """Who is told by default, and the settings of each event, as two fields."""
    settings = dict(written or {})
    return {
        "notification_recipients": [_recipient(w) for w in settings.pop("recipients", None) or []],
        "notification_settings": settings,
    }


def _recipient(word: str) -> dict[str, str]:
    prefix, colon, rest = word.partition(":")
    kind = _KINDS.get(f"{prefix}:") if colon else None
    return {"type": kind, "value": rest} if kind else {"type": "email", "value": word}


def _walk(document: Document) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    for name, phase in (("steps", "main"), ("finally", "finally")):
        for step in document.get(name) or []:
            if "parallel" in step:
                group = step.get("key") or step_key(step["name"])
                yield from ((member, phase, group) for member in step["parallel"] or [])
            else:
                yield step, phase, ""


def _groups(document: Document) -> dict[str, dict[str, Any]]:
    """What is said of groups themselves, by their keys."""
    groups: dict[str, dict[str, Any]] = {}
    for name in ("steps", "finally"):
        for step in document.get(name) or []:
            if "parallel" in step:
                said = {member: step[member] for member in _OF_GROUPS if member in step}
                groups[step.get("key") or step_key(step["name"])] = said
    return groups


def _written_group(key: str, groups: Mapping[str, Any]) -> dict[str, Any]:
    said = groups.get(key) or {}
    written = {"name": said.get("name") or key}
    if step_key(written["name"]) != key:
        written["key"] = key
    return {**written, **{name: said[name] for name in _OF_GROUPS[1:] if name in said}}


def _step_definition(step: Mapping[str, Any], phase: str, group: str) -> dict[str, Any]:
    condition = step.get("if", "")
    if isinstance(condition, bool):
        condition = "true" if condition else "false"
    approval = step.get("approval")
    return {
        "key": step.get("key") or step_key(step["name"]),
        "name": step["name"],
        "step_type": step["uses"],
        "condition": condition or "",
        "requires_approval": approval is not None and approval is not False,
        "approval_settings": dict(approval) if isinstance(approval, Mapping) else {},
        **{field: _copy(step.get(key), empty) for key, field, empty in _SAME_IN_STEP},
        "group_key": group,
        "phase": phase,
    }


def _written_steps(definition: Definition, phase: str) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    groups = (definition.get("settings") or {}).get("groups") or {}
    last_group = ""
    for step in definition.get("steps") or []:
        if _phase(step) != phase:
            continue
        group = step.get("group_key") or ""
        if group and group == last_group:
            written[-1]["parallel"].append(_written_step(step))
        elif group:
            written.append({**_written_group(group, groups), "parallel": [_written_step(step)]})
        else:
            written.append(_written_step(step))
        last_group = group
    return written


def _written_step(step: Mapping[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {"name": step["name"]}
    if step.get("key") and step["key"] != step_key(step["name"]):
        written["key"] = step["key"]
    written["uses"] = step["step_type"]
    _put(written, "if", step.get("condition") or "")
    if step.get("requires_approval"):
        written["approval"] = dict(step.get("approval_settings") or {})
    for key, field, empty in _SAME_IN_STEP:
        value = _copy(step.get(field), empty)
        if value != empty and value not in ([], {}):
            written[key] = _plain_number(value)
    return written


def _phase(step: Mapping[str, Any]) -> str:
    return "finally" if step.get("phase") == "finally" else "main"


def _copy(value: Any, empty: Any) -> Any:
    if value is None:
        value = empty
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, list) else value


def _put(target: dict[str, Any], key: str, value: Any) -> None:
    if value:
        target[key] = value


def _plain_number(value: Any) -> Any:
    if isinstance(value, Decimal | float):
        return int(value) if value == int(value) else float(value)
    return value
