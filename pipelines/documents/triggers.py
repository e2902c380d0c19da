"""The triggers of a pipeline: the forms people write and the one form that is stored."""

from collections.abc import Mapping
from typing import Any


def stored_triggers(written: Any) -> dict[str, Any]:
    """Return triggers in object form: each key leads to an object of filters.

    A word, a list of words, lists of actions, `true` and the alias `workflow_dispatch` are
    brought into it; what is no trigger at all becomes none. A start by hand is possible unless
    `manual: false` forbids it, which is stored as `{"enabled": false}`.
    """
    if isinstance(written, str):
        written = {written: None}
    elif isinstance(written, list):
        written = {name: None for name in written if isinstance(name, str)}
    if not isinstance(written, Mapping):
        return {}
    stored: dict[str, Any] = {}
    for name, rule in written.items():
        key = "manual" if name == "workflow_dispatch" else name
        if name == "manual" and rule is False:
            stored[key] = {**stored.get(key, {}), "enabled": False}
        elif rule is not False:
            stored[key] = {**stored.get(key, {}), **_stored_rule(key, rule)}
    return stored


def written_triggers(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored triggers as a document writes them."""
    return {name: _written_rule(name, rule) for name, rule in stored_triggers(stored).items()}


def is_by_hand(stored: Mapping[str, Any]) -> bool:
    """Whether people may start a pipeline; `manual: false` forbids it."""
    manual = stored.get("manual")
    return not isinstance(manual, Mapping) or manual.get("enabled") is not False


def declared_inputs(written: Any) -> dict[str, Mapping[str, Any]]:
    """Return the declared inputs of a manual start by name."""
    inputs = stored_triggers(written).get("manual", {}).get("inputs")
    if not isinstance(inputs, Mapping):
        return {}
    return {name: rule for name, rule in inputs.items() if isinstance(rule, Mapping)}


def _written_rule(name: str, rule: Mapping[str, Any]) -> Any:
    if name == "schedule" and set(rule) == {"schedules"}:
        return rule["schedules"]
    if name == "manual" and rule.get("enabled") is False:
        return False
    return dict(rule)


def _stored_rule(name: str, rule: Any) -> dict[str, Any]:
    if name == "schedule" and not isinstance(rule, Mapping):
        entries = rule if isinstance(rule, list) else [rule] if rule else []
        return {"schedules": [{"cron": e} if isinstance(e, str) else e for e in entries]}
    if isinstance(rule, Mapping):
        return dict(rule)
    if isinstance(rule, list):
        return {"actions": list(rule)}
    return {"actions": [rule]} if isinstance(rule, str) else {}
