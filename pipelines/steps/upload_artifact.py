"""`upload_artifact`: keep files of the workspace with the run."""

import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from pydantic import Field

from devops.errors import DomainError
from devops.safety import archives
from devops.safety.beneath import files_beneath, has_control_characters, open_beneath
from devops.safety.patterns import GlobSet
from devops.storage import blobs
from pipelines.operations.artifacts import check_room, store_artifact
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError

FILES_MAX = 10_000
# A repository's own folder may hold what a token left there, and is nobody's build.
_LEFT_OUT = frozenset({".git"})
_WILD = frozenset("*?[{\\!")


class UploadConfig(Config):
    """Which files to keep, under which name, for how long."""

    name: str = Field(
        "build-artifacts",
        min_length=1,
        max_length=200,
        pattern=r"^[\w. -]+$",
        title="Name",
        description="Under which later steps and people find it.",
    )
    path: str = Field(
        ".", max_length=500, title="Path",
        description="A file, a folder or a glob below the workspace.",
    )  # fmt: skip
    retention_days: int = Field(
        30, ge=1, le=400, title="Keep for (days)", description="1 to 400; then it is deleted."
    )
    if_no_files: str = Field(
        "error", pattern="^(error|warn)$", title="Without files", description="`error` or `warn`."
    )


TYPE = StepType(
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
    docs=(
        "A single file is kept as it is, anything else as a tar.gz. Links, sockets, devices, "
        "names with control characters and every `.git` folder are left out. See "
        "[Keep and fetch artifacts](../how-to/keep-and-fetch-artifacts.md)."
    ),
    example={"name": "package", "path": "dist/*.whl"},
)


class UploadArtifactHandler(Immediate):
    """A single file is kept as it is, anything else as a tar.gz without links."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: UploadConfig = ctx.config
        single = ctx.workspace / config.path
        try:
            is_left_out = _LEFT_OUT.intersection(Path(config.path).parts)
            if single.is_file() and not single.is_symlink() and not is_left_out:
                return self._keep_file(ctx, config)
            found = matching(ctx.workspace, config.path)
            strange = [path for path in found if has_control_characters(path)]
            for path in strange:
                ctx.log(f"Left out, because its name holds control characters: {path!r}")
            paths = [path for path in found if path not in strange] if strange else found
            if not paths:
                return self._nothing(config)
            return self._keep_folder(ctx, config, paths)
        except (archives.ArchiveError, archives.PathNotAllowedError, DomainError) as error:
            raise StepFailedError(str(error), reason="artifact") from error

    def _nothing(self, config: UploadConfig) -> Outcome:
        text = f"No file of the workspace matches {config.path!r}."
        if config.if_no_files == "error":
            raise StepFailedError(text, reason="artifact")
        outputs = {"artifact_id": "", "size_bytes": 0, "files": 0}
        return Done(outputs=outputs, warnings=(text,))

    def _keep_file(self, ctx: StepContext, config: UploadConfig) -> Outcome:
        descriptor = open_beneath(ctx.workspace, config.path)
        with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, not a path)
            return self._store(ctx, config, file, None)

    def _keep_folder(self, ctx: StepContext, config: UploadConfig, paths: list[str]) -> Outcome:
        with tempfile.TemporaryFile(dir=ctx.scratch) as packed:
            summary = archives.write(ctx.workspace, packed, paths=paths)
            for skipped in summary.skipped:
                ctx.log(f"Left out, because it is no regular file: {skipped}")
            packed.seek(0)
            return self._store(ctx, config, packed, summary)

    def _store(
        self,
        ctx: StepContext,
        config: UploadConfig,
        stream: BinaryIO,
        packed: archives.Summary | None,
    ) -> Outcome:
        name, path = _masked(ctx, config.name), _masked(ctx, config.path)
        if packed:
            listed = tuple((_masked(ctx, each), size) for each, size in packed.listed)
            packed = replace(packed, listed=listed)
        check_room(ctx.run.account_id, os.fstat(stream.fileno()).st_size)
        blob = blobs.store(
            stream,
            account_id=ctx.run.account_id,
            max_bytes=settings.POWERNODE_ARTIFACT_MAX_BYTES,
            media_type="application/gzip" if packed else "application/octet-stream",
            name=f"{name}.tar.gz" if packed else Path(path).name,
        )
        files = packed.files if packed else 1
        artifact = store_artifact(
            ctx.execution_id,
            blob,
            name=name,
            path=path,
            packed=packed,
            retention_days=config.retention_days,
        )
        ctx.log(f"Kept {files} file(s), {blob.size_bytes} bytes, as {config.name}.")
        outputs = {
            "artifact_id": str(artifact.pk), "size_bytes": blob.size_bytes, "files": files,
        }  # fmt: skip
        return Done(outputs=outputs)


def _masked(ctx: StepContext, text: str) -> str:
    """A name as it is shown; names are bytes to the file system, and need not be UTF-8."""
    shown = ctx.mask(text.encode("utf-8", errors="surrogateescape"))
    return shown.decode("utf-8", errors="surrogateescape")


def matching(workspace: Path, pattern: str) -> list[str]:
    """The regular files below a folder or matching a glob, relative, in order.

    Links are not followed; only what lies below the part without wildcards is walked.
    """
    parts = archives.parts_of(pattern)
    if _LEFT_OUT.intersection(parts):
        return []
    is_folder = _is_folder(workspace, parts)
    globs = None if is_folder else GlobSet(["/".join(parts)])
    plain = len(parts) if is_folder else _plain_parts(parts)
    found = []
    for path, status in files_beneath(workspace, "/".join(parts[:plain]), but=_LEFT_OUT):
        if stat.S_ISREG(status.st_mode) and (globs is None or globs.matches(path)):
            found.append(path)
            if len(found) > FILES_MAX:
                raise StepFailedError(f"More than {FILES_MAX} files match {pattern!r}.")
    return sorted(found)


def _is_folder(workspace: Path, parts: list[str]) -> bool:
    try:
        os.close(open_beneath(workspace, "/".join(parts), os.O_RDONLY | os.O_DIRECTORY))
    except (OSError, archives.PathNotAllowedError):
        return False
    return True


def _plain_parts(parts: list[str]) -> int:
    """How many folders lead to the first wildcard; the last part names files."""
    wild = (index for index, part in enumerate(parts) if _WILD.intersection(part))
    return min(next(wild, len(parts)), max(0, len(parts) - 1))
