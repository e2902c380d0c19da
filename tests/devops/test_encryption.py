"""A stored secret opens only in its own row; a code holds only for its own purpose."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from devops.safety import encryption, mac

ROW = encryption.Binding("git_credential", "account-a", "1", "token")
KEY = b"k" * 32


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> Settings:
    settings.POWERNODE_ENCRYPTION_KEYS = {"new": b"n" * 32, "old": b"o" * 32}
    return settings


@pytest.mark.parametrize("plaintext", [b"", b"hunter2", bytes(range(256)) * 100])
def test_a_value_opens_in_its_own_row(plaintext: bytes) -> None:
    assert encryption.decrypt(encryption.encrypt(plaintext, binding=ROW), binding=ROW) == plaintext


@pytest.mark.parametrize("field", ["table", "account", "pk", "field"])
def test_a_value_does_not_open_elsewhere(field: str) -> None:
    envelope = encryption.encrypt(b"hunter2", binding=ROW)
    with pytest.raises(encryption.CannotDecrypt, match="wrong owner"):
        encryption.decrypt(envelope, binding=dataclasses.replace(ROW, **{field: "other"}))


def test_fields_of_a_binding_cannot_be_shifted() -> None:
    one = encryption.Binding("a", "b|c", "d", "e")
    other = encryption.Binding("a|b", "c", "d", "e")
    with pytest.raises(encryption.CannotDecrypt):
        encryption.decrypt(encryption.encrypt(b"x", binding=one), binding=other)


def test_the_same_value_never_looks_the_same() -> None:
    assert encryption.encrypt(b"x", binding=ROW) != encryption.encrypt(b"x", binding=ROW)


def test_the_first_key_writes_and_the_others_still_read(keys: Settings) -> None:
    keys.POWERNODE_ENCRYPTION_KEYS = {"old": b"o" * 32}
    envelope = encryption.encrypt(b"x", binding=ROW)
    keys.POWERNODE_ENCRYPTION_KEYS = {"new": b"n" * 32, "old": b"o" * 32}
    assert encryption.key_id_of(envelope) == "old"
    assert encryption.decrypt(envelope, binding=ROW) == b"x"
    assert encryption.key_id_of(encryption.encrypt(b"x", binding=ROW)) == "new"
    assert encryption.current_key_id() == "new"


def test_a_lost_key_is_named(keys: Settings) -> None:
    envelope = encryption.encrypt(b"x", binding=ROW)
    keys.POWERNODE_ENCRYPTION_KEYS = {"old": b"o" * 32}
    with pytest.raises(encryption.CannotDecrypt, match="'new', which is not configured"):
        encryption.decrypt(envelope, binding=ROW)


@pytest.mark.parametrize("text", ["", "plain", "v1:new", "v1:new:!!", "v2:new:AAAA", "v1:new:AAAA"])
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(encryption.CannotDecrypt):
        encryption.decrypt(text, binding=ROW)


def test_an_altered_value_is_refused() -> None:
    envelope = encryption.encrypt(b"hunter2hunter2", binding=ROW)
    altered = envelope[:-6] + ("A" if envelope[-6] != "A" else "B") + envelope[-5:]
    with pytest.raises(encryption.CannotDecrypt):
        encryption.decrypt(altered, binding=ROW)


def test_a_code_holds_for_its_purpose_and_fields_only() -> None:
    code = mac.sign("download", ["artifact1", "23"], key=KEY)
    assert mac.verify(code, "download", ["artifact1", "23"], key=KEY)
    assert not mac.verify(code, "download", ["artifact12", "3"], key=KEY)
    assert not mac.verify(code, "upload", ["artifact1", "23"], key=KEY)
    assert not mac.verify(code, "download", ["artifact1", "23"], key=b"other")
    assert not mac.verify("é", "download", ["artifact1", "23"], key=KEY)


@given(
    one=st.lists(st.text(max_size=4), max_size=4), other=st.lists(st.text(max_size=4), max_size=4)
)
def test_different_fields_have_different_codes(one: list[str], other: list[str]) -> None:
    same = mac.sign("p", one, key=KEY) == mac.sign("p", other, key=KEY)
    assert same == (one == other)
