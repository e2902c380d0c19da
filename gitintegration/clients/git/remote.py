"""The way to a repository: which protocol, to which address, and how the URL may be shown."""

import dataclasses
import re
from urllib.parse import urlsplit, urlunsplit

from devops.safety.addresses import PORTS, AddressNotAllowed, HostNotFound, default_policy
from gitintegration.clients.git.program import GitFailedError, GitRefusedError, allowed_protocols

_SSH_PORT = 22
_PORTS = {"https": 443, "http": 80, "ssh": _SSH_PORT}


@dataclasses.dataclass(frozen=True, slots=True)
class Remote:
    """What `run_git` needs to reach a repository."""

    protocols: str
    settings: tuple[str, ...] = ()


def reach(url: str) -> Remote:
    """Check a clone URL and where its host leads; git then connects to that very address.

    Raises:
        GitRefusedError: the URL or the address is not one that we may reach.
        GitFailedError: the host has no address now.
    """
    protocols = allowed_protocols(url)
    if protocols == "file":
        return Remote(protocols)
    host, port = _host_and_port(url)
    policy = dataclasses.replace(default_policy(), ports=PORTS | {_SSH_PORT})
    try:
        address = policy.resolve(host, port)
    except AddressNotAllowed as error:
        raise GitRefusedError(f"{error} {AddressNotAllowed.remedy}") from error
    except HostNotFound as error:
        raise GitFailedError(str(error)) from error
    if protocols == "ssh":
        return Remote(protocols)
    return Remote(protocols, (f"http.curloptResolve={host}:{port}:{address}", "http.proxy="))


def shown(url: str) -> str:
    """The URL without the password or token that it may carry."""
    parts = urlsplit(url)
    if parts.scheme in {"", "file"} or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def hide_credentials(url: str, text: str) -> str:
    """What git said of a URL, without what the URL holds in confidence."""
    user = urlsplit(url).netloc.rpartition("@")[0]
    for part in filter(None, (user, user.partition(":")[2])):
        text = text.replace(part, "***")
    return text


def _host_and_port(url: str) -> tuple[str, int]:
    scp = re.fullmatch(r"[^/@]+@([^/:]+):.*", url)
    if scp and "://" not in url:
        return scp.group(1), _SSH_PORT
    parts = urlsplit(url)
    try:
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise GitRefusedError("The clone URL has no valid port.") from error
