"""What starts a workflow, as triggers of a pipeline."""

from collections.abc import Mapping
from typing import Any

from devops.safety.documents import join_pointer
from pipelines.documents.github_import.report import Report
from pipelines.documents.github_import.words import EVENTS, FILTERS, WITH_ACTIONS


def read_events(written: Any, report: Report) -> dict[str, Any]:
    """The document's `on`; by hand where nothing of it starts a pipeline."""
    if isinstance(written, str):
        written = {written: None}
    elif isinstance(written, list):
        written = {name: None for name in written if isinstance(name, str)}
    events: dict[str, Any] = {}
    for name, rule in (written if isinstance(written, Mapping) else {}).items():
        ours = EVENTS.get(name, name)
        pointer = join_pointer("/on", name)
        if ours == "schedule":
            entries = rule if isinstance(rule, list) else []
            crons = [e["cron"] for e in entries if isinstance(e, Mapping) and "cron" in e]
            events["schedule"] = [{"cron": cron} for cron in crons]
        elif ours == "workflow_dispatch":
            events["manual"] = _inputs(rule, report)
        elif ours == "push" or ours in WITH_ACTIONS:
            events[ours] = _filters(ours, rule, pointer, report)
        elif ours == "repository_dispatch":
            events["webhook"] = {}
        else:
            report.left_out(pointer, f"The event {name} starts nothing here.")
    return events or {"manual": {}}


def _filters(name: str, rule: Any, pointer: str, report: Report) -> dict[str, Any]:
    filters: dict[str, Any] = {}
    for key, value in (rule if isinstance(rule, Mapping) else {}).items():
        values = [value] if isinstance(value, str) else value
        if key == "types" and name in WITH_ACTIONS:
            filters["actions"] = values
        elif key in FILTERS:
            filters[key] = values
        else:
            report.left_out(join_pointer(pointer, key), f"The filter {key} is not known here.")
    return filters


def _inputs(rule: Any, report: Report) -> dict[str, Any]:
    declared = rule.get("inputs") if isinstance(rule, Mapping) else None
    inputs: dict[str, Any] = {}
    for name, written in (declared if isinstance(declared, Mapping) else {}).items():
        entry = dict(written) if isinstance(written, Mapping) else {}
        kind = entry.get("type", "string")
        if kind not in {"string", "number", "boolean", "choice"}:
            pointer = f"/on/workflow_dispatch/inputs/{name}"
            report.changed(pointer, f"The input type {kind} is taken as text.")
            kind = "string"
        kept = ("description", "default", "options", "required")
        inputs[name] = {
            "type": kind, **{key: entry[key] for key in kept if entry.get(key) is not None}
        }  # fmt: skip
    return {"inputs": inputs} if inputs else {}
