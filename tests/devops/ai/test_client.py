"""The official client against the shipped fake of the API."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from devops.clients.anthropic.client import Models
from devops.clients.anthropic.fake import FakeApi, Say, Script, Use, serving
from devops.clients.anthropic.shapes import Access, AiFailed, Question

AFTER = {"Retry-After": "7"}
MODEL = "claude-sonnet-5-5"


@pytest.fixture
def api(settings: Settings) -> Iterator[FakeApi]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    with serving() as fake:
        yield fake


def question(*tools: dict[str, object]) -> Question:
    return Question(MODEL, "Be brief.", [{"role": "user", "content": "How?"}], 500, tools)


def never() -> str:
    return ""


def test_an_answer_comes_whole_with_what_it_costs(api: FakeApi) -> None:
    api.brain.add(Script((Say("Well, " * 50),), usage={"input_tokens": 12, "output_tokens": 34}))
    with Models(Access(api.api_key, api.url)) as models:
        assert models.check(MODEL) == "Claude-Sonnet-5-5"
        reply = models.ask(question(), never)
    assert reply.text == "Well, " * 50
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (12, 34)
    assert (reply.stop_reason, reply.model) == ("end_turn", MODEL)
    assert api.violations == []


def test_a_tool_is_asked_for_and_its_result_goes_back(api: FakeApi) -> None:
    api.brain.add(Script((Say("I look."), Use("read_file", {"path": "a.py"}))), Script((Say("x"),)))
    tool: dict[str, object] = {"name": "read_file", "description": "", "input_schema": {}}
    with Models(Access(api.api_key, api.url)) as models:
        first = models.ask(question(tool), never)
        assert first.stop_reason == "tool_use"
        assert [(use.name, use.arguments) for use in first.tool_uses] == [
            ("read_file", {"path": "a.py"})
        ]
        result = {"type": "tool_result", "tool_use_id": first.tool_uses[0].id, "content": "1"}
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": "How?"},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [result]},
        ]
        second = models.ask(Question(MODEL, "", messages, 50, [tool]), never)
    assert second.text == "x"
    assert api.violations == []


@pytest.mark.parametrize(
    ("script", "trouble", "word", "may_be_paid"),
    [
        (Script(fault="status", code=429, headers=AFTER), "rate_limit", "rate", False),
        (Script(fault="status", code=529), "overloaded", "overloaded", False),
        (Script(fault="status", code=500), "unreachable", "500", False),
        (Script(fault="status", code=413), "request", "too large", False),
        (Script(fault="cut"), "cut", "broke", True),
        (Script(fault="garbage"), "cut", "", True),
        (Script(fault="error_event"), "cut", "Overloaded", True),
    ],
    ids=lambda value: value.fault if isinstance(value, Script) else None,
)  # fmt: skip
def test_what_goes_wrong_is_worded(
    api: FakeApi, script: Script, trouble: str, word: str, may_be_paid: bool
) -> None:
    api.brain.add(script)
    with Models(Access(api.api_key, api.url)) as models, pytest.raises(AiFailed) as caught:
        models.ask(question(), never)
    assert caught.value.trouble == trouble
    assert word in caught.value.detail
    assert caught.value.may_be_paid is may_be_paid
    assert caught.value.retry_after == (7 if trouble == "rate_limit" else None)


def test_a_wrong_key_an_unknown_model_and_a_wrong_address(api: FakeApi) -> None:
    for access, model, trouble in (
        (Access("sk-ant-wrong-key", api.url), MODEL, "key"),
        (Access(api.api_key, api.url), "claude-none", "model"),
        (Access(api.api_key, "http://127.0.0.1:1"), MODEL, "unreachable"),
        (Access(api.api_key, "http://10.0.0.1"), MODEL, "address"),
    ):
        with Models(access) as models, pytest.raises(AiFailed) as caught:
            models.check(model)
        assert caught.value.trouble == trouble
        assert access.api_key not in caught.value.detail


def test_a_silent_model_is_left_when_the_step_has_to_end(api: FakeApi) -> None:
    api.brain.add(Script(fault="silent"))
    stop = threading.Event()

    def should_stop() -> str:
        return "cancelled" if stop.is_set() else ""

    def once_asked() -> None:
        api.asked.acquire(timeout=20)
        stop.set()

    canceller = threading.Thread(target=once_asked)
    canceller.start()
    with Models(Access(api.api_key, api.url, 60)) as models, pytest.raises(AiFailed) as caught:
        models.ask(question(), should_stop)
    canceller.join()
    assert caught.value.trouble == "stopped"


def test_the_fake_refuses_what_the_api_would(api: FakeApi) -> None:
    broken = [{"role": "assistant", "content": "I begin."}]
    with Models(Access(api.api_key, api.url)) as models, pytest.raises(AiFailed) as caught:
        models.ask(Question(MODEL, "", broken, 50), never)
    assert caught.value.trouble == "request"
    assert len(api.violations) == 1


def test_a_slow_answer_comes_whole_and_can_be_stopped_between_its_pieces(api: FakeApi) -> None:
    api.brain.add(Script((Say("Slowly."),), fault="slow"), Script((Say("x" * 500),), fault="slow"))
    with Models(Access(api.api_key, api.url)) as models:
        assert models.ask(question(), never).text == "Slowly."

        def why() -> str:
            return "cancelled" if len(api.requests) == 2 else ""

        with pytest.raises(AiFailed) as caught:
            models.ask(question(), why)
    assert (caught.value.trouble, caught.value.may_be_paid) == ("stopped", True)


def test_the_fake_answers_whole_to_those_who_do_not_stream(api: FakeApi) -> None:
    api.brain.add(Script((Say("At once."), Use("read_file", {"path": "a"}))))
    body = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "How?"}]}
    request = urllib.request.Request(  # noqa: S310
        f"{api.url}/v1/messages", json.dumps(body).encode(),
        {"X-Api-Key": api.api_key, "Anthropic-Version": "2023-06-01",
         "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        found = json.load(answer)
    assert (found["type"], found["role"], found["stop_reason"]) == (
        "message", "assistant", "tool_use",
    )  # fmt: skip
    assert [each["type"] for each in found["content"]] == ["text", "tool_use"]
    assert found["content"][0]["text"] == "At once."
    assert found["usage"]["output_tokens"] > 0
