"""Members of an object that a host sent: absent ones are empty, wrongly typed ones are told."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gitintegration.clients.errors import HostUnavailable

# Longer texts are cut: titles, bodies and names of strangers.
MAX_CHARACTERS = 1_000_000


class UnreadableMemberError(ValueError):
    """What a host sent has not the documented shape; the message names the member."""


class Members:
    """One object of a host's answer or delivery.

    A member that is absent or null reads as empty. One of another type than asked for raises
    ``UnreadableMemberError``.
    """

    __slots__ = ("_value", "_where")

    def __init__(self, value: object, where: str = "") -> None:
        if not isinstance(value, Mapping):
            raise UnreadableMemberError(f"{where or 'The whole'} is no object.")
        self._value: Mapping[str, Any] = value
        self._where = where

    def __contains__(self, name: str) -> bool:
        return self._value.get(name) is not None

    def __bool__(self) -> bool:
        return bool(self._value)

    def names(self) -> tuple[str, ...]:
        """The members' names."""
        return tuple(self._value)

    def raw(self, name: str) -> Any:
        """The member as it came."""
        return self._value.get(name)

    def text(self, name: str) -> str:
        """A text."""
        value = self._value.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        return value[:MAX_CHARACTERS]

    def needed(self, name: str) -> str:
        """A text that must not be empty; numbers count as their digits, as hosts' ids do."""
        found = self.ident(name)
        if not found:
            raise UnreadableMemberError(f"{self._path(name)} is missing.")
        return found

    def ident(self, name: str) -> str:
        """A text, or the digits of a whole number."""
        value = self._value.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(name)

    def number(self, name: str) -> int:
        """A whole number; 0 when absent."""
        value = self._value.get(name)
        if value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, "whole number")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A truth value."""
        value = self._value.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, "truth value")
        return value

    def inner(self, *names: str) -> "Members":
        """The object at the end of a path of members; empty when any is absent."""
        found = self
        for name in names:
            value = found._value.get(name)
            found = Members({} if value is None else value, found._path(name))
        return found

    def needed_inner(self, name: str) -> "Members":
        """An object that must be there."""
        if name not in self:
            raise UnreadableMemberError(f"{self._path(name)} is missing.")
        return self.inner(name)

    def entries(self, name: str) -> Iterator["Members"]:
        """The objects of a list."""
        for index, value in enumerate(self._list(name)):
            yield Members(value, f"{self._path(name)}[{index}]")

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list."""
        found = self._list(name)
        if not all(isinstance(value, str) for value in found):
            raise self._wrong(name, "list of texts")
        return tuple(found)

    def moment(self, name: str) -> datetime | None:
        """A time as ISO 8601 writes it; None when absent or the year 1 of an unset Go time."""
        value = self.text(name)
        if not value:
            return None
        try:
            found = datetime.fromisoformat(value)
            if found.tzinfo is None:
                found = found.replace(tzinfo=UTC)
            return found.astimezone(UTC) if found.year > 1 else None
        except (ValueError, OverflowError) as error:
            raise self._wrong(name, "time") from error

    def _list(self, name: str) -> list[Any]:
        value = self._value.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "list")
        return value

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def _wrong(self, name: str, kind: str) -> UnreadableMemberError:
        return UnreadableMemberError(f"{self._path(name)} is no {kind}.")


@contextlib.contextmanager
def readable(host: str) -> Iterator[None]:
    """Tell a member that cannot be read as the fault of the host that sent it.

    Raises:
        HostUnavailable: with the member's place.
    """
    try:
        yield
    except UnreadableMemberError as error:
        raise HostUnavailable(
            host, f"answered something that its API's documentation does not know: {error}"
        ) from error
