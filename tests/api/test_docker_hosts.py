"""Docker hosts over REST: real Engines, and addresses that nobody may give."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from containers.models import ContainerInstance, DockerHost
from containers.operations.docker_hosts import endpoint_of, host_for
from devops.errors import Conflict
from devops.models import AuditEvent
from tests.client import ApiClient
from tests.engine_image import engine_url

HOSTS = "devops/docker/hosts"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
FAR = {"name": "far", "api_endpoint": "https://docker.example.org:2376"}


@pytest.mark.docker
def test_the_operators_engine_is_connected_and_says_what_it_is(
    alice: ApiClient, settings: Settings
) -> None:
    settings.POWERNODE_DOCKER_HOST = engine_url()

    made = alice.post(HOSTS, {"name": "here", "api_endpoint": engine_url()}).ok(201)

    assert (made["status"], made["is_default"]) == ("connected", True)
    assert made["cpu_count"] >= 1
    answer = alice.post(f"{HOSTS}/{made['id']}/test_connection", {}).ok()
    assert answer["success"]
    assert answer["message"].startswith("Connected (Docker ")


@pytest.mark.parametrize(
    ("endpoint", "status", "code"),
    [
        ("unix:///var/run/docker.sock", 403, "operator-only"),
        ("unix:///proc/1/root/run/docker.sock", 403, "operator-only"),
        ("ssh://root@host", 400, "invalid"),
        ("https://127.0.0.1:2376", 400, "address-not-allowed"),
        ("https://169.254.169.254", 400, "address-not-allowed"),
        ("https://user:pass@docker.example.org", 400, "address-not-allowed"),
        ("https://docker.example.org:2376/v1.40", 400, "invalid"),
        ("http://93.184.216.34:2375", 400, "invalid"),
        ("", 400, "invalid"),
    ],
)
def test_an_address_that_the_account_may_not_give_is_refused(
    alice: ApiClient, endpoint: str, status: int, code: str
) -> None:
    problem = alice.post(HOSTS, {**FAR, "api_endpoint": endpoint}).problem(status)

    assert problem.code == code

    assert not DockerHost.objects.exists()


def test_a_host_that_does_not_answer_is_kept_and_says_why(
    alice: ApiClient, settings: Settings
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ["127.0.0.1:1"]

    made = alice.post(HOSTS, {"name": "dead", "api_endpoint": "http://127.0.0.1:1"}).ok(201)

    assert made["status"] == "error"
    assert "does not answer" in made["last_error"]
    assert not alice.post(f"{HOSTS}/{made['id']}/test_connection", {}).ok()["success"]


@pytest.fixture
def host(alice: ApiClient, settings: Settings) -> DockerHost:
    """A host with certificates whose Engine nobody asked."""
    settings.POWERNODE_EGRESS_ALLOW = ["127.0.0.1:1"]
    body = {"name": "dead", "api_endpoint": "https://127.0.0.1:1", "tls_ca": PEM, "tls_key": PEM}
    return DockerHost.objects.get(pk=alice.post(HOSTS, body).ok(201)["id"])


def test_certificates_go_in_and_never_out(alice: ApiClient, host: DockerHost) -> None:
    path = f"{HOSTS}/{host.pk}"

    assert alice.get(path).ok()["has_tls_credentials"]
    assert b"MIIB" not in alice.get(path).content + alice.get(HOSTS).content
    assert "MIIB" not in host.encrypted_tls_credentials
    assert dict(endpoint_of(host).tls) == {"ca_cert": PEM, "client_key": PEM}
    alice.patch(path, {"tls_ca": "", "tls_key": ""}).ok()
    assert not alice.get(path).ok()["has_tls_credentials"]
    alice.patch(path, {"tls_ca": "no pem"}).problem(400)
    assert "MIIB" not in str(list(AuditEvent.objects.values_list("detail", flat=True)))


def test_one_host_is_the_default_and_maintenance_takes_it_out(
    alice: ApiClient, host: DockerHost, settings: Settings
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ["127.0.0.1"]
    other = alice.post(HOSTS, {"name": "b", "api_endpoint": "http://127.0.0.1:2"}).ok(201)
    assert host_for(host.account_id).pk == host.pk

    alice.patch(f"{HOSTS}/{other['id']}", {"is_default": True}).ok()
    assert str(host_for(host.account_id).pk) == other["id"]
    alice.patch(f"{HOSTS}/{other['id']}", {"is_maintenance": True}).ok()
    assert host_for(host.account_id).pk == host.pk
    alice.patch(f"{HOSTS}/{host.pk}", {"is_maintenance": True}).ok()
    with pytest.raises(Conflict, match="maintenance"):
        host_for(host.account_id)
    assert [row["id"] for row in alice.get(f"{HOSTS}?status=maintenance").ok()["results"]] == [
        other["id"], str(host.pk),
    ]  # fmt: skip


def test_a_host_with_live_containers_is_not_forgotten(alice: ApiClient, host: DockerHost) -> None:
    instance = ContainerInstance.objects.create(
        account_id=host.account_id, docker_host=host, execution_id="e", image_name="i",
        owner="o", digest="d", memory_mb=1, cpu_millicores=1, pids_limit=1,
        owner_lease_until=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    path = f"{HOSTS}/{host.pk}"

    assert "1 container" in alice.delete(path).problem(409).detail
    alice.patch(path, {"api_endpoint": "https://127.0.0.1:1"}).ok()
    ContainerInstance.objects.filter(pk=instance.pk).update(status="failed")
    alice.delete(path).ok(204)
    assert not DockerHost.objects.exists()


def test_the_name_is_the_accounts_own(
    alice: ApiClient, charlie: ApiClient, host: DockerHost
) -> None:
    body = {"name": host.name, "api_endpoint": "https://127.0.0.1:1"}

    alice.post(HOSTS, body).problem(409)
    charlie.post(HOSTS, body).ok(201)
    assert len({*DockerHost.objects.values_list("slug", flat=True)}) == 2
