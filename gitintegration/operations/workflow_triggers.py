"""Rules that call an automation when something happens in a repository."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devops import audit, outbox
from devops.access import Actor
from devops.errors import Invalid
from devops.safety.addresses import AddressNotAllowed, HostNotFound, check_url
from devops.safety.patterns import PatternError, Regex
from gitintegration.choices import TriggerStatus
from gitintegration.clients.protocol import TriggerEvent
from gitintegration.models import GitWebhookEvent, GitWorkflowTrigger
from gitintegration.operations.audience import Audience

MANAGE = "git.workflow_triggers.manage"
EVENTS = (
    "push", "pull_request", "pull_request_review", "pull_request_comment", "issue",
    "issue_comment", "commit_comment", "create", "delete", "fork", "release", "tag",
    "workflow_run", "check_run", "check_suite", "deployment", "deployment_status", "status",
    "merge_group",
)  # fmt: skip
CHANGEABLE = (
    "name", "repository", "target", "event_type", "branch_pattern", "path_pattern",
    "event_filters", "payload_mapping", "is_active", "metadata",
)  # fmt: skip
_MAX_TEXT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a trigger fires, why, and with which variables."""

    is_match: bool
    reason: str
    variables: Mapping[str, Any]


@transaction.atomic(durable=True)
def create_trigger(actor: Actor, values: Mapping[str, Any]) -> GitWorkflowTrigger:
    """Enter a rule.

    Raises:
        Invalid: its target, event or a filter cannot be used.
    """
    actor.require(MANAGE)
    trigger = GitWorkflowTrigger(account_id=actor.account_id)
    _apply(trigger, values)
    trigger.save(force_insert=True)
    audit.record(actor, "git.workflow_trigger.create", trigger)
    return trigger


@transaction.atomic(durable=True)
def update_trigger(
    actor: Actor, trigger: GitWorkflowTrigger, changes: Mapping[str, Any]
) -> GitWorkflowTrigger:
    """Change a rule; switching it on again forgives its error.

    Raises:
        Invalid: its target, event or a filter cannot be used.
    """
    actor.require(MANAGE)
    _apply(trigger, changes)
    if "is_active" in changes:
        _set_activity(trigger, is_active=bool(changes["is_active"]))
    trigger.save()
    detail = {"fields": sorted(changes)}
    audit.record(actor, "git.workflow_trigger.update", trigger, detail=detail)
    return trigger


@transaction.atomic(durable=True)
def delete_trigger(actor: Actor, trigger: GitWorkflowTrigger) -> None:
    """Remove a rule."""
    actor.require(MANAGE)
    audit.record(actor, "git.workflow_trigger.delete", trigger)
    trigger.delete()


def fire_triggers(
    event: GitWebhookEvent, audience: Audience, told: TriggerEvent, payload: Mapping[str, Any]
) -> int:
    """Fire the account's rules that match, each as a message; one that cannot stops no other."""
    mirror, names = audience.mirror(event), _names(told)
    wanted = {None, mirror.pk if mirror else None}
    fired = 0
    rules = audience.rules(event.account_id)
    for trigger in [*rules]:
        if trigger.event_type not in names or trigger.repository_id not in wanted:
            continue
        try:
            decision = decide(trigger, told, event.payload, payload)
        except PatternError as error:
            _note_error(trigger, str(error))
            rules.remove(trigger)
            continue
        if not decision.is_match:
            continue
        trigger.trigger_count = count = trigger.trigger_count + 1
        trigger.metadata = metadata = {**trigger.metadata, "last_event_id": str(event.pk)}
        GitWorkflowTrigger.objects.filter(pk=trigger.pk).update(
            trigger_count=F("trigger_count") + 1, last_triggered_at=timezone.now(),
            metadata=metadata,
        )  # fmt: skip
        outbox.record(
            event.account_id, f"trigger.{trigger.pk.hex}.{event.pk.hex}",
            event.version * 100 + count % 100, "git.workflow_trigger",
            {
                "version": 1, "trigger_id": str(trigger.pk), "target": trigger.target,
                "variables": dict(decision.variables), "event_id": str(event.pk),
            },
        )  # fmt: skip
        fired += 1
    return fired


def _note_error(trigger: GitWorkflowTrigger, words: str) -> None:
    """A rule that cannot be read rests until somebody changes it."""
    count = int(trigger.metadata.get("error_count") or 0) + 1
    told = {
        "error_message": words[:500], "error_timestamp": timezone.now().isoformat(),
        "error_count": count,
    }  # fmt: skip
    GitWorkflowTrigger.objects.filter(pk=trigger.pk).update(
        status=TriggerStatus.ERROR, metadata={**trigger.metadata, **told}
    )


def decide(
    trigger: GitWorkflowTrigger,
    told: TriggerEvent,
    raw: Mapping[str, Any],
    payload: Mapping[str, Any],
) -> Decision:
    """Match one rule in the documented order; `raw` is the host's own body, for its filters."""
    for check in (_event, _branch, _path):
        refusal = check(trigger, told)
        if refusal:
            return Decision(is_match=False, reason=refusal, variables={})
    for path, expected in trigger.event_filters.items():
        found = lookup(raw, path)
        if found is None:
            found = lookup(payload, path)
        if not _accepts(expected, found):
            reason = f"{path} is {str(found)[:80]!r}, not {str(expected)[:80]!r}."
            return Decision(is_match=False, reason=reason, variables={})
    variables = _variables(trigger, told, raw, payload)
    return Decision(is_match=True, reason="Every condition holds.", variables=variables)


def lookup(value: Any, path: str) -> Any:
    """What stands at a dotted path, numbers indexing lists; None when nothing does."""
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list | tuple) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _names(told: TriggerEvent) -> list[str]:
    """The names under which rules may ask for an event."""
    names = [told.type]
    if told.type == "pull_request_review_comment":
        names.append("pull_request_comment")
    if told.type == "issue_comment" and told.pull_request is not None:
        names.append("pull_request_comment")
    if told.tag:
        names.append("tag")
    return names


def _event(trigger: GitWorkflowTrigger, told: TriggerEvent) -> str:
    if trigger.event_type in _names(told):
        return ""
    return f"The event is {told.type}, not {trigger.event_type}."


def _branch(trigger: GitWorkflowTrigger, told: TriggerEvent) -> str:
    branch = told.branch or told.tag or told.ref
    if trigger.branch_pattern in {"*", branch} or not branch:
        return ""
    if Regex(_glob(trigger.branch_pattern)).search(branch):
        return ""
    return f"The branch {branch} does not match {trigger.branch_pattern}."


def _path(trigger: GitWorkflowTrigger, told: TriggerEvent) -> str:
    pattern = trigger.path_pattern
    if not pattern:
        return ""
    paths = told.changed_paths or ()
    if "*" in pattern:
        expression = Regex(_glob(pattern))
        hit = any(expression.search(path) for path in paths)
    else:
        hit = any(path.startswith(pattern) for path in paths)
    return "" if hit else f"None of the {len(paths)} changed paths matches {pattern}."


def _glob(pattern: str) -> str:
    parts = re.split(r"([*?])", pattern)
    found = [{"*": "(?s:.)*", "?": "(?s:.)"}.get(part) or re.escape(part) for part in parts]
    return "^" + "".join(found) + "$"


def _accepts(expected: Any, found: Any) -> bool:
    if isinstance(expected, list):
        return any(_accepts(each, found) for each in expected)
    if isinstance(expected, str) and len(expected) > 2 and expected[0] == expected[-1] == "/":
        return Regex(expected[1:-1]).search(str("" if found is None else found)[:_MAX_TEXT])
    return bool(expected == found)


def _variables(
    trigger: GitWorkflowTrigger,
    told: TriggerEvent,
    raw: Mapping[str, Any],
    payload: Mapping[str, Any],
) -> dict[str, Any]:
    mapped: dict[str, Any] = {}
    for name, path in trigger.payload_mapping.items():
        found = lookup(raw, str(path))
        if found is None:
            found = lookup(payload, str(path))
        if found is not None:
            mapped[name] = found
    return {
        **mapped,
        "git_event_type": told.type,
        "git_provider": payload.get("provider", ""),
        "git_repository_id": payload.get("repository_id", ""),
        "git_repository_name": told.repository_full_name,
        "git_ref": told.ref or told.branch,
        "git_sha": told.sha,
        "git_actor": told.actor,
        "git_timestamp": told.occurred_at or timezone.now().isoformat(),
    }


def _apply(trigger: GitWorkflowTrigger, values: Mapping[str, Any]) -> None:
    for name in CHANGEABLE:
        if name in values:
            setattr(trigger, name, values[name])
    if trigger.event_type not in EVENTS:
        raise Invalid.field("/event_type", f"Choose one of {', '.join(EVENTS)}.")
    target = trigger.target
    if set(target) - {"kind", "url", "credential_ref"} or target.get("kind") not in {
        "a2a", "webhook"
    }:  # fmt: skip
        raise Invalid.field("/target", "Give {kind: a2a or webhook, url, credential_ref}.")
    if "target" in values:
        _check_address(str(target.get("url") or ""))
    for path, expected in trigger.event_filters.items():
        for each in expected if isinstance(expected, list) else [expected]:
            _check_expected(path, each)


def _check_address(url: str) -> None:
    try:
        check_url(url)
    except (AddressNotAllowed, HostNotFound) as error:
        raise Invalid.field("/target/url", str(error)) from error


def _check_expected(path: str, expected: Any) -> None:
    if isinstance(expected, str) and len(expected) > 2 and expected[0] == expected[-1] == "/":
        try:
            Regex(expected[1:-1])
        except PatternError as error:
            raise Invalid.field(f"/event_filters/{path}", str(error)) from error


def _set_activity(trigger: GitWorkflowTrigger, *, is_active: bool) -> None:
    GitWorkflowTrigger.objects.filter(pk=trigger.pk).update(
        status=TriggerStatus.ACTIVE if is_active else TriggerStatus.PAUSED
    )
    trigger.refresh_from_db(fields=["status"])
