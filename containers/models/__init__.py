"""Rows of the containers app."""

from containers.models.docker_hosts import DockerHost
from containers.models.instances import ContainerInstance
from containers.models.secrets import SecretReference

__all__ = ["ContainerInstance", "DockerHost", "SecretReference"]
