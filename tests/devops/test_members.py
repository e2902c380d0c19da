import pytest

from devops.models import AuditEvent, Membership
from tests.client import ApiClient
from tests.factories.devops import UserFactory, client_for

pytestmark = pytest.mark.django_db


def test_somebody_with_a_login_joins_by_address(alice: ApiClient) -> None:
    UserFactory.create(email="dora@example.com")
    member = alice.post("account/members", {"email": "Dora@Example.com", "role": "admin"}).ok(201)
    assert member["user"]["email"] == "dora@example.com"
    assert member["role"] == "admin"
    assert AuditEvent.objects.filter(action="account.member.add").count() == 1


def test_an_address_without_a_login_is_to_be_invited(alice: ApiClient) -> None:
    body = {"email": "nobody@example.com", "role": "viewer"}
    problem = alice.post("account/members", body).problem(400)
    assert problem.pointers == ["/email"]
    assert "Invite" in problem.remedy


def test_a_member_cannot_join_twice(alice: ApiClient, bob: ApiClient) -> None:
    body = {"email": bob.user.email, "role": "viewer"}
    alice.post("account/members", body).problem(409)


def test_developers_do_not_manage_members(bob: ApiClient) -> None:
    body = {"email": "x@example.com", "role": "viewer"}
    problem = bob.post("account/members", body).problem(403)
    assert "account.members.manage" in problem.detail
    assert AuditEvent.objects.get(outcome="refused").actor_id == str(bob.user.tokens.get().pk)


def test_the_last_owner_cannot_be_demoted_or_removed(alice: ApiClient) -> None:
    own = f"account/members/{alice.membership.pk}"
    assert alice.patch(own, {"role": "admin"}).problem(409).code == "last-owner"
    assert alice.delete(own).problem(409).code == "last-owner"
    assert Membership.objects.get(pk=alice.membership.pk).role == "owner"


def test_one_of_two_owners_may_go(alice: ApiClient) -> None:
    other = client_for("olga", role="owner", account=alice.account)
    assert alice.delete(f"account/members/{other.membership.pk}").status == 204
    assert not Membership.objects.filter(pk=other.membership.pk).exists()


def test_admins_neither_make_nor_touch_owners(alice: ApiClient, bob: ApiClient) -> None:
    admin = client_for("adam", role="admin", account=alice.account)
    admin.patch(f"account/members/{bob.membership.pk}", {"role": "owner"}).problem(403)
    admin.patch(f"account/members/{alice.membership.pk}", {"role": "viewer"}).problem(403)
    admin.delete(f"account/members/{alice.membership.pk}").problem(403)
    admin.patch(f"account/members/{bob.membership.pk}", {"role": "viewer"}).ok()


def test_a_removed_member_is_out_at_once(alice: ApiClient, bob: ApiClient) -> None:
    bob.get("devops/pipelines").ok()
    assert alice.delete(f"account/members/{bob.membership.pk}").status == 204
    bob.get("devops/pipelines").problem(401)


@pytest.mark.parametrize("role", ["king", "", None, 7, ["owner"]])
def test_only_the_four_roles_exist(alice: ApiClient, bob: ApiClient, role: object) -> None:
    problem = alice.patch(f"account/members/{bob.membership.pk}", {"role": role}).problem(400)
    assert problem.pointers == ["/role"]


def test_me_shows_permissions_and_changes_only_by_the_person(alice: ApiClient) -> None:
    me = alice.get("me").ok()
    assert me["actor"]["role"] == "owner"
    assert "account.delete" in me["actor"]["permissions"]
    problem = alice.patch("me", {"name": "Alicia"}).problem(403)
    assert "person" in problem.detail


def test_an_account_is_renamed_by_whoever_may(alice: ApiClient, bob: ApiClient) -> None:
    assert alice.patch("account", {"name": "Better"}).ok()["name"] == "Better"
    bob.patch("account", {"name": "Worse"}).problem(403)
    assert bob.get("account").ok()["name"] == "Better"


@pytest.mark.parametrize("field", ["slug", "is_active", "stream_seq", "id"])
def test_what_may_only_be_read_is_an_unknown_field(alice: ApiClient, field: str) -> None:
    problem = alice.patch("account", {field: "x"}).problem(400)
    assert problem.detail == f"Unknown field: {field}"
