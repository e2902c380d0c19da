"""Which addresses the platform may talk to on a person's behalf."""

import dataclasses
import functools
import ipaddress
import socket
from collections.abc import Callable, Iterable

from django.conf import settings
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from devops.errors import Invalid, TransientError

PORTS = frozenset({80, 443, 8080, 8443})
MAX_URL_CHARACTERS = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Deprecated or translating ranges that reach other addresses than they seem to.
_MORE_BLOCKED = tuple(
    ipaddress.ip_network(network)
    for network in ("::/96", "::ffff:0:0:0/96", "fec0::/10", "2001::/32", "100::/64")
)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressNotAllowed(Invalid):
    """The URL leads to a place that the platform must not reach."""

    code = "address-not-allowed"
    title = "Address is not allowed"
    remedy = (
        "Use a public http or https address on a usual port. For a host of your own network ask "
        "the operator to name it in POWERNODE_EGRESS_ALLOW."
    )


class HostNotFound(TransientError):
    """The host's name has no address now."""


def _lookup(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """What is reachable: public addresses, and what the operator allowed by host or CIDR.

    An allowed entry is ``host``, ``host:port`` or a network; it opens private addresses and any
    port (or the one port).
    """

    allow: tuple[str, ...] = ()
    ports: frozenset[int] = PORTS
    lookup: Callable[[str, int], list[str]] = _lookup

    def resolve(self, host: str, port: int) -> str:
        """Return the one address to connect to; every address of the name must be allowed.

        Raises:
            AddressNotAllowed: one of them, or the port, is not.
            HostNotFound: the name has no address.
        """
        try:
            texts = self.lookup(host, port)
        except (OSError, UnicodeError) as error:
            raise HostNotFound(f"The host {host!r} was not found.") from error
        if not texts:
            raise HostNotFound(f"The host {host!r} was not found.")
        addresses = [_plain(ipaddress.ip_address(text.partition("%")[0])) for text in texts]
        if self._names(host, port):
            return str(addresses[0])
        for address in addresses:
            if self._holds(address):
                continue
            if port not in self.ports or not _is_public(address):
                raise AddressNotAllowed(f"Address is not allowed: {host}:{port} is {address}.")
        return str(addresses[0])

    def _names(self, host: str, port: int) -> bool:
        name = host.lower().rstrip(".")
        return any(entry.lower() in (name, f"{name}:{port}") for entry in self.allow)

    def _holds(self, address: Address) -> bool:
        return any(address in network for network in _networks(self.allow))


def default_policy() -> Policy:
    """Return the operator's policy."""
    return Policy(allow=tuple(settings.POWERNODE_EGRESS_ALLOW))


def check_url(url: str, *, policy: Policy | None = None) -> tuple[str, int]:
    """Return host and port of a URL that may be called now.

    The connection itself is checked again, by the address that is connected to.

    Raises:
        AddressNotAllowed: scheme, form, port or address are not allowed.
        HostNotFound: the name has no address.
    """
    host, port = split_url(url)
    (policy or default_policy()).resolve(host, port)
    return host, port


def split_url(url: str) -> tuple[str, int]:
    """Return host and port of a well-formed http or https URL, resolving nothing.

    Raises:
        AddressNotAllowed: it is none, or carries a user name, a backslash or control characters.
    """
    if len(url) > MAX_URL_CHARACTERS or any(ord(char) <= 32 or char in "\\\x7f" for char in url):
        raise AddressNotAllowed("Address is not allowed: it is too long or holds odd characters.")
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise AddressNotAllowed("Address is not allowed: it is not a URL.") from error
    default = _DEFAULT_PORTS.get(parts.scheme or "")
    if default is None:
        raise AddressNotAllowed(f"Address is not allowed: scheme {parts.scheme!r}.")
    if parts.auth is not None or not parts.host:
        raise AddressNotAllowed("Address is not allowed: it has no host, or a user name.")
    port = default if parts.port is None else parts.port
    if not 0 < port < 65536:
        raise AddressNotAllowed(f"Address is not allowed: port {port}.")
    return parts.host.strip("[]"), port


def _plain(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@functools.cache
def _blocked() -> tuple[Network, ...]:
    # It loads `requests`, which no process should carry before it calls out.
    from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES  # noqa: PLC0415

    return (*EXTRA_BLOCKED_NET_RANGES, *_MORE_BLOCKED)


def _is_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _blocked())
    )


def _networks(
    entries: Iterable[str],
) -> Iterable[Network]:
    for entry in entries:
        try:
            yield ipaddress.ip_network(entry, strict=False)
        except ValueError:
            continue
