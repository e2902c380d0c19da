"""What an expression may refer to at one place of a document."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from pipelines.documents.vocabulary import (
    CONTEXTS,
    STEP_MEMBERS,
    TRUSTED_CONTEXTS,
    TRUSTED_INPUT_TYPES,
    TRUSTED_TRIGGER_MEMBERS,
)

_ANYTHING = "*"


@dataclass(frozen=True)
class Scope:
    """The names that exist where an expression stands; `inputs` leads to the declared types."""

    inputs: Mapping[str, str]
    environment: Collection[str] = ()
    secrets: Collection[str] = ()
    earlier_steps: Collection[str] = ()
    # None: only evaluation can tell which there are.
    matrix: Collection[str] | None = ()
    is_matrix_trusted: bool = True
    roots: Collection[str] = field(
        default=(*CONTEXTS, "inputs", "env", "secrets", "steps", "matrix")
    )

    def complaint(self, path: tuple[str, ...]) -> str:
        """Return what is wrong with a reference, or the empty string."""
        root, rest = path[0].lower(), tuple(part.lower() for part in path[1:])
        if root not in self.roots:
            return _unknown(path[0], self.roots)
        if not rest or rest[0] == _ANYTHING:
            return ""
        if root in CONTEXTS:
            return _unknown_member(root, rest)
        if root == "steps":
            return self._step_complaint(rest)
        if root == "matrix" and self.matrix is None:
            return ""
        known = {
            "inputs": self.inputs,
            "env": self.environment,
            "secrets": self.secrets,
            "matrix": self.matrix or (),
        }[root]
        lowered = [name.lower() for name in known]
        return "" if rest[0] in lowered else _unknown(path[1], known)

    def is_trusted(self, path: tuple[str, ...]) -> bool:
        """Tell whether a reference may be substituted into a command."""
        root = path[0].lower()
        if root == "matrix":
            return self.is_matrix_trusted
        if root in TRUSTED_CONTEXTS:
            return True
        member = path[1].lower() if path[1:] else ""
        if root == "trigger":
            return member in TRUSTED_TRIGGER_MEMBERS
        types = {name.lower(): kind for name, kind in self.inputs.items()}
        return root == "inputs" and types.get(member) in TRUSTED_INPUT_TYPES

    def _step_complaint(self, rest: tuple[str, ...]) -> str:
        key, *members = rest
        if key == "previous":
            return ""
        if key not in self.earlier_steps:
            known = ", ".join(self.earlier_steps) or "none"
            return f"there is no earlier step `{key}` (earlier steps: {known})"
        if members and members[0] not in (*STEP_MEMBERS, _ANYTHING):
            return _unknown(members[0], STEP_MEMBERS)
        return ""


def _unknown_member(root: str, rest: tuple[str, ...]) -> str:
    members = CONTEXTS[root]
    if rest[0] not in members:
        return _unknown(rest[0], members)
    below = members[rest[0]]
    if below is None or len(rest) == 1 or rest[1] in below or rest[1] == _ANYTHING:
        return ""
    return _unknown(rest[1], below) if below else f"`{root}.{rest[0]}` has no members"


def _unknown(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name.lower(), list(known), n=1)
    if near:
        return f"there is no `{name[:80]}`; did you mean `{near[0]}`?"
    return f"there is no `{name[:80]}` (known: {', '.join(sorted(known)) or 'none'})"
