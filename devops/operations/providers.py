"""Providers: the account's connections to places that hold code."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import RestrictedError

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, InUse, Invalid
from devops.models import Provider

WRITE = "devops.providers.write"


@transaction.atomic(durable=True)
def create_provider(actor: Actor, values: Mapping[str, Any]) -> Provider:
    """Add a provider.

    Raises:
        Conflict: the name is taken.
        Invalid: the address is no web address.
    """
    actor.require(WRITE)
    _check_url(values.get("base_url", ""))
    try:
        with transaction.atomic():
            provider = Provider.objects.create(
                account_id=actor.account_id,
                created_by_id=actor.user_id,
                **{**values, "is_default": False},
            )
    except IntegrityError as error:
        raise _taken(values["name"]) from error
    _make_default(provider, wanted=bool(values.get("is_default")))
    audit.record(actor, "devops.provider.create", provider)
    provider.refresh_from_db()
    return provider


@transaction.atomic(durable=True)
def update_provider(actor: Actor, provider: Provider, changes: Mapping[str, Any]) -> Provider:
    """Change a provider; making it the default takes that from the other one.

    Raises:
        Conflict: the name is taken.
        Invalid: the address is no web address.
    """
    actor.require(WRITE)
    _check_url(changes.get("base_url", ""))
    plain = {name: value for name, value in changes.items() if name != "is_default"}
    try:
        with transaction.atomic():
            if plain:
                Provider.objects.filter(pk=provider.pk).update(**plain)
    except IntegrityError as error:
        raise _taken(plain.get("name", "")) from error
    if changes.get("is_default") is False:
        Provider.objects.filter(pk=provider.pk).update(is_default=False)
    _make_default(provider, wanted=bool(changes.get("is_default")))
    audit.record(actor, "devops.provider.update", provider, detail={"fields": sorted(changes)})
    provider.refresh_from_db()
    return provider


@transaction.atomic(durable=True)
def delete_provider(actor: Actor, provider: Provider) -> None:
    """Remove a provider.

    Raises:
        InUse: repositories or pipelines use it; lists which.
    """
    actor.require(WRITE)
    audit.record(actor, "devops.provider.delete", provider)
    try:
        with transaction.atomic():
            provider.delete()
    except RestrictedError as error:
        raise in_use(provider, error) from error


def in_use(row: Provider | Any, error: RestrictedError) -> InUse:
    """The refusal that lists what still needs a row."""
    rows = error.restricted_objects
    names = sorted(f"{blocking._meta.verbose_name} {blocking}" for blocking in rows)
    return InUse(f"{row} is still used by: {', '.join(names[:10])}.", remedy="Remove those first.")


def _make_default(provider: Provider, *, wanted: bool) -> None:
    if wanted:
        others = Provider.objects.filter(account_id=provider.account_id, is_default=True)
        others.exclude(pk=provider.pk).update(is_default=False)
        Provider.objects.filter(pk=provider.pk).update(is_default=True)


def _taken(name: str) -> Conflict:
    return Conflict(f"Another provider is called {name!r}.", remedy="Choose another name.")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc):
        raise Invalid.field(
            "/base_url", "Give a web address without user name or password.",
            remedy="For example https://git.example.com.",
        )  # fmt: skip
