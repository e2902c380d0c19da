"""GitHub Actions' names in ours, for the importer."""

import re
from collections.abc import Mapping
from typing import Any

EVENTS = {"issues": "issue"}
FILTERS = ("branches", "branches-ignore", "tags", "paths", "paths-ignore")
WITH_ACTIONS = frozenset({"pull_request", "issue", "issue_comment", "release"})
HOSTED = re.compile(r"(?:ubuntu|windows|macos)-[a-z0-9.-]+")
ACTION = re.compile(r"actions/(checkout|upload-artifact|download-artifact)@.+")
# What each known action takes, by the name of our setting.
ACTION_INPUTS: Mapping[str, Mapping[str, str]] = {
    "checkout": {"fetch-depth": "fetch_depth", "ref": "ref", "path": "path"},
    "upload-artifact": {
        "name": "name",
        "path": "path",
        "retention-days": "retention_days",
        "if-no-files-found": "if_no_files",
    },
    "download-artifact": {"name": "name", "path": "path"},
}
# Least and most of what is a number.
NUMBERS: Mapping[str, tuple[int, int]] = {"fetch_depth": (0, 100_000), "retention_days": (1, 400)}
# GitHub's references in our words. Source: GitHub Docs, "Contexts reference".
WORDS: Mapping[tuple[str, ...], str] = {
    ("github", "event_name"): "trigger.type",
    ("github", "event", "action"): "trigger.action",
    ("github", "ref"): "trigger.ref",
    ("github", "ref_name"): "(trigger.branch || trigger.tag)",
    ("github", "ref_type"): "(trigger.tag && 'tag' || 'branch')",
    # Of pull requests alone, as people write `head_ref || run_id`.
    ("github", "head_ref"): "(trigger.type == 'pull_request' && trigger.branch || '')",
    ("github", "base_ref"): "(trigger.type == 'pull_request' && trigger.base_branch || '')",
    ("github", "sha"): "trigger.sha",
    ("github", "actor"): "trigger.actor",
    ("github", "triggering_actor"): "trigger.actor",
    ("github", "run_id"): "run.id",
    ("github", "run_number"): "run.number",
    ("github", "run_attempt"): "run.attempt",
    ("github", "workflow"): "pipeline.name",
    ("github", "repository"): "repository.full_name",
    ("github", "event", "repository", "default_branch"): "repository.default_branch",
    ("github", "event", "repository", "clone_url"): "repository.clone_url",
    ("github", "event", "pull_request", "number"): "trigger.pull_request.number",
    ("github", "event", "pull_request", "title"): "trigger.pull_request.title",
    ("github", "event", "pull_request", "head", "ref"): "trigger.branch",
    ("github", "event", "pull_request", "head", "sha"): "trigger.sha",
    ("github", "event", "pull_request", "base", "ref"): "trigger.base_branch",
    ("github", "event", "number"): "trigger.pull_request.number",
    ("github", "event", "release", "tag_name"): "trigger.tag",
    ("github", "event", "issue", "number"): "trigger.issue.number",
    ("github", "event", "comment", "body"): "trigger.comment.body",
    ("github", "event", "head_commit", "message"): "trigger.commit.title",
    ("github", "workspace"): "'.'",
    ("runner", "name"): "worker.name",
}
# What became of a job that others need, while its last step is that of the run.
RESULT = "(failure() && 'failure' || cancelled() && 'cancelled' || 'success')"
VARIABLES = {
    "GITHUB_OUTPUT": "POWERNODE_OUTPUT",
    "GITHUB_STEP_SUMMARY": "POWERNODE_SUMMARY",
    "GITHUB_WORKSPACE": "POWERNODE_WORKSPACE",
    "GITHUB_SHA": "POWERNODE_SHA",
    "GITHUB_REF": "POWERNODE_REF",
    "GITHUB_REF_NAME": "POWERNODE_BRANCH",
    "GITHUB_REPOSITORY": "POWERNODE_REPOSITORY",
    "GITHUB_RUN_ID": "POWERNODE_RUN_ID",
    "GITHUB_RUN_NUMBER": "POWERNODE_RUN_NUMBER",
    "GITHUB_RUN_ATTEMPT": "POWERNODE_RUN_ATTEMPT",
    "GITHUB_EVENT_NAME": "POWERNODE_TRIGGER",
    "GITHUB_WORKFLOW": "POWERNODE_PIPELINE",
}
VARIABLE = re.compile(r"\bGITHUB_[A-Z_]+\b")


def needs_of(job: Mapping[str, Any]) -> list[str]:
    """The jobs that a job waits for."""
    needs = job.get("needs")
    needs = [needs] if isinstance(needs, str) else needs
    return [str(each) for each in needs] if isinstance(needs, list) else []


def minutes_of(holder: Mapping[str, Any]) -> float | None:
    """The limit of a job or step; None where it states none that is a number."""
    minutes = holder.get("timeout-minutes")
    if isinstance(minutes, bool) or not isinstance(minutes, int | float):
        return None
    return minutes if minutes > 0 else None


def run_defaults(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """Shell and folder of every script below."""
    defaults = holder.get("defaults")
    run = defaults.get("run") if isinstance(defaults, Mapping) else None
    return run if isinstance(run, Mapping) else {}


_SECRET = re.compile(r"\bsecrets\.([A-Za-z_][A-Za-z0-9_]*)", re.IGNORECASE)


def secrets_of(value: Any) -> set[str]:
    """The names of the secrets that a value reads."""
    if isinstance(value, str):
        return set(_SECRET.findall(value)) if "${{" in value else set()
    if isinstance(value, Mapping):
        return set().union(*(secrets_of(member) for member in value.values()))
    if isinstance(value, list):
        return set().union(*(secrets_of(member) for member in value))
    return set()
