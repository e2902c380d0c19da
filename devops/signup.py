"""What the composition does when a person signs up."""

from devops.operations.accounts import open_account

__all__ = ["open_account"]
