"""The one door through which YAML and JSON text becomes data.

A document is hostile until it has passed here: PyYAML's own loaders expand aliases without bound,
recurse, keep the last of two equal keys and read `on` as a boolean.
"""

import re
from typing import Any

import yaml

from devops.safety.json_values import (
    LONGEST_NUMBER,
    MAX_BYTES,
    MAX_DEPTH,
    DocumentError,
    check_json,
    check_scalar,
    decode,
    join_pointer,
    line_and_column,
    load_json,
)
from devops.safety.marks import Marked, Scalar

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "DocumentError",
    "Marked",
    "check_json",
    "dump_yaml",
    "join_pointer",
    "load_json",
    "load_marked",
    "load_yaml",
]

# YAML 1.2.2, section 10.3.2 (core schema): no `yes`, no `on`, no dates, no base 60.
_NULL = re.compile(r"(?:~|null|Null|NULL)?")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

# The emitter writes these bare, the reader takes them for line ends.
_FOREIGN_BREAK = re.compile("[\r\x85\u2028\u2029\ufeff]")

# libyaml's parser yields the same events as the Python one, some fifteen times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(text: str | bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Read one YAML document into JSON values.

    Raises:
        DocumentError: not UTF-8, not YAML, too large, too deep, more than one document, or using
            what no document of ours may use: anchors, aliases, tags, equal keys, NUL characters.
    """
    return load_marked(text, max_bytes=max_bytes, max_depth=max_depth).value


def load_marked(
    text: str | bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> Marked:
    """Read one YAML document like `load_yaml` and keep the position of every part."""
    source = decode(text, max_bytes)
    composer = _Composer(source, max_depth)
    try:
        for event in yaml.parse(source, Loader=_Loader):
            composer.take(event)
    except yaml.reader.ReaderError as error:
        line, column = line_and_column(source, _first_unprintable(source))
        reason = "A control character cannot be part of a document"
        raise DocumentError(reason, line, column) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # libyaml reports an unexpected end one line below the last one.
        line, column = line_and_column(source.rstrip("\n"), mark.index) if mark else (1, 1)
        words = ", ".join(part for part in (error.context, error.problem) if part)
        raise DocumentError(f"Not valid YAML: {words}", line, column) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError("Not valid YAML", 1, 1) from error
    return composer.marked


def dump_yaml(value: Any) -> str:
    """Write JSON values as block-style YAML, keys in the given order, readable by `load_yaml`.

    Strings that any YAML reader could take for something else are quoted.

    Raises:
        DocumentError: the value is no JSON value.
    """
    check_json(value)
    return str(
        yaml.dump(
            value,
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=False,
            width=100,
        )
    )


class _Composer:
    """Builds JSON values from parser events without recursion, refusing as early as possible."""

    def __init__(self, text: str, max_depth: int) -> None:
        self.marked = Marked(text=text)
        self._max_depth = max_depth
        self._open: list[dict[str, Any] | list[Any]] = []
        self._pointers: list[str] = []
        self._key: list[str | None] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse("Only one document per file: remove the second `---`", mark)
        elif isinstance(event, yaml.NodeEvent):
            self._take_node(event, mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._pointers.pop()
            self._key.pop()

    def _take_node(self, event: Any, mark: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse("Anchors and aliases are not supported: write the value out", mark)
        if event.tag is not None:
            self._refuse(f"Tags are not supported: remove {event.tag}", mark)
        if self._wants_key():
            self._take_key(event, mark)
        elif isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event, mark)
        else:
            self._take_collection(event, mark)

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], dict) and self._key[-1] is None

    def _take_key(self, event: Any, mark: Any) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse("A key must be a plain word or a quoted string", mark)
        key = event.value
        if key in ("", "<<") and not event.style:
            self._refuse("An empty key and the merge key `<<` are not supported", mark)
        members = self._open[-1]
        if key in members:
            self._refuse(f"The key `{key[:80]}` occurs twice here: remove one", mark)
        self._check(key, mark)
        self._key[-1] = key
        pointer = join_pointer(self._pointers[-1], key)
        self.marked.keys[pointer] = (mark.line + 1, mark.column + 1)

    def _take_scalar(self, event: Any, mark: Any) -> None:
        try:
            value = _plain(event.value) if not event.style else event.value
        except ValueError as error:
            self._refuse(str(error), mark)
        self._check(value, mark)
        pointer = self._place(value, mark)
        scalar = Scalar(mark.index, event.end_mark.index, event.style or "")
        self.marked.scalars[pointer] = scalar

    def _take_collection(self, event: Any, mark: Any) -> None:
        if len(self._open) >= self._max_depth:
            self._refuse(f"Nested deeper than {self._max_depth} levels", mark)
        value: dict[str, Any] | list[Any]
        value = {} if isinstance(event, yaml.MappingStartEvent) else []
        pointer = self._place(value, mark)
        self._open.append(value)
        self._pointers.append(pointer)
        self._key.append(None)

    def _place(self, value: Any, mark: Any) -> str:
        pointer = ""
        if not self._open:
            self.marked.value = value
        elif isinstance(parent := self._open[-1], dict):
            key = self._key[-1] or ""
            parent[key] = value
            self._key[-1] = None
            pointer = join_pointer(self._pointers[-1], key)
        else:
            pointer = join_pointer(self._pointers[-1], len(parent))
            parent.append(value)
        self.marked.values[pointer] = (mark.line + 1, mark.column + 1)
        return pointer

    def _check(self, value: Any, mark: Any) -> None:
        try:
            check_scalar(value, "")
        except DocumentError as error:
            self._refuse(error.message, mark)

    def _refuse(self, message: str, mark: Any) -> None:
        pointer = self._pointers[-1] if self._pointers else ""
        raise DocumentError(message, mark.line + 1, mark.column + 1, pointer)


class _Dumper(yaml.SafeDumper):
    """Quotes for readers of YAML 1.1 and 1.2 alike, writes long text as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (PyYAML's signature)
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data.strip("\n") else None
        if _FOREIGN_BREAK.search(data):
            style = '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def represent_members(self, data: dict[str, Any]) -> yaml.MappingNode:
        node = self.represent_mapping("tag:yaml.org,2002:map", data.items())
        for key, _ in node.value:
            # The one key that every pipeline has stays bare, as people write it.
            if key.value == "on":
                key.tag = "tag:yaml.org,2002:bool"
            elif key.style == "|":
                key.style = '"'
        return node


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(dict, _Dumper.represent_members)
for _tag, _pattern, _first in (
    ("int", _DECIMAL, "-+0123456789"),
    ("int", _OCTAL, "0"),
    ("int", _HEXADECIMAL, "0"),
    ("float", _FLOAT, "-+.0123456789"),
):
    _whole = re.compile(f"(?:{_pattern.pattern})$")
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _whole, list(_first))


def _plain(text: str) -> Any:
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("Infinity and NaN are no JSON numbers: quote them to mean text")
    return _number(text)


def _number(text: str) -> int | float | str:
    if len(text) > LONGEST_NUMBER:
        if _FLOAT.fullmatch(text):
            raise ValueError("A number of this length is not supported: quote it to mean text")
        return text
    if _DECIMAL.fullmatch(text):
        return int(text)
    for pattern, base in ((_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            return int(text[2:], base)
    return float(text) if _FLOAT.fullmatch(text) else text


def _first_unprintable(text: str) -> int:
    return next((i for i, c in enumerate(text) if not c.isprintable() and c not in "\t\n\r"), 0)
