"""Bitbucket Pipelines."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.documents.generators.parts import (
    Generated,
    Job,
    Notes,
    Part,
    has_checkout,
    jobs_of,
    whole_minutes,
    with_notes,
)
from pipelines.documents.generators.shell import ShellWords, input_variable, script_of
from pipelines.expressions.coercion import to_string

# Source: Bitbucket Cloud documentation, "Variables and secrets".
_VARIABLES: Mapping[tuple[str, ...], str] = {
    ("trigger", "branch"): "BITBUCKET_BRANCH",
    ("trigger", "tag"): "BITBUCKET_TAG",
    ("trigger", "sha"): "BITBUCKET_COMMIT",
    ("trigger", "base_branch"): "BITBUCKET_PR_DESTINATION_BRANCH",
    ("trigger", "actor"): "BITBUCKET_STEP_TRIGGERER_UUID",
    ("trigger", "pull_request", "number"): "BITBUCKET_PR_ID",
    ("repository", "full_name"): "BITBUCKET_REPO_FULL_NAME",
    ("repository", "clone_url"): "BITBUCKET_GIT_HTTP_ORIGIN",
    ("run", "id"): "BITBUCKET_PIPELINE_UUID",
    ("run", "number"): "BITBUCKET_BUILD_NUMBER",
}
_LONGEST_MINUTES = 720
_DEPTH_ALL = "full"


def bitbucket_pipelines(definition: Mapping[str, Any]) -> Generated:
    """The pipelines for Bitbucket."""
    return _Pipelines(definition).generate()


@dataclass(slots=True)
class _Pipelines:
    definition: Mapping[str, Any]
    notes: Notes = field(default_factory=Notes)
    words: ShellWords = field(default_factory=lambda: ShellWords(_VARIABLES))

    def generate(self) -> Generated:
        jobs, last = jobs_of(self.definition, self.notes)
        steps = [{"step": self._step(job, last if job is jobs[-1] else [])} for job in jobs]
        steps = steps or [{"step": {"script": ["true"]}}]
        if "trigger" in steps[0]["step"]:
            # The host starts the first step of a pipeline by itself, always.
            steps.insert(0, {"step": {"name": "Start", "script": ["true"]}})
        document: dict[str, Any] = {}
        image = (self.definition.get("settings") or {}).get("image")
        if image:
            document["image"] = image
        if (self.definition.get("settings") or {}).get("services"):
            self.notes.add("Enter the services under `definitions`; they are left out here.")
        checkout = has_checkout(jobs)
        depth = checkout.configuration.get("fetch_depth", 1) if checkout else 0
        document["clone"] = {"depth": depth or _DEPTH_ALL} if checkout else {"enabled": False}
        document["pipelines"] = self._pipelines(steps)
        secrets = sorted({name for job in jobs for part in job.parts for name in part.secrets})
        if secrets:
            self.notes.add(f"Enter {', '.join(secrets)} as secured variables of the repository.")
        if self.definition.get("runner_labels"):
            labels = ", ".join(self.definition["runner_labels"])
            self.notes.add(f"The labels {labels} are left out; the host's own runners do it.")
        text = with_notes(document, self.definition["name"], self.notes)
        return Generated(text, "bitbucket-pipelines.yml", self.notes.texts)

    def _pipelines(self, steps: list[dict[str, Any]]) -> dict[str, Any]:
        pipelines: dict[str, Any] = {}
        for name, rule in (self.definition.get("triggers") or {}).items():
            self._enter(pipelines, name, rule if isinstance(rule, Mapping) else {}, steps)
        return pipelines or {"custom": {"manual": steps}}

    def _enter(
        self,
        pipelines: dict[str, Any],
        name: str,
        rule: Mapping[str, Any],
        steps: list[dict[str, Any]],
    ) -> None:
        for kind in ("actions", "labels", "mention", "paths-ignore", "branches-ignore"):
            if rule.get(kind):
                self.notes.add(f"The filter `{kind}` of {name} has no counterpart.")
        if name == "push":
            self._enter_push(pipelines, rule, self._limited(steps, rule))
        elif name == "pull_request":
            pipelines["pull-requests"] = {"**": self._limited(steps, rule)}
            if rule.get("branches"):
                self.notes.add("Pull requests are matched by their source, not their target.")
        elif name in {"manual", "workflow_dispatch", "schedule", "webhook"}:
            self._enter_custom(pipelines.setdefault("custom", {}), name, rule, steps)
        else:
            self.notes.add(f"The trigger {name} has no counterpart.")

    def _enter_push(
        self, pipelines: dict[str, Any], rule: Mapping[str, Any], steps: list[dict[str, Any]]
    ) -> None:
        wanted = [each for each in rule.get("branches") or () if not each.startswith("!")]
        if rule.get("tags"):
            pipelines["tags"] = dict.fromkeys(rule["tags"], steps)
        if wanted:
            pipelines["branches"] = dict.fromkeys(wanted, steps)
        elif not rule.get("tags"):
            pipelines["default"] = steps

    def _enter_custom(
        self,
        custom: dict[str, Any],
        name: str,
        rule: Mapping[str, Any],
        steps: list[dict[str, Any]],
    ) -> None:
        if rule.get("inputs"):
            custom["manual"] = [{"variables": _inputs(rule)}, *steps]
        custom.setdefault("manual", steps)
        if name == "schedule":
            self.notes.add("Enter the schedule in the repository's settings, as hourly or daily.")

    def _limited(
        self, steps: list[dict[str, Any]], rule: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        paths = [path for path in rule.get("paths") or () if not path.startswith("!")]
        if not paths:
            return steps
        limit = {"changesets": {"includePaths": paths}}
        return [{"step": {**entry["step"], "condition": limit}} for entry in steps]

    def _step(self, job: Job, last: Sequence[Part]) -> dict[str, Any]:
        minutes = whole_minutes(self.definition.get("timeout_minutes"))
        step: dict[str, Any] = {"name": job.gate or self.definition["name"]}
        if job.gate:
            step["trigger"] = "manual"
            self.notes.add(f"{job.gate}: whoever may start the step approves it; nobody is asked.")
        if minutes is not None:
            step["max-time"] = min(_LONGEST_MINUTES, minutes)
        exports = self._exports()
        lines = [line for part in job.parts for line in self._lines(part)]
        step["script"] = [*exports, *lines] or ["true"]
        after = [line for part in last for line in self._lines(part)]
        if after:
            step["after-script"] = after
        kept = [
            part.configuration.get("path", ".")
            for part in job.parts
            if part.step_type == "upload_artifact"
        ]
        if kept:
            step["artifacts"] = kept
        return step

    def _exports(self) -> list[str]:
        exports = []
        for name, value in (self.definition.get("environment") or {}).items():
            if isinstance(value, str) and "${{" in value:
                self.notes.add(f"The variable {name} is computed by an expression and left out.")
                continue
            text = value if isinstance(value, str) else to_string(value)
            exports.append(f"export {name}={shlex.quote(text)}")
        return exports

    def _lines(self, part: Part) -> list[str]:
        if part.step_type in {"checkout", "upload_artifact", "download_artifact"}:
            if part.configuration.get("repository"):
                self.notes.add(f"{part.name}: another repository is not checked out.")
            return []
        if part.timeout_minutes is not None:
            self.notes.add(f"{part.name}: a step's own time limit has no counterpart.")
        if part.cache:
            self.notes.add(f"{part.name}: its cache has no counterpart.")
        return script_of(part, self.words, self.notes)


def _inputs(rule: Mapping[str, Any]) -> list[dict[str, Any]]:
    variables = []
    for name, declared in (rule.get("inputs") or {}).items():
        entry: dict[str, Any] = {"name": input_variable(name)}
        if declared.get("default") is not None:
            entry["default"] = to_string(declared["default"])
        if declared.get("type") == "choice":
            entry["allowed-values"] = [to_string(each) for each in declared.get("options") or ()]
        variables.append(entry)
    return variables
