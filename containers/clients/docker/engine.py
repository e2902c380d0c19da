"""One Docker Engine: the calls that we make, and no others.

The library is loaded when the first Engine is talked to: it costs memory in every process.
"""

import contextlib
import ipaddress
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from containers.clients.docker.errors import (
    AddressesTaken,
    EngineError,
    EngineUnreachable,
    ImageUnavailable,
    NameTaken,
    NetworkAmbiguous,
    NotOnEngine,
)
from containers.clients.docker.refusals import TEXT_MAX, translated
from containers.clients.docker.spec import LABEL
from containers.clients.docker.streams import Reader

# Seconds that an answer may take; streams and pulls take longer and are watched by their readers.
CALL_SECONDS = 30
# Addresses of networks without a way out, 64 for each. No Engine gives them by itself (RFC 2544
# has them for benchmarks): rules for networks that are long gone, which a dead Engine leaves in
# its host's packet filter, do not concern them. Those masquerade, and where the bridge has no
# address to masquerade as, whatever goes over it is lost in silence.
_INNER = ipaddress.ip_network("198.18.0.0/15")
_INNER_BITS = 26
_INNER_TRIES = 64
# Tries, and seconds between two, until one network of a name is left.
_TRIES = 30
_TRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an Engine is, and what proves us to it.

    Attributes:
        url: `unix:///path`, `http://…` or `https://…`.
        tls: PEM texts `ca_cert`, `client_cert`, `client_key`; any may be missing.
    """

    name: str
    url: str
    tls_verify: bool = True
    tls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an Engine says of itself."""

    api_version: str
    docker_version: str
    os_type: str
    architecture: str
    kernel_version: str
    memory_bytes: int
    cpu_count: int
    container_count: int
    image_count: int


class Engine:
    """A connection to an Engine; use it as a context, from one thread but for the readers."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._stack = contextlib.ExitStack()
        self._api: Any = None

    def __enter__(self) -> Self:
        try:
            with self._said():
                self._api = self._connect()
        except BaseException:
            # The certificates must not outlive the attempt.
            self._stack.close()
            raise
        self._stack.callback(self._api.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def facts(self) -> EngineFacts:
        """Ask the Engine what it is."""
        with self._said():
            version, info = self._api.version(), self._api.info()
        return EngineFacts(
            api_version=f"v{version.get('ApiVersion', '')}",
            docker_version=str(version.get("Version", ""))[:80],
            os_type=str(info.get("OperatingSystem", ""))[:120],
            architecture=str(info.get("Architecture", ""))[:40],
            kernel_version=str(info.get("KernelVersion", ""))[:120],
            memory_bytes=int(info.get("MemTotal", 0)),
            cpu_count=int(info.get("NCPU", 0)),
            container_count=int(info.get("Containers", 0)),
            image_count=int(info.get("Images", 0)),
        )

    # Images.

    def has_image(self, image: str) -> bool:
        """Whether the image is on the host."""
        try:
            with self._said():
                self._api.inspect_image(image)
        except NotOnEngine:
            return False
        return True

    def pull(self, image: str) -> Reader[dict[str, Any]]:
        """Begin to pull an image; `pull_problem` reads what it says.

        The Engine answers when the registry did: that, too, is waited for in the reader's thread.
        """
        return Reader(self._pulling(image))

    def _pulling(self, image: str) -> Iterator[dict[str, Any]]:
        try:
            with self._said():
                yield from self._api.pull(image, stream=True, decode=True)
        except EngineUnreachable:
            raise
        except EngineError as error:
            raise self._no_image(image, error.detail) from error

    def pull_problem(self, image: str, said: Mapping[str, Any]) -> None:
        """Raise what a line of a pull says is wrong; its status was 200 all the same.

        Raises:
            ImageUnavailable: with the Engine's words.
        """
        detail = said.get("errorDetail") or {}
        text = said.get("error") or detail.get("message")
        if text:
            raise self._no_image(image, str(text))

    def _no_image(self, image: str, why: str) -> ImageUnavailable:
        text = f"The image {image} could not be pulled: {why[:TEXT_MAX]}"
        return ImageUnavailable(self.name, text)

    # Containers.

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        """Create a container, or find the one of that name; returns its id."""
        try:
            answer = self._unambiguous(
                lambda: self._api.create_container_from_config(dict(body), name)
            )
            return str(answer["Id"])
        except NameTaken:
            return str(self.inspect(name)["Id"])

    def start(self, container: str) -> None:
        """Start a container; one that runs already is left alone."""
        self._unambiguous(lambda: self._api.start(container))

    def _unambiguous(self, call: Callable[[], Any]) -> Any:
        """Call for something on a network, again while somebody tidies several of its name up."""
        for left in reversed(range(_TRIES)):
            try:
                with self._said():
                    return call()
            except NetworkAmbiguous:
                if not left:
                    raise
                time.sleep(_TRY_SECONDS)
        return None

    def inspect(self, container: str) -> dict[str, Any]:
        """All that the Engine knows of a container.

        Raises:
            NotOnEngine: it is not there.
        """
        with self._said():
            return dict(self._api.inspect_container(container))

    def was_killed(self, container: str, state: Mapping[str, Any]) -> bool:
        """Whether a command that is over got a signal through the Engine.

        By somebody's hand, or because the Engine itself is stopped; what a command does to itself
        is none of these.
        """
        since, until = (int(_moment(state[name])) for name in ("StartedAt", "FinishedAt"))
        filters = {"container": container, "event": "kill"}
        with self._said():
            return any(self._api.events(since, until + 1, filters=filters, decode=True))

    def signal(self, container: str, name: str) -> None:
        """Send a signal to the container's first process; one that is over hears nothing."""
        with contextlib.suppress(NotOnEngine, NameTaken), self._said():
            self._api.kill(container, signal=name)

    def remove(self, container: str) -> None:
        """Remove a container with its own volumes, whatever it does; it may be gone already."""
        with contextlib.suppress(NotOnEngine, NameTaken), self._said():
            self._api.remove_container(container, v=True, force=True)

    def follow(self, container: str) -> Reader[bytes]:
        """Read a container's output from its beginning until it ends."""
        with self._said():
            stream = self._api.logs(container, stdout=True, stderr=True, stream=True, follow=True)
        # Closing the stream wakes its reader; the connection goes with the response.
        return Reader(stream, stream._response.close)  # noqa: SLF001

    def last_lines(self, container: str, count: int, longest: int = 16_384) -> bytes:
        """The last lines that a container wrote, bounded."""
        with self._said():
            said = self._api.logs(container, stdout=True, stderr=True, tail=count)
        return bytes(said)[-longest:]

    def labelled(self, label: str, value: str) -> list[dict[str, Any]]:
        """Ours: every container with this label, running or not."""
        with self._said():
            filters = {"label": [f"{LABEL}.{label}={value}"]}
            return list(self._api.containers(all=True, filters=filters))

    # Networks.

    def network(self, name: str, *, labels: Mapping[str, str], internal: bool, apart: bool) -> None:
        """Create a bridge network unless it is there.

        `apart` keeps its members from each other, `internal` from everything else: the host has no
        address in it either.

        Raises:
            AddressesTaken: the Engine has none left for one more network.
        """
        for _ in range(_TRIES):
            found = self._networks_called(name)
            if len(found) == 1:
                return
            if found:
                self._leave_one(found)
            else:
                self._create_network(name, dict(labels), internal=internal, apart=apart)
        raise NetworkAmbiguous(self.name, f"It has several networks called {name}.")

    def _leave_one(self, found: list[str]) -> None:
        """Of several networks of one name leave the first, or the one that is used.

        Those who create one at once make several, and the Engine then refuses all of them.
        """
        first, *others = found
        used = [each for each in others if not self._is_network_gone(each)]
        if used:
            self._is_network_gone(first)

    def _is_network_gone(self, network: str) -> bool:
        try:
            with self._said():
                self._api.remove_network(network)
        except NotOnEngine:
            return True
        except EngineUnreachable:
            raise
        except EngineError:
            # It is used.
            return False
        return True

    def remove_network(self, name: str) -> None:
        """Remove a network, named by its name or id; it may be gone already."""
        for found in self._networks_called(name) or [name]:
            with contextlib.suppress(NotOnEngine), self._said():
                self._api.remove_network(found)

    def _networks_called(self, name: str) -> list[str]:
        with self._said():
            # The Engine gives those whose names contain it, too.
            rows = self._api.networks(names=[name])
        named = [(row["Created"], str(row["Id"])) for row in rows if row["Name"] == name]
        return [found for _, found in sorted(named)]

    def _create_network(
        self, name: str, labels: dict[str, str], *, internal: bool, apart: bool
    ) -> None:
        options = {}
        if apart:
            options["com.docker.network.bridge.enable_icc"] = "false"
        if internal:
            options["com.docker.network.bridge.inhibit_ipv4"] = "true"
        tries = _INNER_TRIES if internal else 1
        for left in reversed(range(tries)):
            try:
                with self._said():
                    self._api.create_network(
                        name, driver="bridge", options=options, check_duplicate=True,
                        internal=internal, labels=labels, ipam=_inner_range() if internal else None,
                    )  # fmt: skip
            except NameTaken:
                return
            except AddressesTaken:
                # Another network has this range; the next try takes another one.
                if not left:
                    raise
            else:
                return

    def labelled_networks(self, label: str, value: str) -> list[dict[str, Any]]:
        """Ours: every network with this label."""
        with self._said():
            filters = {"label": [f"{LABEL}.{label}={value}"]}
            return list(self._api.networks(filters=filters))

    # Files.

    def put(self, container: str, archive: BinaryIO) -> None:
        """Unpack a tar archive, compressed or not, at the container's root."""
        with self._said():
            self._api.put_archive(container, "/", archive)

    def get(self, container: str, path: str) -> Iterator[bytes]:
        """A file or folder of the container as the blocks of a tar archive.

        Raises:
            NotOnEngine: the container has no such path.
        """
        with self._said():
            blocks, _ = self._api.get_archive(container, path)
        return iter(blocks)

    # The connection.

    def _connect(self) -> Any:
        from containers.clients.docker.connection import connect  # noqa: PLC0415

        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="powernode-tls-"))
        endpoint = self._endpoint
        return connect(
            endpoint.url, endpoint.tls, Path(folder), CALL_SECONDS, verify=endpoint.tls_verify
        )

    def _said(self) -> contextlib.AbstractContextManager[None]:
        return translated(self.name)


def _moment(text: str) -> float:
    """The Engine's clock in seconds since 1970, without their fraction."""
    return datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()


def _inner_range() -> dict[str, Any]:
    """A range for a network without a way out, as the Engine takes it."""
    number = secrets.randbelow(2 ** (_INNER_BITS - _INNER.prefixlen))
    first = _INNER.network_address + number * 2 ** (32 - _INNER_BITS)
    return {"Driver": "default", "Config": [{"Subnet": f"{first}/{_INNER_BITS}"}]}
