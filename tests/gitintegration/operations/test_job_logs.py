"""Logs of the hosts' own jobs: fetched by byte, served by byte, whole characters in each frame."""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator

from devops.storage import log_reader
from gitintegration.clients.fakes.model import Job, Run
from gitintegration.models import GitPipelineJob
from gitintegration.operations.ci import sync_run
from gitintegration.operations.job_logs import fetch_log, sweep_logs, watch_log
from powernode.asgi import application
from tests.factories.devops import client_for, token_for
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site

SECONDS = 10.0
TEXT = "höre — 日本語 🚀\n".encode()


class Watched:
    """A job at the host and its mirror."""

    def __init__(self, site: Site) -> None:
        self.site = site
        ci, repo = site.world.state.ci, site.world.widgets
        self.mirror = site.mirror()
        self.run: Run = ci.start_run(repo, user=site.world.ada)
        ci.advance_run(repo, self.run)
        self.run_id = "{" + self.run.uuid + "}" if site.kind == "bitbucket" else str(self.run.id)
        found = sync_run(str(self.mirror.pk), self.run_id)
        assert found is not None
        self.row = found.jobs.get()

    @property
    def job(self) -> Job:
        return self.run.jobs[0]

    def say(self, data: bytes) -> None:
        self.site.world.state.ci.append_log(self.job, data)

    def end(self) -> None:
        self.site.world.state.ci.advance_run(self.site.world.widgets, self.run)

    def fetch(self) -> int:
        GitPipelineJob.objects.update(log_claimed_until=None)
        count = fetch_log(str(self.row.pk))
        self.row.refresh_from_db()
        return count

    @property
    def stored(self) -> bytes:
        return b"".join(log_reader.iter_bytes(self.row.pk))


@pytest.fixture
def watched(site: Site) -> Watched:
    return Watched(site)


@pytest.mark.django_db
def test_a_growing_log_is_fetched_byte_by_byte_to_its_end(watched: Watched) -> None:
    parts = [TEXT[:2], TEXT[2:9], TEXT[9:21], TEXT[21:]]
    for part in parts:
        watched.say(part)
        watched.fetch()
    assert watched.row.log_bytes == len(TEXT)
    watched.say(b"the end, without a line feed")
    watched.end()
    for _ in range(3):
        watched.fetch()
    assert watched.stored == TEXT + b"the end, without a line feed"
    assert watched.row.is_log_complete
    assert watched.row.log_bytes == len(watched.stored)
    assert watched.fetch() == 0


@pytest.mark.django_db
@ON_GITEA
def test_only_the_new_end_is_fetched_and_only_while_somebody_reads(watched: Watched) -> None:
    assert sweep_logs() == 0
    watch_log(watched.site.actor, watched.row.pk)
    assert sweep_logs() == 1
    watched.say(TEXT)
    assert watched.fetch() == len(TEXT)
    GitPipelineJob.objects.update(log_wanted_until=None)
    assert sweep_logs() == 0
    watched.say(b"more\n")
    assert watched.fetch() == 5


@pytest.mark.django_db
@ON_GITEA
def test_a_fetch_that_died_after_writing_writes_nothing_twice(watched: Watched) -> None:
    watched.say(TEXT)
    watched.fetch()
    GitPipelineJob.objects.update(log_bytes=0)
    watched.say(b"more\n")
    watched.fetch()
    assert watched.stored == TEXT + b"more\n"
    assert watched.row.log_bytes == len(TEXT) + 5


@pytest.mark.django_db
@ON_GITEA
def test_a_host_that_is_away_is_said_and_asked_again(watched: Watched) -> None:
    watched.site.world.state.faults.add("status", path="logs", code=422, times=1)
    assert watched.fetch() == 0
    assert "422" in watched.row.log_error
    watched.say(b"here\n")
    assert watched.fetch() == 5
    assert watched.row.log_error == ""


@pytest.mark.django_db
@ON_GITEA
def test_a_log_that_the_host_removed_is_complete_and_empty(watched: Watched) -> None:
    watched.end()
    watched.site.world.state.faults.add("status", path="logs", code=404, times=-1)
    watched.fetch()
    assert watched.row.is_log_complete
    assert (watched.stored, watched.row.log_bytes) == (b"", 0)


class Socket:
    """A browser's view of a job's log."""

    def __init__(self, watched: Watched, token: str = "", **changed: uuid.UUID) -> None:
        keys = {"repository_id": watched.mirror.pk, "pipeline_id": watched.row.pipeline_id}
        query = "&".join(f"{name}={key}" for name, key in {**keys, **changed}.items())
        path = f"/ws/git/jobs/{watched.row.pk}/logs"
        scope = {
            "type": "websocket", "path": path, "raw_path": path.encode(), "subprotocols": [],
            "query_string": query.encode(),
            "headers": [(b"authorization", f"Bearer {token}".encode())] if token else [],
        }  # fmt: skip
        # Not channels.testing: it wants daphne. asgiref ships this one untyped.
        link: Any = ApplicationCommunicator
        self._link = link(application, scope)

    async def connect(self) -> str:
        await self._link.send_input({"type": "websocket.connect"})
        answer = await self._link.receive_output(SECONDS)
        return str(answer["type"])

    async def open(self) -> None:
        assert await self.connect() == "websocket.accept"

    async def next(self) -> dict[str, Any]:
        message = await self._link.receive_output(SECONDS)
        assert message["type"] == "websocket.send", message
        found: dict[str, Any] = json.loads(message["text"])
        return found

    async def until(self, kind: str) -> list[dict[str, Any]]:
        frames = [await self.next()]
        while frames[-1]["type"] != kind:
            frames.append(await self.next())
        return frames

    async def say(self, kind: str) -> None:
        text = json.dumps({"type": kind})
        await self._link.send_input({"type": "websocket.receive", "text": text})

    async def leave(self) -> None:
        await self._link.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._link.wait(SECONDS)


def together(frames: list[dict[str, Any]]) -> bytes:
    """The chunks, each checked to begin where the last one ended."""
    data = b""
    for frame in frames:
        if frame["type"] != "log.chunk":
            continue
        payload = frame["payload"]
        content = payload["content"].encode()
        assert "\ufffd" not in payload["content"]
        assert (payload["offset"], payload["chunk_size"]) == (len(data), len(content))
        assert payload["chunk_size"] <= 8 * 1024
        assert payload["is_complete"] is False
        data += content
    return data


@pytest.fixture
def token(site: Site) -> str:
    return token_for(client_for("dora", role="developer", account=site.provider.account).membership)


def follow(work: Callable[[], Awaitable[None]]) -> None:
    async_to_sync(work)()


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_a_socket_tells_opening_status_bytes_and_end(watched: Watched, token: str) -> None:
    long = TEXT * 1200
    watched.say(long[:20_001])
    watched.fetch()

    async def work() -> None:
        socket = Socket(watched, token)
        await socket.open()
        opened = await socket.next()
        assert opened["type"] == "connection_established"
        assert opened["job_id"] == str(watched.row.pk)
        assert opened["payload"]["message"]
        assert opened["timestamp"].startswith("20")
        status = await socket.next()
        assert (status["type"], status["payload"]) == (
            "job.status", {"status": "in_progress", "conclusion": ""},
        )  # fmt: skip

        def finish() -> None:
            watched.say(long[20_001:])
            watched.end()
            for _ in range(3):
                watched.fetch()

        await sync_to_async(finish)()
        frames = await socket.until("log.complete")
        assert together(frames) == long
        ends = [frame for frame in frames if frame["type"] == "job.status"]
        assert ends[-1]["payload"] == {"status": "completed", "conclusion": "success"}
        assert frames[-1]["payload"]["is_complete"] is True
        await socket.leave()

    follow(work)


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_a_reader_marks_the_log_as_wanted_and_refresh_does_again(
    watched: Watched, token: str
) -> None:
    async def wanted() -> bool:
        rows = GitPipelineJob.objects.filter(log_wanted_until__isnull=False)
        return await rows.aexists()

    async def work() -> None:
        socket = Socket(watched, token)
        await socket.open()
        await socket.until("job.status")
        assert await wanted()
        await GitPipelineJob.objects.aupdate(log_wanted_until=None)
        await socket.say("refresh")
        # The answer to a ping comes after what was said before it.
        await socket.say("ping")
        await socket.until("pong")
        assert await wanted()
        await socket.leave()

    follow(work)


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_an_error_of_the_host_is_told_to_readers(watched: Watched, token: str) -> None:
    watched.site.world.state.faults.add("status", path="logs", code=422, times=-1)
    watched.fetch()

    async def work() -> None:
        socket = Socket(watched, token)
        await socket.open()
        frames = await socket.until("log.error")
        assert "422" in frames[-1]["payload"]["error"]
        await socket.leave()

    follow(work)


@ON_GITEA
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wrong", ["repository_id", "pipeline_id", "account", "scope"])
def test_a_socket_is_refused_like_a_job_that_never_was(
    watched: Watched, token: str, wrong: str
) -> None:
    if wrong == "account":
        given = token_for(client_for("charlie", role="owner").membership)
    elif wrong == "scope":
        member = client_for("olga", role="owner", account=watched.site.provider.account).membership
        given = token_for(member, "git.pipelines.read")
    else:
        given = token
    changed = {wrong: uuid.uuid4()} if wrong.endswith("_id") else {}

    async def work() -> None:
        socket = Socket(watched, given, **changed)
        await socket.open()
        frame = await socket.next()
        assert frame["type"] == "error"
        assert "job_id" not in frame

    follow(work)


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_nobody_without_a_name_gets_a_socket(watched: Watched) -> None:
    async def work() -> None:
        assert await Socket(watched).connect() == "websocket.close"

    follow(work)
