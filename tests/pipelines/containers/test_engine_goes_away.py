"""The Engine goes away in the middle of a command: for a while, for ever, or with the command."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from containers.models import ContainerInstance
from containers.operations import reaping
from pipelines.choices import RunStatus
from pipelines.engine.workspace import Workspace
from pipelines.models import PipelineRun
from tests.engine_image import engine_url
from tests.pipelines.conftest import Workshop, fresh, in_background, last, log_of, step, wait_until
from tests.pipelines.containers.conftest import on_engine
from tests.pipelines.containers.relay import Relay

# The library leaves the socket of a connection that breaks as it begins to the garbage collector.
pytestmark = [
    pytest.mark.docker, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]  # fmt: skip
GO_ON = "echo one; touch begun; until test -e go; do sleep 0.05; done; echo two; printf three"


@pytest.fixture
def relay(
    open_workshop: Workshop,
    image: str,
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Relay]:
    relay = Relay(tmp_path / "engine.sock", engine_url())
    settings.POWERNODE_DOCKER_HOST = relay.url
    settings.POWERNODE_ENGINE_SILENCE_SECONDS = 30
    yield relay
    relay.cut()
    # What was logged holds on to errors, and those to sockets.
    caplog.get_records("call").clear()
    gc.collect()


class Begun:
    """A run whose command has begun, watched in another thread."""

    def __init__(self, shop: Workshop, image: str, command: str = GO_ON) -> None:
        self.run = shop.trigger(shop.pipeline(step("go", command, image=image)))
        self.work = Workspace.of(self.run.pk).work
        self.thread = in_background(lambda: shop.execute(self.run))
        wait_until((self.work / "begun").exists)
        self.container = ContainerInstance.objects.get().container_id

    def ended(self) -> PipelineRun:
        self.thread.join(60)
        return fresh(self.run)


def test_a_command_that_goes_on_meanwhile_loses_no_line(
    open_workshop: Workshop, image: str, relay: Relay
) -> None:
    begun = Begun(open_workshop, image)

    relay.cut()
    (begun.work / "go").touch()
    on_engine("wait", begun.container)
    relay.mend()
    run = begun.ended()

    assert run.status == RunStatus.SUCCESS, run.error_message
    assert log_of(run, "go") == "one\ntwo\nthree"


def test_a_command_that_was_ended_meanwhile_is_not_blamed(
    open_workshop: Workshop, image: str, relay: Relay
) -> None:
    begun = Begun(open_workshop, image)

    relay.cut()
    on_engine("kill", "--signal", "TERM", begun.container)
    on_engine("wait", begun.container)
    relay.mend()
    run = begun.ended()

    assert "was ended from outside (exit status 143)" in last(run, "go").error_message
    assert "or the Docker Engine there was" in last(run, "go").error_message
    assert (last(run, "go").reason, last(run, "go").exit_code) == ("container", 143)
    assert ContainerInstance.objects.get().removed_at is not None


def test_a_command_that_somebody_stops_is_not_blamed(
    open_workshop: Workshop, image: str, relay: Relay
) -> None:
    begun = Begun(open_workshop, image)

    on_engine("stop", begun.container)
    run = begun.ended()

    assert "was ended from outside (exit status 143)" in last(run, "go").error_message


def test_a_command_that_ends_itself_by_a_signal_says_so(
    open_workshop: Workshop, image: str, relay: Relay
) -> None:
    begun = Begun(open_workshop, image, "touch begun; kill -TERM $$")

    assert last(begun.ended(), "go").error_message == "The command was ended by signal 15."


def test_an_engine_that_stays_away_fails_the_step_and_is_tidied_later(
    open_workshop: Workshop, image: str, relay: Relay, settings: Settings
) -> None:
    settings.POWERNODE_ENGINE_SILENCE_SECONDS = 0.5
    begun = Begun(open_workshop, image)

    relay.cut()
    run = begun.ended()

    assert last(run, "go").reason == "engine_unreachable"
    assert "was away for 0.5 s; how the command ended is unknown" in last(run, "go").error_message
    instance = ContainerInstance.objects.get()
    assert instance.removed_at is None
    relay.mend()
    assert reaping.sweep_host(instance.docker_host_id) == 1
    instance.refresh_from_db()
    assert instance.removed_at is not None
