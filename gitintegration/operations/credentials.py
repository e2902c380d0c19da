"""Credentials for git hosts: entered, tested, counted, switched off when they fail."""

import json
import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devops import audit, deliveries, outbox
from devops.access import Actor
from devops.errors import Conflict, Invalid
from devops.safety.encryption import Binding, decrypt, encrypt, key_id_of
from gitintegration.choices import MAX_CONSECUTIVE_FAILURES, AuthType
from gitintegration.clients.errors import HostUnavailable
from gitintegration.clients.shapes import HostUser
from gitintegration.models import GitProvider, GitProviderCredential

logger = logging.getLogger(__name__)

CREATE, UPDATE, DELETE, TEST, READ = (
    f"git.credentials.{word}" for word in ("create", "update", "delete", "test", "read")
)
MIN_TOKEN_CHARACTERS = 10
# A credential is healthy up to so many failures in a row.
HEALTHY_FAILURES = 2
# Whoever looks is warned so long before.
EXPIRES_SOON = timedelta(days=30)
# These get new tokens without anybody's help.
RENEWED = frozenset({AuthType.OAUTH, AuthType.GITHUB_APP})
ROTATION_ADVISED = timedelta(days=90)
_SECRET_KEYS: Mapping[str, frozenset[str]] = {
    AuthType.OAUTH: frozenset({"access_token", "refresh_token", "token_type", "expires_in"}),
    AuthType.PERSONAL_ACCESS_TOKEN: frozenset({"access_token", "token", "username"}),
    AuthType.GITHUB_APP: frozenset({"app_id", "installation_id", "private_key"}),
    AuthType.SSH_KEY: frozenset({"private_key"}),
}


@transaction.atomic(durable=True)
def create_credential(
    actor: Actor, provider: GitProvider, values: Mapping[str, Any]
) -> GitProviderCredential:
    """Enter a credential; the first of a host becomes its default. It is not tested here.

    Raises:
        Invalid: the secret is not one of its kind, or it has expired.
    """
    actor.require(CREATE)
    credential = GitProviderCredential(
        account_id=actor.account_id,
        provider=provider,
        user_id=actor.user_id,
        auth_type=values["auth_type"],
        name=values.get("name") or _usual_name(provider, values["auth_type"]),
        expires_at=values.get("expires_at"),
        scopes=list(values.get("scopes", ())),
        is_active=values.get("is_active", True),
    )
    if credential.expires_at and credential.expires_at <= timezone.now():
        raise Invalid.field("/expires_at", "The credential has expired already.")
    _seal(credential, checked_secret(credential.auth_type, values["credentials"]))
    siblings = GitProviderCredential.objects.filter(provider=provider)
    is_first = not siblings.exists()
    credential.save(force_insert=True)
    if is_first or values.get("is_default"):
        _make_default(credential)
    audit.record(actor, "git.credential.create", credential)
    return credential


@transaction.atomic(durable=True)
def update_credential(
    actor: Actor, credential: GitProviderCredential, changes: Mapping[str, Any]
) -> bool:
    """Change a credential; says whether its secret is a new one, which wants a test.

    Raises:
        Invalid: the secret is not one of its kind.
    """
    actor.require(UPDATE)
    plain = {key: changes[key] for key in ("name", "is_active", "expires_at") if key in changes}
    is_new_secret = bool(changes.get("credentials"))
    if is_new_secret:
        _seal(credential, checked_secret(credential.auth_type, changes["credentials"]))
        plain |= {
            "encrypted_credentials": credential.encrypted_credentials,
            "consecutive_failures": 0,
            "expiry_warned_at": None,
        }
        if credential.consecutive_failures >= MAX_CONSECUTIVE_FAILURES:
            # Its failures switched it off, no person did: the new secret is to be tested.
            plain.setdefault("is_active", True)
    if plain:
        GitProviderCredential.objects.filter(pk=credential.pk).update(
            **plain, updated_at=timezone.now()
        )
    if changes.get("is_default"):
        _make_default(credential)
    detail = {"fields": sorted(changes)}
    audit.record(actor, "git.credential.update", credential, detail=detail)
    credential.refresh_from_db()
    return is_new_secret


@transaction.atomic(durable=True)
def make_default(actor: Actor, credential: GitProviderCredential) -> None:
    """Have a credential used where none is named; it becomes active."""
    actor.require(UPDATE)
    _make_default(credential)
    audit.record(actor, "git.credential.make_default", credential)
    credential.refresh_from_db()


@transaction.atomic(durable=True)
def delete_credential(actor: Actor, credential: GitProviderCredential) -> None:
    """Remove a credential with the mirrors that it fetched.

    Raises:
        Conflict: it is the only one of its host; removing the host removes it too.
    """
    actor.require(DELETE)
    others = GitProviderCredential.objects.filter(provider_id=credential.provider_id).exclude(
        pk=credential.pk
    )
    if credential.is_default and not others.exists():
        raise Conflict(
            "This is the only credential for its host.",
            remedy="Add another credential first, or delete the host.",
        )
    audit.record(actor, "git.credential.delete", credential)
    was_default, provider_id = credential.is_default, credential.provider_id
    credential.delete()
    if was_default:
        heir = GitProviderCredential.objects.filter(provider_id=provider_id).order_by("id").first()
        if heir is not None:
            _make_default(heir)


def secret_of(credential: GitProviderCredential) -> dict[str, Any]:
    """What the credential holds; never leaves this process."""
    sealed = credential.encrypted_credentials
    found: dict[str, Any] = json.loads(decrypt(sealed, binding=_binding(credential)))
    return found


@transaction.atomic
def replace_secret(
    credential: GitProviderCredential, secret: Mapping[str, Any], expires_in: int | None
) -> None:
    """Store renewed tokens, in the caller's transaction or one of its own."""
    _seal(credential, secret)
    credential.expires_at = timezone.now() + timedelta(seconds=expires_in) if expires_in else None
    GitProviderCredential.objects.filter(pk=credential.pk).update(
        encrypted_credentials=credential.encrypted_credentials,
        expires_at=credential.expires_at,
        updated_at=timezone.now(),
    )


@transaction.atomic
def record_success(credential: GitProviderCredential, user: HostUser | None = None) -> None:
    """Count a call that worked; a known user is remembered."""
    now = timezone.now()
    changes: dict[str, Any] = {}
    if user is not None:
        changes = {
            "external_username": user.username[:255],
            "external_user_id": user.id[:255],
            "external_avatar_url": user.avatar_url[:500],
            "last_test_at": now,
            "last_test_status": "success",
            "is_active": True,
        }
        if user.scopes is not None:
            changes["scopes"] = list(user.scopes)
    GitProviderCredential.objects.filter(pk=credential.pk).update(
        success_count=F("success_count") + 1, consecutive_failures=0, last_error="",
        last_used_at=now, **changes,
    )  # fmt: skip
    GitProvider.objects.filter(pk=credential.provider_id).update(
        last_contact_at=now, last_error="", retry_at=None
    )


@transaction.atomic
def record_failure(
    credential: GitProviderCredential, error: Exception, *, is_test: bool = False
) -> None:
    """Count a call that failed by the credential's fault; the fifth in a row switches it off.

    A host that does not answer is no fault of the credential: it is noted at the host instead.
    One that is left alone was not even asked: what is known of it stands, but for the next try.
    """
    now = timezone.now()
    words = str(error)[:1000]
    host = GitProvider.objects.filter(pk=credential.provider_id)
    retry_at = getattr(error, "retry_at", None)
    if isinstance(error, HostUnavailable) and retry_at is not None and not is_test:
        host.exclude(last_error="").update(retry_at=retry_at)
        return
    host.update(last_error=words, retry_at=retry_at)
    changes: dict[str, Any] = {"last_error": words}
    if is_test:
        changes |= {"last_test_at": now, "last_test_status": "failed"}
    if getattr(error, "is_transient", False):
        GitProviderCredential.objects.filter(pk=credential.pk).update(**changes)
        return
    rows = GitProviderCredential.objects.filter(pk=credential.pk)
    rows.update(
        failure_count=F("failure_count") + 1,
        consecutive_failures=F("consecutive_failures") + 1,
        **changes,
    )
    if rows.filter(consecutive_failures__gte=MAX_CONSECUTIVE_FAILURES, is_active=True).update(
        is_active=False
    ):
        _tell(credential, "git_credential_disabled", words)


def note_next_try(credential: GitProviderCredential, at: datetime | None) -> None:
    """Say on the host's page when it is tried again, in the caller's transaction."""
    if at is not None:
        GitProvider.objects.filter(pk=credential.provider_id).update(retry_at=at)


def is_healthy(credential: GitProviderCredential) -> bool:
    """Active, not expired, and at most two failures in a row."""
    return (
        credential.is_active
        and not is_expired(credential)
        and credential.consecutive_failures <= HEALTHY_FAILURES
    )


def can_be_used(credential: GitProviderCredential) -> bool:
    """Active, and not expired without a way to renew it."""
    return credential.is_active and (not is_expired(credential) or credential.auth_type in RENEWED)


def is_expired(credential: GitProviderCredential) -> bool:
    """Past its expiry."""
    return credential.expires_at is not None and credential.expires_at <= timezone.now()


def expires_soon(credential: GitProviderCredential) -> bool:
    """Within the next thirty days."""
    return (
        credential.expires_at is not None and credential.expires_at <= timezone.now() + EXPIRES_SOON
    )


def key_id(credential: GitProviderCredential) -> str:
    """Which key its secret is encrypted with."""
    return key_id_of(credential.encrypted_credentials)


def warn_of_expiry() -> int:
    """Tell once of each credential that expires within a week and cannot renew itself."""
    due = GitProviderCredential.objects.filter(
        is_active=True, expires_at__lt=timezone.now() + timedelta(days=7), expiry_warned_at=None,
        auth_type=AuthType.PERSONAL_ACCESS_TOKEN,
    )  # fmt: skip
    count = 0
    for credential in due[:200]:
        _warn(credential)
        count += 1
    return count


@transaction.atomic(durable=True)
def _warn(credential: GitProviderCredential) -> None:
    rows = GitProviderCredential.objects.filter(pk=credential.pk, expiry_warned_at=None)
    if rows.update(expiry_warned_at=timezone.now()):
        _tell(
            credential, "git_credential_expiring",
            f"It expires at {credential.expires_at:%Y-%m-%d %H:%M} UTC.",
        )  # fmt: skip


def _tell(credential: GitProviderCredential, name: str, words: str) -> None:
    """Say it on the account's stream, and by mail to whoever entered the credential."""
    facts = {"id": str(credential.pk), "name": credential.name, "detail": words}
    outbox.record(
        credential.account_id, f"git_credential.{credential.pk.hex}", time.time_ns(), name,
        {"version": 1, "git_credential": facts},
    )  # fmt: skip
    if credential.user is not None:
        subjects = {
            "git_credential_disabled": "was switched off",
            "git_credential_expiring": "expires soon",
        }
        place = f"{settings.SITE_URL}/git"
        deliveries.enqueue_email(
            credential.account_id, credential.user.email, name,
            subject=f"The git credential {credential.name} {subjects[name]}",
            text=f"{words}\n\nRenew its token under {place}.\n",
            key=f"{name}:{credential.pk.hex}:{time.time_ns()}",
        )  # fmt: skip


def checked_secret(auth_type: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A secret of its kind, with `token` under the name that all use.

    Raises:
        Invalid: something is missing, too short or unknown.
    """
    unknown = set(given) - _SECRET_KEYS[auth_type]
    if unknown:
        raise Invalid.field("/credentials", f"Unknown: {', '.join(sorted(unknown))[:100]}.")
    secret = {key: value for key, value in given.items() if key != "token"}
    if "token" in given:
        secret["access_token"] = given["token"]
    needed = {
        AuthType.GITHUB_APP: ("app_id", "installation_id", "private_key"),
        AuthType.SSH_KEY: ("private_key",),
    }.get(AuthType(auth_type), ("access_token",))
    for name in needed:
        if not str(secret.get(name) or "").strip():
            raise Invalid.field(f"/credentials/{name}", f"{name} is missing.", code="required")
    if auth_type == AuthType.PERSONAL_ACCESS_TOKEN:
        token = str(secret["access_token"]).strip()
        if len(token) < MIN_TOKEN_CHARACTERS or not token.isprintable() or " " in token:
            raise Invalid.field(
                "/credentials/access_token", "A token has at least 10 characters and no spaces."
            )
        secret["access_token"] = token
    if "private_key" in secret and "PRIVATE KEY-----" not in str(secret["private_key"]):
        raise Invalid.field("/credentials/private_key", "Give the key in PEM or OpenSSH form.")
    return secret


def _make_default(credential: GitProviderCredential) -> None:
    siblings = GitProviderCredential.objects.filter(provider_id=credential.provider_id)
    siblings.exclude(pk=credential.pk).filter(is_default=True).update(is_default=False)
    siblings.filter(pk=credential.pk).update(is_default=True, is_active=True)
    credential.is_default = credential.is_active = True


def _seal(credential: GitProviderCredential, secret: Mapping[str, Any]) -> None:
    text = json.dumps(dict(secret)).encode()
    credential.encrypted_credentials = encrypt(text, binding=_binding(credential))


def _usual_name(provider: GitProvider, auth_type: str) -> str:
    words = {
        AuthType.OAUTH: "OAuth", AuthType.PERSONAL_ACCESS_TOKEN: "Personal Token",
        AuthType.GITHUB_APP: "App", AuthType.SSH_KEY: "SSH key",
    }  # fmt: skip
    return f"{provider.name} - {words[AuthType(auth_type)]}"


def _binding(credential: GitProviderCredential) -> Binding:
    table = "gitintegration_gitprovidercredential"
    return Binding(table, str(credential.account_id), str(credential.pk), "credentials")
