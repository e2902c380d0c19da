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
            crons = [str(e["cron"]) for e in entries if isinstance(e, Mapping) and "cron" in e]
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
        listed = value if isinstance(value, list) else [value]
        texts = [str(each) for each in listed if isinstance(each, str | int | float)]
        values = [text for text in texts if text]
        ours = "actions" if key == "types" and name in WITH_ACTIONS else key
        if ours in (*FILTERS, "actions") and values:
            filters[ours] = values
        else:
            report.left_out(join_pointer(pointer, key), f"The filter {key} is not known here.")
    if name == "pull_request":
        # Without words of its own a workflow hears of these three; ours of everything.
        filters.setdefault("actions", ["opened", "synchronize", "reopened"])
    return filters


def _inputs(rule: Any, report: Report) -> dict[str, Any]:
    declared = rule.get("inputs") if isinstance(rule, Mapping) else None
    inputs: dict[str, Any] = {}
    for name, written in (declared if isinstance(declared, Mapping) else {}).items():
        entry = dict(written) if isinstance(written, Mapping) else {}
        kind, pointer = entry.get("type", "string"), f"/on/workflow_dispatch/inputs/{name}"
        options = entry.get("options")
        is_known = kind in {"string", "number", "boolean"} or (kind == "choice" and options)
        if not is_known:
            report.changed(pointer, f"The input type {kind} is taken as text.")
            kind, options = "string", None
        inputs[str(name)] = {
            "type": kind, **{key: entry[key] for key in ("description", "required") if key in entry}
        }  # fmt: skip
        if options:
            inputs[str(name)]["options"] = options
        default = _default(entry.get("default"), kind, options)
        if default is not None:
            inputs[str(name)]["default"] = default
        elif entry.get("default") is not None:
            report.left_out(f"{pointer}/default", "The default does not fit the type.")
    return {"inputs": inputs} if inputs else {}


def _default(value: Any, kind: str, options: Any) -> Any:
    """A default of the declared type; nothing where the written one is of another."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(str(value).lower())
    if kind == "number":
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        return int(number) if number.is_integer() else number
    if kind == "choice":
        return value if value in options else None
    return value if isinstance(value, str) or value is None else str(value)
