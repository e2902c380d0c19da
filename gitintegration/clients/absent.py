"""Operations that a kind of host does not have."""

from collections.abc import Callable
from typing import Any, Protocol

from gitintegration.clients.errors import NotSupported
from gitintegration.clients.host import HostAccess


class _Api(Protocol):
    access: HostAccess


def absent(reason: str) -> Callable[..., Any]:
    """A method that says what the host has instead.

    Raises:
        NotSupported: when it is called.
    """

    def refuse(api: _Api, *_given: object, **_named: object) -> Any:
        raise NotSupported(api.access.name, reason)

    return refuse
