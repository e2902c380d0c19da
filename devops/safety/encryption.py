"""Encryption of values at rest, bound to the row and field they belong to.

Envelope: ``v1:<key id>:<base64 of nonce and ciphertext>``, AES-256-GCM. The row's identity is
authenticated with the value, so a ciphertext that is pasted into another row does not open.
"""

import base64
import binascii
import dataclasses
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from devops.errors import Conflict

_VERSION = "v1"
_NONCE_BYTES = 12


class CannotDecrypt(Conflict):
    """The value belongs to another row, was altered, or its key is gone."""

    code = "cannot-decrypt"
    title = "The stored secret cannot be decrypted"


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """The one place where a ciphertext is valid; ``account`` is empty for what has none."""

    table: str
    account: str
    pk: str
    field: str

    def data(self) -> bytes:
        """Return the unambiguous bytes that are authenticated with the value."""
        return json.dumps([self.table, self.account, self.pk, self.field]).encode()


def encrypt(plaintext: bytes, *, binding: Binding) -> str:
    """Return the envelope of ``plaintext`` under the current key."""
    key_id, key = next(iter(_keys().items()))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plaintext, binding.data())
    return f"{_VERSION}:{key_id}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(envelope: str, *, binding: Binding) -> bytes:
    """Return what was encrypted for exactly this binding.

    Raises:
        CannotDecrypt: wrong owner, altered value, unknown key or no envelope at all.
    """
    key_id, sealed = _opened(envelope)
    key = _keys().get(key_id)
    if key is None:
        raise CannotDecrypt(
            f"The value of {binding.table}.{binding.field} was encrypted with the key {key_id!r}, "
            "which is not configured.",
            remedy="Add the key to POWERNODE_ENCRYPTION_KEYS again, or enter the secret anew.",
        )
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], binding.data())
    except InvalidTag as error:
        raise CannotDecrypt(
            f"The value of {binding.table}.{binding.field} cannot be decrypted (wrong owner).",
            remedy="Enter the secret anew.",
        ) from error


def key_id_of(envelope: str) -> str:
    """Return which key an envelope needs.

    Raises:
        CannotDecrypt: it is no envelope.
    """
    return _opened(envelope)[0]


def current_key_id() -> str:
    """Return the key that new values are encrypted with."""
    return next(iter(_keys()))


def _keys() -> Mapping[str, bytes]:
    keys: Mapping[str, bytes] = settings.POWERNODE_ENCRYPTION_KEYS
    return keys


def _opened(envelope: str) -> tuple[str, bytes]:
    version, _, rest = envelope.partition(":")
    key_id, _, text = rest.partition(":")
    try:
        sealed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        sealed = b""
    if version != _VERSION or len(sealed) <= _NONCE_BYTES:
        raise CannotDecrypt("The stored value is not an encrypted one.", remedy="Enter it anew.")
    return key_id, sealed
