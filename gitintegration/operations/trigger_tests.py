"""A workflow trigger is tried with a body; nothing is fired."""

from collections.abc import Mapping
from typing import Any

from devops.access import Actor
from devops.errors import Invalid
from gitintegration.clients.github import webhooks as github
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)
from gitintegration.models import GitWorkflowTrigger
from gitintegration.operations.workflow_triggers import MANAGE, decide

_REPOSITORY = {
    "id": 1, "name": "example", "full_name": "acme/example", "private": False,
    "default_branch": "main", "clone_url": "https://github.com/acme/example.git",
    "html_url": "https://github.com/acme/example", "owner": {"login": "acme"}, "fork": False,
}  # fmt: skip
_SENDER = {"id": 7, "login": "octavia", "type": "User"}
_A, _B = "a" * 40, "b" * 40
_USER = {"login": "octavia", "id": 7}
# GitHub's shape: what people know best, and what every other host's body becomes anyway.
_SAMPLES: Mapping[str, dict[str, Any]] = {
    "push": {
        "ref": "refs/heads/main", "before": _A, "after": _B, "created": False, "deleted": False,
        "commits": [
            {"id": _B, "message": "Mend it", "timestamp": "2026-01-31T12:00:00Z",
             "author": {"name": "Octavia", "email": "octavia@example.com"},
             "added": [], "modified": ["src/app.py"], "removed": []},
        ],
        "head_commit": None, "pusher": {"name": "octavia"},
    },
    "pull_request": {
        "action": "opened", "number": 12,
        "pull_request": {
            "id": 5, "number": 12, "title": "Mend it", "body": "", "state": "open",
            "merged": False, "draft": False, "html_url": "https://github.com/acme/example/pull/12",
            "user": _USER, "labels": [], "head": {"ref": "mend", "sha": _B, "repo": _REPOSITORY},
            "base": {"ref": "main", "sha": _A, "repo": _REPOSITORY},
        },
    },
    "workflow_run": {
        "action": "completed",
        "workflow_run": {
            "id": 9, "name": "CI", "status": "completed", "conclusion": "success",
            "head_branch": "main", "head_sha": _B, "event": "push",
            "html_url": "https://github.com/acme/example/actions/runs/9",
        },
    },
    "release": {
        "action": "published",
        "release": {"id": 3, "tag_name": "v1.0", "name": "1.0", "body": "", "draft": False,
                    "prerelease": False, "html_url": ""},
    },
    "issue": {
        "action": "opened",
        "issue": {"id": 4, "number": 3, "title": "It broke", "body": "", "state": "open",
                  "user": _USER, "labels": [], "html_url": ""},
    },
}  # fmt: skip
# What GitHub calls the events that we call otherwise.
_NAMES = {"issue": "issues"}


def try_trigger(
    actor: Actor, trigger: GitWorkflowTrigger, sample: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Whether the rule would fire: `matched`, `reason`, `extracted_variables`, `sample_event`.

    Raises:
        Invalid: the body is none of the event, or the event has no usual body.
    """
    actor.require(MANAGE)
    raw = {"repository": _REPOSITORY, "sender": _SENDER, **(sample or _usual(trigger.event_type))}
    told = _read(trigger.event_type, raw)
    decision = decide(trigger, told, raw, {"provider": "github", "repository_id": ""})
    return {
        "matched": decision.is_match,
        "reason": decision.reason,
        "extracted_variables": dict(decision.variables),
        "sample_event": raw,
    }


def _usual(event_type: str) -> dict[str, Any]:
    found = _SAMPLES.get(event_type)
    if found is None:
        raise Invalid.field(
            "/sample_payload", f"Give a body of {event_type}; there is no usual one.",
            remedy="A delivery's page shows real ones.",
        )  # fmt: skip
    return found


def _read(event_type: str, raw: Mapping[str, Any]) -> TriggerEvent:
    name = _NAMES.get(event_type, event_type)
    if name not in github.EVENTS:
        # An event that only other hosts have: matched by its name and filters alone.
        return TriggerEvent(event_type, key="sample")
    try:
        return github.to_event(name, raw)
    except (UnreadableDeliveryError, IgnoredDeliveryError) as error:
        raise Invalid.field("/sample_payload", str(error)) from error
