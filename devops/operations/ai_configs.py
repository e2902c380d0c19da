"""Connections to language models; their keys go in and never out."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils import timezone

from devops import audit, versions
from devops.access import Actor
from devops.ai_prices import is_price_list
from devops.ai_spending import binding_of
from devops.errors import Conflict, DomainError, Invalid
from devops.models import AiConfig
from devops.safety.encryption import encrypt

MANAGE = "devops.ai.manage"
_SHORTEST_KEY = 8
_RANGES: Mapping[str, tuple[float, float]] = {
    "max_tokens": (1, 100_000),
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "timeout_seconds": (1, 300),
    "monthly_budget_usd": (0, 1_000_000),
}


@transaction.atomic(durable=True)
def create_ai_config(actor: Actor, values: Mapping[str, Any]) -> AiConfig:
    """Add a connection, active from the start.

    Raises:
        Invalid: a value is out of its range, or the address is none.
        Conflict: the name is taken.
    """
    actor.require(MANAGE)
    _check(values)
    later = {"api_key", "is_default", "status"}
    plain = {key: value for key, value in values.items() if key not in later}
    config = AiConfig(account_id=actor.account_id, created_by_id=actor.user_id, **plain)
    _keep_key(config, values.get("api_key", ""))
    try:
        with transaction.atomic():
            config.save(force_insert=True)
    except IntegrityError as error:
        raise _taken(config.name) from error
    if values.get("is_default"):
        _make_default(config)
    audit.record(actor, "devops.ai_config.create", config)
    config.refresh_from_db()
    return config


@transaction.atomic(durable=True)
def update_ai_config(
    actor: Actor, config: AiConfig, changes: Mapping[str, Any], *, seen: str = ""
) -> AiConfig:
    """Change a connection; an empty key leaves the present one.

    `seen` is the version that was edited.

    Raises:
        Invalid: a value is out of its range, or the address is none.
        Conflict: the name is taken, or it is the default and would leave its kind without one.
        Stale: somebody else changed it meanwhile.
    """
    actor.require(MANAGE)
    _check(changes)
    config = versions.lock(config, seen)
    moves = changes.get("config_type", config.config_type) != config.config_type
    if config.is_default and (moves or changes.get("is_default") is False):
        raise _is_default(config)
    former_address = config.base_url
    for name, value in changes.items():
        if name not in {"api_key", "is_default"}:
            setattr(config, name, value)
    # A key is for the place that it was entered for, and for no other.
    if config.base_url != former_address and not changes.get("api_key"):
        config.encrypted_api_key = ""
    _keep_key(config, changes.get("api_key", ""))
    try:
        with transaction.atomic():
            config.save()
    except IntegrityError as error:
        raise _taken(config.name) from error
    if changes.get("is_default"):
        _make_default(config)
    fields = sorted(changes)
    audit.record(actor, "devops.ai_config.update", config, detail={"fields": fields})
    config.refresh_from_db()
    return config


@transaction.atomic(durable=True)
def set_default_ai_config(actor: Actor, config: AiConfig) -> AiConfig:
    """Make it the one that is used when none is named, in place of the other of its kind."""
    actor.require(MANAGE)
    if not config.is_usable:
        raise Conflict(f"{config.name} is switched off.", remedy="Switch it on first.")
    _make_default(config)
    audit.record(actor, "devops.ai_config.set_default", config)
    config.refresh_from_db()
    return config


@transaction.atomic(durable=True)
def delete_ai_config(actor: Actor, config: AiConfig) -> None:
    """Remove a connection with its key.

    Raises:
        Conflict: it is the default, or something was spent on it this month.
    """
    actor.require(MANAGE)
    if config.is_default:
        raise _is_default(config)
    month = timezone.now().date().replace(day=1)
    if config.calls.filter(month=month).exists():
        raise Conflict(
            f"{config.name} was used this month; its spending is kept until the month is over.",
            remedy="Switch it off instead.",
        )
    audit.record(actor, "devops.ai_config.delete", config)
    config.delete()


@transaction.atomic(durable=True)
def record_test(actor: Actor, config: AiConfig, error: DomainError | None) -> None:
    """Keep what a test of the connection found."""
    actor.require(MANAGE)
    found = error.detail[:500] if error else ""
    AiConfig.objects.filter(pk=config.pk).update(last_test_at=timezone.now(), last_test_error=found)
    audit.record(actor, "devops.ai_config.test_connection", config, detail={"error": found})


def _keep_key(config: AiConfig, key: str) -> None:
    key = key.strip()
    if not key:
        return
    if len(key) < _SHORTEST_KEY or not key.isascii() or not key.isprintable():
        raise Invalid.field("/api_key", "This is no API key.", remedy="Copy it anew.")
    config.encrypted_api_key = encrypt(key.encode(), binding=binding_of(config))


def _make_default(config: AiConfig) -> None:
    rows = AiConfig.objects.filter(account_id=config.account_id, config_type=config.config_type)
    rows.exclude(pk=config.pk).filter(is_default=True).update(is_default=False)
    AiConfig.objects.filter(pk=config.pk).update(is_default=True)


def _check(values: Mapping[str, Any]) -> None:
    for name, (low, high) in _RANGES.items():
        if name in values and not low <= values[name] <= high:
            text = f"{name} lies between {low:g} and {high:g}."
            raise Invalid.field(f"/{name}", text, code="out-of-range")
    prices = (values.get("settings") or {}).get("prices")
    if prices is not None and not is_price_list(prices):
        raise Invalid.field(
            "/settings/prices", "Prices are {model: {input, output}}, dollars for a million tokens."
        )
    url = values.get("base_url", "")
    parts = urlsplit(url)
    if url and (parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc):
        raise Invalid.field(
            "/base_url", "Give a web address without user name or password.",
            remedy="Leave it empty for the provider's own address.",
        )  # fmt: skip


def _taken(name: str) -> Conflict:
    return Conflict(f"Another AI provider is called {name!r}.", remedy="Choose another name.")


def _is_default(config: AiConfig) -> Conflict:
    return Conflict(
        f"{config.name} is the default for {config.get_config_type_display().lower()}.",
        remedy="Make another one the default first.",
    )
