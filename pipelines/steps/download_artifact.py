"""`download_artifact`: bring back into the workspace what an earlier step kept."""

import shutil
from pathlib import Path
from typing import BinaryIO

from pydantic import Field

from devops.safety import archives
from devops.storage import blobs
from pipelines.operations.artifacts import find_artifact
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError


class DownloadConfig(Config):
    """Which artifact to bring back, and where to."""

    name: str = Field(
        "build-artifacts",
        min_length=1,
        max_length=200,
        title="Name",
        description="As it was given when the artifact was uploaded.",
    )
    path: str = Field("", max_length=500, title="Folder", description="Below the workspace.")


TYPE = StepType(
    name="download_artifact",
    title="Download an artifact",
    summary="Bring files that an earlier step kept back into the workspace.",
    config_model=DownloadConfig,
    outputs={"path": "The folder.", "files": "How many files were written."},
    effect="workspace",
    example={"name": "package", "path": "dist"},
)


class DownloadArtifactHandler(Immediate):
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
