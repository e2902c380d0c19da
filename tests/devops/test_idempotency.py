from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from devops.models import ApiToken, IdempotencyKey
from pipelines.models import Pipeline
from tests.client import ApiClient
from tests.factories.devops import RepositoryFactory, client_for

pytestmark = pytest.mark.django_db

BODY = {"name": "Built", "steps": []}
PATH = "devops/pipelines"


def test_a_repeated_post_takes_effect_once_and_gets_the_first_answer(alice: ApiClient) -> None:
    first = alice.post(PATH, BODY, idempotency_key="k1")
    again = alice.post(PATH, BODY, idempotency_key="k1")
    assert again.ok(201) == first.ok(201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert Pipeline.objects.count() == 1


def test_without_a_key_each_post_takes_effect(alice: ApiClient) -> None:
    alice.post(PATH, BODY).ok(201)
    alice.post(PATH, BODY).ok(201)
    assert Pipeline.objects.count() == 2


def test_another_body_under_the_same_key_is_refused(alice: ApiClient) -> None:
    alice.post(PATH, BODY, idempotency_key="k1").ok(201)
    problem = alice.post(PATH, {**BODY, "name": "Other"}, idempotency_key="k1").problem(422)
    assert problem.code == "idempotency-key-reused"
    assert Pipeline.objects.count() == 1


def test_another_address_under_the_same_key_is_refused(alice: ApiClient) -> None:
    alice.post(PATH, BODY, idempotency_key="k1").ok(201)
    alice.post("devops/providers", BODY, idempotency_key="k1").problem(422)


def test_nobody_fetches_the_answer_of_another_person(alice: ApiClient, bob: ApiClient) -> None:
    body = {"name": "ci", "scopes": ["read"]}
    alice.post("account/tokens", body, idempotency_key="k1").ok(201)
    bob.post("account/tokens", body, idempotency_key="k1").problem(422)


def test_keys_of_two_accounts_do_not_meet(alice: ApiClient, charlie: ApiClient) -> None:
    alice.post(PATH, BODY, idempotency_key="k1").ok(201)
    charlie.post(PATH, BODY, idempotency_key="k1").ok(201)


def test_a_refused_request_may_be_mended_under_its_key(alice: ApiClient) -> None:
    alice.post(PATH, {"nonsense": 1}, idempotency_key="k1").problem(400)
    alice.post(PATH, BODY, idempotency_key="k1").ok(201)


def test_a_request_that_is_still_worked_on_is_409(alice: ApiClient) -> None:
    alice.post(PATH, BODY, idempotency_key="k1").ok(201)
    IdempotencyKey.objects.update(status_code=None, body=None)
    problem = alice.post(PATH, BODY, idempotency_key="k1").problem(409)
    assert problem.code == "idempotency-in-progress"


def test_after_the_death_of_its_process_nobody_knows(alice: ApiClient) -> None:
    alice.post(PATH, BODY, idempotency_key="k1").ok(201)
    long_ago = timezone.now() - timedelta(minutes=2)
    IdempotencyKey.objects.update(status_code=None, body=None, created_at=long_ago)
    problem = alice.post(PATH, BODY, idempotency_key="k1").problem(409)
    assert problem.code == "idempotency-outcome-unknown"
    assert Pipeline.objects.count() == 1


def test_a_key_is_free_again_after_a_day(alice: ApiClient) -> None:
    alice.post(PATH, BODY, idempotency_key="k1").ok(201)
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1), tick=False):
        alice.post(PATH, BODY, idempotency_key="k1").ok(201)
    assert Pipeline.objects.count() == 2


def test_a_kept_answer_holds_no_secret_in_clear(alice: ApiClient) -> None:
    body = {"name": "ci", "scopes": ["read"]}
    first = alice.post("account/tokens", body, idempotency_key="k1").ok(201)
    kept = IdempotencyKey.objects.get()
    assert first["token"] not in str(kept.body)
    again = alice.post("account/tokens", body, idempotency_key="k1").ok(201)
    assert again["token"] == first["token"]
    assert ApiToken.objects.filter(name="ci").count() == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "ümlaut", "tab\there"])
def test_a_key_is_a_short_printable_text(alice: ApiClient, key: str) -> None:
    alice.post(PATH, BODY, idempotency_key=key).problem(400)
    assert not IdempotencyKey.objects.exists()


def test_every_post_can_be_repeated(alice: ApiClient) -> None:
    repository = RepositoryFactory.create(account=alice.account)
    path = f"devops/repositories/{repository.pk}/configure_webhook"
    first = alice.post(path, {}, idempotency_key="k1").ok(201)
    assert alice.post(path, {}, idempotency_key="k1").ok(201) == first
    alice.post(path, {}, idempotency_key="k2").problem(409)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_takes_effect() -> None:
    client = client_for("alice", role="owner")

    def send(_number: int) -> int:
        try:
            return client.post(PATH, BODY, idempotency_key="k1").status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(send, range(6)))
    assert Pipeline.objects.count() == 1
    assert 201 in statuses
    assert set(statuses) <= {201, 409}
