"""Which pipelines an event starts: one matcher for webhooks, the simulator and the API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from devops.safety.patterns import GlobSet
from gitintegration.public import COMMENT_MARK

SKIP_MARKS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip powernode]")


# What kept an event from starting a pipeline.
Cause = Literal["", "trigger", "message", "action", "branch", "path", "label", "mention"]


@dataclass(frozen=True, slots=True)
class Match:
    """Whether an event starts a pipeline, and the sentence that says why or why not.

    `cause` is the filter that refused the event, empty for a match.
    """

    is_match: bool
    reason: str
    cause: Cause = ""


# What of an event is the `trigger` context of expressions, in this order.
_CONTEXT = (
    "action", "branch", "tag", "ref", "sha", "base_branch", "actor", "commit", "changed_paths",
    "before",
)  # fmt: skip
_SUBJECTS = ("pull_request", "issue", "comment", "release")


def trigger_context(event: Mapping[str, Any]) -> dict[str, Any]:
    """The `trigger` context of an event that a repository told of."""
    context = {name: event.get(name) for name in _CONTEXT}
    context |= {name: event[name] for name in _SUBJECTS if event.get(name)}
    subject = event.get("pull_request") or event.get("issue") or {}
    context["labels"] = list(subject.get("labels") or ())
    return context


def match_triggers(triggers: Mapping[str, Any], event: Mapping[str, Any]) -> Match:
    """Decide for one pipeline's triggers and one event.

    `event` is the document's `trigger` context: `type`, `action`, `branch`, `tag`,
    `changed_paths` (None when unknown), `commit`.
    """
    kind = event["type"]
    if kind not in triggers:
        return _refused("trigger", f"The pipeline has no trigger {kind}.")
    rule = {} if triggers[kind] is None else triggers[kind]
    if rule is False:
        return _refused("trigger", f"The trigger {kind} is switched off.")
    if not isinstance(rule, Mapping):
        return _met(f"Any {kind} starts it.")
    silence = _silence(kind, event)
    if silence:
        return _refused("message", silence)
    for cause, check in _CHECKS.items():
        refusal = check(rule, event)
        if refusal:
            return _refused(cause, refusal)
    return _met(f"The {kind} meets every filter.")


def _met(reason: str) -> Match:
    return Match(is_match=True, reason=reason)


def _refused(cause: Cause, reason: str) -> Match:
    return Match(is_match=False, reason=reason, cause=cause)


def _silence(kind: str, event: Mapping[str, Any]) -> str:
    """Why the event itself asks to be left alone, or empty."""
    if kind == "issue_comment" and _body(event).lstrip().startswith(COMMENT_MARK):
        return "The comment is ours: no pipeline may call itself for ever."
    if kind not in {"push", "pull_request"}:
        return ""
    commit = event.get("commit") or {}
    text = f"{commit.get('title') or ''}\n{commit.get('message') or ''}".lower()
    mark = next((mark for mark in SKIP_MARKS if mark in text), "")
    return f"The commit message says {mark}." if mark else ""


def _action(rule: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    wanted = rule.get("actions")
    if wanted and event.get("action") not in wanted:
        return f"The action {event.get('action')!r} is not one of {', '.join(wanted)}."
    return ""


def _ref(rule: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Branches and tags: with only one of both filters given, the other kind does not start."""
    if event["type"] == "push" and event.get("tag"):
        return _tag(rule, event["tag"])
    if event["type"] == "release":
        # A release has a tag and no branch of its own.
        return _globs("tag", rule["tags"], event.get("tag") or "") if rule.get("tags") else ""
    branch = event.get("base_branch") or event.get("branch") or ""
    if not branch:
        return ""
    if rule.get("tags") and not (rule.get("branches") or rule.get("branches-ignore")):
        return f"Only tags start it, and {branch} is a branch."
    ignored = rule.get("branches-ignore")
    if ignored and GlobSet(ignored).matches(branch):
        return f"The branch {branch} is ignored."
    return _globs("branch", rule.get("branches") or [], branch)


def _tag(rule: Mapping[str, Any], tag: str) -> str:
    if rule.get("tags"):
        return _globs("tag", rule["tags"], tag)
    if rule.get("branches") or rule.get("branches-ignore"):
        return f"The tag {tag} is no branch."
    return ""


def _globs(what: str, patterns: Sequence[str], value: str) -> str:
    if GlobSet(patterns).matches(value):
        return ""
    return f"The {what} {value} matches none of {', '.join(patterns)}."


def _paths(rule: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    paths = event.get("changed_paths")
    if paths is None:
        return ""
    wanted, ignored = rule.get("paths"), rule.get("paths-ignore")
    if wanted and not any(GlobSet(wanted).matches(path) for path in paths):
        return f"None of the {len(paths)} changed paths matches {', '.join(wanted)}."
    if ignored and paths and all(GlobSet(ignored).matches(path) for path in paths):
        return "Every changed path is ignored."
    return ""


def _labels(rule: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    wanted = rule.get("labels")
    if wanted and not set(wanted) & set(event.get("labels") or ()):
        return f"None of the labels {', '.join(wanted)} is set."
    return ""


def _mention(rule: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    wanted = rule.get("mention")
    if wanted and str(wanted).lower() not in _body(event).lower():
        return f"The comment does not mention {wanted}."
    return ""


def _body(event: Mapping[str, Any]) -> str:
    comment = event.get("comment")
    body = comment.get("body") if isinstance(comment, Mapping) else ""
    # A host may send anything; what is no text says nothing.
    return body if isinstance(body, str) else ""


# In this order: the first that refuses is the one that is told.
_CHECKS: Mapping[Cause, Callable[[Mapping[str, Any], Mapping[str, Any]], str]] = {
    "action": _action,
    "branch": _ref,
    "path": _paths,
    "label": _labels,
    "mention": _mention,
}
