"""Server-sent events: the same door as REST, and each event once."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from devops.event_streams import EventStreams
from devops.safety.masking import Masker
from devops.storage.logs import LogWriter
from pipelines.models import PipelineRun, StepExecution
from powernode.asgi import application
from powernode.websockets import event_streams
from tests.client import ApiClient
from tests.factories.devops import token_for
from tests.factories.logs import write_log
from tests.factories.pipelines import RunFactory, StepExecutionFactory

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 10.0


@dataclass
class Event:
    """One event as a browser would see it."""

    id: str
    name: str
    data: dict[str, Any]


class Listener:
    """A client of one stream."""

    def __init__(self, asgi: Any, path: str, token: str, query: str = "", **headers: str) -> None:
        given = {"host": "localhost", "accept": "text/event-stream", **headers}
        if token:
            given["authorization"] = f"Bearer {token}"
        scope = {
            "type": "http", "method": "GET", "path": f"/api/v1/devops/{path}",
            "raw_path": f"/api/v1/devops/{path}".encode(), "query_string": query.encode(),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items()],
            "client": ("127.0.0.1", 5000), "server": ("localhost", 80), "http_version": "1.1",
            "scheme": "http",
        }  # fmt: skip
        # asgiref ships it untyped.
        link: Any = ApplicationCommunicator
        self._link = link(asgi, scope)
        self._text = ""
        self.comments: list[str] = []
        self.headers: dict[str, str] = {}

    async def open(self) -> int:
        """Send the request; the answer's status."""
        await self._link.send_input({"type": "http.request", "body": b"", "more_body": False})
        start = await self._link.receive_output(SECONDS)
        self.headers = {k.decode().lower(): v.decode() for k, v in start["headers"]}
        return int(start["status"])

    async def body(self) -> Any:
        """The JSON of an answer that is no stream."""
        message = await self._link.receive_output(SECONDS)
        await self._link.wait(SECONDS)
        return json.loads(message["body"] or b"null")

    async def next(self) -> Event | None:
        """The next event, or None at the end of the answer."""
        while True:
            block = await self._block()
            if block is None:
                return None
            fields = dict(line.split(": ", 1) for line in block.split("\n") if line[0] != ":")
            self.comments += [line for line in block.split("\n") if line[0] == ":"]
            if "data" in fields:
                data = json.loads(fields["data"])
                return Event(fields.get("id", ""), fields["event"], data)

    async def rest(self) -> list[Event]:
        """All events to the end."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        await self._link.wait(SECONDS)
        return found

    async def leave(self) -> None:
        """Close the connection; the application ends."""
        await self._link.send_input({"type": "http.disconnect"})
        await self._link.wait(SECONDS)

    async def _block(self) -> str | None:
        while "\n\n" not in self._text:
            message = await self._link.receive_output(SECONDS)
            self._text += message["body"].decode()
            if not message.get("more_body"):
                return None
        block, self._text = self._text.split("\n\n", 1)
        return block


def listen(path: str, token: str, query: str = "", **headers: str) -> Listener:
    """A client of the whole web application."""
    return Listener(application, path, token, query, **headers)


@dataclass
class Place:
    """A run with one attempt that has said a line."""

    run: PipelineRun
    execution: StepExecution
    token: str

    @property
    def log(self) -> str:
        """Where its log is."""
        return f"step_executions/{self.execution.pk}/logs"


@pytest.fixture
def place(alice: ApiClient) -> Place:
    """A run that goes on."""
    run = RunFactory.create(account=alice.account, status="running")
    execution = StepExecutionFactory.create(
        run=run, step_name="Tests", status="running", position=1
    )
    writer = LogWriter(
        execution.pk, alice.account.pk, masker=Masker([]), on_append=lambda _info: None
    )
    writer.write(b"one\n")
    # A pause lets the bytes out and keeps the log open.
    writer.suspend()
    return Place(run, execution, alice.token)


@sync_to_async
def end(place: Place, text: bytes) -> None:
    """Say a last thing, close the log, finish the attempt and the run."""
    writer = LogWriter(
        place.execution.pk, place.run.account_id, masker=Masker([]), on_append=lambda _info: None
    )
    writer.write(text)
    writer.close()
    StepExecution.objects.filter(pk=place.execution.pk).update(status="success")
    PipelineRun.objects.filter(pk=place.run.pk).update(status="success")


@pytest.mark.asyncio
async def test_a_log_is_followed_to_its_end_and_the_answer_closes(place: Place) -> None:
    client = listen(place.log, place.token)
    assert await client.open() == 200
    assert client.headers["content-type"] == "text/event-stream"
    assert client.headers["cache-control"] == "no-store"
    first, one = await client.next(), await client.next()
    assert first is not None
    assert one is not None
    assert (first.name, first.data["size_bytes"]) == ("subscribed", 4)
    assert (one.id, one.data["text"]) == ("4", "one\n")

    await end(place, b"two\n")

    two, complete, last = await client.rest()
    assert (two.id, two.data["text"]) == ("8", "two\n")
    assert (complete.name, complete.data["status"]) == ("complete", "success")
    assert (last.name, last.id) == ("end", "end")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "headers"), [("after=2", {}), ("after=0", {"last_event_id": "2"})]
)
async def test_a_reader_goes_on_from_the_last_byte_it_saw(
    place: Place, query: str, headers: dict[str, str]
) -> None:
    await end(place, b"")
    client = listen(place.log, place.token, query, **headers)
    assert await client.open() == 200

    text = "".join(event.data.get("text", "") for event in await client.rest())

    assert text == "e\n"


@pytest.mark.asyncio
async def test_who_had_everything_is_told_to_come_no_more(place: Place) -> None:
    client = listen(place.log, place.token, last_event_id="end")

    assert await client.open() == 204
    assert await client.body() is None


@pytest.mark.asyncio
async def test_the_logs_of_a_run_come_attempt_by_attempt(place: Place, alice: ApiClient) -> None:
    def second() -> uuid.UUID:
        other = StepExecutionFactory.create(
            run=place.run, step_key="two", position=9, status="failure"
        )
        write_log(other.pk, alice.account.pk, b"second\n")
        return other.pk

    key = await sync_to_async(second)()
    await end(place, b"")
    client = listen(f"pipeline_runs/{place.run.pk}/logs", place.token)
    assert await client.open() == 200
    events = await client.rest()
    said = [event for event in events if event.name == "log"]
    assert [(event.data["text"], event.id) for event in said] == [
        ("one\n", f"{place.execution.pk}:4"),
        ("second\n", f"{key}:7"),
    ]
    assert [event.name for event in events].count("step") == 2

    again = listen(f"pipeline_runs/{place.run.pk}/logs", place.token, last_event_id=f"{key}:3")
    assert await again.open() == 200

    assert [e.data["text"] for e in await again.rest() if e.name == "log"] == ["ond\n"]


@pytest.mark.asyncio
async def test_the_events_of_a_run_end_with_it(alice: ApiClient, place: Place) -> None:
    def tell() -> None:
        from devops.models import OutboxMessage  # noqa: PLC0415

        for seq, name in ((1, "run_created"), (2, "other"), (3, "run_completed")):
            OutboxMessage.objects.create(
                account=alice.account, topic=f"run.{place.run.pk.hex}", seq=seq, name=name,
                payload={"version": 1, "pipeline_run": {"id": str(place.run.pk)}},
            )  # fmt: skip

    await sync_to_async(tell)()
    await end(place, b"")
    path = f"pipeline_runs/{place.run.pk}/events"
    client = listen(path, place.token)
    assert await client.open() == 200
    assert [(event.name, event.id) for event in await client.rest()] == [
        ("subscribed", ""), ("run_created", "1"), ("run_completed", "3"), ("end", "end"),
    ]  # fmt: skip

    later = listen(path, place.token, "after=1")
    assert await later.open() == 200

    assert [event.id for event in await later.rest()] == ["", "3", "end"]


@pytest.mark.asyncio
async def test_refusals_are_the_problem_documents_of_rest(place: Place, charlie: ApiClient) -> None:
    scoped = await sync_to_async(token_for)(charlie.membership, "devops.pipelines.read")
    wanted = [
        ("", "", 401, "not-authenticated"),
        ("pn_nonsense", "", 401, "not-authenticated"),
        (charlie.token, "", 404, "not-found"),
        (scoped, "", 403, "permission-denied"),
        (place.token, "after=x", 400, "invalid"),
        (place.token, "token=x", 400, "token-in-query"),
    ]
    for token, query, status, code in wanted:
        client = listen(place.log, token, query)
        assert await client.open() == status
        assert client.headers["content-type"] == "application/problem+json"
        assert (await client.body())["code"] == code


@pytest.mark.asyncio
@pytest.mark.parametrize("value", ["4", "x:4", "00000000-0000-4000-8000-000000000000:4"])
async def test_a_place_that_is_none_of_the_runs_is_refused(place: Place, value: str) -> None:
    client = listen(f"pipeline_runs/{place.run.pk}/logs", place.token, last_event_id=value)
    assert await client.open() in {400, 404}
    assert (await client.body())["detail"]


@pytest.mark.asyncio
async def test_a_quiet_stream_beats_and_ends_when_the_token_is_revoked(
    place: Place, alice: ApiClient
) -> None:
    # Inside the router: what `application` wraps, with shorter pauses.
    django: Any = application.application_mapping["http"]._application
    quick = EventStreams(django, event_streams, heartbeat_seconds=0.05, recheck_seconds=0.2)
    client = Listener(quick, place.log, place.token)
    assert await client.open() == 200
    await client.next()
    await client.next()

    await sync_to_async(alice.user.tokens.all().delete)()

    assert await client.rest() == []
    assert client.comments


@pytest.mark.asyncio
async def test_a_client_that_leaves_ends_the_stream(place: Place) -> None:
    client = listen(place.log, place.token)
    assert await client.open() == 200
    assert await client.next()

    await client.leave()


def test_a_server_that_cannot_stream_says_so(alice: ApiClient, place: Place) -> None:
    answer = alice.get(f"devops/{place.log}", accept="text/event-stream")

    assert "ASGI" in answer.problem(406).remedy


def test_json_has_no_byte_to_go_on_from(alice: ApiClient, place: Place) -> None:
    assert alice.get(f"devops/{place.log}", {"after": "2"}).problem(400).pointers == ["?after"]
