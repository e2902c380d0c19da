"""What an event would start, which steps would run with which values, and why; nothing happens.

The matcher and the conditions are those that start real runs. Steps before the one looked at count
as green, with outputs that nobody knows yet.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devops.access import Actor
from gitintegration.public import read_delivery
from pipelines import selectors
from pipelines.choices import Phase
from pipelines.documents.expansion import ExpansionError, expand
from pipelines.expressions import ExpressionError, condition, interpolate_value
from pipelines.inputs import declared_inputs
from pipelines.matching import match_triggers, trigger_context

PIPELINES_MAX = 1000
# What a value shows in place of a secret or of an output that nobody knows yet.
_UNKNOWN = "…"


@dataclass(frozen=True, slots=True)
class SimulatedStep:
    """What would become of a step; `would_run` is None where it cannot be known yet."""

    key: str
    name: str
    step_type: str
    would_run: bool | None
    reason: str
    configuration: Mapping[str, Any]
    environment: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Simulated:
    """What would become of a pipeline."""

    pipeline_id: uuid.UUID | None
    pipeline_name: str
    would_start: bool
    reason: str
    steps: list[SimulatedStep]


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as the matcher reads it, and the repository it is about, if it is known."""

    event: Mapping[str, Any]
    repository_id: uuid.UUID | None = None


def delivered(actor: Actor, event_id: uuid.UUID) -> list[Happening]:
    """What a stored delivery tells, as the pipelines heard it.

    Raises:
        NotFound: the account has no such delivery.
        Conflict: it means nothing to pipelines, or cannot be read.
    """
    return [
        Happening({**payload, **trigger_context(payload)}, repository_id)
        for payload, repository_id in read_delivery(actor, event_id)
    ]


def simulate_definition(definition: Mapping[str, Any], event: Mapping[str, Any]) -> Simulated:
    """One definition that nobody stored."""
    match = match_triggers(definition["triggers"], event)
    steps = list(_steps(definition, event)) if match.is_match else []
    return Simulated(None, definition["name"], match.is_match, match.reason, steps)


def simulate_account(
    actor: Actor, happening: Happening, *, pipeline_id: uuid.UUID | None = None
) -> list[Simulated]:
    """Every pipeline of the account, or one; those that start come first.

    An event of a known repository starts only what is attached to it. Definitions are read in
    full only for what starts.
    """
    rows = selectors.plain_pipelines(actor)
    if pipeline_id is not None:
        rows = rows.filter(pk=pipeline_id)
    overrides = _overrides(happening.repository_id)
    results, starting = [], {}
    fields = ("pk", "name", "triggers", "is_active")
    for pk, name, triggers, is_active in rows.order_by("-id").values_list(*fields)[:PIPELINES_MAX]:
        link = (overrides or {}).get(pk, {})
        effective = selectors.merged(triggers, link.get("triggers") or {})
        would_start, reason = _decide(happening, effective, is_active=is_active)
        if overrides is not None and pk not in overrides and pipeline_id is None:
            continue
        if overrides is not None and pk not in overrides:
            would_start, reason = False, "It is not attached to the event's repository."
        results.append((pk, name, would_start, reason))
        if would_start:
            starting[pk] = link
    steps = _starting_steps(starting, happening.event)
    found = [
        Simulated(pk, name, would_start, reason, steps.get(pk, []))
        for pk, name, would_start, reason in results
    ]
    return sorted(found, key=lambda each: not each.would_start)


def _decide(
    happening: Happening, triggers: Mapping[str, Any], *, is_active: bool
) -> tuple[bool, str]:
    if not is_active:
        return False, "The pipeline is switched off."
    match = match_triggers(triggers, happening.event)
    return match.is_match, match.reason


def _overrides(repository_id: uuid.UUID | None) -> dict[uuid.UUID, dict[str, Any]] | None:
    """What the event's repository changes in the pipelines attached to it; None: any repository."""
    if repository_id is None:
        return None
    return selectors.overrides_of(repository_id)


def _starting_steps(
    starting: Mapping[uuid.UUID, Mapping[str, Any]], event: Mapping[str, Any]
) -> dict[uuid.UUID, list[SimulatedStep]]:
    if not starting:
        return {}
    found = {}
    for row in selectors.pipelines_with_steps(starting):
        definition = selectors.effective_definition(selectors.definition_of(row), starting[row.pk])
        found[row.pk] = list(_steps(definition, event))
    return found


def _steps(definition: Mapping[str, Any], event: Mapping[str, Any]) -> Iterator[SimulatedStep]:
    contexts: dict[str, Any] = {
        "trigger": dict(event),
        "pipeline": {"name": definition["name"], "slug": definition["slug"]},
        "repository": event.get("repository") or {},
        "run": {},
        "worker": {},
        "secrets": {},
        "matrix": {},
        "env": definition["environment"],
        "inputs": {
            name: rule.get("default")
            for name, rule in declared_inputs(definition["triggers"]).items()
        },
        "steps": {},
    }
    for step in definition["steps"]:
        decided = list(_executions(step, definition["environment"], contexts))
        yield from decided
        ran = any(each.would_run is not False for each in decided)
        status = "success" if ran else "skipped"
        seen: dict[str, Any] = {"status": status, "outputs": _Unknown() if ran else {}}
        contexts["steps"] = {**contexts["steps"], step["key"]: seen, "previous": seen}


class _Unknown(Mapping[str, Any]):
    """Outputs of a step that has not run: whatever looks into them cannot be known either."""

    def __getitem__(self, key: str) -> Any:
        raise ExpressionError("the outputs of a step are known when it has run", 0)

    def __iter__(self) -> Iterator[str]:
        raise ExpressionError("the outputs of a step are known when it has run", 0)

    def __len__(self) -> int:
        raise ExpressionError("the outputs of a step are known when it has run", 0)


def _executions(
    step: Mapping[str, Any], environment: Mapping[str, Any], contexts: Mapping[str, Any]
) -> Iterator[SimulatedStep]:
    """The step once, or for each combination of its matrix."""
    try:
        planned = expand([step], contexts)
    except ExpansionError as error:
        yield SimulatedStep(step["key"], step["name"], step["step_type"], None, str(error), {}, {})
        return
    secrets = dict.fromkeys(step.get("secret_refs") or (), _UNKNOWN)
    for each in planned:
        would_run, reason = _decide_step(step, {**contexts, "matrix": each.matrix})
        own = {**contexts, "matrix": each.matrix, "secrets": secrets}
        yield SimulatedStep(
            step["key"], each.name, step["step_type"], would_run, reason,
            _values({**step["configuration"], **(step.get("inputs") or {})}, own),
            _values({**environment, **(step.get("environment") or {})}, own),
        )  # fmt: skip


def _decide_step(step: Mapping[str, Any], contexts: Mapping[str, Any]) -> tuple[bool | None, str]:
    if not step.get("is_active", True):
        return False, "The step is switched off."
    source = step.get("condition") or ""
    if not source:
        return True, "It has no condition."
    try:
        is_met = condition(source, contexts, implies_success=step.get("phase") != Phase.FINALLY)
    except ExpressionError as error:
        return None, f"Its condition cannot be evaluated here: {error}"
    return is_met, f"Its condition {source} is {'met' if is_met else 'not met'}."


def _values(written: Mapping[str, Any], contexts: Mapping[str, Any]) -> dict[str, Any]:
    """The values as far as they are known; an expression that is not stays as it is written."""
    found: dict[str, Any] = {}
    for name, value in written.items():
        try:
            found[name] = interpolate_value(value, contexts)
        except ExpressionError:
            found[name] = value
    return found
