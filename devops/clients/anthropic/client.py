"""The official client, held to our rules: checked addresses, no retries of its own, no waiting.

Import this module where a model is asked, not at start: the SDK costs memory in every process.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import anthropic

from devops.clients.anthropic.shapes import (
    Access,
    AiFailed,
    Question,
    Reply,
    ToolUse,
    Trouble,
    Usage,
)
from devops.safety import egress_httpx2
from devops.safety.addresses import AddressNotAllowed, HostNotFound

DEFAULT_URL = "https://api.anthropic.com"
_LONGEST_REPLY = 4 * 1024 * 1024
_LOOK_SECONDS = 0.25
_REFUSALS: dict[int, tuple[Trouble, str, str]] = {
    401: ("key", "does not accept the API key", "Enter a new key under Settings, AI providers."),
    403: ("key", "does not let this key use it", "Ask the owner of the key."),
    404: ("model", "does not know the model", "Correct the model's name."),
    413: ("request", "says that the request is too large", "Give it less context."),
    429: ("rate_limit", "has its rate limit reached", "Try again later."),
    529: ("overloaded", "is overloaded", "Try again later."),
}


class Models:
    """Asks models; one for a step or a test of the connection. Use it as a context."""

    def __init__(self, access: Access) -> None:
        self._base_url = access.base_url.rstrip("/") or DEFAULT_URL
        self._transport = egress_httpx2.Transport()
        self._client = anthropic.Anthropic(
            api_key=access.api_key,
            base_url=self._base_url,
            max_retries=0,
            timeout=access.read_seconds,
            http_client=egress_httpx2.client(self._transport, access.read_seconds),
            open_telemetry=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def check(self, model: str) -> str:
        """The model's display name: the address answers, the key is good, the model exists.

        Raises:
            AiFailed: one of them is not so. It costs nothing.
        """
        with self._words(is_paid=False):
            found = self._client.models.retrieve(model)
            return found.display_name

    def ask(self, question: Question, should_stop: Callable[[], str]) -> Reply:
        """The model's whole answer, streamed so that it can be stopped between any two pieces.

        Raises:
            AiFailed: it was refused, cut off, grew too long, or `should_stop` said why to end.
        """
        options: dict[str, Any] = {"tools": list(question.tools)} if question.tools else {}
        if question.system:
            options["system"] = question.system
        with self._words(is_paid=True), warnings.catch_warnings():
            # A model that is about to be retired still answers; the SDK's notice is for its author.
            warnings.simplefilter("ignore", DeprecationWarning)
            with (
                self._client.messages.stream(
                    model=question.model, max_tokens=question.max_tokens,
                    messages=list(question.messages), **options,  # type: ignore[arg-type]
                ) as stream,
                _Watch(self._transport.cut, should_stop) as watch,
            ):  # fmt: skip
                try:
                    message = _read(stream)
                except Exception:
                    watch.check()
                    raise
                watch.check()
        return _reply(message)

    @contextmanager
    def _words(self, *, is_paid: bool) -> Iterator[None]:
        """What goes wrong, in words for whoever asked."""
        where = self._base_url.partition("://")[2]
        try:
            yield
        except AiFailed:
            raise
        except anthropic.APIStatusError as error:
            raise _refusal(where, error, is_paid=is_paid) from error
        except anthropic.APITimeoutError as error:
            text = f"{where} did not answer in time."
            raise AiFailed(text, "unreachable", may_be_paid=is_paid) from error
        except anthropic.APIConnectionError as error:
            raise _unreachable(where, error, is_paid=is_paid) from error
        except Exception as error:
            if not _is_the_far_sides(error):
                raise
            raise _broken(where, error, is_paid=is_paid) from error


class _Watch:
    """Cuts a stream when its step has to end, though no piece arrives."""

    def __init__(self, cut: Callable[[], None], should_stop: Callable[[], str]) -> None:
        self._cut = cut
        self._should_stop = should_stop
        self._over = threading.Event()
        self._why = ""
        self._thread = threading.Thread(target=self._look, name="ai-watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def check(self) -> None:
        """Say why the stream was closed, if it was.

        Raises:
            AiFailed: it was.
        """
        if self._why:
            raise AiFailed("The question was ended.", "stopped", may_be_paid=True)

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._why = self._should_stop()
            if self._why:
                self._cut()
                return


def _read(stream: Any) -> Any:
    """The whole message; the SDK takes an end of the connection for the end of the answer."""
    received, is_whole = 0, False
    for event in stream:
        received += len(getattr(event, "partial_json", "") or "")
        received += len(getattr(event, "text", "") or "")
        if received > _LONGEST_REPLY:
            raise AiFailed("The answer is too long.", "cut", may_be_paid=True)
        is_whole = is_whole or event.type == "message_stop"
    if not is_whole:
        raise AiFailed("The answer broke off in the middle.", "cut", may_be_paid=True)
    return stream.get_final_message()


def _reply(message: Any) -> Reply:
    content = [block.model_dump(mode="json", exclude_unset=True) for block in message.content]
    text = "".join(block["text"] for block in content if block.get("type") == "text")
    uses = tuple(
        ToolUse(block["id"], block["name"], block.get("input") or {})
        for block in content
        if block.get("type") == "tool_use"
    )
    usage = message.usage
    return Reply(
        model=message.model,
        stop_reason=message.stop_reason or "",
        text=text,
        tool_uses=uses,
        content=[_sendable(block) for block in content],
        usage=Usage(
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_creation_input_tokens or 0,
            usage.cache_read_input_tokens or 0,
        ),
    )


def _sendable(block: dict[str, Any]) -> dict[str, Any]:
    """A block as a request may contain it: without what only answers have."""
    return {key: value for key, value in block.items() if key not in {"parsed_output", "caller"}}


def _refusal(where: str, error: anthropic.APIStatusError, *, is_paid: bool) -> AiFailed:
    status = error.status_code
    if status < 300:
        # An error event in the middle of a stream: the answer had begun.
        text = f"{where} broke its answer off: {_said(error)}"
        return AiFailed(text, "cut", may_be_paid=is_paid)
    trouble, words, remedy = _REFUSALS.get(
        status, ("request", f"answers {status}", "") if status < 500 else
        ("unreachable", f"answers {status}", "Try again later."),
    )  # fmt: skip
    said = _said(error)
    detail = f"{where} {words}" + (f": {said}" if said else ".")
    after = _seconds(error.response.headers.get("retry-after", ""))
    return AiFailed(detail, trouble, remedy=remedy, retry_after=after)


def _said(error: anthropic.APIStatusError) -> str:
    body = error.body
    inner = body.get("error") if isinstance(body, dict) else None
    message = inner.get("message") if isinstance(inner, dict) else ""
    return " ".join(str(message or "").split())[:300]


def _seconds(text: str) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def _unreachable(where: str, error: Exception, *, is_paid: bool) -> AiFailed:
    cause = error.__cause__
    if isinstance(cause, AddressNotAllowed | HostNotFound):
        return AiFailed(str(cause), "address", remedy="Correct the provider's address.")
    text = f"{where} cannot be reached: {cause or error}"
    return AiFailed(text, "unreachable", may_be_paid=is_paid and _has_begun(cause))


def _has_begun(cause: BaseException | None) -> bool:
    return cause is None or "Connect" not in type(cause).__name__


def _is_the_far_sides(error: Exception) -> bool:
    """Whether it comes of an answer that cannot be read, and is no defect of ours."""
    if isinstance(error, anthropic.AnthropicError | ValueError | OSError | RuntimeError):
        return True
    # The transport's own errors while a stream is read, and the SDK's checks of its order.
    return isinstance(error, AssertionError) or type(error).__module__.startswith(
        ("httpx2", "httpcore2")
    )


def _broken(where: str, error: Exception, *, is_paid: bool) -> AiFailed:
    words = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    text = f"{where} broke its answer off: {words}"
    return AiFailed(text, "cut", may_be_paid=is_paid)
