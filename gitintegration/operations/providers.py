"""Git hosts are entered, changed and removed."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from devops import audit, versions
from devops.access import Actor
from devops.errors import Conflict, Invalid
from devops.safety.encryption import Binding, decrypt, encrypt
from gitintegration.catalogue import HOST_KINDS
from gitintegration.models import GitProvider

CREATE, UPDATE, DELETE = (f"git.providers.{word}" for word in ("create", "update", "delete"))
_SLUG = re.compile(r"[a-z0-9_-]{1,50}")
_OAUTH_KEYS = frozenset({"client_id", "redirect_uri", "scopes", "authorization_url", "token_url"})
CHANGEABLE = (
    "name", "description", "api_base_url", "web_base_url", "is_active", "supports_oauth",
    "supports_pat", "supports_webhooks", "supports_devops", "capabilities", "webhook_config",
    "devops_config", "metadata", "priority_order",
)  # fmt: skip


@transaction.atomic(durable=True)
def create_git_provider(actor: Actor, values: Mapping[str, Any]) -> GitProvider:
    """Enter a git host; what is left out comes from its kind.

    Raises:
        Invalid: an address is none, or a self-hosted kind has none.
        Conflict: the slug is taken.
    """
    actor.require(CREATE)
    kind = HOST_KINDS[values["provider_type"]]
    provider = GitProvider(
        account_id=actor.account_id,
        provider_type=values["provider_type"],
        slug=_slug(values.get("slug") or values["name"]),
        capabilities=list(kind.capabilities),
        supports_devops=kind.supports_devops,
        devops_config=dict(kind.devops_config),
        priority_order=kind.priority_order,
    )
    _apply(provider, values)
    _save(provider, is_new=True)
    audit.record(actor, "git.provider.create", provider)
    return provider


@transaction.atomic(durable=True)
def update_git_provider(
    actor: Actor, provider: GitProvider, changes: Mapping[str, Any], *, seen: str = ""
) -> GitProvider:
    """Change what is known of a host; its kind and slug stay. `seen` is the version edited.

    Raises:
        Invalid: an address is none.
        Stale: somebody else changed it meanwhile.
    """
    actor.require(UPDATE)
    provider = versions.lock(provider, seen)
    _apply(provider, changes)
    _save(provider, is_new=False)
    detail = {"fields": sorted(set(changes) - {"oauth_config"})}
    audit.record(actor, "git.provider.update", provider, detail=detail)
    return provider


@transaction.atomic(durable=True)
def delete_git_provider(actor: Actor, provider: GitProvider) -> None:
    """Remove a host with its credentials, mirrors and deliveries; what pipelines use stays."""
    actor.require(DELETE)
    audit.record(actor, "git.provider.delete", provider)
    provider.delete()


def effective_api_url(provider: GitProvider) -> str:
    """Where the host's API is: the provider's own address, else that of its kind."""
    if provider.api_base_url:
        return provider.api_base_url
    return HOST_KINDS[provider.provider_type].api_base_url


def effective_web_url(provider: GitProvider) -> str:
    """Where people find the host."""
    if provider.web_base_url:
        return provider.web_base_url
    return HOST_KINDS[provider.provider_type].web_base_url


def is_self_hosted(provider: GitProvider) -> bool:
    """Whether this is not the vendor's own service."""
    return provider.provider_type == "gitea" or bool(provider.api_base_url)


def oauth_secret(provider: GitProvider) -> str:
    """The OAuth client's secret, empty without one."""
    if not provider.encrypted_oauth_secret:
        return ""
    return decrypt(provider.encrypted_oauth_secret, binding=_binding(provider)).decode()


def _apply(provider: GitProvider, values: Mapping[str, Any]) -> None:
    for name in CHANGEABLE:
        if name in values:
            setattr(provider, name, values[name])
    for name in ("api_base_url", "web_base_url"):
        setattr(provider, name, _address(name, getattr(provider, name)))
    if not effective_api_url(provider) and provider.web_base_url:
        kind = HOST_KINDS[provider.provider_type]
        provider.api_base_url = provider.web_base_url + kind.api_path
    if not effective_api_url(provider):
        raise Invalid.field(
            "/api_base_url", f"A {HOST_KINDS[provider.provider_type].name} host has no usual "
            "address.", remedy="Give its API address, for example https://git.example.com/api/v1.",
        )  # fmt: skip
    if not provider.capabilities:
        raise Invalid.field("/capabilities", "Name at least one capability.")
    if "oauth_config" in values:
        _set_oauth(provider, dict(values["oauth_config"]))


def _set_oauth(provider: GitProvider, config: dict[str, Any]) -> None:
    secret = config.pop("client_secret", None)
    unknown = set(config) - _OAUTH_KEYS
    if unknown:
        raise Invalid.field("/oauth_config", f"Unknown: {', '.join(sorted(unknown))}.")
    for name in ("authorization_url", "token_url"):
        if config.get(name):
            config[name] = _address(f"oauth_config/{name}", str(config[name]))
    provider.oauth_config = config
    if secret:
        provider.encrypted_oauth_secret = encrypt(str(secret).encode(), binding=_binding(provider))


def _save(provider: GitProvider, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            provider.save(force_insert=is_new, force_update=not is_new)
    except IntegrityError as error:
        raise Conflict(
            f"The account has a git host with the slug {provider.slug!r} already.",
            remedy="Choose another name or slug.",
        ) from error


def _slug(text: str) -> str:
    made = re.sub(r"[^a-z0-9_-]", "", text.strip().lower().replace(" ", "-"))[:50]
    if not _SLUG.fullmatch(made):
        raise Invalid.field("/slug", "Give a slug of the letters a to z, digits, _ and -.")
    return made


def _address(field: str, url: str) -> str:
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    if url and (
        parts.scheme not in {"https", "http"}
        or not parts.hostname
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
    ):
        raise Invalid.field(
            f"/{field}", "Give a web address without user name, password or query.",
            remedy="For example https://git.example.com.",
        )  # fmt: skip
    return url


def _binding(provider: GitProvider) -> Binding:
    return Binding(
        "gitintegration_gitprovider", str(provider.account_id), str(provider.pk), "oauth_secret"
    )
