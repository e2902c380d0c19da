"""What other apps may do with providers."""

from devops.operations.providers import create_provider, delete_provider, update_provider
from devops.selectors import provider_counts, providers

__all__ = [
    "create_provider",
    "delete_provider",
    "provider_counts",
    "providers",
    "update_provider",
]
