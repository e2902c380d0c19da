"""GitHub Actions workflows, and those of Gitea and Forgejo, which read the same format."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.documents.generators.parts import (
    GATES,
    Generated,
    Job,
    Notes,
    Part,
    has_checkout,
    jobs_of,
    literal_of,
    plain_name,
    whole_minutes,
    with_notes,
)
from pipelines.expressions import ExpressionError
from pipelines.expressions.rewriting import rewrite_references, rewrite_text

# Our references in GitHub's words. Source: GitHub Docs, "Contexts reference".
_WORDS: Mapping[tuple[str, ...], str] = {
    ("trigger", "type"): "github.event_name",
    ("trigger", "action"): "github.event.action",
    ("trigger", "branch"): "github.ref_name",
    ("trigger", "tag"): "github.ref_name",
    ("trigger", "ref"): "github.ref",
    ("trigger", "sha"): "github.sha",
    ("trigger", "base_branch"): "github.base_ref",
    ("trigger", "actor"): "github.actor",
    ("trigger", "commit", "title"): "github.event.head_commit.message",
    ("trigger", "commit", "author"): "github.event.head_commit.author.name",
    ("trigger", "pull_request", "number"): "github.event.pull_request.number",
    ("trigger", "pull_request", "title"): "github.event.pull_request.title",
    ("trigger", "issue", "number"): "github.event.issue.number",
    ("trigger", "comment", "body"): "github.event.comment.body",
    ("repository", "full_name"): "github.repository",
    ("repository", "default_branch"): "github.event.repository.default_branch",
    ("repository", "clone_url"): "github.event.repository.clone_url",
    ("run", "id"): "github.run_id",
    ("run", "number"): "github.run_number",
    ("run", "attempt"): "github.run_attempt",
    ("run", "url"): "format('{0}/{1}/actions/runs/{2}', github.server_url, github.repository,"
    " github.run_id)",
    ("pipeline", "name"): "github.workflow",
    ("pipeline", "slug"): "github.workflow",
    ("worker", "name"): "runner.name",
}
_EVENTS = {"issue": "issues"}
_DEFAULT_LABEL = "ubuntu-latest"
_GITHUB_ACTIONS = {
    "checkout": "actions/checkout@v4",
    "upload": "actions/upload-artifact@v4",
    "download": "actions/download-artifact@v4",
    "cache": "actions/cache@v4",
}
# Gitea's and Forgejo's runners have no artifact service of the fourth version.
_GITEA_ACTIONS = {
    **_GITHUB_ACTIONS,
    "upload": "actions/upload-artifact@v3",
    "download": "actions/download-artifact@v3",
}


def github_workflow(definition: Mapping[str, Any]) -> Generated:
    """The workflow for GitHub."""
    return _Workflow(definition, ".github/workflows", _GITHUB_ACTIONS).generate()


def gitea_workflow(definition: Mapping[str, Any]) -> Generated:
    """The workflow for Gitea and Forgejo."""
    return _Workflow(definition, ".gitea/workflows", _GITEA_ACTIONS).generate()


@dataclass(slots=True)
class _Workflow:
    definition: Mapping[str, Any]
    folder: str
    actions: Mapping[str, str]
    notes: Notes = field(default_factory=Notes)
    # The job of each step's key, and what later jobs read of it: {job: {(step, output)}}.
    homes: dict[str, str] = field(default_factory=dict)
    exported: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    job: str = ""

    def generate(self) -> Generated:
        jobs, last = jobs_of(self.definition, self.notes)
        if last and len(jobs) > 1:
            jobs.append(Job("finally", parts=last))
        elif jobs:
            jobs[0].parts += [_always(part) for part in last]
        for job in jobs:
            for part in job.parts:
                self.homes.setdefault(part.key, job.key)
                self.order.append(part.key)
        written = {job.key: self._job(job, jobs) for job in jobs} or {"pipeline": self._empty()}
        for name, members in self.exported.items():
            written[name]["outputs"] = {
                f"{step}__{output}": f"${{{{ steps.{step}.outputs.{output} }}}}"
                for step, output in sorted(members)
            }
        workflow: dict[str, Any] = {"name": self.definition["name"], "on": self._events()}
        if self.definition.get("environment"):
            workflow["env"] = self._environment(self.definition["environment"])
        concurrency = self._concurrency()
        if concurrency:
            workflow["concurrency"] = concurrency
        workflow["jobs"] = written
        slug = plain_name(self.definition.get("slug") or self.definition["name"])
        text = with_notes(workflow, self.definition["name"], self.notes)
        return Generated(text, f"{self.folder}/{slug}.yml", self.notes.texts)

    def _empty(self) -> dict[str, Any]:
        return {"runs-on": _DEFAULT_LABEL, "steps": [{"run": "true"}]}

    def _job(self, job: Job, jobs: list[Job]) -> dict[str, Any]:
        self.job = job.key
        labels = list(self.definition.get("runner_labels") or ())
        written: dict[str, Any] = {"runs-on": labels or _DEFAULT_LABEL}
        before = [other.key for other in jobs[: jobs.index(job)]]
        if before:
            written["needs"] = before
        if job.gate:
            written["environment"] = plain_name(job.gate)
            self.notes.add(
                f"The environment {plain_name(job.gate)} needs required reviewers at the host:"
                " without them nobody is asked."
            )
        if job.key == "finally":
            written["if"] = "always()"
        image = (self.definition.get("settings") or {}).get("image")
        if image:
            written["container"] = self._text(image)
        services = self._services()
        if services:
            written["services"] = services
        minutes = whole_minutes(self.definition.get("timeout_minutes"))
        if minutes is not None:
            written["timeout-minutes"] = minutes
        parts = list(job.parts)
        first = has_checkout(jobs)
        if before and first is not None and not has_checkout([job]):
            parts.insert(0, first)
        written["steps"] = [step for part in parts for step in self._steps(part)]
        return written

    def _services(self) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for name, said in ((self.definition.get("settings") or {}).get("services") or {}).items():
            written[name] = {"image": self._text(said["image"])}
            if said.get("env"):
                written[name]["env"] = self._environment(said["env"])
            check = (said.get("healthcheck") or {}).get("command")
            if check:
                written[name]["options"] = f"--health-cmd {shlex.quote(check)}"
            if said.get("command"):
                self.notes.add(
                    f"The service {name} has a command; the host starts the image's own."
                )
        return written

    def _steps(self, part: Part) -> list[dict[str, Any]]:
        body = self._body(part)
        step: dict[str, Any] = {"name": self._text(part.name), "id": part.key}
        condition = self._condition(part)
        if condition:
            step["if"] = condition
        step |= body
        environment = {
            **{name: f"${{{{ secrets.{name} }}}}" for name in part.secrets},
            **self._environment(part.environment),
        }
        if environment:
            step["env"] = environment
        minutes = whole_minutes(part.timeout_minutes)
        if minutes is not None:
            step["timeout-minutes"] = minutes
        if part.continue_on_error:
            step["continue-on-error"] = True
        return [*self._cache(part), step]

    def _body(self, part: Part) -> dict[str, Any]:
        config = part.configuration
        match part.step_type:
            case "checkout":
                return {"uses": self.actions["checkout"], "with": self._checkout(part)}
            case "upload_artifact":
                values = {
                    "name": self._text(config.get("name", "build-artifacts")),
                    "path": self._text(config.get("path", ".")),
                    "retention-days": config.get("retention_days", 30),
                    "if-no-files-found": config.get("if_no_files", "error"),
                }
                return {"uses": self.actions["upload"], "with": values}
            case "download_artifact":
                values = {
                    "name": self._text(config.get("name", "build-artifacts")),
                    "path": self._text(config.get("path") or "."),
                }
                return {"uses": self.actions["download"], "with": values}
        if part.command:
            return self._script(part)
        return self._without_counterpart(part)

    def _checkout(self, part: Part) -> dict[str, Any]:
        config = part.configuration
        values: dict[str, Any] = {"fetch-depth": config.get("fetch_depth", 1)}
        for ours, theirs in (("ref", "ref"), ("path", "path")):
            if config.get(ours):
                values[theirs] = self._text(config[ours])
        if config.get("repository"):
            values["repository"] = self._text(str(config["repository"]))
            self.notes.add(
                f"{part.name}: the host's checkout wants OWNER/NAME where our step has a clone URL."
            )
        return values

    def _script(self, part: Part) -> dict[str, Any]:
        script = self._text(part.command)
        if "POWERNODE_OUTPUT" in script or "POWERNODE_SUMMARY" in script:
            names = 'POWERNODE_OUTPUT="$GITHUB_OUTPUT" POWERNODE_SUMMARY="$GITHUB_STEP_SUMMARY"'
            script = f"export {names}\n{script}"
        body: dict[str, Any] = {"run": script}
        if part.folder:
            body["working-directory"] = self._text(part.folder)
        body["shell"] = part.configuration.get("shell") or "bash"
        if part.step_type == "run_tests" and part.configuration.get("report"):
            self.notes.add(f"{part.name}: the host shows no JUnit report; the exit status decides.")
        if part.step_type == "deploy":
            self.notes.add(f"{part.name}: only its command is run; checks afterwards are left out.")
        return body

    def _without_counterpart(self, part: Part) -> dict[str, Any]:
        if part.step_type in GATES:
            self.notes.add(
                f"{part.name}: {part.step_type} has no counterpart; the step fails, so that nothing"
                " goes on unchecked."
            )
            said = f"{part.step_type} is checked by Powernode only"
            return {"run": f'echo "::error::{said}"\nexit 1'}
        self.notes.add(f"{part.name}: {part.step_type} has no counterpart; the step does nothing.")
        return {"run": f'echo "::notice::{part.step_type} has no counterpart here"'}

    def _cache(self, part: Part) -> list[dict[str, Any]]:
        if not part.cache.get("key"):
            return []
        values = {
            "key": self._text(str(part.cache["key"])),
            "path": "\n".join(part.cache.get("paths") or ()),
        }
        if part.cache.get("restore_keys"):
            keys = [self._text(str(key)) for key in part.cache["restore_keys"]]
            values["restore-keys"] = "\n".join(keys)
        return [{"uses": self.actions["cache"], "with": values}]

    def _condition(self, part: Part) -> str:
        if not part.condition:
            return ""
        text = part.condition.strip()
        source = text.removeprefix("${{").removesuffix("}}") if text.startswith("${{") else text
        try:
            return self._rewritten(source).strip()
        except ExpressionError:
            self.notes.add(f"{part.name}: its condition could not be read; the step is left out.")
            return "false"

    def _environment(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self._text(value) if isinstance(value, str) else _scalar(value)
            for name, value in values.items()
        }

    def _text(self, text: str) -> str:
        try:
            return rewrite_text(text, self._rewritten)
        except ExpressionError:
            self.notes.add(f"An expression could not be read and stays as it is: {text[:100]}")
            return text

    def _rewritten(self, source: str) -> str:
        return rewrite_references(source, self._reference)

    def _reference(self, path: tuple[str, ...]) -> str | None:
        if path[0] == "steps" and len(path) > 1:
            return self._step_reference(path)
        found = _WORDS.get(path)
        if found is None and path[0] in {"trigger", "repository", "run", "pipeline", "worker"}:
            self.notes.add(f"`{'.'.join(path)}` has no counterpart and is empty.")
            return "''"
        return found

    def _step_reference(self, path: tuple[str, ...]) -> str | None:
        key, member = path[1], path[2] if len(path) > 2 else ""
        if key == "previous":
            here = [name for name in self.order if self.homes[name] == self.job]
            key = here[-1] if here else key
            self.notes.add("`steps.previous` is written as the last step of its job.")
        if key not in self.homes and f"{key}_1" in self.homes:
            self.notes.add(f"`steps.{key}` is read from the first combination of its matrix.")
            key = f"{key}_1"
        home = self.homes.get(key, self.job)
        if home == self.job:
            if member == "status":
                return f"steps.{key}.outcome"
            rest = "".join(f".{part}" for part in path[2:])
            return f"steps.{key}{rest}"
        if member == "outputs" and len(path) == 4:
            self.exported.setdefault(home, set()).add((key, path[3]))
            return f"needs.{home}.outputs.{key}__{path[3]}"
        self.notes.add(f"`{'.'.join(path)}` is read as the result of the job {home}.")
        return f"needs.{home}.result"

    def _events(self) -> dict[str, Any]:
        events: dict[str, Any] = {}
        for name, written in (self.definition.get("triggers") or {}).items():
            rule = written if isinstance(written, Mapping) else {}
            if name == "schedule":
                events["schedule"] = [{"cron": each["cron"]} for each in rule.get("schedules", ())]
                if any(each.get("timezone", "UTC") != "UTC" for each in rule.get("schedules", ())):
                    self.notes.add("Schedules run in UTC at the host; ours have a time zone.")
            elif name in {"manual", "workflow_dispatch"}:
                events["workflow_dispatch"] = self._inputs(rule)
            elif name == "webhook":
                events["repository_dispatch"] = {}
                self.notes.add("The trigger `webhook` is written as repository_dispatch.")
            else:
                events[_EVENTS.get(name, name)] = self._filters(name, rule)
        return {name: value for name, value in events.items() if value != []} or {
            "workflow_dispatch": {}
        }

    def _filters(self, name: str, rule: Mapping[str, Any]) -> dict[str, Any]:
        filters: dict[str, Any] = {}
        if name != "push" and rule.get("actions"):
            filters["types"] = list(rule["actions"])
        kinds = ("branches", "branches-ignore", "paths", "paths-ignore")
        for kind in (*kinds, "tags") if name == "push" else kinds:
            if rule.get(kind) and name in {"push", "pull_request"}:
                filters[kind] = list(rule[kind])
        # The host refuses both kinds of one filter: what is ignored becomes a negative pattern.
        for kind in ("branches", "paths"):
            ignored = filters.pop(f"{kind}-ignore", None) if kind in filters else None
            if ignored:
                filters[kind] += [f"!{pattern}" for pattern in ignored]
        for kind in ("labels", "mention"):
            if rule.get(kind):
                self.notes.add(f"The filter `{kind}` of {name} has no counterpart.")
        return filters

    def _inputs(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        inputs = {}
        for name, declared in (rule.get("inputs") or {}).items():
            entry: dict[str, Any] = {
                "type": declared.get("type", "string"),
                "description": declared.get("description") or name,
                "required": bool(declared.get("required")),
            }
            if declared.get("default") is not None:
                entry["default"] = declared["default"]
            if entry["type"] == "choice":
                entry["options"] = [_word(option) for option in declared.get("options") or ()]
            inputs[name] = entry
        return {"inputs": inputs} if inputs else {}

    def _concurrency(self) -> dict[str, Any]:
        if self.definition.get("allow_concurrent"):
            return {}
        chosen = (self.definition.get("settings") or {}).get("concurrency") or {}
        policy = chosen.get("policy", "queue")
        if policy == "reject":
            self.notes.add("The policy `reject` is written as waiting.")
        group = chosen.get("group") or self.definition.get("slug") or self.definition["name"]
        return {
            "group": self._text(group),
            "cancel-in-progress": policy == "cancel_running",
        }


def _always(part: Part) -> Part:
    condition = part.condition.strip()
    if condition.startswith("${{"):
        condition = condition.removeprefix("${{").removesuffix("}}").strip()
    always = f"always() && ({condition})" if condition else "always()"
    return Part(
        part.key, part.name, part.step_type, part.configuration, always, part.environment,
        part.secrets, part.timeout_minutes, part.continue_on_error, part.cache, part.members,
    )  # fmt: skip


def _scalar(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else literal_of(value).strip("'")


def _word(value: Any) -> str:
    return literal_of(value).strip("'")
