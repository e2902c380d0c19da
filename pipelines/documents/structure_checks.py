"""What a schema cannot say: unique keys, secrets, limits, images."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from devops.cron import check_cron, check_zone
from devops.errors import Invalid
from devops.safety.json_values import join_pointer
from pipelines.documents.container_schema import container_problems
from pipelines.documents.findings import Problem
from pipelines.documents.flow_checks import flow_problems
from pipelines.documents.places import StepPlace, step_places
from pipelines.documents.triggers import declared_inputs
from pipelines.documents.vocabulary import (
    AI_STEP_TYPES,
    DEFAULT_RUN_MINUTES,
    FEATURES,
    RESERVED_KEY,
)


def structure_problems(
    document: Mapping[str, Any], known_labels: Collection[str] | None
) -> Iterator[Problem]:
    """Yield what is wrong with a document beyond its schema and its expressions."""
    yield from _uniqueness(document)
    yield from _secrets(document)
    yield from _limits(document)
    yield from flow_problems(document)
    yield from container_problems(document)
    yield from _approvals(document)
    yield from _schedules(document)
    yield from _inputs(document)
    yield from _warnings(document, known_labels)


def _uniqueness(document: Mapping[str, Any]) -> Iterator[Problem]:
    keys: dict[str, str] = {}
    names: set[str] = set()
    for place in step_places(document):
        name = place.step.get("name")
        if isinstance(name, str) and name in names and not place.is_group:
            yield Problem(
                _at(place, "name"), "duplicate-name", f"Two steps are named `{name[:80]}`"
            )
        elif place.key and place.key in keys:
            message = f"Two steps have the key `{place.key}`; the other is at {keys[place.key]}"
            yield Problem(_at(place, "key"), "duplicate-key", message, "Give this one a `key`.")
        if place.key == RESERVED_KEY:
            message = f"The key `{RESERVED_KEY}` is reserved for the step before"
            yield Problem(_at(place, "key"), "reserved-key", message, "Choose another key.")
        keys.setdefault(place.key, place.pointer)
        if isinstance(name, str):
            names.add(name)


def _secrets(document: Mapping[str, Any]) -> Iterator[Problem]:
    allowed = _list(document.get("secrets"))
    for place in step_places(document):
        if place.step.get("secrets") and place.step.get("uses") in AI_STEP_TYPES:
            message = "A step that asks an AI may have no secrets"
            remedy = "Give them to the step that acts on what the AI proposes."
            yield Problem(f"{place.pointer}/secrets", "ai-secrets", message, remedy, at_key=True)
        for index, name in enumerate(_list(place.step.get("secrets"))):
            if name not in allowed:
                message = f"The pipeline does not declare the secret `{str(name)[:80]}`"
                remedy = f"Add `{str(name)[:80]}` to `secrets` of the pipeline."
                pointer = f"{place.pointer}/secrets/{index}"
                yield Problem(pointer, "undeclared-secret", message, remedy)


def _limits(document: Mapping[str, Any]) -> Iterator[Problem]:
    whole = document.get("timeout_minutes", DEFAULT_RUN_MINUTES)
    if not _is_number(whole):
        return
    for place in step_places(document):
        own = place.step.get("timeout_minutes")
        if _is_number(own) and own > whole:
            message = f"The step's limit is longer than the run's, which is {whole} minutes"
            pointer = f"{place.pointer}/timeout_minutes"
            yield Problem(pointer, "timeout", message, severity="warning")


def _approvals(document: Mapping[str, Any]) -> Iterator[Problem]:
    for place in step_places(document):
        approval = place.step.get("approval")
        if not isinstance(approval, Mapping):
            continue
        named = [word for word in _list(approval.get("recipients")) if isinstance(word, str)]
        required = approval.get("required", 1)
        is_closed = bool(named) and not any(word.startswith("role:") for word in named)
        if is_closed and _is_number(required) and required > len(named):
            people = "person is" if len(named) == 1 else "people are"
            message = f"{required} approvals are wanted, but only {len(named)} {people} asked"
            pointer = f"{place.pointer}/approval/required"
            yield Problem(pointer, "approval", message, "Name more `recipients` or want fewer.")


def _schedules(document: Mapping[str, Any]) -> Iterator[Problem]:
    triggers = document.get("on")
    entries = triggers.get("schedule") if isinstance(triggers, Mapping) else None
    seen: dict[str, int] = {}
    for index, entry in enumerate(_list(entries)):
        pointer = f"/on/schedule/{index}"
        written = {"cron": entry} if isinstance(entry, str) else entry
        if not isinstance(written, Mapping) or not isinstance(written.get("cron"), str):
            continue
        place = pointer if isinstance(entry, str) else f"{pointer}/cron"
        yield from _refusals(check_cron, written["cron"], place)
        zone = written.get("timezone", "UTC")
        if isinstance(zone, str):
            yield from _refusals(check_zone, zone, f"{pointer}/timezone")
        known = str(written.get("name") or f"{written['cron']} {zone}")
        if known in seen:
            message = f"The schedule at /on/schedule/{seen[known]} has the same times or name"
            yield Problem(pointer, "duplicate-schedule", message, "Give each a `name`.")
        seen.setdefault(known, index)
        given = written.get("inputs")
        for name in given if isinstance(given, Mapping) else ():
            if name not in declared_inputs(triggers):
                message = f"`on.manual` declares no input `{str(name)[:80]}`"
                yield Problem(join_pointer(f"{pointer}/inputs", name), "input", message)


def _refusals(check: Callable[..., None], value: str, pointer: str) -> Iterator[Problem]:
    try:
        check(value)
    except Invalid as error:
        yield Problem(pointer, error.errors[0].code, error.detail, error.remedy)


def _inputs(document: Mapping[str, Any]) -> Iterator[Problem]:
    triggers = document.get("on")
    alias = "workflow_dispatch"
    name = alias if isinstance(triggers, Mapping) and alias in triggers else "manual"
    for key, rule in declared_inputs(triggers).items():
        pointer = join_pointer(f"/on/{name}/inputs", key)
        options = _list(rule.get("options"))
        if rule.get("type") == "choice" and not options:
            yield Problem(pointer, "input", f"The choice `{key}` has no options", "Add `options`.")
        elif rule.get("default") is not None and not _fits(rule, options):
            message = f"The default of `{key}` does not fit its type"
            yield Problem(f"{pointer}/default", "input", message)


def _fits(rule: Mapping[str, Any], options: list[Any]) -> bool:
    default = rule["default"]
    match rule.get("type", "string"):
        case "choice":
            return default in options
        case "boolean":
            return isinstance(default, bool)
        case "number":
            return _is_number(default)
        case _:
            return isinstance(default, str)


def _warnings(
    document: Mapping[str, Any], known_labels: Collection[str] | None
) -> Iterator[Problem]:
    features = document.get("features")
    for name in features if isinstance(features, Mapping) else ():
        if name not in FEATURES:
            message = f"Unknown feature `{str(name)[:80]}`"
            remedy = f"Known: {', '.join(FEATURES)}."
            pointer = join_pointer("/features", name)
            yield Problem(pointer, "unknown-feature", message, remedy, "warning", at_key=True)
    for index, label in enumerate(_list(document.get("runner_labels"))):
        if known_labels is not None and label not in known_labels:
            message = f"No worker has the label `{str(label)[:80]}`, so runs would wait"
            yield Problem(f"/runner_labels/{index}", "unknown-label", message, severity="warning")
    if document.get("steps") == []:
        yield Problem("/steps", "empty", "The pipeline has no steps", severity="warning")


def _at(place: StepPlace, member: str) -> str:
    return f"{place.pointer}/{member if member in place.step else 'name'}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
