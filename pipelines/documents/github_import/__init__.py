"""A GitHub Actions workflow as a pipeline document, with a report of what did not map.

Pure. Nothing is guessed: what has no counterpart is left out and named with its line; what would
put a stranger's text into a script is passed as environment instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devops.safety.documents import DocumentError, load_marked
from pipelines.documents.github_import.jobs import Jobs
from pipelines.documents.github_import.report import Remark, Report
from pipelines.documents.github_import.steps import Steps
from pipelines.documents.github_import.translation import Roots, Translation
from pipelines.documents.github_import.triggers import read_events
from pipelines.documents.github_import.words import secrets_of
from pipelines.documents.triggers import declared_inputs

__all__ = ["Imported", "Remark", "import_github"]

_LONGEST_NAME = 255
# What is known before the first step.
_OF_THE_RUN: Roots = frozenset({"trigger", "repository", "run", "pipeline", "inputs"})


@dataclass(frozen=True, slots=True)
class Imported:
    """The document made of a workflow, and what its owner has to look at, by line."""

    document: dict[str, Any]
    remarks: list[Remark]


def import_github(text: str | bytes) -> Imported:
    """Read a workflow.

    Raises:
        DocumentError: not YAML, no workflow, or nothing in it has a counterpart; with the place.
    """
    marked = load_marked(text)
    workflow = marked.value
    if not isinstance(workflow, Mapping) or not isinstance(workflow.get("jobs"), Mapping):
        raise DocumentError("A workflow is an object with `on` and `jobs`", 1, 1)
    report = Report(marked)
    document = _document(workflow, Translation(workflow, report))
    return Imported(document, sorted(report.remarks, key=lambda remark: remark.line))


def _document(workflow: Mapping[str, Any], words: Translation) -> dict[str, Any]:
    for key in ("permissions", "run-name"):
        if key in workflow:
            words.report.left_out(f"/{key}", f"`{key}` has no counterpart.")
    events = read_events(workflow.get("on"), words.report)
    words.inputs = frozenset(declared_inputs(events))
    written = workflow.get("env")
    environment = dict(written) if isinstance(written, Mapping) else {}
    # A pipeline's own environment is the same for every step, so it holds no secrets.
    secret = {name: value for name, value in environment.items() if secrets_of(value)}
    steps = Steps(words)
    jobs = Jobs(words, steps, secret)
    name = workflow.get("name")
    document = {
        "name": name[:_LONGEST_NAME] if isinstance(name, str) and name else "Imported workflow",
        "on": events,
        "concurrency": _concurrency(workflow.get("concurrency"), words),
        "env": words.environment(
            {name: value for name, value in environment.items() if name not in secret},
            "/env",
            roots=_OF_THE_RUN,
        ),
        "runner_labels": jobs.labels(),
        "timeout_minutes": jobs.limit(),
        "secrets": [],
        "steps": jobs.convert(),
    }
    document["secrets"] = sorted(steps.secrets)
    if not document["steps"]:
        raise DocumentError("No step of the workflow has a counterpart", 1, 1)
    return {key: value for key, value in document.items() if value or key == "on"}


def _concurrency(written: Any, words: Translation) -> dict[str, Any]:
    if isinstance(written, str):
        written = {"group": written}
    if not isinstance(written, Mapping) or not isinstance(written.get("group"), str):
        return {}
    is_cancelling = written.get("cancel-in-progress", False)
    if not isinstance(is_cancelling, bool):
        text = "Whether a run is cancelled cannot be computed: the one that goes on ends first."
        words.report.changed("/concurrency", text)
        is_cancelling = False
    return {
        "group": words.text(written["group"], "/concurrency", roots=_OF_THE_RUN),
        # GitHub keeps one waiting run and drops the ones before it.
        "policy": "cancel_running" if is_cancelling else "replace",
    }
