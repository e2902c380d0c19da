"""A worker dies and its container lives: the next one goes on with it, and nothing is lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from containers.choices import InstanceStatus
from containers.models import ContainerInstance
from containers.operations import reaping
from containers.public import host_for
from pipelines.choices import RunStatus, StepStatus
from pipelines.engine.workspace import Workspace
from pipelines.models import PipelineRun, Worker
from pipelines.operations.runs import cancel_run
from pipelines.operations.workers import retire_worker
from tests.engine_image import engine_url
from tests.pipelines.conftest import (
    Workshop,
    attempts,
    fresh,
    last,
    log_of,
    make_actor,
    make_worker,
    step,
    wait_until,
)
from tests.pipelines.containers.conftest import on_engine

pytestmark = pytest.mark.docker
PROGRAM = Path(__file__).parents[1] / "engine" / "engine_worker.py"
COUNT = "for n in $(seq 1 40); do echo line $n; sleep 0.05; done; echo k=v >> $POWERNODE_OUTPUT"
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(transactional_db: None, settings: Settings, image: str) -> Iterator[Start]:
    """Starts worker processes on the test's database and folders."""
    started = []

    def begin(name: str, **more: str) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            "POWERNODE_VAR": str(settings.POWERNODE_VAR),
            "POWERNODE_DATABASE_URL": database_url(),
            "POWERNODE_DOCKER_HOST": engine_url(),
            "POWERNODE_LEASE_SECONDS": "2",
            "POWERNODE_HEARTBEAT_SECONDS": "0.5",
            "POWERNODE_SECRET_KEY": settings.SECRET_KEY,
            "CELERY_SKIP_CHECKS": "1",
            "PYTHONPATH": str(Path.cwd()),
            **more,
        }
        process = subprocess.Popen([sys.executable, PROGRAM, name], env=environment)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def database_url() -> str:
    """The test's database, for other processes."""
    facts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{facts['NAME']}"
    return f"postgresql://{facts['USER']}@/{facts['NAME']}?host={facts['HOST']}"


def lines_of(run: PipelineRun, key: str) -> int:
    """How much of a step's log is readable."""
    connection.close()
    return log_of(run, key).count("\n")


def test_after_a_kill_the_next_worker_goes_on_with_the_container(start: Start) -> None:
    first = start("first")
    wait_until(lambda: Worker.objects.filter(name="first").exists())
    shop = Workshop(make_actor(), Worker.objects.get(name="first"))
    image = "powernode-test/busybox:1"
    run = shop.trigger(shop.pipeline(step("count", COUNT, image=image), step("after", "true")))
    wait_until(lambda: lines_of(run, "count") >= 5)
    container = ContainerInstance.objects.get().container_id

    first.send_signal(signal.SIGKILL)
    first.wait()
    start("second")

    wait_until(lambda: fresh(run).status == RunStatus.SUCCESS, 60)
    assert log_of(run, "count").split("\n") == [f"line {n}" for n in range(1, 41)] + [""]
    assert [each.status for each in attempts(run, "count")] == [StepStatus.SUCCESS]
    assert last(run, "count").outputs["k"] == "v"
    instance = ContainerInstance.objects.get()
    assert (instance.container_id, instance.attachments) == (container, 1)
    assert instance.removed_at is not None


# Deaths at every line: the worker ends itself there, a successor in this process goes on.


@pytest.mark.parametrize(
    "point",
    ["containers.create.before", "containers.create.after", "containers.start.before",
     "containers.start.after", "containers.finish.before", "containers.finish.after"],
)  # fmt: skip
def test_a_death_at_any_line_runs_the_command_once(start: Start, image: str, point: str) -> None:
    worker = start("first", POWERNODE_FAILPOINTS=point)
    wait_until(lambda: Worker.objects.filter(name="first").exists())
    shop = Workshop(make_actor(), Worker.objects.get(name="first"))
    run = shop.trigger(shop.pipeline(step("once", "echo ran; echo ran >> ledger", image=image)))
    assert worker.wait(40) == -signal.SIGKILL
    retire_worker(shop.worker.pk, "its process died", lost=True)

    shop.worker = make_worker("second")
    run = shop.execute(run)

    assert run.status == RunStatus.SUCCESS, run.error_message
    assert (Workspace.of(run.pk).work / "ledger").exists() is False
    assert log_of(run, "once") == "ran\n"
    assert [each.status for each in attempts(run, "once")] == [StepStatus.SUCCESS]
    assert ContainerInstance.objects.get().status == InstanceStatus.COMPLETED


def abandoned(shop: Workshop, command: str, image: str, **more: object) -> PipelineRun:
    """A run whose worker was lost while its container runs; another worker may take it."""
    run = shop.trigger(shop.pipeline(step("go", command, image=image, **more)))
    first = Taken(shop, run)
    first.until("begun")
    retire_worker(shop.worker.pk, "its process died", lost=True)
    first.let_go()
    shop.worker = make_worker("second")
    return run


class Taken:
    """A turn at a run in another thread, which loses its lease like a process that was stopped."""

    def __init__(self, shop: Workshop, run: PipelineRun) -> None:
        from pipelines.engine.control import RunControl  # noqa: PLC0415
        from tests.pipelines.conftest import in_background  # noqa: PLC0415

        self.control, self.run = RunControl(), run
        self.thread = in_background(lambda: shop.execute(run, self.control))

    def until(self, name: str) -> None:
        wait_until((Workspace.of(self.run.pk).work / name).exists)

    def let_go(self) -> None:
        self.control.stop("lease_lost")
        self.thread.join(30)


@pytest.fixture
def shop(open_workshop: Workshop, image: str) -> Workshop:
    return open_workshop


def test_a_zombie_leaves_the_container_to_its_successor(shop: Workshop, image: str) -> None:
    run = abandoned(shop, "touch begun; sleep 2; echo end", image)
    assert ContainerInstance.objects.get().status == InstanceStatus.RUNNING

    run = shop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert log_of(run, "go") == "end\n"


def test_a_cancel_while_nobody_watched_ends_the_container(shop: Workshop, image: str) -> None:
    run = abandoned(shop, "touch begun; trap 'exit 4' TERM; while :; do sleep 0.1; done", image)

    cancel_run(shop.actor, fresh(run))

    assert fresh(run).status == RunStatus.CANCELLED
    assert reaping.give_up_abandoned() == 1
    assert reaping.sweep_host(ContainerInstance.objects.get().docker_host_id) == 1


def test_a_successor_that_hears_a_cancel_ends_the_container(shop: Workshop, image: str) -> None:
    run = abandoned(shop, "touch begun; trap 'exit 4' TERM; while :; do sleep 0.1; done", image)
    asked = {"cancel_requested_at": timezone.now(), "cancelled_by": "somebody"}
    PipelineRun.objects.filter(pk=run.pk).update(**asked)

    run = shop.execute(run)

    assert run.status == RunStatus.CANCELLED
    assert ContainerInstance.objects.get().status == InstanceStatus.CANCELLED
    assert ContainerInstance.objects.get().removed_at is not None


def test_a_container_that_is_gone_is_made_anew(shop: Workshop, image: str) -> None:
    command = "test -e begun && echo again || { touch begun; sleep 60; }"
    run = abandoned(shop, command, image)
    name = ContainerInstance.objects.get().container_name
    subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)

    run = shop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert [(each.status, each.reason) for each in attempts(run, "go")] == [
        ("failure", "worker_lost"), ("success", ""),
    ]  # fmt: skip
    assert log_of(run, "go") == "again\n"


def test_three_workers_lost_over_one_container_end_the_run(shop: Workshop, image: str) -> None:
    run = abandoned(shop, "touch begun; sleep 60", image)
    for number in (1, 2):
        taken = Taken(shop, run)
        again = ContainerInstance.objects.filter(attachments=number)
        wait_until(again.exists)
        retire_worker(shop.worker.pk, "its process died", lost=True)
        taken.let_go()
        shop.worker = make_worker(f"w{number}")

    run = fresh(run)
    assert (run.status, run.reason) == (RunStatus.FAILURE, "worker_lost")
    assert "The worker was lost 3 times in step go" in run.error_message


def test_what_nobody_takes_over_is_reaped(shop: Workshop, image: str) -> None:
    service = {"image": image, "command": "sleep 60"}
    command = "test ! -e begun || exit 0; touch begun; sleep 60"
    run = abandoned(shop, command, image, services={"db": service})
    instance = ContainerInstance.objects.get()
    assert reaping.give_up_abandoned() == 0
    past = timezone.now() - timedelta(seconds=1)
    ContainerInstance.objects.update(owner_lease_until=past)

    assert reaping.give_up_abandoned() == 1
    assert reaping.sweep_host(instance.docker_host_id) == 2

    instance.refresh_from_db()
    assert (instance.status, instance.removed_at is None) == (InstanceStatus.FAILED, False)
    assert reaping.sweep_host(instance.docker_host_id) == 0
    run = shop.execute(run)
    assert attempts(run, "go")[0].reason == "worker_lost"


def test_what_has_no_row_is_reaped_and_what_is_not_ours_stays(shop: Workshop, image: str) -> None:
    host = host_for(shop.actor.account_id)
    label = ["--label", f"io.powernode.account={shop.actor.account_id}"]
    command = [image, "sleep", "60"]
    (ours,) = on_engine("run", "-d", *label, "--label", f"io.powernode.host={host.pk}", *command)
    (strange,) = on_engine("run", "-d", *label, *command)

    assert reaping.sweep_host(host.pk) == 1

    left = on_engine("ps", "-q", "--no-trunc", "--filter", label[1].replace("io", "label=io", 1))
    assert (strange in left, ours in left) == (True, False)


def test_what_ended_long_ago_is_forgotten(shop: Workshop, image: str) -> None:
    run = shop.execute(shop.trigger(shop.pipeline(step("go", image=image))))
    assert reaping.remove_old_instances() == 0
    long_ago = timezone.now() - timedelta(days=1000)
    ContainerInstance.objects.update(completed_at=long_ago)

    assert reaping.remove_old_instances() == 1
    assert run.status == RunStatus.SUCCESS
