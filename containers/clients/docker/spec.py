"""What a container may be: one typed form, everything else refused; and its form for the Engine.

Security is not a choice of the form: every container loses all capabilities, cannot gain any, has
the Engine's default seccomp profile, bounded memory, processor time and processes, and no way to
the Engine, to devices, or to namespaces of its host.
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from devops.safety.images import IMAGE_MAX, IMAGE_PATTERN, SERVICE_PATTERN

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
# Source: Docker Engine API v1.41, ContainerCreate: durations are in nanoseconds.
SECOND = 1_000_000_000
# What images of servers need to take their folders over and to drop their rights by themselves.
SERVICE_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
# The Engine rotates at this size; the reader ends what wrote much less, so nothing is lost.
_LOG_FILE = "16g"
LABEL = "io.powernode"

Image = Annotated[str, StringConstraints(pattern=IMAGE_PATTERN, max_length=IMAGE_MAX)]
ServiceName = Annotated[str, StringConstraints(pattern=SERVICE_PATTERN)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Form):
    """What a container may take of its host."""

    memory_mb: int = Field(ge=16, le=1024 * 1024)
    cpu_millicores: int = Field(ge=10, le=1_000_000)
    pids: int = Field(ge=8, le=1_000_000)


class HealthCheck(_Form):
    """How the Engine asks whether a service works."""

    command: str = Field(min_length=1, max_length=4096)
    interval_seconds: float = Field(1.0, ge=0.5, le=300)
    timeout_seconds: float = Field(10.0, ge=1, le=300)
    retries: int = Field(30, ge=1, le=1000)


class ServiceSpec(_Form):
    """A container beside the command, reached by its name."""

    name: ServiceName
    image: Image
    environment: dict[str, str] = Field(default_factory=dict)
    command: tuple[str, ...] = ()
    healthcheck: HealthCheck | None = None
    wait_seconds: float = Field(60.0, ge=1, le=600)


class ContainerSpec(_Form):
    """A command in a container.

    Attributes:
        folders: absolute paths that the container sees as its owner's machine does.
        has_network: whether it reaches the world; its services it reaches in any case.
    """

    image: Image
    argv: tuple[str, ...] = Field(min_length=1)
    environment: dict[str, str] = Field(default_factory=dict)
    working_directory: str = "/"
    folders: tuple[str, ...] = ()
    has_network: bool = True
    limits: Limits
    services: tuple[ServiceSpec, ...] = Field((), max_length=20)


def variables(environment: dict[str, str]) -> list[str]:
    """The environment as the Engine takes it; names that are none are refused.

    Raises:
        ValueError: naming the variable.
    """
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise ValueError(f"The environment variable {name[:80]!r} cannot be given.")
    return [f"{name}={value}" for name, value in environment.items()]


def command_body(
    spec: ContainerSpec,
    *,
    labels: dict[str, str],
    user: str,
    network: str,
    cpus: int | None,
    shares_folders: bool,
    has_init: bool,
) -> dict[str, Any]:
    """The body that creates the command's container.

    Source: Docker Engine API v1.41, ContainerCreate.
    """
    mounts = [
        {"Type": "bind", "Source": folder, "Target": folder}
        for folder in spec.folders
        if shares_folders
    ]
    return {
        "Image": spec.image,
        "Entrypoint": [spec.argv[0]],
        "Cmd": list(spec.argv[1:]),
        "Env": variables(spec.environment),
        "WorkingDir": spec.working_directory,
        "User": user,
        "Labels": labels,
        "AttachStdin": False,
        "OpenStdin": False,
        "Tty": False,
        # The image's own would ask a server that is not started here.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            **_confined(spec.limits, cpus),
            "CapAdd": [],
            "Mounts": mounts,
            "NetworkMode": network,
            "Init": has_init,
        },
    }


def service_body(
    spec: ServiceSpec, limits: Limits, *, labels: dict[str, str], network: str, cpus: int | None
) -> dict[str, Any]:
    """The body that creates a service's container."""
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": variables(spec.environment),
        "Labels": labels,
        "HostConfig": {
            **_confined(limits, cpus),
            "CapAdd": list(SERVICE_CAPABILITIES),
            "NetworkMode": network,
        },
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": [spec.name]}}},
    }
    if spec.command:
        body["Cmd"] = list(spec.command)
    if spec.healthcheck is not None:
        body["Healthcheck"] = {
            "Test": ["CMD-SHELL", spec.healthcheck.command],
            "Interval": round(spec.healthcheck.interval_seconds * SECOND),
            "Timeout": round(spec.healthcheck.timeout_seconds * SECOND),
            "Retries": spec.healthcheck.retries,
        }
    return body


def _confined(limits: Limits, cpus: int | None) -> dict[str, Any]:
    millicores = min(limits.cpu_millicores, (cpus or 1_000_000) * 1000)
    memory = limits.memory_mb * 1024 * 1024
    return {
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": millicores * SECOND // 1000,
        "PidsLimit": limits.pids,
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": _LOG_FILE, "max-file": "1"}},
    }
