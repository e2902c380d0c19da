"""What only GitHub has: apps, Enterprise's addresses, its published description."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.errors import Invalid
from gitintegration.clients import shapes as s
from gitintegration.clients.errors import (
    AuthenticationFailed,
    HostUnavailable,
    NotFoundOnHost,
    NotSupported,
)
from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.web import Request, answer
from gitintegration.clients.github import app_auth
from gitintegration.clients.github.client import GithubClient
from gitintegration.clients.github.connection import Connection
from gitintegration.clients.github.fake import routes_apps
from gitintegration.clients.github.fake.contract import Contract
from gitintegration.clients.host import every
from tests.gitintegration.hosts.github_rig import RIG, description
from tests.gitintegration.hosts.rig import World, world_of


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    with world_of(RIG, tmp_path) as made:
        yield made
    assert made.host.violations == []


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def installed(world: World, key: rsa.RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    app = routes_apps.add_app(world.state, "77", public.decode())
    return str(routes_apps.install(world.state, app, "acme"))


def test_an_apps_installation_gets_a_token_for_an_hour(
    world: World, key: rsa.RSAPrivateKey
) -> None:
    number = installed(world, key)
    token = app_auth.installation_token(world.client.access, "77", pem(key), number)
    assert token.expires_at is not None
    assert timedelta(minutes=55) < token.expires_at - timezone.now() <= timedelta(hours=1)
    assert token.token not in repr(token)
    access = app_auth.installation_access(world.client.access, token)
    client = GithubClient(access)
    made = client.create_check_run(world.name, s.CheckRun("build", world.head, "queued"))
    assert made.name == "build"
    (found,) = client.list_repositories().items
    assert found.full_name == world.name
    assert (client.current_user().username, client.current_user().name) == ("GitHub App", "acme")


def test_another_apps_key_is_refused(world: World, key: rsa.RSAPrivateKey) -> None:
    number = installed(world, key)
    other = rsa.generate_private_key(65537, 2048)
    with pytest.raises(AuthenticationFailed):
        app_auth.installation_token(world.client.access, "77", pem(other), number)
    with pytest.raises(NotFoundOnHost):
        app_auth.installation_token(world.client.access, "77", pem(key), "1")


def test_an_apps_statement_ends_within_ten_minutes(world: World, key: rsa.RSAPrivateKey) -> None:
    number = installed(world, key)
    early = timezone.now() - timedelta(minutes=20)
    stale = app_auth.app_token("77", pem(key), now=early)
    headers = {"authorization": f"Bearer {stale}"}
    request = Request("POST", "", {}, headers, b"", parameters={"installation": number})
    with pytest.raises(Exception, match="expired"):
        routes_apps._app(world.state, request)


@pytest.mark.parametrize(
    "text", ["", "secret", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_rsa_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        app_auth.app_token("77", text)
    assert "secret" not in str(caught.value)


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(Invalid):
        app_auth.app_token("77", pem(ec.generate_private_key(ec.SECP256R1())))


def test_the_api_address_alone_decides_between_github_and_enterprise(world: World) -> None:
    access = dataclasses.replace(world.client.access, api_url=world.host.url)
    client = GithubClient(access)
    found = [
        branch.name for branch in every(lambda page: client.list_branches(world.name, page, 1))
    ]
    assert found == ["feature", "main"]
    assert not world.host.requests[-1].path.startswith("/api/")


def test_an_oauth_token_is_sent_as_a_bearer(world: World) -> None:
    access = dataclasses.replace(world.client.access, scheme="bearer")
    assert GithubClient(access).current_user().username == "ada"


def test_the_tokens_scopes_are_told(world: World) -> None:
    assert world.client.current_user().scopes == ("repo", "workflow")


def test_a_renamed_repository_is_still_read_under_its_old_name(world: World) -> None:
    world.state.rename(world.widgets, "acme/things")
    assert world.client.get_repository("acme/widgets").full_name == "acme/things"
    with pytest.raises(HostUnavailable):
        world.client.create_status("acme/widgets", world.head, s.CommitStatus("c", "success"))


def test_an_old_enterprise_server_tells_no_run_id_and_it_is_found(world: World) -> None:
    world.state.extra["is_old_enterprise"] = True
    world.state.ci.add_workflow(world.widgets, ".github/workflows/ci.yml", "CI")
    for _ in range(2):
        begun = world.client.trigger_workflow(world.name, "ci.yml", "main", {})
        assert begun == str(max(world.widgets.runs))


def test_a_file_of_more_than_a_megabyte_is_read_raw(world: World) -> None:
    world.state.push_file(world.widgets, "main", "big.txt", "x" * (1024 * 1024 + 5))
    found = world.client.get_contents(world.name, "big.txt", "main")
    assert isinstance(found, s.FileContent)
    assert found.content is not None
    assert len(found.content) == found.size == 1024 * 1024 + 5


def test_the_store_of_the_logs_never_sees_the_token(world: World) -> None:
    run = world.state.ci.start_run(world.widgets)
    world.state.ci.advance_run(world.widgets, run)
    world.state.ci.append_log(run.jobs[0], "hello\n")
    # The fake's store answers 400 to any Authorization header, as the real one does.
    assert world.client.get_job_log(world.name, str(run.id), str(run.jobs[0].id)) == b"hello\n"
    assert world.host.requests[-1].path.startswith("/_logs/")


def test_a_next_page_on_another_host_is_not_followed(world: World) -> None:
    headers = {"Link": '<https://elsewhere.example.com/x?page=2>; rel="next"'}
    world.state.faults.add("status", times=-1, code=200, body=b"[]", headers=headers)
    with pytest.raises(HostUnavailable, match="elsewhere"):
        world.client.list_branches(world.name)


def test_a_page_says_nothing_but_where_in_the_list_it_is(world: World) -> None:
    world.client.list_branches(world.name, "page=1&protected=true&per_page=1")
    assert world.host.requests[-1].query == {"per_page": ("100",), "page": ("1",)}


def test_deliveries_are_paged_by_cursor(world: World) -> None:
    hook = world.client.create_webhook(world.name, "http://127.0.0.1:9/in", "s" * 32)
    for number in range(4):
        world.state.push_file(world.widgets, "main", "a.txt", str(number))
    world.state.settle()
    found = list(
        every(lambda page: world.client.list_hook_deliveries(world.name, hook.id, page, 2))
    )
    assert len(found) == len({item.id for item in found}) == 5


def test_topics_are_set_and_unknown_members_refused(world: World) -> None:
    found = world.client.update_repository(world.name, {"topics": ["ci"], "is_archived": True})
    assert (found.topics, found.is_archived) == (("ci",), True)
    with pytest.raises(NotSupported, match="stars_count"):
        world.client.update_repository(world.name, {"stars_count": 5})


def test_a_new_repository_has_the_default_branch_that_was_asked_for(world: World) -> None:
    new = s.NewRepository("trunked", default_branch="trunk")
    made = world.client.create_repository(new)
    assert (made.full_name, made.default_branch) == ("ada/trunked", "trunk")


def test_a_host_that_is_always_still_working_is_given_up(world: World) -> None:
    world.state.faults.add("status", times=-1, code=202, body=b"{}")
    with pytest.raises(HostUnavailable, match="still working"):
        world.client.get_repository(world.name)


def test_the_description_finds_what_is_not_allowed() -> None:
    contract = Contract(description())

    def wrong(method: str, path: str, body: bytes = b"", **query: str) -> list[str]:
        given = {name: (value,) for name, value in query.items()}
        return contract.violations(Request(method, path, given, {}, body))

    assert wrong("GET", "/user") == []
    assert "no such operation" in wrong("GET", "/users-of-mars/1")[0]
    assert "not known" in wrong("GET", "/repos/a/b/branches", size="5")[0]
    assert "no number" in wrong("GET", "/repos/a/b/branches", page="x")[0]
    assert "none of" in wrong("GET", "/repos/a/b/pulls", state="merged")[0]
    statuses = "/repos/a/b/statuses/" + "0" * 40
    assert wrong("POST", statuses, b'{"state": "success"}') == []
    assert "running" in wrong("POST", statuses, b'{"state": "running"}')[0]
    assert "required" in wrong("POST", statuses, b"{}")[0]
    assert "not known" in wrong("POST", statuses, b'{"state": "success", "colour": "red"}')[0]
    assert wrong("DELETE", "/repos/a/b", b"{}") != []


def test_the_description_finds_a_fakes_mistake() -> None:
    contract = Contract(description())
    request = Request("GET", "/repos/a/b/pulls", {}, {}, b"")
    assert contract.mistakes(request, answer([{"number": 1, "state": "open"}])) == []
    assert "number" in contract.mistakes(request, answer([{"number": "1"}]))[0]
    assert "draft" in contract.mistakes(request, answer([{"draft": 1}]))[0]
    assert "no such answer" in contract.mistakes(request, answer([], 201))[0]


def test_nothing_is_asked_of_a_host_when_a_client_is_made(world: World) -> None:
    before = len(world.host.requests)
    Connection(world.client.access).close()
    assert len(world.host.requests) == before
