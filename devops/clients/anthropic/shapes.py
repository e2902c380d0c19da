"""What the rest of the platform knows of a model: requests, replies, refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from devops.errors import DomainError

Block = dict[str, Any]
Trouble = Literal[
    "key", "address", "model", "request", "rate_limit", "overloaded", "unreachable", "cut",
    "stopped",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a model; the key is never logged nor shown."""

    api_key: str
    base_url: str = ""
    read_seconds: float = 30.0

    def __repr__(self) -> str:
        return f"Access({self.base_url or 'Anthropic'})"


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `messages` are as the API documents them, kept from turn to turn."""

    model: str
    system: str
    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    tools: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as they are paid for."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The model asks for a tool."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer; `content` goes back unchanged with the next turn."""

    model: str
    stop_reason: str
    text: str
    tool_uses: tuple[ToolUse, ...]
    content: list[Block]
    usage: Usage


class AiFailed(DomainError):
    """The model could not be asked, or did not answer to the end.

    Attributes:
        trouble: what went wrong, for programs.
        retry_after: seconds that the far side asks to wait, if it did.
        may_be_paid: whether the far side may have begun to answer, so that it may cost something.
    """

    code = "ai-failed"
    status = 502
    title = "The model did not answer"

    def __init__(
        self,
        detail: str,
        trouble: Trouble,
        *,
        remedy: str = "",
        retry_after: float | None = None,
        may_be_paid: bool = False,
    ) -> None:
        super().__init__(detail, remedy=remedy)
        self.trouble = trouble
        self.retry_after = retry_after
        self.may_be_paid = may_be_paid
