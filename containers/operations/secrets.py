"""Secrets are written, rotated and taken away; their values go in and never out."""

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from containers.choices import SecretBackend, SecretType
from containers.models import SecretReference
from devops import audit
from devops.access import Actor
from devops.errors import Conflict, Invalid
from devops.safety.encryption import Binding, encrypt

WRITE = "devops.secret_references.write"
# A shorter value could not be masked without masking ordinary words.
VALUE_MIN = 8
VALUE_MAX_BYTES = 64 * 1024


@transaction.atomic(durable=True)
def create_secret(
    actor: Actor,
    name: str,
    value: str,
    *,
    description: str = "",
    secret_type: str = SecretType.PIPELINE,
) -> SecretReference:
    """Keep a value under a name.

    Raises:
        Invalid: the value is too short to be masked, or too long.
        Conflict: the name is taken.
    """
    actor.require(WRITE)
    _check_value(value)
    secret = SecretReference(
        account_id=actor.account_id,
        name=name,
        description=description,
        secret_type=secret_type,
        backend=SecretBackend.BUILTIN,
        created_by_id=actor.user_id,
    )
    secret.encrypted_value = encrypt(value.encode(), binding=binding_of(secret))
    try:
        with transaction.atomic():
            secret.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            f"A secret {name!r} exists already.", remedy="Rotate it, or choose another name."
        ) from error
    audit.record(actor, "devops.secret_reference.create", secret)
    return secret


@transaction.atomic(durable=True)
def update_secret(actor: Actor, secret: SecretReference, *, description: str) -> SecretReference:
    """Change what is said about a secret."""
    actor.require(WRITE)
    SecretReference.objects.filter(pk=secret.pk).update(description=description)
    audit.record(actor, "devops.secret_reference.update", secret)
    secret.refresh_from_db()
    return secret


@transaction.atomic(durable=True)
def rotate_secret(actor: Actor, secret: SecretReference, value: str) -> SecretReference:
    """Replace the value; runs that begin a step from now on get the new one.

    Raises:
        Invalid: the value is too short to be masked, or too long.
    """
    actor.require(WRITE)
    _check_value(value)
    SecretReference.objects.filter(pk=secret.pk).update(
        encrypted_value=encrypt(value.encode(), binding=binding_of(secret)),
        value_version=F("value_version") + 1,
        rotated_at=timezone.now(),
    )
    audit.record(actor, "devops.secret_reference.rotate", secret)
    secret.refresh_from_db()
    return secret


@transaction.atomic(durable=True)
def delete_secret(actor: Actor, secret: SecretReference) -> None:
    """Forget a secret; steps that name it fail from now on, saying so."""
    actor.require(WRITE)
    audit.record(actor, "devops.secret_reference.delete", secret)
    secret.delete()


def binding_of(secret: SecretReference) -> Binding:
    """What the ciphertext is bound to: this row and this field."""
    return Binding("containers_secretreference", str(secret.account_id), str(secret.pk), "value")


def _check_value(value: str) -> None:
    if len(value) < VALUE_MIN:
        raise Invalid.field(
            "/value",
            f"A secret has at least {VALUE_MIN} characters; a shorter one cannot be masked.",
        )
    if len(value.encode()) > VALUE_MAX_BYTES:
        raise Invalid.field("/value", f"A secret has at most {VALUE_MAX_BYTES} bytes.")
