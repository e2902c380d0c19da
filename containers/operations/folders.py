"""Folders of the owner's machine inside a container: shared with it, or copied in and out.

Whether the Engine runs on this machine is not believed but tried: a file written here is looked
for through the container before it starts.
"""

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from containers.clients.docker.engine import Engine
from containers.clients.docker.errors import EngineError, EngineUnreachable, NotOnEngine
from containers.models import ContainerInstance
from devops.safety import archives

_LIMITS = archives.ArchiveLimits(files=500_000, bytes=20 * 1024**3, ratio=1_000_000)
# Whoever nobody is, on the hosts of others.
_NOBODY = 65534


@dataclass(slots=True)
class Folders:
    """The folders that a command works on, under the same paths inside and outside.

    Attributes:
        paths: the folders.
        probe: one of them, in which only the platform and this command write.
    """

    paths: tuple[Path, ...]
    probe: Path
    is_shared: bool = True
    place: str = field(init=False)

    def __post_init__(self) -> None:
        self.place = f"{socket.gethostname()}:{self.probe.parent}"[:255]

    def is_elsewhere(self, instance: ContainerInstance) -> bool:
        """Whether a container works on the same folders of another machine."""
        return instance.is_shared_folder and instance.folder_host != self.place

    def user(self, shares_folders: bool) -> str:  # noqa: FBT001
        """Who the command is inside: the worker's own user, to whom the folders belong.

        Where they are copied, nobody has to be root for that.
        """
        user, group = os.geteuid(), os.getegid()
        if user == 0 and not shares_folders:
            user = group = _NOBODY
        return f"{user}:{group}"

    def provide(self, engine: Engine, name: str, create: Callable[..., str]) -> str:
        """Create the container with the folders in it; returns its id."""
        # One of this name never ran: whoever began it died before it could say so.
        engine.remove(name)
        container = self._share(engine, name, create)
        self.is_shared = container is not None
        if container is None:
            container = create(shares_folders=False)
            owner = int(self.user(shares_folders=False).partition(":")[0])
            for path in self.paths:
                with tempfile.TemporaryFile(dir=path.parent) as packed:
                    archives.write(
                        path, packed, limits=_LIMITS, keep_links=True,
                        prefix=path.as_posix().lstrip("/"), owner=owner,
                    )  # fmt: skip
                    packed.seek(0)
                    engine.put(container, packed)
        return container

    def take_back(self, engine: Engine, container: str, instance: ContainerInstance) -> None:
        """Bring copied folders back as the command left them.

        Raises:
            ArchiveError: what came is no sound archive; the folder here stays as it was.
        """
        if instance.is_shared_folder:
            return
        for path in self.paths:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".back-") as folder:
                unpacked = Path(folder) / "all"
                stream = _Stream(engine.get(container, path.as_posix()))
                archives.extract(stream, unpacked, limits=_LIMITS, keep_links=True)  # type: ignore[arg-type]
                shutil.rmtree(path)
                (unpacked / path.name).rename(path)

    def _share(self, engine: Engine, name: str, create: Callable[..., str]) -> str | None:
        """A container that shares the folders, or None where the Engine does not see them."""
        token = secrets.token_bytes(16)
        file = self.probe / f".probe-{secrets.token_hex(8)}"
        file.write_bytes(token)
        try:
            container = create(shares_folders=True)
            if token in b"".join(engine.get(container, file.as_posix())):
                return container
        except EngineUnreachable:
            raise
        except NotOnEngine as error:
            if "No such image" in str(error):
                raise
        except EngineError as error:
            if "bind source path does not exist" not in str(error):
                raise
        finally:
            file.unlink(missing_ok=True)
        engine.remove(name)
        return None


class _Stream:
    """Blocks as a file that is read once."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._ready = b""

    def read(self, count: int = -1) -> bytes:
        while count < 0 or len(self._ready) < count:
            block = next(self._blocks, None)
            if block is None:
                break
            self._ready += block
        if count < 0:
            count = len(self._ready)
        given, self._ready = self._ready[:count], self._ready[count:]
        return given
