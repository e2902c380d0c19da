"""Containers beside a command: reached by name, waited for, shown when they die, always removed."""

from typing import Any

import pytest

from containers.models import ContainerInstance
from pipelines.choices import RunStatus
from pipelines.models import PipelineRun
from tests.pipelines.conftest import Workshop, last, log_of, step
from tests.pipelines.containers.conftest import on_engine

pytestmark = pytest.mark.docker

SERVE = "mkdir -p /www; echo $WORD > /www/index.html; sleep 0.3; exec httpd -f -p 80 -h /www"
CHECK = {"command": "wget -qO- http://127.0.0.1/", "interval_seconds": 0.5}


def service(image: str, command: str = SERVE, **more: Any) -> dict[str, Any]:
    """A service of the test's image."""
    return {"image": image, "command": command, "healthcheck": CHECK, **more}


def left_over(run: PipelineRun) -> list[str]:
    """Containers and networks of a run's account that are still on the Engine."""
    label = f"label=io.powernode.account={run.account_id}"
    return on_engine("ps", "-aq", "--filter", label) + on_engine(
        "network", "ls", "-q", "--filter", label
    )


def test_a_service_is_waited_for_and_reached_by_its_name(workshop: Workshop, image: str) -> None:
    run = workshop.run(
        step("ask", "wget -qO- http://web/; wget -qO- http://other/", image=image,
             services={"web": service(image, env={"WORD": "from ${{ env.WHERE }}"})},
             environment={"WHERE": "inside"}),
        settings={"services": {"web": service("never-used"),
                               "other": service(image, env={"WORD": 7})}},
    )  # fmt: skip

    assert run.status == RunStatus.SUCCESS, run.error_message
    lines = log_of(run, "ask").splitlines()
    assert sorted(line.split(" works,")[0] for line in lines[:2]) == [
        f"Service other ({image})", f"Service web ({image})",
    ]  # fmt: skip
    assert lines[2:] == ["from inside", "7"]
    assert left_over(run) == []
    instance = ContainerInstance.objects.get()
    assert {each["name"] for each in instance.services} == {"web", "other"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": "echo dying; exit 4"}, "ended with exit status 4"),
        ({"command": "echo dying; sleep 60",
          "healthcheck": {**CHECK, "wait_seconds": 1}}, "was not healthy within 1 s"),
        ({"command": "echo dying; sleep 60",
          "healthcheck": {**CHECK, "command": "false", "retries": 1}}, "is not healthy"),
    ],
)  # fmt: skip
def test_a_service_that_does_not_come_up_fails_the_step_with_its_last_words(
    workshop: Workshop, image: str, changes: dict[str, Any], words: str
) -> None:
    run = workshop.run(
        step("ask", "echo never", image=image, services={"db": service(image, **changes)})
    )

    assert last(run, "ask").reason == "service"
    assert f"The service db ({image}) {words}" in last(run, "ask").error_message
    assert "dying\n" in log_of(run, "ask")
    assert "never\n" not in log_of(run, "ask")
    assert left_over(run) == []


def test_a_service_that_cannot_start_is_named(workshop: Workshop, image: str) -> None:
    broken = {"image": image, "command": ["no-such-program"]}

    run = workshop.run(step("ask", image=image, services={"db": broken}))

    words = f"The service db ({image}) could not be started: The image has no program"
    assert f"{words} 'no-such-program'." in last(run, "ask").error_message
    assert last(run, "ask").reason == "service"
    assert left_over(run) == []


def test_a_service_that_dies_while_the_command_runs_is_shown(
    workshop: Workshop, image: str
) -> None:
    dying = service(image, "touch up; sleep 1.5; echo last words; exit 9",
                    healthcheck={**CHECK, "command": "test -e up"})  # fmt: skip

    run = workshop.run(step("ask", "sleep 3; exit 1", image=image, services={"db": dying}))

    assert "::group::Service db ended with exit status 9\nlast words\n" in log_of(run, "ask")
    assert left_over(run) == []


def test_services_of_two_steps_do_not_meet(workshop: Workshop, image: str) -> None:
    """Each attempt has a network of its own, and what has none reaches no neighbour."""
    first = step("first", "wget -qO- http://web/", image=image,
                 services={"web": service(image)})  # fmt: skip
    second = step("second", "timeout 2 wget -qO- http://web/ && exit 5; true", image=image)

    run = workshop.run(first, second)

    assert last(run, "first").status == "success"
    assert last(run, "second").status == "success", log_of(run, "second")


def test_a_stranger_reaches_services_and_not_the_world(workshop: Workshop, image: str) -> None:
    ask = (
        "wget -qO- http://web/; gateway=$(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p');"
        " ping -c 1 -W 1 $gateway && exit 3; true"
    )
    run = workshop.trigger(
        workshop.pipeline(step("ask", ask, image=image, services={"web": service(image)}),
                          step("alone", "ip addr | grep -c 'scope global' || true", image=image))
    )  # fmt: skip
    PipelineRun.objects.filter(pk=run.pk).update(trust_level="untrusted")

    run = workshop.execute(run)

    assert last(run, "ask").status == "success", log_of(run, "ask")
    assert log_of(run, "alone") == "0\n"
