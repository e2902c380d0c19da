"""One step of a workflow as a step of a pipeline."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devops.safety.documents import join_pointer
from pipelines.documents.github_import.translation import Translation
from pipelines.documents.github_import.words import ACTION, ACTION_INPUTS, secrets_of
from pipelines.documents.keys import step_key

_LONGEST_NAME = 255
_SHELLS = ("bash", "sh")
Values = Mapping[str, Any]


@dataclass(slots=True)
class Steps:
    """Makes steps with names and keys that no other step of the document has."""

    words: Translation
    secrets: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    checkouts: list[dict[str, Any]] = field(default_factory=list)

    def convert(self, step: Values, pointer: str, defaults: Values) -> dict[str, Any] | None:
        """The step, or None where it has no counterpart; `defaults` are the job's for scripts."""
        body = self._body(step, pointer, defaults)
        if body is None or self._is_repeated(body, pointer):
            return None
        title = body.pop("title")
        name = str(step.get("name") or step.get("id") or title)
        made: dict[str, Any] = {
            "name": self._name(self.words.text(name, f"{pointer}/name")),
            "key": self._key(str(step.get("id") or name)),
            **body,
        }
        if step.get("id"):
            self.words.step_keys[self.words.job, str(step["id"])] = made["key"]
        self._add_switches(made, step, pointer)
        secrets = sorted(secrets_of([made.get("env"), made.get("with")]))
        if secrets:
            made["secrets"] = secrets
            self.secrets.update(secrets)
        return made

    def cache(self, step: Values, pointer: str) -> dict[str, Any]:
        """The cache that an `actions/cache` step describes; empty where it describes none."""
        values = _with(step)
        key, path, fallbacks = (values.get(name) for name in ("key", "path", "restore-keys"))
        if not isinstance(key, str) or not isinstance(path, str):
            self.words.report.left_out(pointer, "A cache needs `key` and `path`.")
            return {}
        self.words.report.changed(pointer, "The cache belongs to the next command of the job.")
        cache: dict[str, Any] = {"key": self.words.text(key, pointer), "paths": _lines(path)}
        if isinstance(fallbacks, str) and fallbacks.strip():
            cache["restore_keys"] = [self.words.text(each, pointer) for each in _lines(fallbacks)]
        return cache

    def _body(self, step: Values, pointer: str, defaults: Values) -> dict[str, Any] | None:
        if isinstance(step.get("run"), str):
            return self._command(step, pointer, defaults)
        uses = str(step.get("uses") or "")
        known = ACTION.fullmatch(uses)
        if known is None:
            text = f"The action {uses[:100] or '(none)'} has no counterpart."
            self.words.report.left_out(pointer, text)
            return None
        return self._known_action(known[1], _with(step), pointer)

    def _known_action(self, action: str, values: Values, pointer: str) -> dict[str, Any]:
        names = ACTION_INPUTS[action]
        config: dict[str, Any] = {}
        for key, value in values.items():
            place = join_pointer(f"{pointer}/with", key)
            if key not in names:
                self.words.report.left_out(place, f"`{key}` of {action} is not taken over.")
                continue
            config[names[key]] = self.words.text(value, place) if isinstance(value, str) else value
        if config.get("if_no_files") == "ignore":
            config["if_no_files"] = "warn"
        made = {"uses": action.replace("-", "_"), "title": action.replace("-", " ").capitalize()}
        return {**made, "with": config} if config else made

    def _command(self, step: Values, pointer: str, defaults: Values) -> dict[str, Any]:
        command, environment = self.words.script(step["run"], f"{pointer}/run")
        config: dict[str, Any] = {"command": command}
        folder = step.get("working-directory") or defaults.get("working-directory")
        if folder:
            config["working_directory"] = str(folder)
        shell = str(step.get("shell") or defaults.get("shell") or "")
        if shell in _SHELLS:
            config["shell"] = shell
        elif shell:
            text = f"The shell {shell} is not offered: bash runs it."
            self.words.report.changed(f"{pointer}/shell", text)
        first = next(iter(step["run"].strip().splitlines()), "")
        made: dict[str, Any] = {"uses": "run_command", "with": config, "title": first[:60] or "Run"}
        return {**made, "env": environment} if environment else made

    def _add_switches(self, made: dict[str, Any], step: Values, pointer: str) -> None:
        if step.get("if") is not None:
            made["if"] = self.words.condition(str(step["if"]), f"{pointer}/if")
        environment = self.words.environment(step.get("env"), f"{pointer}/env")
        if environment or made.get("env"):
            made["env"] = {**environment, **made.get("env", {})}
        if isinstance(step.get("timeout-minutes"), int | float):
            made["timeout_minutes"] = step["timeout-minutes"]
        if step.get("continue-on-error") is True:
            made["continue_on_error"] = True

    def _is_repeated(self, body: Values, pointer: str) -> bool:
        """Whether an earlier job checked out the same; steps share a workspace here."""
        if body["uses"] != "checkout":
            return False
        config = {name: body.get("with", {}).get(name, "") for name in ("ref", "path")}
        if config in self.checkouts:
            self.words.report.changed(pointer, "The workspace holds this checkout already.")
            return True
        self.checkouts.append(config)
        return False

    def _name(self, text: str) -> str:
        base = text[: _LONGEST_NAME - 6]
        numbered = (f"{base} ({number})" for number in itertools.count(2))
        name = base if base not in self.names else next(n for n in numbered if n not in self.names)
        self.names.add(name)
        return name

    def _key(self, name: str) -> str:
        base = step_key(name)
        numbered = (f"{base[:58]}_{number}" for number in itertools.count(2))
        is_free = base not in self.keys and base != "previous"
        key = base if is_free else next(k for k in numbered if k not in self.keys)
        self.keys.add(key)
        return key


def _with(step: Values) -> Values:
    values = step.get("with")
    return values if isinstance(values, Mapping) else {}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
