import base64

import pytest
from pytest_django.fixtures import Settings

from containers.models import SecretReference
from containers.operations.secrets import binding_of, create_secret, rotate_secret
from devops import rotation
from devops.access import Actor, member_actor
from devops.safety.encryption import decrypt, key_id_of
from gitintegration.models import WebhookEndpoint
from gitintegration.public import configure_webhook, reveal_endpoint
from tests.client import ApiClient
from tests.factories.devops import RepositoryFactory

OLD, NEW, LATER = b"o" * 32, b"n" * 32, b"l" * 32
KEYS_OLD = {"old": OLD}
KEYS_BOTH = {"new": NEW, "old": OLD}
VALUE = "correct horse battery"


@pytest.fixture
def actor(alice: ApiClient, settings: Settings) -> Actor:
    """Alice, in an installation that has one key."""
    settings.POWERNODE_ENCRYPTION_KEYS = KEYS_OLD
    return member_actor(alice.membership)


def value_of(secret: SecretReference) -> str:
    secret.refresh_from_db()
    return decrypt(secret.encrypted_value, binding=binding_of(secret)).decode()


def test_every_encrypted_column_of_every_model_is_entered() -> None:
    from django.apps import apps  # noqa: PLC0415

    columns = {
        (model._meta.label, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name.startswith("encrypted_")
    }
    assert columns
    assert {(entry.model, entry.column) for entry in rotation.columns()} == columns


def test_values_are_brought_under_the_first_key_and_open_without_the_old_one(
    actor: Actor, settings: Settings
) -> None:
    secret = create_secret(actor, "DEPLOY", VALUE)
    endpoint = configure_webhook(actor, RepositoryFactory.create(account_id=actor.account_id))
    before = reveal_endpoint(actor, endpoint)

    settings.POWERNODE_ENCRYPTION_KEYS = KEYS_BOTH
    outcome = rotation.rotate_keys()
    assert (outcome.rotated, outcome.failed) == (3, [])
    assert rotation.count_by_key() == {"new": 3}

    settings.POWERNODE_ENCRYPTION_KEYS = {"new": NEW}
    assert value_of(secret) == VALUE
    assert reveal_endpoint(actor, WebhookEndpoint.objects.get()) == before


def test_a_second_rotation_has_nothing_to_do(actor: Actor, settings: Settings) -> None:
    secret = create_secret(actor, "DEPLOY", VALUE)
    settings.POWERNODE_ENCRYPTION_KEYS = KEYS_BOTH
    rotation.rotate_keys()
    secret.refresh_from_db()
    envelope = secret.encrypted_value
    assert rotation.rotate_keys().rotated == 0
    secret.refresh_from_db()
    assert secret.encrypted_value == envelope


def test_a_rotation_that_was_stopped_goes_on_where_it_was(actor: Actor, settings: Settings) -> None:
    for number in range(7):
        create_secret(actor, f"SECRET_{number}", VALUE)
    settings.POWERNODE_ENCRYPTION_KEYS = KEYS_BOTH

    class Interrupted(Exception):
        """Stands for the operator's Ctrl-C."""

    def stop_at_three(done: int) -> None:
        if done == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        rotation.rotate_keys(stop_at_three, batch=2)
    assert rotation.count_by_key() == {"new": 3, "old": 4}
    assert rotation.rotate_keys(batch=2).rotated == 4
    assert rotation.count_by_key() == {"new": 7}


def test_a_value_that_is_written_meanwhile_is_not_overwritten(
    actor: Actor, settings: Settings
) -> None:
    create_secret(actor, "FIRST", VALUE)
    second = create_secret(actor, "SECOND", VALUE)
    settings.POWERNODE_ENCRYPTION_KEYS = KEYS_BOTH

    # The rows of a batch are read before the first of them is written.
    def write_meanwhile(done: int) -> None:
        if done == 1:
            rotate_secret(actor, second, "a newer value")

    outcome = rotation.rotate_keys(write_meanwhile)
    assert (outcome.rotated, outcome.overtaken) == (1, 1)
    assert value_of(second) == "a newer value"
    assert key_id_of(second.encrypted_value) == "new"


def test_a_value_whose_key_is_gone_is_named_and_the_others_are_rotated(
    actor: Actor, settings: Settings
) -> None:
    lost = create_secret(actor, "LOST", VALUE)
    settings.POWERNODE_ENCRYPTION_KEYS = {"later": LATER}
    kept = create_secret(actor, "KEPT", VALUE)
    settings.POWERNODE_ENCRYPTION_KEYS = {"new": NEW, "later": LATER}

    outcome = rotation.rotate_keys()
    assert outcome.rotated == 1
    assert len(outcome.failed) == 1
    assert str(lost.pk) in outcome.failed[0]
    assert "'old'" in outcome.failed[0]
    assert VALUE not in outcome.failed[0]
    assert value_of(kept) == VALUE


def test_a_value_that_was_pasted_into_another_row_is_not_laundered(
    actor: Actor, settings: Settings
) -> None:
    source = create_secret(actor, "SOURCE", VALUE)
    thief = create_secret(actor, "THIEF", "something else")
    SecretReference.objects.filter(pk=thief.pk).update(encrypted_value=source.encrypted_value)
    settings.POWERNODE_ENCRYPTION_KEYS = KEYS_BOTH
    outcome = rotation.rotate_keys()
    assert outcome.rotated == 1
    assert [str(thief.pk) in line for line in outcome.failed] == [True]


def test_fresh_keys_are_of_the_length_that_encryption_wants() -> None:
    from powernode.cli.keys import fresh_key  # noqa: PLC0415

    assert len(base64.b64decode(fresh_key(), validate=True)) == 32
