"""Why a call of the API came to nothing."""

from collections.abc import Mapping
from typing import Any


class ServerUnreachable(Exception):
    """The server does not answer, or answers what no Powernode would."""


class Refused(Exception):
    """The server refused; carries its problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"status {status}"))
        self.status = status
        self.problem = dict(problem)

    @property
    def code(self) -> str:
        """The problem's stable code."""
        return str(self.problem.get("code", ""))

    @property
    def remedy(self) -> str:
        """How to mend it, as far as the server said."""
        return str(self.problem.get("remedy") or "")

    def lines(self) -> list[str]:
        """One line for each field that is wrong."""
        found = self.problem.get("errors")
        entries = [entry for entry in found if isinstance(entry, dict)] if found else []
        return [f"{entry.get('pointer', '')}: {entry.get('detail', '')}" for entry in entries]
