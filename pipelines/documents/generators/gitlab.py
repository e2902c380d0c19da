"""GitLab CI/CD pipelines."""

import re
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
    plain_name,
    whole_minutes,
    with_notes,
)
from pipelines.documents.generators.shell import ShellWords, input_variable, script_of
from pipelines.expressions.coercion import to_string

# Source: GitLab Docs, "Predefined CI/CD variables reference".
_VARIABLES: Mapping[tuple[str, ...], str] = {
    ("trigger", "type"): "CI_PIPELINE_SOURCE",
    ("trigger", "branch"): "CI_COMMIT_BRANCH",
    ("trigger", "tag"): "CI_COMMIT_TAG",
    ("trigger", "ref"): "CI_COMMIT_REF_NAME",
    ("trigger", "sha"): "CI_COMMIT_SHA",
    ("trigger", "base_branch"): "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    ("trigger", "actor"): "GITLAB_USER_LOGIN",
    ("trigger", "commit", "title"): "CI_COMMIT_TITLE",
    ("trigger", "commit", "author"): "CI_COMMIT_AUTHOR",
    ("trigger", "pull_request", "number"): "CI_MERGE_REQUEST_IID",
    ("trigger", "pull_request", "title"): "CI_MERGE_REQUEST_TITLE",
    ("repository", "full_name"): "CI_PROJECT_PATH",
    ("repository", "default_branch"): "CI_DEFAULT_BRANCH",
    ("repository", "clone_url"): "CI_REPOSITORY_URL",
    ("run", "id"): "CI_PIPELINE_ID",
    ("run", "number"): "CI_PIPELINE_IID",
    ("run", "url"): "CI_PIPELINE_URL",
    ("pipeline", "name"): "CI_PIPELINE_NAME",
    ("worker", "name"): "CI_RUNNER_DESCRIPTION",
}
_SOURCES = {"schedule": "schedule", "pull_request": "merge_request_event", "webhook": "trigger"}


def gitlab_pipeline(definition: Mapping[str, Any]) -> Generated:
    """The pipeline for GitLab."""
    return _Pipeline(definition).generate()


@dataclass(slots=True)
class _Pipeline:
    definition: Mapping[str, Any]
    notes: Notes = field(default_factory=Notes)
    words: ShellWords = field(default_factory=lambda: ShellWords(_VARIABLES))

    def generate(self) -> Generated:
        jobs, last = jobs_of(self.definition, self.notes)
        first = has_checkout(jobs)
        pipeline: dict[str, Any] = {"workflow": self._workflow()}
        variables = self._variables(first)
        if variables:
            pipeline["variables"] = variables
        pipeline["stages"] = [plain_name(job.key) for job in jobs] or ["pipeline"]
        for job in jobs:
            pipeline[plain_name(job.key)] = self._job(job, last if job is jobs[-1] else [])
        if not jobs:
            pipeline["pipeline"] = {"script": ["true"]}
        secrets = sorted({name for job in jobs for part in job.parts for name in part.secrets})
        if secrets:
            names = ", ".join(secrets)
            self.notes.add(f"Enter {names} as masked, protected variables of the project.")
        text = with_notes(pipeline, self.definition["name"], self.notes)
        return Generated(text, ".gitlab-ci.yml", self.notes.texts)

    def _workflow(self) -> dict[str, Any]:
        rules = []
        for name, rule in (self.definition.get("triggers") or {}).items():
            rules += self._rules(name, rule if isinstance(rule, Mapping) else {})
        return {"name": self.definition["name"], "rules": rules or [{"when": "never"}]}

    def _rules(self, name: str, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
        if name in {"manual", "workflow_dispatch"}:
            sources = ("web", "api", "trigger")
            return [{"if": f'$CI_PIPELINE_SOURCE == "{source}"'} for source in sources]
        for kind in ("labels", "mention", "actions"):
            if rule.get(kind):
                self.notes.add(f"The filter `{kind}` of {name} has no counterpart.")
        if name == "push":
            return self._push_rules(rule)
        if name == "schedule":
            crons = ", ".join(each["cron"] for each in rule.get("schedules", ()))
            self.notes.add(f"Enter the schedule ({crons}) in the project's settings.")
        if name not in _SOURCES:
            self.notes.add(f"The trigger {name} has no counterpart.")
            return []
        checks = [f'$CI_PIPELINE_SOURCE == "{_SOURCES[name]}"']
        if rule.get("branches"):
            pattern = _pattern(rule["branches"])
            checks.append(f"$CI_MERGE_REQUEST_TARGET_BRANCH_NAME =~ {pattern}")
        return [{"if": " && ".join(checks), **self._changes(rule)}]

    def _push_rules(self, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
        rules = []
        if rule.get("tags"):
            tags = f'$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_TAG =~ {_pattern(rule["tags"])}'
            rules.append({"if": tags})
        if rule.get("tags") and not (rule.get("branches") or rule.get("branches-ignore")):
            return rules
        checks = ['$CI_PIPELINE_SOURCE == "push"', "$CI_COMMIT_BRANCH"]
        if rule.get("branches"):
            checks.append(f"$CI_COMMIT_BRANCH =~ {_pattern(rule['branches'])}")
        if rule.get("branches-ignore"):
            checks.append(f"$CI_COMMIT_BRANCH !~ {_pattern(rule['branches-ignore'])}")
        rules.append({"if": " && ".join(checks), **self._changes(rule)})
        return rules

    def _changes(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        if rule.get("paths-ignore"):
            self.notes.add("The filter `paths-ignore` has no counterpart.")
        paths = [path for path in rule.get("paths") or () if not path.startswith("!")]
        if len(paths) != len(rule.get("paths") or ()):
            self.notes.add("Negative path patterns have no counterpart.")
        return {"changes": paths} if paths else {}

    def _variables(self, checkout: Part | None) -> dict[str, Any]:
        variables: dict[str, Any] = {
            name: to_string(value) if not isinstance(value, str) else self._static(name, value)
            for name, value in (self.definition.get("environment") or {}).items()
        }
        manual = (self.definition.get("triggers") or {}).get("manual") or {}
        for name, declared in (manual.get("inputs") or {}).items():
            default = declared.get("default")
            entry: dict[str, Any] = {
                "value": "" if default is None else to_string(default),
                "description": declared.get("description") or name,
            }
            if declared.get("type") == "choice":
                entry["options"] = [to_string(each) for each in declared.get("options") or ()]
                entry["value"] = entry["value"] or entry["options"][0]
            variables[input_variable(name)] = entry
        if checkout is None:
            variables["GIT_STRATEGY"] = "none"
        else:
            variables["GIT_DEPTH"] = str(checkout.configuration.get("fetch_depth", 1))
        return variables

    def _static(self, name: str, value: str) -> str:
        if "${{" in value:
            self.notes.add(f"The variable {name} is computed by an expression and left empty.")
            return ""
        return value

    def _job(self, job: Job, last: Sequence[Part]) -> dict[str, Any]:
        written: dict[str, Any] = {"stage": plain_name(job.key), **self._machine()}
        if job.gate:
            written |= {"when": "manual", "allow_failure": False}
            self.notes.add(f"{job.gate}: whoever may run the job approves it; nobody is asked.")
        scripts = [line for part in job.parts for line in self._lines(part)]
        written["script"] = scripts or ["true"]
        wanted = {
            "after_script": [line for part in last for line in self._lines(part)],
            "artifacts": _artifacts(job.parts),
            "cache": [entry for part in job.parts for entry in self._cache(part)],
        }
        return written | {name: value for name, value in wanted.items() if value}

    def _machine(self) -> dict[str, Any]:
        """Where every job runs, for how long, and beside what."""
        minutes = whole_minutes(self.definition.get("timeout_minutes"))
        slug = plain_name(self.definition.get("slug") or self.definition["name"])
        wanted = {
            "image": (self.definition.get("settings") or {}).get("image"),
            "services": self._services(),
            "tags": list(self.definition.get("runner_labels") or ()),
            "timeout": f"{minutes} minutes" if minutes is not None else "",
            "resource_group": "" if self.definition.get("allow_concurrent") else slug,
        }
        return {name: value for name, value in wanted.items() if value}

    def _services(self) -> list[dict[str, Any]]:
        services = (self.definition.get("settings") or {}).get("services") or {}
        written: list[dict[str, Any]] = []
        for name, said in services.items():
            entry: dict[str, Any] = {"name": said["image"], "alias": name}
            if said.get("env"):
                entry["variables"] = {key: str(value) for key, value in said["env"].items()}
            if said.get("command"):
                command = said["command"]
                entry["command"] = ["sh", "-c", command] if isinstance(command, str) else command
            if said.get("healthcheck"):
                self.notes.add(
                    f"The service {name}: the host checks its ports instead of a command."
                )
            written.append(entry)
        return written

    def _lines(self, part: Part) -> list[str]:
        if part.step_type in {"checkout", "upload_artifact", "download_artifact"}:
            if part.configuration.get("repository"):
                self.notes.add(f"{part.name}: another repository is not checked out.")
            return []
        if part.timeout_minutes is not None:
            self.notes.add(f"{part.name}: a step's own time limit has no counterpart.")
        return script_of(part, self.words, self.notes)

    def _cache(self, part: Part) -> list[dict[str, Any]]:
        paths = list(part.cache.get("paths") or ())
        if not paths:
            return []
        self.notes.add(f"{part.name}: its cache has the branch as its key.")
        return [{"key": "$CI_COMMIT_REF_SLUG", "paths": paths}]


def _artifacts(parts: Sequence[Part]) -> dict[str, Any]:
    paths, reports, days = [], [], []
    for part in parts:
        config = part.configuration
        if part.step_type == "upload_artifact":
            paths.append(config.get("path", "."))
            days.append(config.get("retention_days", 30))
        if part.step_type == "run_tests" and config.get("report"):
            folder = f"{part.folder}/" if part.folder else ""
            reports.append(f"{folder}{config['report']}")
    artifacts: dict[str, Any] = {}
    if paths:
        artifacts |= {"paths": paths, "expire_in": f"{max(days)} days"}
    if reports:
        artifacts |= {"when": "always", "reports": {"junit": reports}}
    return artifacts


def _pattern(globs: Sequence[str]) -> str:
    """Globs as one anchored regular expression between slashes."""
    return f"/^({'|'.join(_regex(glob) for glob in globs if not glob.startswith('!'))})$/"


def _regex(glob: str) -> str:
    parts = re.split(r"(\*\*|\*|\?)", glob)
    words = {"**": ".*", "*": "[^\\/]*", "?": "[^\\/]"}
    return "".join(words.get(part) or re.escape(part).replace("/", "\\/") for part in parts)
