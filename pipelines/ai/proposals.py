"""What a model may propose: declared shapes and counts, checked before anyone acts on them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from devops.safety.beneath import PathNotAllowedError, parts_of
from devops.safety.documents import DocumentError, load_json
from devops.safety.patterns import GlobSet

_COMMENT_CHARACTERS = 20_000
_PATCH_CHARACTERS = 100_000
_MOST_PATCHED = 50
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n```", re.DOTALL)
_HEADER = re.compile(r"^(?:---|\+\+\+) (?:[ab]/)?([^\t\n]+)", re.MULTILINE)
_GIT_HEADER = re.compile(r"^diff --git a/(.+?) b/(.+)$", re.MULTILINE)
_MOVED = re.compile(r"^(?:rename|copy) (?:from|to) (.+)$", re.MULTILINE)
_MENTION = re.compile(r"(?<![\w`/])@(?=[A-Za-z0-9])")
# Who changes these changes what runs with secrets; a model proposes them to a person only.
_CI_FILES = GlobSet([
    ".github/**", ".gitea/**", ".forgejo/**", ".powernode/**", "**/.gitlab-ci.yml",
    ".gitlab-ci.yml", "bitbucket-pipelines.yml", "Jenkinsfile", "**/Jenkinsfile",
    ".git", ".git/**", "**/.git/**", ".gitmodules", ".gitattributes", ".husky/**",
])  # fmt: skip

_TEXT = {"type": "string", "minLength": 1, "maxLength": 4_000}
_FINDING: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "maxLength": 500},
        "line": {"type": "integer", "minimum": 1},
        "severity": {"enum": ["critical", "high", "medium", "low", "note"]},
        "message": _TEXT,
    },
    "required": ["path", "severity", "message"],
    "additionalProperties": False,
}
NAMED_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "review": {
        "type": "object",
        "properties": {
            "summary": _TEXT,
            "verdict": {"enum": ["good", "problems"]},
            "findings": {"type": "array", "maxItems": 50, "items": _FINDING},
        },
        "required": ["summary", "verdict", "findings"],
        "additionalProperties": False,
    },
    "verdict": {
        "type": "object",
        "properties": {
            "approved": {"type": "boolean"},
            "risk_level": {"enum": ["LOW", "MEDIUM", "HIGH", "CRITICAL"]},
            "reason": _TEXT,
            "warnings": {"type": "array", "maxItems": 20, "items": _TEXT},
        },
        "required": ["approved", "risk_level", "reason"],
        "additionalProperties": False,
    },
}


class ProposalRefused(ValueError):
    """What the model answered is not what was asked for; the text says why, for it to mend."""


def proposal_schema(wanted: Mapping[str, int], result: Mapping[str, Any] | None) -> dict[str, Any]:
    """The schema of an answer that holds proposals of these kinds, each up to a count."""
    kinds: dict[str, dict[str, Any]] = {
        "comment": {"type": "string", "minLength": 1, "maxLength": _COMMENT_CHARACTERS},
        "review": {"type": "array", "maxItems": wanted.get("review", 0), "items": _FINDING},
        "labels": {
            "type": "array", "maxItems": wanted.get("labels", 0),
            "items": {"type": "string", "pattern": r"^[\w .:/+-]{1,50}$"},
        },
        "patch": {"type": "string", "maxLength": _PATCH_CHARACTERS},
    }  # fmt: skip
    chosen = {name: schema for name, schema in kinds.items() if wanted.get(name)}
    required: list[str] = []
    if result is not None:
        chosen["result"] = dict(result)
        required.append("result")
    return {
        "type": "object", "properties": chosen, "required": required,
        "additionalProperties": False,
    }  # fmt: skip


def instruction(schema: dict[str, Any] | None, *, has_patch: bool = False) -> str:
    """What a model is told about the shape of its answer."""
    if schema is None:
        return ""
    words = "Answer with one JSON value that fits this schema and nothing around it."
    if has_patch:
        words += " A patch is a unified diff with paths from the root of the repository."
    return f"{words}\n```json-schema\n{json.dumps(schema)}\n```"


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse what is no JSON Schema, or one that reads others.

    Raises:
        ValueError: with the reason.
    """
    if any(not target.startswith("#") for target in _references(schema)):
        raise ValueError("A schema may not refer to another document.")
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        raise ValueError(f"This is no JSON Schema: {error.message[:200]}") from error


def read_answer(text: str, schema: Mapping[str, Any]) -> Any:
    """The value in an answer, once it fits.

    Raises:
        ProposalRefused: there is none, or it does not fit.
    """
    value = _value_in(text)
    errors = sorted(
        Draft202012Validator(dict(schema)).iter_errors(value), key=lambda e: e.json_path
    )
    if errors:
        words = "; ".join(f"{each.json_path}: {each.message[:200]}" for each in errors[:5])
        raise ProposalRefused(f"It does not fit the schema: {words}")
    return value


def check_patch(patch: str) -> list[str]:
    """The paths that a unified diff changes.

    Raises:
        ProposalRefused: it is none, leaves the workspace, or touches what decides what runs.
    """
    named = {match.strip() for match in _HEADER.findall(patch)}
    named |= {path.strip() for pair in _GIT_HEADER.findall(patch) for path in pair}
    named |= {path.strip() for path in _MOVED.findall(patch)}
    paths = sorted(named - {"/dev/null"})
    if not paths or "\n@@ " not in f"\n{patch}":
        raise ProposalRefused("The patch is no unified diff.")
    if len(paths) > _MOST_PATCHED:
        raise ProposalRefused(f"The patch changes more than {_MOST_PATCHED} files.")
    if re.search(r"^(?:new file|new|old|deleted file) mode (?!100644|100755)", patch, re.MULTILINE):
        raise ProposalRefused("The patch makes something else than a plain file.")
    for path in paths:
        try:
            plain = "/".join(parts_of(path))
        except PathNotAllowedError as error:
            raise ProposalRefused(str(error)) from error
        if path.startswith('"') or _CI_FILES.matches(plain):
            raise ProposalRefused(f"The patch may not change {path}: it decides what runs.")
    return paths


def without_mentions(text: str) -> str:
    """A text that calls nobody by name and gives no bot a command at the host."""
    quiet = _MENTION.sub("@\u200b", text)
    return re.sub(r"^(\s*)/(?=[a-z])", "\\1\u200b/", quiet, flags=re.MULTILINE)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name in {"$ref", "$dynamicRef"} and isinstance(member, str):
                yield member
            yield from _references(member)
    elif isinstance(value, list):
        for member in value:
            yield from _references(member)


def _value_in(text: str) -> Any:
    candidates = [text.strip(), *(match.strip() for match in _FENCED.findall(text))]
    first, last = text.find("{"), text.rfind("}")
    if 0 <= first < last:
        candidates.append(text[first : last + 1])
    problem = "It is no JSON."
    for candidate in candidates:
        try:
            return load_json(candidate, max_bytes=1024 * 1024)
        except DocumentError as error:
            problem = str(error)
    raise ProposalRefused(f"The answer is no JSON: {problem}")
