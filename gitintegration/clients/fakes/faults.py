"""What a hostile or broken host does to a request, asked for by tests and by the demonstration."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "status", "slow", "truncated", "html", "redirect", "lost_reply", "huge", "garbage", "cut"
]


@dataclass(slots=True)
class Fault:
    """One misbehaviour and the requests that it meets; `times` counts down, below 0 for ever.

    Kinds: `status` answers `code`; `slow` sends one byte per second; `truncated` sends less than
    it announced; `html` answers a page; `redirect` leads to itself; `lost_reply` does the work and
    hangs up; `huge` never ends; `garbage` is JSON that stops in the middle; `cut` hangs up at once.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    times: int = 1
    code: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "Server Error"}'


@dataclass(slots=True)
class Faults:
    """The faults that are waiting for their requests."""

    waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        kind: Kind,
        *,
        method: str = "",
        path: str = "",
        times: int = 1,
        code: int = 500,
        headers: Mapping[str, str] | None = None,
        body: bytes = b'{"message": "Server Error"}',
    ) -> Fault:
        """Let the next requests meet it; `path` is a regular expression, searched for."""
        fault = Fault(kind, method, path, times, code, headers or {}, body)
        with self._lock:
            self.waiting.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            for fault in self.waiting:
                if fault.method in {"", method} and re.search(fault.path, path):
                    fault.times -= 1
                    if fault.times == 0:
                        self.waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self.waiting.clear()
