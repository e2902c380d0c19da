"""Accounts, pipelines and workers for the tests of runs: real rows, real commands, real files."""

import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import connection, connections
from pydantic import Field
from pytest_django.fixtures import Settings

from devops.access import Actor, member_actor
from devops.choices import Role
from devops.models import Account, Membership, OutboxMessage, User
from devops.storage import logs
from pipelines import selectors, step_types
from pipelines.engine.control import RunControl
from pipelines.engine.loop import execute_run
from pipelines.models import Pipeline, PipelineRun, StepExecution, Worker
from pipelines.operations.definitions import create_pipeline
from pipelines.operations.dispatch import dispatch_waiting
from pipelines.operations.runs import trigger_run
from pipelines.operations.workers import register_worker
from pipelines.step_types import StepType
from pipelines.steps import registry
from pipelines.steps.base import Config, Done, Outcome, StepContext
from tests.pipelines.postbox import Postbox, open_postbox
from tests.pipelines.receiver import Receiver

WAIT_SECONDS = 30.0

if connections.settings["default"]["ENGINE"].endswith("sqlite3"):
    # Threads and processes meet in a file; a memory database would be each one's own.
    connections.settings["default"]["TEST"]["NAME"] = str(
        Path(tempfile.gettempdir()) / f"powernode-test-{os.getpid()}.sqlite3"
    )


def wait_until(what: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """What `what` gives once it gives something true."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"{what} did not come true within {seconds} s"
        time.sleep(0.01)
    return found


class ProbeConfig(Config):
    """A word for the test's own step."""

    word: str = Field("")


@dataclass
class Probe:
    """A step type whose handler is whatever the test says."""

    execute: Callable[[StepContext], Outcome] = lambda _ctx: Done()
    resume: Callable[[StepContext, str, Mapping[str, Any]], Outcome] = lambda *_: Done()
    cancelled: list[str] = field(default_factory=list)

    def cancel(self, _ctx: StepContext, ref: str) -> None:
        self.cancelled.append(ref)


@pytest.fixture
def probe() -> Iterator[Probe]:
    """Registers the step type `probe` for one test."""
    handler = Probe()
    kind = StepType(
        name="probe", title="Probe", summary="Does what the test says.",
        config_model=ProbeConfig, outputs={"*": "Whatever."}, effect="workspace", example={},
    )  # fmt: skip
    registry.register(kind, handler)
    yield handler
    step_types._types.pop("probe")
    registry._handlers.pop("probe")


def make_actor(role: str = Role.OWNER) -> Actor:
    """A person with an account of their own."""
    word = uuid.uuid4().hex[:8]
    user = User.objects.create_user(f"{word}@example.org", None, name=word)
    account = Account.objects.create(name=word, slug=word)
    return member_actor(Membership.objects.create(account=account, user=user, role=role))


def step(key: str, command: str = "true", **more: Any) -> dict[str, Any]:
    """A step of a definition; a command unless it says otherwise."""
    kind = more.pop("step_type", "custom")
    configuration = more.pop("configuration", {"command": command} if kind == "custom" else {})
    return {
        "key": key, "name": key, "step_type": kind, "configuration": configuration,
        "condition": "", "continue_on_error": False, "is_active": True, **more,
    }  # fmt: skip


@dataclass
class Workshop:
    """One account, one worker, and the words that the tests of runs need."""

    actor: Actor
    worker: Worker

    def pipeline(self, *steps: Mapping[str, Any], **definition: Any) -> Pipeline:
        """A checked pipeline of these steps."""
        whole = {
            "name": f"p-{uuid.uuid4().hex[:6]}", "triggers": {"manual": {}}, "environment": {},
            "runner_labels": [], "timeout_minutes": 5, "allow_concurrent": True, "settings": {},
            "features": {}, "steps": list(steps), **definition,
        }  # fmt: skip
        return create_pipeline(self.actor, whole)

    def trigger(self, pipeline: Pipeline, **more: Any) -> PipelineRun:
        """A queued run, offered to the worker when it has a slot."""
        return trigger_run(self.actor, selectors.pipeline(self.actor, pipeline.pk), **more)

    def execute(self, run: PipelineRun, control: RunControl | None = None) -> PipelineRun:
        """One turn of the worker at a run, in this thread."""
        dispatch_waiting()
        execute_run(run.pk, self.worker, control or RunControl())
        return fresh(run)

    def run(self, *steps: Mapping[str, Any], **definition: Any) -> PipelineRun:
        """A run of these steps, as far as one turn takes it."""
        return self.execute(self.trigger(self.pipeline(*steps, **definition)))


def fresh(run: PipelineRun) -> PipelineRun:
    """The row as it now is."""
    return PipelineRun.objects.get(pk=run.pk)


def attempts(run: PipelineRun, key: str) -> list[StepExecution]:
    """All attempts at a step, in order."""
    return list(StepExecution.objects.filter(run=run, step_key=key).order_by("attempt"))


def last(run: PipelineRun, key: str) -> StepExecution:
    """The latest attempt at a step."""
    return attempts(run, key)[-1]


def log_of(run: PipelineRun, key: str) -> str:
    """What the latest attempt at a step wrote."""
    return b"".join(logs.iter_bytes(last(run, key).pk)).decode()


def messages_of(run: PipelineRun) -> list[OutboxMessage]:
    """What was told of a run, in order."""
    return list(OutboxMessage.objects.filter(topic=f"run.{run.pk.hex}").order_by("seq"))


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Results or exceptions of `work`, called by so many threads at once."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def body(index: int) -> None:
        barrier.wait()
        try:
            results[index] = work(index)
        except Exception as error:  # noqa: BLE001  (the test looks at what it was)
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=body, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    return results


def in_background(work: Callable[[], Any]) -> threading.Thread:
    """A started thread that gives its connection back at its end."""

    def body() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=body)
    thread.start()
    return thread


@pytest.fixture(autouse=True)
def _folders(settings: Settings, tmp_path: Path) -> None:
    settings.POWERNODE_VAR = tmp_path
    settings.POWERNODE_WORKSPACE_ROOT = tmp_path / "workspaces"
    settings.POWERNODE_LOG_ROOT = tmp_path / "logs"
    settings.POWERNODE_BLOB_ROOT = tmp_path / "blobs"
    settings.POWERNODE_GIT_CACHE_ROOT = tmp_path / "git"
    settings.POWERNODE_GIT_LOCAL_ROOTS = [str(tmp_path / "repositories")]


def make_worker(name: str = "bench", capacity: int = 8, labels: Sequence[str] = ()) -> Worker:
    """A registered worker without a process."""
    return register_worker(
        name, host="here", pid=os.getpid(), labels=labels, capacity=capacity, version="test",
        executor="test",
    )  # fmt: skip


@pytest.fixture
def workshop(db: None) -> Workshop:
    """An account and a worker; runs are executed in the test's own thread."""
    return Workshop(make_actor(), make_worker())


@pytest.fixture
def open_workshop(transactional_db: None) -> Workshop:
    """As `workshop`, with commits that other threads see."""
    return Workshop(make_actor(), make_worker())


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, Controller]]:
    """A mail server that keeps what it is given."""
    with open_postbox() as opened:
        yield opened


@pytest.fixture
def mailed(postbox: tuple[Postbox, Controller], settings: Settings) -> Postbox:
    """Django's SMTP backend points at the postbox."""
    box, controller = postbox
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    return box


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()
