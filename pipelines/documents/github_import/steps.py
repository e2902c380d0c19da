"""One step of a workflow as a step of a pipeline."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devops.safety.documents import join_pointer
from pipelines.documents.github_import.translation import Translation, without_expressions
from pipelines.documents.github_import.words import ACTION, ACTION_INPUTS, NUMBERS, minutes_of
from pipelines.documents.keys import step_key
from pipelines.documents.vocabulary import LONGEST_RUN_MINUTES, SHORTEST_MINUTES

_LONGEST_NAME = 255
_LONGEST_SETTING = 200
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
        self._add_switches(made, step, pointer)
        if step.get("id"):
            self.words.step_keys[self.words.job, str(step["id"])] = made["key"]
        return made

    def cache(self, step: Values, pointer: str) -> dict[str, Any]:
        """The cache that an `actions/cache` step describes; empty where it describes none."""
        values = _with(step)
        key, path, fallbacks = (values.get(name) for name in ("key", "path", "restore-keys"))
        if not isinstance(key, str) or not isinstance(path, str):
            self.words.report.left_out(pointer, "A cache needs `key` and `path`.")
            return {}
        self.words.report.changed(pointer, "The cache belongs to the next command of the job.")
        cache: dict[str, Any] = {
            "key": self.words.text(key, pointer, has_files=True), "paths": _lines(path),
        }  # fmt: skip
        if isinstance(fallbacks, str) and fallbacks.strip():
            cache["restore_keys"] = [
                self.words.text(each, pointer, has_files=True) for each in _lines(fallbacks)
            ]
        return cache

    def _body(self, step: Values, pointer: str, defaults: Values) -> dict[str, Any] | None:
        if isinstance(step.get("run"), str) and step["run"].strip():
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
            kept = self._setting(names[key], value, place)
            if kept is not None:
                config[names[key]] = kept
        made = {"uses": action.replace("-", "_"), "title": action.replace("-", " ").capitalize()}
        return {**made, "with": config} if config else made

    def _setting(self, name: str, value: Any, place: str) -> Any:
        """The value of a setting; nothing where the one that is written fits nothing here."""
        if name in NUMBERS:
            least, most = NUMBERS[name]
            number = int(value) if str(value).isdecimal() else -1
            if least <= number <= most:
                return number
            self.words.report.left_out(place, f"It takes numbers from {least} to {most}.")
            return None
        if name == "if_no_files":
            return "error" if value == "error" else "warn"
        text = self.words.text(str(value), place)
        if len(text) > _LONGEST_SETTING:
            self.words.report.left_out(place, f"It is longer than {_LONGEST_SETTING} characters.")
            return None
        if name == "name":
            return text if "${{" in text else re.sub(r"[^\w. -]", "-", text) or None
        lines = [line.removeprefix("./") or "." for line in _lines(text)]
        return lines[0] if len(lines) == 1 else f"{{{','.join(lines)}}}" if lines else None

    def _command(self, step: Values, pointer: str, defaults: Values) -> dict[str, Any]:
        command, environment = self.words.script(step["run"], f"{pointer}/run")
        config: dict[str, Any] = {"command": command}
        folder = step.get("working-directory") or defaults.get("working-directory")
        if folder:
            place = f"{pointer}/working-directory"
            config["working_directory"] = self.words.text(str(folder), place)
        shell = str(step.get("shell") or defaults.get("shell") or "")
        if shell in _SHELLS:
            config["shell"] = shell
        elif shell:
            text = f"The shell {shell} is not offered: bash runs it."
            self.words.report.changed(f"{pointer}/shell", text)
        first = next(iter(without_expressions(step["run"]).strip().splitlines()), "")
        made: dict[str, Any] = {"uses": "run_command", "with": config, "title": first[:60] or "Run"}
        return {**made, "env": environment} if environment else made

    def _add_switches(self, made: dict[str, Any], step: Values, pointer: str) -> None:
        if step.get("if") is not None:
            made["if"] = self.words.condition(str(step["if"]), f"{pointer}/if")
        environment = self.words.environment(step.get("env"), f"{pointer}/env")
        if environment or made.get("env"):
            made["env"] = {**environment, **made.get("env", {})}
        minutes = minutes_of(step)
        if minutes is not None:
            made["timeout_minutes"] = min(LONGEST_RUN_MINUTES, max(SHORTEST_MINUTES, minutes))
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
        base = text if len(text) < _LONGEST_NAME - 6 else without_expressions(text)
        base = base[: _LONGEST_NAME - 6]
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
