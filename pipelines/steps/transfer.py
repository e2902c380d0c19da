"""`upload_artifact` and `download_artifact`: keep files of the workspace, and bring them back."""

import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from pydantic import Field

from devops.errors import DomainError
from devops.safety import archives
from devops.safety.beneath import open_beneath
from devops.safety.patterns import GlobSet
from devops.storage import blobs
from pipelines.operations.reports import find_artifact, store_artifact
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError

FILES_MAX = 10_000


class UploadConfig(Config):
    """Which files to keep, under which name, for how long."""

    name: str = Field(
        "build-artifacts", min_length=1, max_length=200, pattern=r"^[\w. -]+$", title="Name"
    )
    path: str = Field(
        ".", max_length=500, title="Path",
        description="A file, a folder or a glob below the workspace.",
    )  # fmt: skip
    retention_days: int = Field(30, ge=1, le=400, title="Keep for (days)")
    if_no_files: str = Field(
        "error", pattern="^(error|warn)$", title="Without files", description="`error` or `warn`."
    )


class DownloadConfig(Config):
    """Which artifact to bring back, and where to."""

    name: str = Field("build-artifacts", min_length=1, max_length=200, title="Name")
    path: str = Field("", max_length=500, title="Folder", description="Below the workspace.")


UPLOAD = StepType(
    name="upload_artifact",
    title="Upload an artifact",
    summary="Keep files of the workspace with the run.",
    config_model=UploadConfig,
    outputs={
        "artifact_id": "The artifact's identifier.",
        "size_bytes": "Its size as stored.",
        "files": "How many files it holds.",
    },
    effect="external",
    example={"name": "package", "path": "dist/*.whl"},
)
DOWNLOAD = StepType(
    name="download_artifact",
    title="Download an artifact",
    summary="Bring files that an earlier step kept back into the workspace.",
    config_model=DownloadConfig,
    outputs={"path": "The folder.", "files": "How many files were written."},
    effect="workspace",
    example={"name": "package", "path": "dist"},
)


class UploadHandler(Immediate):
    """A single file is kept as it is, anything else as a tar.gz without links."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: UploadConfig = ctx.config
        single = ctx.workspace / config.path
        try:
            if single.is_file() and not single.is_symlink():
                return self._keep_file(ctx, config)
            paths = _matching(ctx.workspace, config.path)
            if not paths:
                return self._nothing(ctx, config)
            return self._keep_folder(ctx, config, paths)
        except (archives.ArchiveError, DomainError) as error:
            raise StepFailedError(str(error), reason="artifact") from error

    def _nothing(self, ctx: StepContext, config: UploadConfig) -> Outcome:
        text = f"No file of the workspace matches {config.path!r}."
        if config.if_no_files == "error":
            raise StepFailedError(text, reason="artifact")
        ctx.log(text)
        return Done(outputs={"artifact_id": "", "size_bytes": 0, "files": 0})

    def _keep_file(self, ctx: StepContext, config: UploadConfig) -> Outcome:
        descriptor = open_beneath(ctx.workspace, config.path)
        with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, not a path)
            return self._store(ctx, config, file, file_count=1, is_archive=False)

    def _keep_folder(self, ctx: StepContext, config: UploadConfig, paths: list[str]) -> Outcome:
        with tempfile.TemporaryFile(dir=ctx.scratch) as packed:
            summary = archives.write(ctx.workspace, packed, paths=paths)
            for skipped in summary.skipped:
                ctx.log(f"Left out, because it is no regular file: {skipped}")
            packed.seek(0)
            return self._store(ctx, config, packed, file_count=summary.files, is_archive=True)

    def _store(
        self,
        ctx: StepContext,
        config: UploadConfig,
        stream: BinaryIO,
        *,
        file_count: int,
        is_archive: bool,
    ) -> Outcome:
        name = f"{config.name}.tar.gz" if is_archive else Path(config.path).name
        blob = blobs.store(
            stream,
            account_id=ctx.run.account_id,
            max_bytes=settings.POWERNODE_ARTIFACT_MAX_BYTES,
            media_type="application/gzip" if is_archive else "application/octet-stream",
            name=name,
        )
        artifact = store_artifact(
            ctx.execution_id,
            blob,
            name=config.name,
            path=config.path,
            file_count=file_count,
            is_archive=is_archive,
            retention_days=config.retention_days,
        )
        ctx.log(f"Kept {file_count} file(s), {blob.size_bytes} bytes, as {config.name}.")
        outputs = {
            "artifact_id": str(artifact.pk), "size_bytes": blob.size_bytes, "files": file_count,
        }  # fmt: skip
        return Done(outputs=outputs)


class DownloadHandler(Immediate):
    """Finds the artifact in the same run."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: DownloadConfig = ctx.config
        artifact = find_artifact(ctx.run.id, config.name)
        if artifact is None:
            raise StepFailedError(f"The run has no artifact {config.name!r}.", reason="artifact")
        into = (ctx.workspace / config.path).resolve()
        if not into.is_relative_to(ctx.workspace.resolve()):
            raise StepFailedError(f"The path {config.path!r} leaves the workspace.")
        into.mkdir(parents=True, exist_ok=True)
        with blobs.open_blob(artifact.blob) as source:
            if artifact.is_archive:
                files = self._unpack(source, ctx.scratch / "artifact", into)
            else:
                _copy(source, into / Path(artifact.path).name)
                files = 1
        ctx.log(f"Brought back {files} file(s) of {config.name}.")
        return Done(outputs={"path": config.path or ".", "files": files})

    def _unpack(self, source: BinaryIO, unpacked: Path, into: Path) -> int:
        """Unpack beside the workspace, then move each top entry into place, replacing its like."""
        try:
            files = archives.extract(source, unpacked).files
        except archives.ArchiveError as error:
            raise StepFailedError(str(error), reason="artifact") from error
        for entry in unpacked.iterdir():
            target = into / entry.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
            entry.rename(target)
        return files


def _copy(source: BinaryIO, target: Path) -> None:
    target.unlink(missing_ok=True)
    with target.open("xb") as file:
        while block := source.read(1024 * 1024):
            file.write(block)


def _matching(workspace: Path, pattern: str) -> list[str]:
    """The regular files below a folder or matching a glob, relative; links are not followed."""
    base = workspace / pattern
    if base.is_dir() and not base.is_symlink():
        prefix = "" if pattern in {".", "./", ""} else pattern.rstrip("/") + "/"
        globs = GlobSet([f"{prefix}**"])
    else:
        globs = GlobSet([pattern])
    found = []
    for path in workspace.rglob("*"):
        relative = path.relative_to(workspace).as_posix()
        if path.is_file() and not path.is_symlink() and globs.matches(relative):
            found.append(relative)
            if len(found) > FILES_MAX:
                raise StepFailedError(f"More than {FILES_MAX} files match {pattern!r}.")
    return sorted(found)
