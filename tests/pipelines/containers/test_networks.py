"""Networks of an Engine: found whoever made them, apart from others, gone when nobody owns them."""

import ipaddress
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from containers.clients.docker.engine import Endpoint, Engine
from containers.clients.docker.spec import LABEL, ContainerSpec
from containers.models import ContainerInstance, DockerHost
from containers.operations import reaping
from containers.operations.docker_hosts import endpoint_of
from containers.operations.instances import Owner, claim_instance, default_limits
from containers.public import host_for
from tests.engine_image import engine_url
from tests.pipelines.conftest import Workshop, in_threads
from tests.pipelines.containers.conftest import on_engine

pytestmark = pytest.mark.docker


@pytest.fixture
def name(image: str) -> Iterator[str]:
    """A name for a network; whatever has it in the end is removed."""
    name = f"powernode-test-{uuid.uuid4().hex[:12]}"
    yield name
    left = on_engine("network", "ls", "-q", "--filter", f"name={name}")
    if left:
        on_engine("network", "rm", *left)


def make(name: str, *, internal: bool = False, **labels: str) -> None:
    """A network of this name, through a connection of its own."""
    with Engine(Endpoint("test", engine_url())) as engine:
        said = {f"{LABEL}.{key}": value for key, value in labels.items()}
        engine.network(name, labels=said, internal=internal, apart=False)


def ids(name: str) -> list[str]:
    """The networks with this in their name."""
    return on_engine("network", "ls", "-q", "--no-trunc", "--filter", f"name={name}")


def test_those_who_make_a_network_at_once_leave_one_that_works(image: str, name: str) -> None:
    """The Engine makes one for each of them, and then refuses to start anything on any."""

    def begin(index: int) -> int:
        with Engine(Endpoint("test", engine_url())) as engine:
            engine.network(name, labels={}, internal=False, apart=True)
            host = {"NetworkMode": name}
            body = {"Image": image, "Cmd": ["true"], "HostConfig": host}
            container = engine.create(f"{name}-{index}", body)
            engine.start(container)
            on_engine("wait", container)
            code = engine.inspect(container)["State"]["ExitCode"]
            engine.remove(container)
            return int(code)

    assert in_threads(4, begin) == [0] * 4
    assert len(ids(name)) == 1


def test_a_network_that_is_used_stays_of_several(image: str, name: str) -> None:
    with Engine(Endpoint("test", engine_url())) as engine:
        api = engine._api
        # As a death in the middle of tidying up leaves it.
        used = api.create_network(name, driver="bridge", check_duplicate=False)["Id"]
        (container,) = on_engine("run", "-d", "--network", name, image, "sleep", "60")
        api.create_network(name, driver="bridge", check_duplicate=False)
        engine.network(name, labels={}, internal=False, apart=False)
        engine.remove(container)

    assert ids(name) == [used]


def test_a_network_without_a_way_out_has_addresses_that_no_engine_gives(
    image: str, name: str
) -> None:
    """Rules that an earlier Engine left in the packet filter would swallow what goes over it."""
    in_threads(4, lambda index: make(f"{name}-{index}", internal=True))

    text = on_engine("network", "inspect", "--format", "{{json .IPAM.Config}}", *ids(name))
    ranges = {ipaddress.IPv4Network(json.loads(each)[0]["Subnet"]) for each in text}
    assert len(ranges) == 4
    assert all(each.subnet_of(ipaddress.IPv4Network("198.18.0.0/15")) for each in ranges)


@pytest.fixture
def host(workshop: Workshop, image: str, settings: Settings) -> DockerHost:
    return host_for(workshop.actor.account_id)


class _Beginning(Engine):
    """An Engine on which a step begins right before its networks are listed."""

    def __init__(self, host: DockerHost, name: str, image: str) -> None:
        super().__init__(endpoint_of(host))
        self.host, self.network_name, self.image = host, name, image

    def labelled_networks(self, label: str, value: str) -> list[dict[str, Any]]:
        owner = Owner(self.host.account_id, f"test:{self.network_name}", "nobody", 1)
        spec = ContainerSpec(image=self.image, argv=("true",), limits=default_limits())
        instance = claim_instance(owner, 1, "", spec, self.host)
        make(self.network_name, host=value, instance=str(instance.pk))
        return super().labelled_networks(label, value)


@pytest.mark.django_db(transaction=True)
def test_the_reaper_leaves_the_network_of_a_step_that_begins_meanwhile(
    host: DockerHost, image: str, name: str
) -> None:
    with _Beginning(host, name, image) as engine:
        reaping._remove_unowned(engine, host)

    assert len(ids(name)) == 1
    assert ContainerInstance.objects.filter(removed_at=None).count() == 1


def test_what_cannot_be_removed_keeps_nothing_else(host: DockerHost, image: str, name: str) -> None:
    # Strangers' containers are in two of the networks: the Engine refuses to remove those.
    for index in range(3):
        make(f"{name}-{index}", host=str(host.pk))
    strangers = [
        *on_engine("run", "-d", "--network", f"{name}-0", image, "sleep", "60"),
        *on_engine("run", "-d", "--network", f"{name}-2", image, "sleep", "60"),
    ]

    reaping.sweep_host(host.pk)
    left = on_engine("network", "ls", "--format", "{{.Name}}", "--filter", f"name={name}")
    on_engine("rm", "-f", *strangers)

    assert sorted(left) == [f"{name}-0", f"{name}-2"]
