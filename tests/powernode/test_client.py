import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from pipelines.models import Pipeline
from powernode.clients.api import PowernodeClient
from powernode.clients.errors import Refused, ServerUnreachable
from powernode.clients.following import (
    Finished,
    LogGap,
    LogLine,
    RunChanged,
    RunFollower,
    StepChanged,
    log_lines,
)
from powernode.clients.sockets import Stream, step_log
from tests.client import ApiClient
from tests.factories.pipelines import PipelineFactory, RunFactory
from tests.powernode.in_process import InProcess
from tests.powernode.speaking_server import Frame, Script, speaking

TOKEN = "pn_of_the_test"
RUN = "01900000-0000-7000-8000-00000000000a"
EVENTS = "/ws/devops/pipelines"
LOGS = f"/ws/runs/{RUN}/logs"


@pytest.fixture
def client(alice: ApiClient) -> Iterator[PowernodeClient]:
    """Alice's client of the real application, without a socket in between."""
    with PowernodeClient("http://localhost", alice.token, transport=InProcess()) as made:
        yield made


def test_a_pipeline_is_found_by_identifier_slug_and_name(
    client: PowernodeClient, alice: ApiClient
) -> None:
    row = PipelineFactory.create(account=alice.account, slug="shop-ci", name="Shop CI")
    for reference in (str(row.pk), "shop-ci", "SHOP CI"):
        assert client.pipeline(reference)["id"] == str(row.pk)
    with pytest.raises(Refused, match="'other'"):
        client.pipeline("other")


def test_lists_are_read_across_pages(client: PowernodeClient, alice: ApiClient) -> None:
    pipeline = PipelineFactory.create(account=alice.account)
    runs = [
        RunFactory.create(account=alice.account, pipeline=pipeline, run_number=number)
        for number in range(1, 8)
    ]
    found = [row["id"] for row in client.runs(limit=3)]
    assert found == [str(run.pk) for run in reversed(runs)]


def test_filters_that_are_empty_are_not_sent(client: PowernodeClient) -> None:
    assert list(client.runs(status="", pipeline_id=None)) == []


def test_a_refusal_carries_its_problem(client: PowernodeClient) -> None:
    with pytest.raises(Refused) as caught:
        client.run(str(uuid.uuid4()))
    assert caught.value.status == 404
    assert caught.value.code == "not-found"
    assert caught.value.remedy


def test_a_refused_field_is_named_in_a_line_of_its_own(
    client: PowernodeClient, alice: ApiClient
) -> None:
    pipeline: Pipeline = PipelineFactory.create(account=alice.account)
    with pytest.raises(Refused) as caught:
        client.trigger(str(pipeline.pk), inputs={"colour": "red"})
    assert any("colour" in line for line in caught.value.lines())


def test_a_wrong_token_is_refused(alice: ApiClient) -> None:
    with (
        PowernodeClient("http://localhost", "pn_wrong", transport=InProcess()) as stranger,
        pytest.raises(Refused) as caught,
    ):
        stranger.run(RUN)
    assert caught.value.status == 401


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://host", "http://"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ServerUnreachable, match="no address"):
        PowernodeClient(url, TOKEN)


def test_a_server_that_is_away_is_told_with_its_address() -> None:
    with (
        PowernodeClient("http://127.0.0.1:1", TOKEN) as away,
        pytest.raises(ServerUnreachable, match=r"http://127\.0\.0\.1:1 does not answer"),
    ):
        away.run(RUN)


def test_an_answer_that_no_powernode_gives_is_not_believed() -> None:
    with (
        speaking(Script()) as url,
        PowernodeClient(url, TOKEN) as stranger,
        pytest.raises(ServerUnreachable, match="status 404 and no explanation"),
    ):
        stranger.run(RUN)


def test_the_next_page_is_asked_of_the_same_server_whatever_its_address_says() -> None:
    path = "/devops/pipeline_runs"
    script = Script({path: [
        {"results": [{"id": "1"}], "next": "http://elsewhere.example/api/v1" + path + "?cursor=c"},
        {"results": [{"id": "2"}], "next": None},
    ]})  # fmt: skip
    with speaking(script) as url, PowernodeClient(url, TOKEN) as client:
        assert [row["id"] for row in client.runs()] == ["1", "2"]
    assert script.asked[1] == (f"/api/v1{path}", {"cursor": "c"})


def log(offset: int, text: str) -> Frame:
    return {"type": "log", "offset": offset, "next_offset": offset + len(text), "text": text}


def test_a_broken_stream_goes_on_where_it_was() -> None:
    script = Script()
    script.say(LOGS, {"type": "subscribed"}, log(0, "one\ntw"))
    script.say(LOGS, {"type": "subscribed"}, log(6, "o\nthree\n"), {"type": "complete"})
    with speaking(script) as url, PowernodeClient(url, TOKEN) as client:
        texts = [frame["text"] for frame in step_log(client, RUN, "s") if frame["type"] == "log"]
    assert "".join(texts) == "one\ntwo\nthree\n"
    assert [query.get("after") for _, query in script.asked] == [None, "6"]
    assert set(script.tokens) == {f"Bearer {TOKEN}"}


def test_a_stream_that_is_refused_is_not_tried_again() -> None:
    script = Script()
    script.say(LOGS, {"type": "error", "code": "not-found", "detail": "The run has no such step."})
    with (
        speaking(script) as url,
        PowernodeClient(url, TOKEN) as client,
        pytest.raises(Refused, match="no such step"),
    ):
        list(step_log(client, RUN, "s"))
    assert len(script.asked) == 1


def test_a_stream_that_sends_no_frames_is_not_believed() -> None:
    script = Script()
    script.talks[LOGS] = [lambda connection: connection.send("[1, 2]")]
    with (
        speaking(script) as url,
        PowernodeClient(url, TOKEN) as client,
        pytest.raises(ServerUnreachable, match="without a type"),
    ):
        list(step_log(client, RUN, "s"))


def test_a_closed_stream_ends_although_the_server_is_silent() -> None:
    script = Script()
    with speaking(script) as url, PowernodeClient(url, TOKEN) as client:
        stream = Stream(client, LOGS, {})
        script.talks[LOGS] = [lambda _connection: stream.close()]
        assert list(stream) == []


def stay_silent(connection: ServerConnection) -> None:
    for _ in connection:
        pass


def run_facts(status: str, **more: Any) -> dict[str, Any]:
    return {"id": RUN, "run_number": 4, "status": status, "step_executions": [], **more}


def step(key: str, status: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    facts = {"id": f"{key}-{attempt}", "step_key": key, "step_name": key.title()}
    return {**facts, "attempt": attempt, "status": status, **more}


def event(seq: int, kind: str, status: str, execution: dict[str, Any] | None = None) -> Frame:
    frame = {"type": kind, "seq": seq, "pipeline_run": run_facts(status)}
    return {**frame, "step_execution": execution} if execution else frame


def story(script: Script, **options: Any) -> list[Any]:
    with speaking(script) as url, PowernodeClient(url, TOKEN) as client:
        return [short(event) for event in RunFollower(client, RUN, **options)]


def short(event: Any) -> Any:
    if isinstance(event, LogLine):
        return event.text
    if isinstance(event, LogGap):
        return event.byte_count
    if isinstance(event, StepChanged):
        return (event.step["id"], event.step["status"])
    assert isinstance(event, RunChanged | Finished)
    return (type(event).__name__, event.run["status"])


RUN_PATH = f"/devops/pipeline_runs/{RUN}"


def test_lines_of_a_step_come_before_its_end_and_the_run_comes_last() -> None:
    script = Script({RUN_PATH: [run_facts("running"), run_facts("failure")]})
    script.say(EVENTS,
        event(1, "step_updated", "running", step("build", "running")),
        event(2, "step_updated", "running", step("build", "failure")),
        event(3, "run_completed", "failure"),
    )  # fmt: skip
    script.say(LOGS, log(0, "compiling\nfai"), log(13, "led"), {"type": "complete"})
    assert story(script) == [
        ("build-1", "running"), "compiling", "failed", ("build-1", "failure"),
        ("RunChanged", "failure"), ("Finished", "failure"),
    ]  # fmt: skip


def test_a_lost_worker_does_not_hold_up_the_next_attempt() -> None:
    script = Script({RUN_PATH: [run_facts("running"), run_facts("success")]})
    script.say(EVENTS,
        event(1, "step_updated", "running", step("build", "running")),
        event(2, "step_updated", "running", step("build", "failure", reason="worker_lost")),
        event(3, "step_updated", "running", step("build", "running", 2)),
        event(4, "step_updated", "running", step("build", "success", 2)),
        event(5, "run_completed", "success"),
    )  # fmt: skip
    # The first log never gets its end mark, as that of a killed process.
    script.talks[LOGS] = [stay_silent]
    script.say(LOGS, log(0, "again\n"), {"type": "complete"})
    assert story(script) == [
        ("build-1", "running"), ("build-1", "failure"), ("build-2", "running"), "again",
        ("build-2", "success"), ("RunChanged", "success"), ("Finished", "success"),
    ]  # fmt: skip


def test_messages_that_are_gone_are_replaced_by_the_run_as_it_is() -> None:
    over = run_facts("success", step_executions=[step("build", "success"), step("x", "skipped")])
    script = Script({RUN_PATH: [run_facts("running"), over]})
    script.say(EVENTS, {"type": "reset"})
    assert story(script) == [
        ("build-1", "success"), ("x-1", "skipped"), ("Finished", "success"),
    ]  # fmt: skip


def test_dropped_bytes_are_told_and_other_steps_are_left_out() -> None:
    script = Script({RUN_PATH: [run_facts("running"), run_facts("success")]})
    script.say(EVENTS,
        event(1, "step_updated", "running", step("build", "running")),
        event(2, "step_updated", "running", step("build", "success")),
        event(3, "step_updated", "running", step("test", "running")),
        event(4, "step_updated", "running", step("test", "success")),
        event(5, "run_completed", "success"),
    )  # fmt: skip
    script.say(LOGS, {"type": "gap", "from_offset": 5, "to_offset": 25}, {"type": "complete"})
    told = story(script, only_step="test")
    assert told[3:5] == [20, ("test-1", "success")]
    assert [query["step_execution_id"] for path, query in script.asked if path == LOGS] == [
        "test-1"
    ]


def test_a_refused_run_ends_the_following() -> None:
    script = Script({RUN_PATH: [run_facts("running")]})
    script.say(EVENTS, {"type": "error", "code": "revoked", "detail": "The token was revoked."})
    with pytest.raises(Refused, match="revoked"):
        story(script)


def test_blocks_are_put_together_to_lines() -> None:
    blocks = [b"one\ntw", "o\nä".encode()[:-1], "ä".encode()[-1:], b"\n", b"rest"]
    assert list(log_lines(iter(blocks))) == ["one", "two", "ä", "rest"]
