"""The template that deploys to a swarm, against a real one: what runs, what is rolled back."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from pipelines.choices import RunStatus
from pipelines.models import Pipeline, PipelineRun
from tests.engine_image import IMAGE, ensure_image
from tests.pipelines.conftest import log_of
from tests.pipelines.shelf import DOCKER_SOCKET, Shelf, commit, docker, named, shelf

__all__ = ["shelf"]
pytestmark = pytest.mark.docker

STACK = "powernode-test"
COMPOSE = """
services:
  web:
    image: {image}
    command: {command}
    networks: [outside]
    stop_grace_period: 0s
    environment: {{VERSION: "$DEPLOY_VERSION"}}
    deploy:
      replicas: 2
      restart_policy: {{delay: 1s}}
      update_config: {{parallelism: 2, monitor: 2s, failure_action: {action}}}
      rollback_config: {{parallelism: 2, monitor: 1s}}
  once:
    image: {image}
    command: ["true"]
    networks: [outside]
    deploy: {{mode: replicated-job}}
networks:
  outside: {{external: true, name: host}}
"""


@pytest.fixture(scope="module")
def swarm() -> Iterator[None]:
    """A swarm of one engine with an image of busybox; it is left again."""
    ensure_image()
    has_joined = docker("info", "--format", "{{.Swarm.LocalNodeState}}") == "inactive"
    if has_joined:
        docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1")
    try:
        yield
    finally:
        with contextlib.suppress(AssertionError):
            docker("stack", "rm", STACK)
        if has_joined:
            docker("swarm", "leave", "--force")


def compose(command: str = '["sleep", "600"]', action: str = "rollback", image: str = IMAGE) -> str:
    return COMPOSE.format(image=image, command=command, action=action)


def replicas() -> list[str]:
    """How many tasks of each service run, of how many."""
    return docker("service", "ls", "--format", "{{.Replicas}}").splitlines()


def asked() -> str:
    """The command that the swarm runs now."""
    return docker(
        "service", "inspect", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Args}}",
        f"{STACK}_web",
    )  # fmt: skip


def ship(shelf: Shelf, pipeline: Pipeline, text: str) -> PipelineRun:
    """A run after the compose file was changed."""
    folder = Path(pipeline.links.select_related("repository").get().repository.clone_url)
    (folder / "compose.yml").write_text(text)
    commit(folder, "Change the stack")
    return shelf.run(pipeline)


def test_a_stack_succeeds_when_it_runs_and_fails_when_it_is_rolled_back(
    swarm: None, shelf: Shelf
) -> None:
    pipeline = shelf.install(
        "deploy-to-swarm", shelf.repository({"README": "x"}), stack=STACK,
        docker_host=DOCKER_SOCKET, resolve_image="never", steady_seconds=1, wait_seconds=40,
    )  # fmt: skip

    first = ship(shelf, pipeline, compose())
    assert first.status == RunStatus.SUCCESS, log_of(first, "ship")
    assert named(first, "Ship").outputs["services"] == f"{STACK}_once {STACK}_web"
    assert replicas() == ["0/1 (1/1 completed)", "2/2"]

    update = ship(shelf, pipeline, compose('["sleep", "601"]'))
    assert update.status == RunStatus.SUCCESS, log_of(update, "ship")
    assert asked() == "[sleep 601]"

    broken = ship(shelf, pipeline, compose('["false"]'))
    assert broken.status == RunStatus.FAILURE, log_of(broken, "ship")
    said = log_of(broken, "ship")
    assert f"error: {STACK}_web was rolled back" in said
    assert "The version before it runs again." in said
    assert asked() == "[sleep 601]"
    assert replicas()[1] == "2/2"


def test_what_never_runs_is_a_failure_in_words(
    swarm: None, shelf: Shelf, settings: Settings, tmp_path: Path
) -> None:
    # By a context, from a folder that the operator shows to steps.
    folder = tmp_path / "docker"
    folder.mkdir()
    docker(
        "context", "create", "far", "--docker", f"host={DOCKER_SOCKET}",
        env={**os.environ, "DOCKER_CONFIG": str(folder)},
    )  # fmt: skip
    settings.POWERNODE_SANDBOX_READONLY += [str(folder)]
    pipeline = shelf.install(
        "deploy-to-swarm", shelf.repository({"README": "x"}), stack=STACK,
        docker_context="far", docker_config=str(folder), docker_host="unix:///nowhere",
        resolve_image="never", steady_seconds=1, wait_seconds=2,
    )  # fmt: skip
    docker("stack", "rm", STACK)

    never = ship(shelf, pipeline, compose('["false"]'))
    assert never.status == RunStatus.FAILURE
    said = log_of(never, "ship")
    assert f"error: the stack {STACK} does not run within 2 seconds: " in said
    assert "Failed" in said or "Starting" in said or "Ready" in said

    wrong = ship(shelf, pipeline, "services: [1]\n")
    assert f"error: the swarm did not take the stack {STACK}" in log_of(wrong, "ship")
