"""The account's connections and the credentials behind them."""

from typing import Any

from django.utils import timezone

from devops.access import Actor
from devops.errors import Conflict
from devops.models import Provider
from gitintegration.models import GitProviderCredential, GitSync
from gitintegration.operations.credential_checks import try_credential
from gitintegration.operations.imports import request_sync


def check_provider(actor: Actor, provider: Provider) -> dict[str, Any]:
    """Try the credential behind a connection; its health is kept on the connection.

    Raises:
        Conflict: no credential stands behind it.
    """
    actor.require("devops.providers.write")
    found = try_credential(_credential(provider))
    Provider.objects.filter(pk=provider.pk).update(
        health_status="healthy" if found["success"] else "unhealthy",
        last_health_check_at=timezone.now(),
    )
    return found


def sync_provider(actor: Actor, provider: Provider) -> GitSync:
    """Have the mirrors of the credential behind a connection brought up to date.

    Raises:
        Conflict: no credential stands behind it.
    """
    return request_sync(actor, _credential(provider))


def _credential(provider: Provider) -> GitProviderCredential:
    rows = GitProviderCredential.objects.filter(provider_link=provider).select_related("provider")
    found = rows.order_by("-is_default", "id").first()
    if found is None:
        raise Conflict(
            f"No credential stands behind {provider}.",
            remedy="Connect the host under Git hosts and import a repository through it.",
        )
    return found
