"""A pipeline's definition in words: its steps, triggers, limits, and who is told of what."""

from collections.abc import Mapping
from typing import Any

from devops import selectors as devops_selectors
from devops.access import Actor
from pipelines.choices import GATE_HOURS_DEFAULT, Phase
from pipelines.documents import MatrixError, combinations, parse
from pipelines.documents.mapping import document_pointers, written_recipients
from pipelines.models import Pipeline, PipelineStep
from pipelines.operations.concurrency import policy_of

_ICONS = {
    "push": "git-commit", "pull_request": "git-pull-request", "manual": "hand-click",
    "schedule": "calendar-time", "release": "tag",
}  # fmt: skip
_POLICIES = {
    "queue": "later runs wait in order",
    "replace": "a newer run takes the place of those that wait",
    "cancel_running": "a newer run ends the one that goes on",
    "reject": "a run that meets another one ends at once",
}
_EVENTS = {
    "on_failure": "A run failed",
    "on_completion": "A run came to an end",
    "on_approval_required": "An approval is asked for",
}
_MEMBERS_READ = "account.members.read"


def step_rows(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The steps in order, each with its name, when it runs and what is special about it."""
    groups = pipeline.settings.get("groups") or {}
    rows: list[dict[str, Any]] = []
    before: PipelineStep | None = None
    for number, step in enumerate(pipeline.steps.all(), start=1):
        is_first = before is None or before.group_key != step.group_key
        begins_finally = step.phase == Phase.FINALLY and (
            before is None or before.phase != Phase.FINALLY
        )
        group = (groups.get(step.group_key) or {}).get("name") or step.group_key
        rows.append(
            {
                "number": number,
                "key": step.key,
                "name": step.name,
                "step_type": step.step_type,
                "condition": step.condition,
                "is_active": step.is_active,
                "is_in_group": bool(step.group_key),
                "group": group if step.group_key and (is_first or begins_finally) else "",
                "begins_finally": begins_finally,
                "url": f"{pipeline.url}?tab=definition#step-{step.key}",
                "tags": list(_tags(step)),
            }
        )
        before = step
    return rows


def _tags(step: PipelineStep) -> list[tuple[str, str]]:
    """What is special about a step, each as icon and words."""
    attempts = (step.retry or {}).get("attempts") or 1
    found = [
        ("hand-stop", _approval(step)),
        ("stack-2", _matrix(step)),
        ("rotate-clockwise", f"{attempts} attempts" if attempts > 1 else ""),
        ("alert-triangle", "failure only warns" if step.continue_on_error else ""),
        ("clock", f"{step.timeout_minutes:g} min" if step.timeout_minutes else ""),
        ("package", step.image),
        ("archive", "cached" if step.cache else ""),
    ]
    return [(icon, words) for icon, words in found if words]


def _approval(step: PipelineStep) -> str:
    if not step.requires_approval:
        return ""
    settings = step.approval_settings or {}
    required = settings.get("required") or 1
    hours = settings.get("timeout_hours") or GATE_HOURS_DEFAULT
    people = "approval" if required == 1 else f"{required} approvals"
    return f"{people} within {hours:g} h"


def _matrix(step: PipelineStep) -> str:
    if not step.matrix:
        return ""
    try:
        number = len(combinations(step.matrix))
    except MatrixError:
        # Its values are expressions: each run counts for itself.
        number = 0
    return f"matrix of {number}" if number else "matrix"


def definition_parts(definition: Mapping[str, Any], text: str) -> list[dict[str, str]]:
    """The text of a document in pieces; what belongs to a step has that step's `key`."""
    marked = parse(text).marked
    places = document_pointers(definition)
    begins: dict[int, str] = {}
    for written, stored in places.items():
        step = definition["steps"][int(stored.rpartition("/")[2])]
        is_group = f"{written}/parallel/0" in places
        begins[marked.position(written)[0]] = "" if is_group else step["key"]
    for pointer in marked.keys:
        # What follows the steps on the outermost level belongs to none of them.
        if pointer.count("/") == 1:
            begins.setdefault(marked.key_position(pointer)[0], "")
    parts: list[dict[str, str]] = []
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if number in begins or not parts:
            parts.append({"key": begins.get(number, ""), "text": ""})
        parts[-1]["text"] += line
    return parts


def trigger_row(name: str, rule: Any) -> dict[str, Any]:
    """What starts a pipeline, in words."""
    parts = []
    if isinstance(rule, dict):
        for key, value in rule.items():
            if key == "inputs":
                parts.append(f"inputs: {', '.join(value)}")
            elif isinstance(value, list):
                parts.append(f"{key}: {', '.join(map(str, value))}")
            else:
                parts.append(f"{key}: {value}")
    title = name.replace("_", " ").capitalize()
    detail = " · ".join(parts) or "Every one starts a run."
    return {"icon": _ICONS.get(name, "bolt"), "name": title, "detail": detail, "next_at": None}


def configuration(pipeline: Pipeline) -> dict[str, Any]:
    """Limits and surroundings of a pipeline's runs."""
    settings = pipeline.settings or {}
    return {
        "concurrency": _concurrency(pipeline),
        "image": settings.get("image") or "",
        "services": sorted(settings.get("services") or {}),
        "variables": sorted(pipeline.environment),
        "secrets": list(pipeline.secret_refs),
        "features": sorted(name for name, is_on in pipeline.features.items() if is_on),
    }


def _concurrency(pipeline: Pipeline) -> dict[str, str]:
    settings = pipeline.settings or {}
    group = (settings.get("concurrency") or {}).get("group") or ""
    if pipeline.allow_concurrent and not group:
        return {"group": "", "words": "Any number side by side"}
    return {
        "group": group,
        "words": f"One at a time; {_POLICIES[policy_of({'settings': settings})]}",
    }


def notifications(actor: Actor, pipeline: Pipeline) -> list[dict[str, Any]]:
    """Who is told of what: `event`, `people`, and `note` where no list says it."""
    told = pipeline.notification_settings
    own = written_recipients(pipeline.notification_recipients)
    names = _names(actor, {*own, *_words(told)})
    rows = []
    for key, event in _EVENTS.items():
        chosen = told.get(key, True)
        people = chosen if isinstance(chosen, list) else own if chosen is True else []
        note = "" if people else "Nobody"
        if key == "on_approval_required" and chosen is not False:
            note = "Whoever the step names, else" if people else "Whoever the step names"
        rows.append(
            {"event": event, "people": [names.get(who, who) for who in people], "note": note}
        )
    return rows


def _words(told: Mapping[str, Any]) -> list[str]:
    return [str(word) for chosen in told.values() if isinstance(chosen, list) for word in chosen]


def _names(actor: Actor, words: set[str]) -> dict[str, str]:
    """The members behind `user:<id>`, and `role:<role>` in words."""
    names = {word: f"everybody from {word[5:]} up" for word in words if word.startswith("role:")}
    if any(word.startswith("user:") for word in words) and actor.may(_MEMBERS_READ):
        for row in devops_selectors.members(actor)[:500]:
            names[f"user:{row.user_id}"] = str(row.user)
    return names
