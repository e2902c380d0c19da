"""What the fake model says: scripted, or by its own simple habits."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Fault = Literal["", "status", "cut", "slow", "garbage", "error_event", "silent"]
# Instructions that the fake obeys, wherever in a request they stand: the worst model there is.
_ORDER = re.compile(r"FAKE-MODEL-(SAY|READ|CALL): *(.+)")
_CHARACTERS_OF_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a text."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """Ask for a tool."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Script:
    """One answer.

    Attributes:
        parts: texts and tool uses, in order; None: the fake's own habit.
        usage: overrides of `input_tokens` and `output_tokens`.
        fault: what goes wrong; `status` answers `code`, `cut` hangs up in the middle of the
            stream, `slow` sends one piece a second, `silent` begins and sends nothing more,
            `garbage` sends what is no event, `error_event` an error in the stream.
    """

    parts: tuple[Say | Use, ...] | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    stop_reason: str = ""
    fault: Fault = ""
    code: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Brain:
    """The scripts that wait for their requests; afterwards the habits.

    Attributes:
        is_obedient: whether it follows instructions that stand in the material.
    """

    is_obedient: bool = False
    _waiting: list[Script] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *scripts: Script) -> None:
        """Let the next requests get these answers, in order."""
        with self._lock:
            self._waiting.extend(scripts)

    def answer(self, request: Mapping[str, Any]) -> Script:
        """The answer to a request."""
        with self._lock:
            script = self._waiting.pop(0) if self._waiting else Script()
        if script.parts is None:
            script = Script(
                self._habit(request), script.usage, script.stop_reason, script.fault, script.code,
                script.headers,
            )  # fmt: skip
        return script

    def _habit(self, request: Mapping[str, Any]) -> tuple[Say | Use, ...]:
        last = _texts(request["messages"][-1:])
        if self.is_obedient:
            ordered = tuple(_obeyed(last))
            if ordered:
                return ordered
        schema = re.search(r"```json-schema\n(.+?)\n```", _texts(request["messages"]), re.DOTALL)
        if schema:
            return (Say(json.dumps(example(json.loads(schema[1])))),)
        return (Say("This is the fake model; it has read the question."),)


def tokens_of(request: Mapping[str, Any]) -> int:
    """About as many tokens as a request has."""
    return max(1, len(json.dumps(request, ensure_ascii=False)) // _CHARACTERS_OF_A_TOKEN)


def text_tokens(text: str) -> int:
    """About as many tokens as a text has."""
    return max(1, len(text) // _CHARACTERS_OF_A_TOKEN)


def example(schema: Mapping[str, Any]) -> Any:
    """A small value that fits a JSON Schema."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object" or "properties" in schema:
        wanted = schema.get("required", list(schema.get("properties", {})))
        return {name: example(schema.get("properties", {}).get(name, {})) for name in wanted}
    if kind == "array":
        return [example(schema.get("items", {})) for _ in range(schema.get("minItems", 0))]
    return {"integer": schema.get("minimum", 0), "number": schema.get("minimum", 0),
            "boolean": False, "null": None}.get(str(kind), "text")  # fmt: skip


def _texts(messages: Any) -> str:
    return "\n".join(_strings(messages))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)


def _obeyed(text: str) -> Iterator[Say | Use]:
    for verb, rest in _ORDER.findall(text):
        if verb == "SAY":
            yield Say(rest)
        elif verb == "READ":
            yield Use("read_file", {"path": rest.strip()})
        else:
            name, _, arguments = rest.partition(" ")
            try:
                yield Use(name, json.loads(arguments or "{}"))
            except json.JSONDecodeError:
                yield Say(rest)
