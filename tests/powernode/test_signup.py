"""Whoever signs up has somewhere to work."""

import pytest
from django.test import Client
from pytest_django import Settings

from devops.models import Account, Membership, User

pytestmark = pytest.mark.django_db
FORM = {"email": "new@example.com", "password1": "a-long-word-42", "password2": "a-long-word-42"}


def test_an_open_installation_gives_each_person_an_account(settings: Settings) -> None:
    settings.POWERNODE_SIGNUP = "open"

    answer = Client().post("/accounts/signup/", FORM)

    membership = Membership.objects.get(user=User.objects.get(email="new@example.com"))
    assert answer.status_code == 302
    assert (membership.role, membership.account.name) == ("owner", "new")


def test_a_closed_installation_takes_nobody_without_an_invitation() -> None:
    answer = Client().post("/accounts/signup/", FORM)

    assert answer.status_code == 200
    assert not User.objects.filter(email="new@example.com").exists()
    assert not Account.objects.exists()
