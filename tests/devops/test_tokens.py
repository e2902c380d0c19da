from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from devops.models import ApiToken, AuditEvent
from tests.client import ApiClient
from tests.factories.devops import token_for

pytestmark = pytest.mark.django_db


def test_a_new_token_works_and_is_shown_once(alice: ApiClient) -> None:
    made = alice.post("account/tokens", {"name": "ci", "scopes": ["read"]}).ok(201)
    alice.token = made["token"]
    assert alice.get("devops/pipelines").ok()["results"] == []
    listed = alice.get("me").ok()
    assert listed["actor"]["kind"] == "token"
    row = ApiToken.objects.get(pk=made["id"])
    assert made["token"] not in (row.digest, row.prefix)
    assert made["token"].startswith(row.prefix)


def test_making_a_token_leaves_a_trace_without_its_text(alice: ApiClient) -> None:
    made = alice.post("account/tokens", {"name": "ci", "scopes": ["read"]}).ok(201)
    event = AuditEvent.objects.get(action="account.token.create")
    assert event.target_id == made["id"]
    assert made["token"] not in str(event.detail) + event.target_label


@pytest.mark.parametrize("scope", ["devops.everything", "", "admin", "devops.pipelines.*"])
def test_a_scope_that_does_not_exist_is_refused_by_name(alice: ApiClient, scope: str) -> None:
    problem = alice.post("account/tokens", {"name": "x", "scopes": ["read", scope]}).problem(400)
    assert problem.pointers == ["/scopes/1"]


def test_a_token_never_goes_beyond_its_maker(bob: ApiClient) -> None:
    body = {"name": "x", "scopes": ["account.members.manage"]}
    assert bob.post("account/tokens", body).problem(400).errors[0]["code"] == "invalid-scope"


def test_a_narrow_token_cannot_make_a_wide_one(alice: ApiClient) -> None:
    alice.token = token_for(alice.membership, "account.tokens.manage")
    alice.post("account/tokens", {"name": "x", "scopes": ["*"]}).problem(400)
    alice.post("account/tokens", {"name": "x", "scopes": ["read"]}).problem(400)
    alice.post("account/tokens", {"name": "x", "scopes": ["account.tokens.manage"]}).ok(201)


def test_a_token_loses_what_its_owner_loses(alice: ApiClient, bob: ApiClient) -> None:
    body = {"name": "Built", "steps": []}
    bob.post("devops/pipelines", body).ok(201)
    alice.patch(f"account/members/{bob.membership.pk}", {"role": "viewer"}).ok()
    bob.post("devops/pipelines", {**body, "name": "Again"}).problem(403)


def test_a_scope_limits_an_owner(alice: ApiClient) -> None:
    alice.token = token_for(alice.membership, "devops.pipelines.read")
    alice.get("devops/pipelines").ok()
    problem = alice.get("devops/pipeline_runs").problem(403)
    assert "devops.pipeline_runs.read" in problem.detail


def test_a_revoked_token_is_refused(alice: ApiClient) -> None:
    made = alice.post("account/tokens", {"name": "ci", "scopes": ["*"]}).ok(201)
    assert alice.delete(f"account/tokens/{made['id']}").status == 204
    alice.token = made["token"]
    answer = alice.get("me")
    assert answer.problem(401).code == "not-authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_refused(alice: ApiClient) -> None:
    moment = timezone.now() + timedelta(hours=1)
    made = alice.post(
        "account/tokens", {"name": "ci", "scopes": ["*"], "expires_at": moment.isoformat()}
    ).ok(201)
    alice.token = made["token"]
    alice.get("me").ok()
    with time_machine.travel(moment + timedelta(seconds=1), tick=False):
        alice.get("me").problem(401)


def test_a_token_cannot_expire_in_the_past(alice: ApiClient) -> None:
    body = {"name": "ci", "scopes": ["*"], "expires_at": "2001-01-01T00:00:00Z"}
    assert alice.post("account/tokens", body).problem(400).pointers == ["/expires_at"]


def test_last_use_is_written_at_most_once_a_minute(alice: ApiClient) -> None:
    row = ApiToken.objects.get(user=alice.user)
    seen = []
    start = timezone.now()
    for seconds in (0, 30, 61):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            alice.get("me").ok()
            row.refresh_from_db()
            assert row.last_used_at is not None
            seen.append(row.last_used_at)
    assert seen[0] == seen[1]
    assert seen[2] > seen[1]


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer pn_nothing", "Bearer \x7f", "Basic YTpi", "bearer  "]
)
def test_a_header_without_a_live_token_is_401(alice: ApiClient, value: str) -> None:
    alice.token = ""
    alice.get("me", authorization=value).problem(401)


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "TOKEN"])
def test_a_token_in_the_address_is_refused_even_when_it_is_good(
    alice: ApiClient, name: str
) -> None:
    problem = alice.get("me", {name: alice.token}).problem(400)
    assert problem.code == "token-in-query"
    assert alice.token not in str(problem.document)


def test_developers_see_only_their_own_tokens(alice: ApiClient, bob: ApiClient) -> None:
    owners = {row["user"]["email"] for row in bob.get("account/tokens").ok()["results"]}
    assert owners == {"bob@example.com"}
    owners = {row["user"]["email"] for row in alice.get("account/tokens").ok()["results"]}
    assert owners == {"alice@example.com", "bob@example.com"}


def test_a_session_needs_its_csrf_token(alice: ApiClient) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice.user)
    assert browser.get("/api/v1/me").status_code == 200
    refused = browser.patch("/api/v1/me", {"name": "A"}, content_type="application/json")
    assert refused.status_code == 403
    assert refused.json()["code"] == "csrf-failed"


def test_a_session_acts_in_the_account_that_the_header_names(
    alice: ApiClient, charlie: ApiClient
) -> None:
    browser = Client()
    browser.force_login(alice.user)
    own = {"X-Powernode-Account": str(alice.account.pk)}
    assert browser.get("/api/v1/account", headers=own).json()["name"] == "Alice"
    for foreign in (str(charlie.account.pk), "nonsense"):
        answer = browser.get("/api/v1/account", headers={"X-Powernode-Account": foreign})
        assert answer.status_code == 404
