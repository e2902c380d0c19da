"""The working folder between steps: kept when it changed, brought back in a re-run."""

import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from django.conf import settings

from devops.connections import release_connection
from devops.errors import DomainError
from devops.models import Blob
from devops.safety import archives
from devops.safety.beneath import files_beneath
from devops.storage import blobs
from devops.storage.logs import LogWriter
from pipelines import step_types
from pipelines.choices import StepStatus
from pipelines.engine.session import Session
from pipelines.engine.workspace import Workspace
from pipelines.models import StepExecution, WorkspaceSnapshot

logger = logging.getLogger(__name__)

# Beyond, keeping the folder after each step would cost more than repeating the steps once.
FILES_MAX = 25_000
NOTE_MAX = 300
# Our own archives compress well; their size is what bounds them.
_RATIO = 1_000_000
_FAILED = frozenset({StepStatus.FAILURE, StepStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder as its entries tell of it, without reading a file."""

    digest: str
    files: int
    size: int


def look_at(root: Path) -> Tree:
    """Read names, sizes and times of all below a folder: what changes a file changes these."""
    digest, files, size = sha256(), 0, 0
    for path, status in files_beneath(root):
        files += 1
        size += status.st_size
        facts = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        digest.update(f"{path}\0{facts}\0".encode(errors="surrogateescape"))
        if files > FILES_MAX:
            break
    return Tree(digest.hexdigest(), files, size)


@dataclass(slots=True)
class Keeper:
    """Keeps a run's working folder after each stage that changed it."""

    session: Session
    workspace: Workspace
    known: str = ""

    def after(self, stage: Sequence[StepExecution]) -> WorkspaceSnapshot | None:
        """A row for the folder as a finished stage left it; None when there is nothing to keep."""
        if not settings.POWERNODE_SNAPSHOT_MAX_BYTES or not self._may_matter(stage):
            return None
        tree = look_at(self.workspace.work)
        if tree.digest == self.known:
            return None
        row = WorkspaceSnapshot(
            account_id=self.session.run.account_id,
            run=self.session.run,
            position=stage[-1].position,
            tree=tree.digest,
            file_count=tree.files,
            size_bytes=tree.size,
        )
        if tree.files:
            self._pack(row)
        self.known = tree.digest
        return row

    def _may_matter(self, stage: Sequence[StepExecution]) -> bool:
        """Whether the stage can have changed the folder, and somebody can come to need it."""
        did_work = any(
            row.started_at is not None
            and row.carried_from_id is None
            and step_types.get(row.step_type).effect == "workspace"
            for row in stage
        )
        is_last = stage[-1].position == max(row.position for row in self.session.executions)
        has_failed = any(row.status in _FAILED and not row.continue_on_error for row in stage)
        if has_failed:
            # A re-run of the failed members alone finds what the others left.
            return did_work and len(stage) > 1
        return did_work and not is_last

    def recall(self) -> None:
        """Learn from a predecessor on this machine what it kept last."""
        rows = WorkspaceSnapshot.objects.filter(run_id=self.session.run.pk).order_by("-position")
        self.known = rows.values_list("tree", flat=True).first() or ""
        release_connection()

    def _pack(self, row: WorkspaceSnapshot) -> None:
        limit = settings.POWERNODE_SNAPSHOT_MAX_BYTES
        limits = archives.ArchiveLimits(files=FILES_MAX, bytes=limit, ratio=_RATIO)
        if row.size_bytes > limit or row.file_count > FILES_MAX:
            row.note = (
                f"The working folder has more than {limit // 1024**2} MB or {FILES_MAX} files."
            )
            return
        try:
            with tempfile.TemporaryFile(dir=self.workspace.root) as packed:
                archives.write(
                    self.workspace.work, packed, limits=limits, compression="zstd", keep_links=True
                )
                packed.seek(0)
                row.blob = blobs.store(
                    packed,
                    account_id=row.account_id,
                    max_bytes=limit + 1024**2,
                    media_type="application/zstd",
                    name=f"workspace-{self.session.run.run_number}-{row.position}.tar.zst",
                )
        except (OSError, ValueError, DomainError) as error:
            # The run goes on; a re-run repeats the steps instead.
            logger.warning("the workspace of run %s could not be kept: %s", row.run_id, error)
            row.note = f"The working folder could not be kept: {error}"[:NOTE_MAX]
        finally:
            release_connection()

    def restore(self, writer: LogWriter) -> int:
        """Bring the newest snapshot of the run back; the position up to which it counts, or 0."""
        row = (
            WorkspaceSnapshot.objects.filter(run_id=self.session.run.pk)
            .select_related("blob")
            .order_by("-position")
            .first()
        )
        release_connection()
        if row is None:
            return 0
        if row.note:
            writer.write(f"{row.note} Its steps are run again.\n".encode())
            return 0
        if row.blob is not None and not self._unpack(row, row.blob, writer):
            return 0
        self.known = look_at(self.workspace.work).digest
        return row.position

    def _unpack(self, row: WorkspaceSnapshot, blob: Blob, writer: LogWriter) -> bool:
        unpacked = self.workspace.root / "restored"
        shutil.rmtree(unpacked, ignore_errors=True)
        limits = archives.ArchiveLimits(
            files=FILES_MAX, bytes=max(row.size_bytes * 2, 1024**2), ratio=_RATIO
        )
        try:
            with blobs.open_blob(blob) as source:
                archives.extract(source, unpacked, limits=limits, keep_links=True)
        except (OSError, archives.ArchiveError) as error:
            writer.write(f"The saved workspace is not usable: {error}\n".encode())
            return False
        shutil.rmtree(self.workspace.work, ignore_errors=True)
        unpacked.rename(self.workspace.work)
        writer.write(
            f"Workspace restored as it was after step {row.position}: "
            f"{row.file_count} entries.\n".encode()
        )
        return True
