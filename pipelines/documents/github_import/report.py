"""What an import has to tell: what changed, what was left out, and where it stood."""

from dataclasses import dataclass, field
from typing import Literal

from devops.safety.documents import Marked

Kind = Literal["changed", "left_out"]


@dataclass(frozen=True, slots=True)
class Remark:
    """What was not taken over as it was: where, and what became of it."""

    kind: Kind
    pointer: str
    line: int
    message: str


@dataclass(slots=True)
class Report:
    """Gathers remarks, each once, with the line of the text that it is about."""

    marked: Marked
    remarks: list[Remark] = field(default_factory=list)

    def left_out(self, pointer: str, message: str) -> None:
        """Note what has no counterpart."""
        self._add("left_out", pointer, message)

    def changed(self, pointer: str, message: str) -> None:
        """Note what means something a little different now."""
        self._add("changed", pointer, message)

    def _add(self, kind: Kind, pointer: str, message: str) -> None:
        line, _ = self.marked.key_position(pointer)
        remark = Remark(kind, pointer, line, message)
        if remark not in self.remarks:
            self.remarks.append(remark)
