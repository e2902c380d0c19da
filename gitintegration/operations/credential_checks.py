"""A credential is tried at its host: who it is, its limits, hooks, the host's own CI."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from devops.access import Actor
from devops.errors import DomainError, Invalid
from gitintegration.clients.errors import (
    AuthenticationFailed,
    HostError,
    HostUnavailable,
    NotFoundOnHost,
    NotSupported,
    RateLimited,
)
from gitintegration.clients.host import HostClient
from gitintegration.models import GitProviderCredential, GitRepository
from gitintegration.operations.connections import open_client
from gitintegration.operations.credentials import TEST, record_failure, record_success

_CODES: Mapping[type[DomainError], str] = {
    AuthenticationFailed: "authentication_error",
    RateLimited: "rate_limit_error",
    HostUnavailable: "connection_error",
    HostError: "api_error",
}


def check_credential(
    actor: Actor, credential: GitProviderCredential, check: str = "connection"
) -> dict[str, Any]:
    """What the host says; never raises for its refusal, which is counted on the credential.

    Raises:
        Invalid: there is no such check.
    """
    actor.require(TEST)
    if check not in CHECKS:
        raise Invalid.field("?check", f"Choose one of {', '.join(CHECKS)}.")
    return try_credential(credential, check)


def try_credential(credential: GitProviderCredential, check: str = "connection") -> dict[str, Any]:
    """The same for the system itself."""
    began = time.monotonic()
    found: dict[str, Any] = {
        "check": check, "provider_type": credential.provider.provider_type, "success": False,
    }  # fmt: skip
    try:
        client = open_client(credential)
        try:
            user = client.current_user()
            found |= {
                "username": user.username, "user_id": user.id, "avatar_url": user.avatar_url,
                "email": user.email,
                "scopes": None if user.scopes is None else list(user.scopes),
            }  # fmt: skip
            record_success(credential, user)
            found |= CHECKS[check](client, credential)
            found["success"] = True
        finally:
            client.close()
    except HostError as error:
        record_failure(credential, error, is_test=True)
        found |= {"error": str(error), "error_code": _code(error)}
    except DomainError as error:
        found |= {"error": str(error), "error_code": "unexpected_error"}
    found["response_time_ms"] = round((time.monotonic() - began) * 1000)
    credential.refresh_from_db()
    return found


def _connection(_client: HostClient, _credential: GitProviderCredential) -> dict[str, Any]:
    return {}


def _rate_limit(client: HostClient, _credential: GitProviderCredential) -> dict[str, Any]:
    limit = client.rate_limit()
    return {
        "rate_limit": {
            "limit": limit.limit,
            "remaining": limit.remaining,
            "resets_at": limit.resets_at.isoformat() if limit.resets_at else None,
        }
    }


def _webhooks(client: HostClient, credential: GitProviderCredential) -> dict[str, Any]:
    hooks = client.list_webhooks(_a_repository(client, credential))
    return {"webhook_count": len(hooks), "can_manage_webhooks": True}


def _ci(client: HostClient, credential: GitProviderCredential) -> dict[str, Any]:
    try:
        runs = client.list_workflow_runs(_a_repository(client, credential))
    except (NotFoundOnHost, NotSupported):
        return {"ci_cd_enabled": False, "recent_runs": 0}
    return {"ci_cd_enabled": True, "recent_runs": len(runs.items)}


def _a_repository(client: HostClient, credential: GitProviderCredential) -> str:
    """One to try with: a mirror, else the first that the credential sees."""
    mirror = GitRepository.objects.filter(credential=credential, gone_at=None).first()
    if mirror is not None:
        return mirror.full_name
    page = client.list_repositories(per_page=1)
    if not page.items:
        raise NotFoundOnHost(credential.provider.name, "the credential sees no repository.")
    return page.items[0].full_name


CHECKS: Mapping[str, Callable[[HostClient, GitProviderCredential], dict[str, Any]]] = {
    "connection": _connection,
    "rate_limit": _rate_limit,
    "webhooks": _webhooks,
    "ci": _ci,
}


def _code(error: HostError) -> str:
    if isinstance(error, HostUnavailable) and "out of time" in str(error).lower():
        return "timeout_error"
    return next(code for kind, code in _CODES.items() if isinstance(error, kind))
