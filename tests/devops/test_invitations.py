from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from devops.errors import Conflict, DomainError, NotFound
from devops.models import Invitation, Membership
from devops.operations.invitations import accept_invitation
from tests.client import ApiClient
from tests.factories.devops import UserFactory, client_for

pytestmark = pytest.mark.django_db


def invite(client: ApiClient, email: str = "dora@example.com", role: str = "developer") -> str:
    sent = client.post("account/invitations", {"email": email, "role": role}).ok(201)
    url: str = sent["accept_url"]
    return url.rpartition("/")[2]


def test_an_invitation_is_mailed_with_the_address_that_redeems_it(alice: ApiClient) -> None:
    token = invite(alice)
    (message,) = mail.outbox
    assert message.to == ["dora@example.com"]
    assert token in message.body
    assert token not in str(alice.get("account/invitations").ok())
    assert not Invitation.objects.filter(token_digest=token).exists()


def test_whoever_accepts_becomes_a_member_with_the_role(alice: ApiClient) -> None:
    dora = UserFactory.create(email="dora@example.com")
    membership = accept_invitation(dora, invite(alice))
    assert membership.account_id == alice.account.pk
    assert membership.role == "developer"
    assert alice.get("account/invitations").ok()["results"] == []


def test_an_invitation_works_once(alice: ApiClient) -> None:
    token = invite(alice)
    accept_invitation(UserFactory.create(), token)
    with pytest.raises(DomainError) as refused:
        accept_invitation(UserFactory.create(), token)
    assert refused.value.code == "invitation-spent"
    assert Membership.objects.filter(account=alice.account).count() == 2


def test_an_invitation_is_void_after_a_week(alice: ApiClient) -> None:
    token = invite(alice)
    with (
        time_machine.travel(timezone.now() + timedelta(days=7, seconds=1), tick=False),
        pytest.raises(DomainError) as refused,
    ):
        accept_invitation(UserFactory.create(), token)
    assert refused.value.status == 410


def test_a_second_invitation_replaces_the_first(alice: ApiClient) -> None:
    first = invite(alice)
    second = invite(alice, email="DORA@example.com")
    with pytest.raises(NotFound):
        accept_invitation(UserFactory.create(), first)
    assert accept_invitation(UserFactory.create(), second).role == "developer"


def test_a_revoked_invitation_is_unknown(alice: ApiClient) -> None:
    token = invite(alice)
    key = alice.get("account/invitations").ok()["results"][0]["id"]
    assert alice.delete(f"account/invitations/{key}").status == 204
    with pytest.raises(NotFound):
        accept_invitation(UserFactory.create(), token)


def test_a_member_is_not_invited(alice: ApiClient, bob: ApiClient) -> None:
    body = {"email": bob.user.email, "role": "viewer"}
    alice.post("account/invitations", body).problem(409)


def test_a_member_cannot_accept(alice: ApiClient, bob: ApiClient) -> None:
    token = invite(alice)
    with pytest.raises(Conflict):
        accept_invitation(bob.user, token)


def test_only_owners_invite_owners(alice: ApiClient, bob: ApiClient) -> None:
    admin = client_for("adam", role="admin", account=alice.account)
    body = {"email": "dora@example.com", "role": "owner"}
    admin.post("account/invitations", body).problem(403)
    bob.post("account/invitations", {**body, "role": "viewer"}).problem(403)
    assert mail.outbox == []


@pytest.mark.parametrize("email", ["", "dora", "a@b\r\nBcc: c@d.example", "x" * 300 + "@b.example"])
def test_what_is_no_address_is_refused(alice: ApiClient, email: str) -> None:
    body = {"email": email, "role": "viewer"}
    assert alice.post("account/invitations", body).problem(400).pointers == ["/email"]
