"""What the library raises for an Engine, as errors that name its host."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from containers.clients.docker.errors import (
    AddressesTaken,
    EngineError,
    EngineUnreachable,
    NameTaken,
    NetworkAmbiguous,
    NotOnEngine,
    ProgramMissing,
)

TEXT_MAX = 2000
_DEEPEST = 12
# What Engines say of addresses, in words alone: the status differs from version to version.
_NO_ADDRESSES = (
    "overlaps with other one", "non-overlapping IPv4 address pool", "have been fully subnetted",
)  # fmt: skip
_FULL = "Free space on the Docker host, for example with `docker system prune`."
_PROGRAM = re.compile(r'exec: "([^"]{1,200})"')


@contextlib.contextmanager
def translated(host: str) -> Iterator[None]:
    """Turn whatever the library raises into an error that names the host."""
    import docker.errors  # noqa: PLC0415
    import requests  # noqa: PLC0415
    import urllib3  # noqa: PLC0415

    try:
        yield
    except docker.errors.APIError as error:
        raise _refusal(host, error) from error
    except (
        requests.RequestException, urllib3.exceptions.HTTPError, docker.errors.DockerException,
        OSError,
    ) as error:  # fmt: skip
        text = f"The Docker Engine does not answer: {_innermost(error)}"
        raise EngineUnreachable(host, text) from error


def _refusal(host: str, error: Any) -> EngineError:
    status = int(error.status_code or 0)
    text = str(error.explanation or error)[:TEXT_MAX]
    if "docker-init" in text:
        remedy = "Install docker-init there, or set POWERNODE_CONTAINER_INIT=false."
        return EngineError(host, text, http_status=status, remedy=remedy)
    program = _PROGRAM.search(text)
    if program and ("file not found" in text or "no such file" in text):
        text = f"The image has no program {program[1]!r}."
        return ProgramMissing(host, text, http_status=status)
    if any(words in text for words in _NO_ADDRESSES):
        return AddressesTaken(host, text, http_status=status)
    if "is ambiguous (" in text:
        return NetworkAmbiguous(host, text, http_status=status)
    if "no space left on device" in text:
        return EngineError(host, text, http_status=status, remedy=_FULL)
    kinds = {404: NotOnEngine, 409: NameTaken}
    return kinds.get(status, EngineError)(host, text, http_status=status)


def _innermost(error: BaseException) -> str:
    """What really happened, below what the libraries on the way made of it."""
    for _ in range(_DEEPEST):
        below = error.__cause__ or error.__context__
        if below is None:
            break
        error = below
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:TEXT_MAX]
