"""Rows of the containers app."""

from containers.models.secrets import SecretReference

__all__ = ["SecretReference"]
