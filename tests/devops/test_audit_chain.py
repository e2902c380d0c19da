"""The audit chain shows every kind of tampering."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from devops import audit, audit_chain
from devops.access import system_actor
from devops.models import Account, AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(settings: Settings, tmp_path: object) -> Account:
    settings.POWERNODE_VAR = tmp_path
    account = Account.objects.create(name="Chain", slug="chain")
    actor = system_actor(account.pk)
    for number in range(6):
        audit.record(actor, "test.act", account, detail={"number": number})
    assert audit_chain.chain_pending() == 6
    audit_chain.anchor_heads()
    return account


def edit(events: list[AuditEvent]) -> None:
    AuditEvent.objects.filter(pk=events[2].pk).update(actor_label="somebody else")


def delete(events: list[AuditEvent]) -> None:
    events[2].delete()


def reorder(events: list[AuditEvent]) -> None:
    AuditEvent.objects.filter(pk=events[1].pk).update(chain_seq=100)
    AuditEvent.objects.filter(pk=events[2].pk).update(chain_seq=2)
    AuditEvent.objects.filter(pk=events[1].pk).update(chain_seq=3)


def truncate(events: list[AuditEvent]) -> None:
    AuditEvent.objects.filter(pk__in=[events[4].pk, events[5].pk]).delete()


def insert_again(events: list[AuditEvent]) -> None:
    events[2].delete()
    forged = AuditEvent.objects.create(
        account_id=events[2].account_id, actor_kind="system", actor_label="x", action="test.act",
        target_type="account", chain_seq=3, chain_hash=events[2].chain_hash,
    )  # fmt: skip
    assert forged.pk != events[2].pk


def test_an_untouched_chain_is_whole(account: Account) -> None:
    assert audit_chain.verify_account(account) is None


@pytest.mark.parametrize(
    ("tamper", "sequence"),
    [(edit, 3), (delete, 3), (reorder, 2), (truncate, 5), (insert_again, 3)],
)
def test_tampering_is_found_at_its_place(
    account: Account, tamper: Callable[[list[AuditEvent]], None], sequence: int
) -> None:
    tamper(list(AuditEvent.objects.filter(account=account).order_by("chain_seq")))

    finding = audit_chain.verify_account(account)

    assert finding is not None
    assert finding.sequence == sequence


def test_events_that_come_later_go_on_with_the_chain(account: Account) -> None:
    audit.record(system_actor(account.pk), "test.later", account)

    audit_chain.chain_pending()

    assert audit_chain.head_of(account.pk)[0] == 7
    assert audit_chain.verify_account(account) is None
