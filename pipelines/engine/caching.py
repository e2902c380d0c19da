"""What a step keeps from run to run: brought back before it, kept after its success."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from devops.connections import release_connection
from devops.errors import DomainError
from devops.safety import archives
from devops.safety.beneath import make_folders, open_beneath, parts_of
from devops.storage import blobs
from devops.storage.logs import LogWriter
from pipelines.engine.file_hashes import hash_files
from pipelines.engine.session import Session
from pipelines.engine.workspace import Workspace
from pipelines.expressions import ExpressionError, interpolate
from pipelines.expressions.coercion import to_string
from pipelines.models import StepCache
from pipelines.operations.caches import CacheName, find_cache, has_cache, keep_cache, scope_of

FILES_MAX = 200_000
_RATIO = 1_000_000
_KEY_MAX = 512


class StepCaching:
    """The cache of one attempt; trouble with it is told in the log and fails nothing."""

    def __init__(
        self,
        session: Session,
        workspace: Workspace,
        declared: Mapping[str, Any],
        contexts: Mapping[str, Any],
        writer: LogWriter,
    ) -> None:
        self._session = session
        self._workspace = workspace
        self._declared = declared
        self._contexts = contexts
        self._writer = writer
        self._name: CacheName | None = None
        self.is_hit = False

    def restore(self) -> None:
        """Bring back the files of the key, or of the nearest earlier one."""
        try:
            self._name = self._named()
            beginnings = [self._evaluated(each) for each in self._declared.get("restore_keys", ())]
            found = find_cache(self._name, [each for each in beginnings if each])
            release_connection()
            if found is None:
                self._say(f"Cache: nothing is kept under {self._name.key}.")
                return
            files = self._unpack(found)
        except (ExpressionError, DomainError, OSError, ValueError) as error:
            self._say(f"Cache: it could not be brought back: {error}")
            return
        self.is_hit = found.key == self._name.key
        self._say(f"Cache: brought back {found.key}, {files} entries.")

    def recall(self) -> None:
        """Know the key again: what it brought back an earlier worker had brought back."""
        try:
            self._name = self._named()
        except ExpressionError as error:
            self._say(f"Cache: its key could not be made: {error}")

    def save(self) -> None:
        """Keep the paths under a key that is not taken yet."""
        if self._name is None or self.is_hit:
            return
        if not self._session.facts.is_trusted:
            self._say("Cache: not kept, because runs of unknown contributors only read it.")
            return
        try:
            self._keep(self._name)
        except (DomainError, OSError, ValueError) as error:
            self._say(f"Cache: it could not be kept: {error}")
        finally:
            release_connection()

    def _named(self) -> CacheName:
        key = self._evaluated(self._declared["key"])
        if not key:
            raise ExpressionError("The key of the cache is empty")
        run = self._session.run
        paths = tuple(sorted({_place(path) for path in self._declared["paths"]}))
        return CacheName(run.account_id, scope_of(run), paths, key)

    def _evaluated(self, text: str) -> str:
        functions = {"hashfiles": hash_files(self._workspace.work)}
        value = to_string(interpolate(text, self._contexts, functions=functions))
        masked = self._session.mask(value.encode("utf-8", errors="replace"))
        return " ".join(masked.decode(errors="replace").split())[:_KEY_MAX]

    def _unpack(self, found: StepCache) -> int:
        unpacked = self._workspace.root / f"cache-{uuid.uuid4().hex}"
        limits = archives.ArchiveLimits(
            files=FILES_MAX, bytes=settings.POWERNODE_CACHE_MAX_BYTES, ratio=_RATIO
        )
        try:
            with blobs.open_blob(found.blob) as source:
                files = archives.extract(source, unpacked, limits=limits, keep_links=True).files
            for path in found.paths:
                _put(unpacked, self._workspace.root, path)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
        return files

    def _keep(self, name: CacheName) -> None:
        root = self._workspace.root
        present = [path for path in name.paths if _exists(root, path)]
        if not present:
            self._say("Cache: not kept, because none of its paths exists.")
            return
        if has_cache(name):
            self._say(f"Cache: another run kept {name.key} meanwhile.")
            return
        limit = settings.POWERNODE_CACHE_MAX_BYTES
        limits = archives.ArchiveLimits(files=FILES_MAX, bytes=limit, ratio=_RATIO)
        with tempfile.TemporaryFile(dir=root) as packed:
            summary = archives.write(
                root, packed, paths=present, limits=limits, compression="zstd", keep_links=True
            )
            packed.seek(0)
            blob = blobs.store(
                packed, account_id=name.account_id, max_bytes=limit + 1024**2,
                media_type="application/zstd", name="cache.tar.zst",
            )  # fmt: skip
        is_first = keep_cache(name, self._session.run, blob, summary.files)
        self._say(
            f"Cache: kept {name.key}, {summary.files} entries, {blob.size_bytes} bytes."
            if is_first
            else f"Cache: another run kept {name.key} meanwhile."
        )

    def _say(self, text: str) -> None:
        self._writer.write(f"{text}\n".encode(errors="replace"))


def _place(path: str) -> str:
    """Where a declared path lies below the run's own folder."""
    folder = "home" if path.startswith("~/") else "work"
    return "/".join([folder, *parts_of(path.removeprefix("~/"))])


def _exists(root: Path, path: str) -> bool:
    try:
        os.close(open_beneath(root, path))
    except (OSError, ValueError):
        return False
    return True


def _put(unpacked: Path, root: Path, path: str) -> None:
    """Move one path into place, in the stead of what is there; no link on the way is followed."""
    source = unpacked / path
    if not os.path.lexists(source):
        return
    *folders, name = path.split("/")
    base = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        folder = make_folders(base, folders)
    finally:
        os.close(base)
    try:
        _clear(folder, name)
        os.rename(source, name, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _clear(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(name, dir_fd=folder)
