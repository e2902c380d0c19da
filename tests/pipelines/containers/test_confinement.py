"""What a container may not: more memory, processes, rights or output than it was given."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from containers.models import ContainerInstance
from pipelines.choices import RunStatus
from pipelines.models import PipelineRun
from tests.pipelines.conftest import Workshop, last, log_of, step

pytestmark = pytest.mark.docker


def test_it_has_no_rights_no_devices_and_no_way_to_the_engine(
    workshop: Workshop, image: str
) -> None:
    look = (
        "grep -E '^(CapEff|CapBnd|CapPrm|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t';"
        " ls /dev | tr '\\n' ' '; echo; test ! -e /var/run/docker.sock;"
        " mount -t tmpfs none /mnt 2>&1 || mkdir /proc/x 2>&1 || true"
    )

    run = workshop.run(step("look", look, image=image))

    assert run.status == RunStatus.SUCCESS, log_of(run, "look")
    status, devices = log_of(run, "look").splitlines()[:5], log_of(run, "look").splitlines()[5]
    zero = "0" * 16
    assert status == [f"CapPrm:{zero}", f"CapEff:{zero}", f"CapBnd:{zero}", "NoNewPrivs:1",
                      "Seccomp:2"]  # fmt: skip
    assert "mem" not in devices.split()
    assert "sda" not in devices


def test_memory_beyond_its_share_kills_it_and_says_so(workshop: Workshop, image: str) -> None:
    run = workshop.run(step("eat", "tail /dev/zero", image=image))

    assert "used more than its 128 MB of memory" in last(run, "eat").error_message


def test_a_fork_bomb_stays_within_its_processes(workshop: Workshop, image: str) -> None:
    bomb = "bomb() { bomb | bomb & }; bomb; sleep 1; true"

    run = workshop.run(step("bomb", bomb, image=image, timeout_minutes=0.3))

    assert "can't fork" in log_of(run, "bomb")
    assert not ContainerInstance.objects.filter(removed_at=None).exists()


def test_output_beyond_all_measure_ends_it(
    workshop: Workshop, image: str, settings: Settings
) -> None:
    settings.POWERNODE_CONTAINER_LOG_BYTES = 2 * 1024**2

    run = workshop.run(step("talk", "while :; do echo x; done", image=image))

    assert "wrote more than 2 MB" in last(run, "talk").error_message
    assert last(run, "talk").reason == "output_limit"


def test_a_hundred_megabytes_of_output_are_kept_head_and_tail(
    workshop: Workshop, image: str
) -> None:
    run = workshop.run(
        step("talk", "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last",
             image=image)
    )  # fmt: skip

    assert run.status == RunStatus.SUCCESS
    assert last(run, "talk").log_truncated
    assert log_of(run, "talk").startswith("first\n")
    assert log_of(run, "talk").endswith("x\nlast\n")


@pytest.mark.parametrize(
    ("image_name", "reason"),
    [
        ("127.0.0.1:9/nobody/nothing:1", "image"),
        ("Bad Name", "configuration"),
        ("--privileged", "configuration"),
        ("a/../b", "configuration"),
        ("x" * 300, "configuration"),
    ],
)
def test_an_image_that_is_none_or_not_there_is_told(
    workshop: Workshop, image: str, image_name: str, reason: str
) -> None:
    run = workshop.trigger(workshop.pipeline(step("go", image=image)))
    steps = [{**run.snapshot["steps"][0], "image": image_name}]
    PipelineRun.objects.filter(pk=run.pk).update(snapshot={**run.snapshot, "steps": steps})

    run = workshop.execute(run)

    assert last(run, "go").reason == reason, last(run, "go").error_message
    if reason == "image":
        assert f"The image {image_name} could not be pulled" in last(run, "go").error_message


@pytest.mark.parametrize(
    "services",
    [
        {"../x": {}}, {"A": {}}, {"x" * 64: {}}, {"db": {"privileged": True}},
        {"db": {"volumes": ["/:/host"]}}, {"db": {"env": {"A=B": "c"}}},
        {"db": {"healthcheck": {"command": "x", "user": "root"}}},
    ],
)  # fmt: skip
def test_a_form_that_asks_for_more_is_refused_also_past_the_linter(
    workshop: Workshop, image: str, services: dict[str, dict[str, Any]]
) -> None:
    services = {name: {"image": image, **said} for name, said in services.items()}
    run = workshop.trigger(workshop.pipeline(step("go", image=image)))
    steps = [{**run.snapshot["steps"][0], "services": services}]
    PipelineRun.objects.filter(pk=run.pk).update(snapshot={**run.snapshot, "steps": steps})

    run = workshop.execute(run)

    assert last(run, "go").reason in {"configuration", "container"}


def test_without_a_host_the_step_says_what_to_do(workshop: Workshop, settings: Settings) -> None:
    settings.POWERNODE_DOCKER_HOST = ""

    run = workshop.run(step("go", image="busybox"))

    assert "Connect one under Docker hosts" in last(run, "go").error_message
