"""What must not travel with a template: secrets, values of one account, people's addresses."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.expressions.templates import OPENING

_NAMES = {"api_key", "secret", "token", "password", "credentials", "auth_token"}
# Forms of keys that their issuers document; what looks like none of them is found by its name.
# Repetitions have bounds: a definition may hold long lines of anything.
_LOOKS = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{20,}|whsec_[A-Za-z0-9+/=]{24,}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"
    r"|://[^/\s:@]{1,200}:[^/\s:@]{1,200}@"
)
REMOVED = "REMOVED"


@dataclass(frozen=True, slots=True)
class Stripped:
    """A definition fit for others, its variables, and what was taken out of it and why."""

    definition: dict[str, Any]
    variables: dict[str, Any]
    report: list[dict[str, str]]


def strip(definition: Mapping[str, Any]) -> Stripped:
    """Take out what belongs to one account; values of the environment become variables."""
    result: dict[str, Any] = copy.deepcopy(dict(definition))
    report: list[dict[str, str]] = []
    variables: dict[str, Any] = {}
    report += [
        _said(f"/{name}", "Who is told stays with the account.")
        for name in ("notification_recipients", "notification_settings")
        if result.pop(name, None)
    ]
    _strip_environment(result, "/environment", variables, report)
    for index, step in enumerate(result["steps"]):
        place = f"/steps/{index}"
        _strip_environment(step, f"{place}/environment", variables, report)
        _strip_named(step["configuration"], f"{place}/configuration", report)
        if step.get("approval_settings", {}).pop("recipients", None):
            report.append(_said(f"{place}/approval_settings/recipients", "Says who is asked."))
    return Stripped(_cleaned(result, "", report), variables, report)


def _strip_environment(
    holder: dict[str, Any], place: str, variables: dict[str, Any], report: list[dict[str, str]]
) -> None:
    for name, value in (holder.get("environment") or {}).items():
        if OPENING in str(value):
            continue  # comes from the run, not from the account
        holder["environment"][name] = ""
        known = variables.setdefault(
            name.lower(),
            {"type": "string", "required": True, "description": f"Sets {name}.", "sets": []},
        )
        known["sets"].append(f"{place}/{name}")
        report.append(_said(f"{place}/{name}", f"Became the variable {name.lower()}."))


def _strip_named(value: Any, place: str, report: list[dict[str, str]]) -> None:
    if isinstance(value, dict):
        for name in [name for name in value if name.lower() in _NAMES]:
            del value[name]
            report.append(_said(f"{place}/{name}", "Names a secret."))
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for name, child in children:
        if isinstance(child, dict | list):
            _strip_named(child, f"{place}/{name}", report)


def _cleaned(value: Any, place: str, report: list[dict[str, str]]) -> Any:
    if isinstance(value, dict):
        return {name: _cleaned(child, f"{place}/{name}", report) for name, child in value.items()}
    if isinstance(value, list):
        return [_cleaned(child, f"{place}/{n}", report) for n, child in enumerate(value)]
    if isinstance(value, str) and _LOOKS.search(value):
        report.append(_said(place, "Looks like a secret."))
        return _LOOKS.sub(REMOVED, value)
    return value


def _said(pointer: str, reason: str) -> dict[str, str]:
    return {"pointer": pointer, "reason": reason}
