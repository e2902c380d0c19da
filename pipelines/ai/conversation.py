"""A conversation with a model under hard limits of money, tokens, turns and time."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devops import ai_spending
from devops.ai_prices import Price, price_of
from devops.clients.anthropic.shapes import AiFailed, Question, Reply, ToolUse, Usage
from devops.connections import release_connection
from devops.errors import DomainError
from devops.models import AiConfig
from pipelines.ai.tools import TOOLS, WorkspaceTools

# A token has at least one byte; this is for what the far side adds to a question by itself.
_OVERHEAD_TOKENS = 2_000
_SHORTEST_ANSWER = 256
_TRIES = 3
_LONGEST_WAIT = 60.0
_USUAL_WAIT = 2.0
_LOOK_SECONDS = 0.2
_RETRIED = frozenset({"rate_limit", "overloaded"})


class AskingFailed(Exception):
    """The conversation cannot go on; `reason` is for programs, the text for people."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Budget:
    """What one conversation may use at most."""

    micro_usd: int
    tokens: int
    turns: int
    seconds: float


@dataclass(slots=True)
class Tally:
    """What it has used; money also of earlier attempts at the same purpose."""

    micro_usd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    turns: int = 0
    replayed: int = 0
    stop_reason: str = ""


@dataclass(slots=True)
class Conversation:
    """Turns of question and answer; the transcript holds everything that was said.

    Attributes:
        purpose: what the money is for; equal for every attempt at the same step.
        should_stop: why the step has to end, or empty.
        spender: whose budget it is, and `remedy` what helps when it is too small, in words.
    """

    config: AiConfig
    model: str
    purpose: str
    budget: Budget
    system: str
    log: Callable[[str], None]
    should_stop: Callable[[], str]
    tools: WorkspaceTools | None = None
    spender: str = "step"
    remedy: str = "Raise `budget`, or give less context."
    tally: Tally = field(default_factory=Tally)
    messages: list[dict[str, Any]] = field(default_factory=list)
    transcript: list[dict[str, Any]] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> str:
        """Say something, let the model use its tools, and return its final words.

        Raises:
            AskingFailed: a limit was met, the model refused or did not answer.
        """
        self._add("user", text)
        while True:
            reply = self._turn()
            self._add("assistant", reply.content or [{"type": "text", "text": "…"}])
            if not reply.tool_uses:
                return self._final(reply)
            self._add("user", [self._used(use) for use in reply.tool_uses])

    def _final(self, reply: Reply) -> str:
        if reply.stop_reason == "refusal":
            raise AskingFailed("The model refused to answer.", "refusal")
        if reply.stop_reason in {"max_tokens", "model_context_window_exceeded"}:
            raise AskingFailed(
                "The answer was cut off at its longest. Raise the provider's longest answer, or "
                "the budget, or ask for less.", "length",
            )  # fmt: skip
        if not reply.text.strip():
            raise AskingFailed("The model answered nothing.", "empty")
        return reply.text

    def _used(self, use: ToolUse) -> dict[str, Any]:
        if self.tools is None:
            text, is_error = "No tool was offered.", True
        else:
            text, is_error = self.tools.call(use.name, use.arguments)
        self.log(f"The model uses {use.name[:60]}" + (": refused." if is_error else "."))
        return {
            "type": "tool_result", "tool_use_id": use.id, "content": text, "is_error": is_error,
        }  # fmt: skip

    def _turn(self) -> Reply:
        if self.tally.turns >= self.budget.turns:
            text = f"The model was asked {self.budget.turns} times, which is the most allowed."
            raise AskingFailed(text, "turns")
        self.tally.turns += 1
        price = self._price()
        question, most = self._bounded(price)
        digest = _digest(question)
        earlier = ai_spending.earlier_reply(self.config.account_id, self.purpose, digest)
        if earlier is not None:
            self.log("Answered from an earlier attempt; not paid again.")
            self.tally.replayed += 1
            reply = reply_of(earlier)
        else:
            reply = self._asked(question, price, most, digest)
        self.tally.input_tokens += reply.usage.input_tokens
        self.tally.output_tokens += reply.usage.output_tokens
        self.tally.stop_reason = reply.stop_reason
        return reply

    def _price(self) -> Price:
        try:
            return price_of(self.model, self.config.settings)
        except DomainError as error:
            raise AskingFailed(f"{error.detail} {error.remedy}", "no_price") from error

    def _bounded(self, price: Price) -> tuple[Question, int]:
        """The question with the longest answer that the limits allow, and what that costs."""
        self._check_time()
        tools: Sequence[Mapping[str, Any]] = TOOLS if self.tools is not None else ()
        size = len(json.dumps([self.system, self.messages, tools], ensure_ascii=False).encode())
        asked = size + _OVERHEAD_TOKENS
        left = self.budget.micro_usd - ai_spending.spent_for(self.purpose, self.config.account_id)
        used = self.tally.input_tokens + self.tally.output_tokens
        answer = min(self.config.max_tokens, self.budget.tokens - used - asked)
        for_input = price.at_most(asked, 0)
        if price.output:
            answer = min(answer, int((left - for_input) / price.output))
        if answer < min(_SHORTEST_ANSWER, self.config.max_tokens):
            raise AskingFailed(
                f"The {self.spender}'s budget does not allow another question of {size} bytes: "
                f"{ai_spending.dollars(max(0, left))} and {max(0, self.budget.tokens - used)} "
                f"tokens are left. {self.remedy}", "budget",
            )  # fmt: skip
        question = Question(self.model, self.system, self.messages, answer, tools)
        return question, price.at_most(asked, answer)

    def _asked(self, question: Question, price: Price, most: int, digest: str) -> Reply:
        for number in range(1, _TRIES + 1):
            try:
                return self._paid(question, price, most, digest)
            except AiFailed as error:
                if error.trouble not in _RETRIED or number == _TRIES:
                    raise AskingFailed(_words(error), error.trouble) from error
                self.log(f"{error.detail} Trying again.")
                self._wait(error.retry_after or _USUAL_WAIT * number, error)
        raise AssertionError  # the last try returns or raises

    def _paid(self, question: Question, price: Price, most: int, digest: str) -> Reply:
        from devops.clients.anthropic.client import Models  # noqa: PLC0415  (the SDK is heavy)

        try:
            call = ai_spending.reserve(
                self.config, purpose=self.purpose, model=self.model, micro_usd=most, digest=digest
            )
            access = ai_spending.access_of(self.config)
        except DomainError as error:
            raise AskingFailed(f"{error.detail} {error.remedy}", "budget") from error
        release_connection()
        try:
            with Models(access) as models:
                reply = models.ask(question, self._why_stop)
        except AiFailed as error:
            # What may have been paid stays reserved and counts in full.
            if not error.may_be_paid:
                ai_spending.release(call)
            raise
        cost = price.micro_usd(reply.usage)
        ai_spending.settle(call, reply.usage, cost, reply_data(reply))
        self.tally.micro_usd += cost
        return reply

    def _wait(self, seconds: float, error: AiFailed) -> None:
        if seconds > _LONGEST_WAIT:
            text = f"{error.detail} It asks to wait {seconds:g} s, which is too long."
            raise AskingFailed(text, error.trouble) from error
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._check_time()
            time.sleep(min(_LOOK_SECONDS, seconds))

    def _why_stop(self) -> str:
        if time.monotonic() - self._began > self.budget.seconds:
            return "budget"
        return self.should_stop()

    def _check_time(self) -> None:
        why = self._why_stop()
        if why == "budget":
            minutes = self.budget.seconds / 60
            raise AskingFailed(f"The {minutes:g} minutes of the budget are over.", "timeout")
        if why:
            raise AskingFailed("The step was ended.", why)

    def _add(self, role: str, content: Any) -> None:
        self.messages.append({"role": role, "content": content})
        self.transcript.append({"role": role, "content": content})


def reply_data(reply: Reply) -> dict[str, Any]:
    """A reply as the ledger keeps it while its step goes on."""
    usage = reply.usage
    return {
        "model": reply.model, "stop_reason": reply.stop_reason, "text": reply.text,
        "content": reply.content, "usage": [usage.input_tokens, usage.output_tokens],
        "tool_uses": [[use.id, use.name, dict(use.arguments)] for use in reply.tool_uses],
    }  # fmt: skip


def reply_of(data: Mapping[str, Any]) -> Reply:
    """A reply from the ledger."""
    uses = tuple(ToolUse(*each) for each in data["tool_uses"])
    return Reply(
        data["model"], data["stop_reason"], data["text"], uses, data["content"],
        Usage(*data["usage"]),
    )  # fmt: skip


def _digest(question: Question) -> str:
    # The longest answer depends on what is left; the same question stays the same without it.
    asked = [question.model, question.system, list(question.messages), list(question.tools)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _words(error: AiFailed) -> str:
    return f"{error.detail} {error.remedy}".strip()
