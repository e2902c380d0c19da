"""The start-up check behind `DeclaredPermission`."""

from typing import Any

from django.core import checks


@checks.register(checks.Tags.security)
def declared_permissions(**_: Any) -> list[checks.CheckMessage]:
    """Name every endpoint that declares no permission."""
    from django.urls import get_resolver  # noqa: PLC0415  (checks run after the apps are ready)

    from devops.api.permissions import undeclared  # noqa: PLC0415

    api = [
        pattern
        for pattern in get_resolver().url_patterns
        if str(pattern.pattern).startswith("api/")
    ]
    return [
        checks.Error(f"No permission is declared for {name}.", id="devops.E001")
        for name in undeclared(api)
    ]
