"""The tools that a model may be offered: they read files of the workspace and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from devops.safety.beneath import PathNotAllowedError
from devops.safety.patterns import PatternError
from pipelines.ai.material import fence, read_text, readable_paths

_MOST_NAMES = 500
_MOST_BYTES = 64 * 1024
_MOST_LINES = 400
_MOST_MATCHES = 100
_MOST_SEARCHED = 2_000
_LINE_CHARACTERS = 300

_PATTERN = {"type": "string", "description": "A glob such as src/**/*.py; default: every file."}
TOOLS: tuple[dict[str, Any], ...] = (
    {
        "name": "list_files",
        "description": f"The paths of files in the workspace, at most {_MOST_NAMES}.",
        "input_schema": {"type": "object", "properties": {"pattern": _PATTERN}},
    },
    {
        "name": "read_file",
        "description": f"Numbered lines of a file, at most {_MOST_LINES} at once.",
        "input_schema": {
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "first_line": {"type": "integer", "minimum": 1},
            },
            "required": ["path"],
        },
    },
    {
        "name": "search_files",
        "description": f"Lines that contain a text, at most {_MOST_MATCHES}.",
        "input_schema": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "pattern": _PATTERN},
            "required": ["text"],
        },
    },
)


@dataclass(frozen=True, slots=True)
class WorkspaceTools:
    """Answers a model's wishes; what it cannot have is said, never raised."""

    workspace: Path
    mask: Callable[[bytes], bytes]
    salt: str

    def call(self, name: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        """The answer to a wish, and whether it is a refusal."""
        work = {
            "list_files": self._list,
            "read_file": self._read,
            "search_files": self._search,
        }.get(name)
        if work is None:
            return f"There is no tool {name[:60]!r}.", True
        try:
            text = work(arguments)
        except (PathNotAllowedError, PatternError, OSError) as error:
            return f"Refused: {error}", True
        masked = self.mask(text.encode("utf-8", errors="replace")).decode(errors="replace")
        return fence(f"result of {name}", masked, self.salt), False

    def _list(self, arguments: Mapping[str, Any]) -> str:
        paths = readable_paths(self.workspace, _patterns(arguments))
        return "\n".join(islice(paths, _MOST_NAMES)) or "No file matches."

    def _read(self, arguments: Mapping[str, Any]) -> str:
        path = str(arguments.get("path", ""))
        first = arguments.get("first_line", 1)
        start = max(1, first) if isinstance(first, int) else 1
        text = read_text(self.workspace, path, 64 * _MOST_BYTES)
        if text is None:
            return "It is no text."
        lines = text.splitlines()
        chosen = lines[start - 1 : start - 1 + _MOST_LINES]
        numbered = "\n".join(f"{start + n}\t{line}" for n, line in enumerate(chosen))
        return f"{numbered[:_MOST_BYTES]}\n[{len(lines)} lines altogether]"

    def _search(self, arguments: Mapping[str, Any]) -> str:
        wanted = str(arguments.get("text", ""))[:500]
        if not wanted:
            return "Say what to look for."
        found: list[str] = []
        for path in islice(readable_paths(self.workspace, _patterns(arguments)), _MOST_SEARCHED):
            text = read_text(self.workspace, path, 4 * _MOST_BYTES) or ""
            for number, line in enumerate(text.splitlines(), start=1):
                if wanted in line:
                    found.append(f"{path}:{number}: {line[:_LINE_CHARACTERS]}")
                    if len(found) >= _MOST_MATCHES:
                        return "\n".join(found)
        return "\n".join(found) or "Nothing found."


def _patterns(arguments: Mapping[str, Any]) -> list[str]:
    pattern = str(arguments.get("pattern") or "")
    return [pattern] if pattern else []
