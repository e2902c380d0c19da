"""The pages of Docker hosts: connecting, asking, maintenance, forgetting."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from containers.models import ContainerInstance, DockerHost
from pipelines.operations.attempts import owner_of
from tests.client import ApiClient
from tests.engine_image import engine_url
from tests.factories.containers import DockerHostFactory
from tests.factories.pipelines import StepExecutionFactory
from tests.pages.test_git_hosts import signed_in, text_of

pytestmark = pytest.mark.django_db
FORM = {"name": "dead", "api_endpoint": "https://127.0.0.1:1", "environment": "staging"}


def test_an_empty_list_says_what_to_do(alice: ApiClient, vera: ApiClient) -> None:
    assert "Connect an Engine over TLS" in text_of(signed_in(alice).get("/docker"))
    assert "Ask an admin" in text_of(signed_in(vera).get("/docker"))
    assert signed_in(vera).get("/docker/new").status_code == 403


@pytest.mark.docker
def test_the_operators_engine_is_connected_and_shown(alice: ApiClient, settings: Settings) -> None:
    settings.POWERNODE_DOCKER_HOST = engine_url()
    browser = signed_in(alice)

    answer = browser.post("/docker/new", {**FORM, "api_endpoint": engine_url()}, follow=True)

    page = text_of(answer)
    assert "Connected to dead: Docker " in page
    assert "No step runs here now" in page
    assert "Connected" in text_of(browser.get("/docker"))


@pytest.fixture
def dead(alice: ApiClient, settings: Settings) -> tuple[Client, str]:
    """A browser, and the page of a host that does not answer."""
    settings.POWERNODE_EGRESS_ALLOW = ["127.0.0.1:1"]
    browser = signed_in(alice)
    answer = browser.post("/docker/new", FORM)
    return browser, answer["Location"]


def test_a_host_that_does_not_answer_is_kept_and_says_why(dead: tuple[Client, str]) -> None:
    browser, address = dead

    page = text_of(browser.get(address))

    assert "does not answer" in page
    assert "It has never answered" in page
    assert browser.post(f"{address}/test")["Location"] == address


def test_a_refused_address_keeps_what_was_typed(alice: ApiClient) -> None:
    browser = signed_in(alice)
    form = {**FORM, "name": "kept name", "api_endpoint": "unix:///var/run/docker.sock"}

    answer = browser.post("/docker/new", form)

    assert answer.status_code == 403
    assert "kept name" in text_of(answer)
    assert "POWERNODE_DOCKER_HOST" in text_of(answer)
    assert not DockerHost.objects.exists()


def test_settings_change_and_certificates_stay_hidden(dead: tuple[Client, str]) -> None:
    browser, address = dead
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    browser.post(f"{address}/edit", {**FORM, "name": "renamed", "tls_ca": pem})

    page = text_of(browser.get(f"{address}/edit"))

    assert "Certificates are kept" in page
    assert "MIIB" not in page
    browser.post(f"{address}/edit", {**FORM, "name": "renamed"})
    assert DockerHost.objects.get().has_tls_credentials


def test_maintenance_and_forgetting(dead: tuple[Client, str]) -> None:
    browser, address = dead

    browser.post(f"{address}/maintenance", {"is_maintenance": "true"})
    assert "End maintenance" in text_of(browser.get(address))
    browser.post(f"{address}/maintenance", {"is_maintenance": "false"})
    assert DockerHost.objects.get().status != "maintenance"
    assert browser.post(f"{address}/delete")["Location"] == "/docker"
    assert not DockerHost.objects.exists()


def test_another_accounts_host_is_not_there(alice: ApiClient, charlie: ApiClient) -> None:
    host = DockerHostFactory.create(account=alice.account)
    browser = signed_in(charlie)

    for path in ("", "/edit"):
        assert browser.get(f"/docker/{host.pk}{path}").status_code == 404
    for path in ("/test", "/delete", "/maintenance", "/edit"):
        assert browser.post(f"/docker/{host.pk}{path}", FORM).status_code == 404


def test_the_runs_page_says_where_its_steps_ran(alice: ApiClient) -> None:
    host = DockerHostFactory.create(account=alice.account, name="builder")
    step = StepExecutionFactory.create(run__account=alice.account, step_name="Tests")
    ContainerInstance.objects.create(
        account=alice.account, docker_host=host, execution_id="e", image_name="python:3.12",
        owner=owner_of(step.pk), digest="d", memory_mb=1, cpu_millicores=1, pids_limit=1,
        owner_lease_until=timezone.now(), status="completed", attachments=1,
        services=[{"name": "db", "image": "postgres:16"}],
    )  # fmt: skip

    page = text_of(signed_in(alice).get(f"/runs/{step.run_id}?tab=trigger"))

    assert "Where it ran" in page
    assert "python:3.12" in page
    assert f'href="/docker/{host.pk}"' in page
    assert "beside db · taken over 1 time" in page
