"""`sbom_generate`: the list of what the workspace is built of."""

import os
from collections.abc import Iterator
from typing import Literal

from django.utils import timezone
from pydantic import Field, model_validator

from devops.safety.beneath import files_beneath, open_beneath
from devops.safety.patterns import GlobSet
from pipelines.lockfiles import (
    LOCKFILE_MAX_BYTES,
    LockFileError,
    Package,
    is_lock_file,
    packages_of,
)
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError
from pipelines.steps.tools import members, read_report, remove_stale, run_tool, workspace_path

_SKIPPED = ("**/node_modules/**", "node_modules/**", "**/.venv/**", ".venv/**", ".git/**")
_FORMATS = {"cyclonedx": "cyclonedx-json", "spdx": "spdx-json"}


class SbomGenerateConfig(Config):
    """How the list is written, and by whom."""

    format: Literal["cyclonedx", "spdx"] = Field(
        "cyclonedx", title="Format", description="The standard that the list follows."
    )
    tool: Literal["cyclonedx", "syft", "cdxgen"] = Field(
        "cyclonedx", title="Made by",
        description="`cyclonedx` reads lock files and needs no program; the others do.",
    )  # fmt: skip
    output_file: str = Field(
        "sbom.json", min_length=1, max_length=500, title="File", description="Below the workspace."
    )
    path: str = Field(".", max_length=500, title="Folder", description="Below the workspace.")
    exclude: list[str] = Field(
        default_factory=list,
        max_length=100,
        title="Left out (globs)",
        description="Paths below the folder.",
    )
    spec_version: Literal["1.4", "1.5", "1.6"] = Field(
        "1.5", title="Version of CycloneDX", description="cyclonedx only."
    )
    project_type: str = Field(
        "",
        max_length=40,
        pattern="^[a-z]*$",
        title="Project type (cdxgen)",
        description="Empty: cdxgen finds it out.",
    )

    @model_validator(mode="after")
    def _can_write_it(self) -> "SbomGenerateConfig":
        if self.format == "spdx" and self.tool != "syft":
            raise ValueError("SPDX is written by syft: set `tool: syft`.")
        return self


TYPE = StepType(
    name="sbom_generate",
    title="List the ingredients (SBOM)",
    summary="Write a CycloneDX or SPDX list of the packages that the project is built of.",
    config_model=SbomGenerateConfig,
    outputs={
        "sbom_path": "Where the list lies in the workspace.",
        "sbom_format": "Its format.",
        "tool": "What made it.",
        "component_count": "How many packages it names.",
        "generated_at": "When.",
    },
    effect="workspace",
    docs=(
        "`cyclonedx` reads requirements files, poetry, uv, pdm, Pipfile, npm, Composer, "
        "Cargo and Go lock files and runs nothing. Fails when nothing was found, when a "
        "lock file cannot be read, and when the program is not on the worker."
    ),
    example={"output_file": "sbom.json"},
)


class SbomGenerateHandler(Immediate):
    """An empty list is a failure: it would pass every check that looks at it."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: SbomGenerateConfig = ctx.config
        path = workspace_path(config.output_file, "output_file")
        folder = workspace_path(config.path, "path")
        remove_stale(ctx, path)
        if config.tool == "cyclonedx":
            count = _write_own(ctx, config, folder, path)
        else:
            _run(ctx, config, folder, path)
            member = "components" if config.format == "cyclonedx" else "packages"
            count = len(members(read_report(ctx, path, "The list"), member))
        if not count:
            raise StepFailedError(
                f"Nothing was found in {folder!r}: no lock file pins a package there.",
                reason="empty",
            )
        ctx.log(f"{count} packages in {path}")
        return Done(
            outputs={
                "sbom_path": path,
                "sbom_format": config.format,
                "tool": config.tool,
                "component_count": count,
                "generated_at": timezone.now().isoformat(),
            }
        )


def _run(ctx: StepContext, config: SbomGenerateConfig, folder: str, path: str) -> None:
    if config.tool == "syft":
        arguments = [
            "syft",
            "scan",
            f"dir:{folder}",
            "--output",
            f"{_FORMATS[config.format]}={path}",
        ]
        for pattern in config.exclude:
            arguments += ["--exclude", pattern]
        remedy = "Install Anchore's syft there, or leave `tool` away."
    else:
        arguments = ["cdxgen", "--spec-version", config.spec_version, "--output", path]
        arguments += ["--type", config.project_type] if config.project_type else []
        for pattern in config.exclude:
            arguments += ["--exclude", pattern]
        arguments.append(folder)
        remedy = "Install OWASP's cdxgen there, or leave `tool` away."
    result = run_tool(ctx, arguments, remedy=remedy)
    if not result.is_success:
        raise StepFailedError(
            f"{config.tool} ended with exit status {result.exit_code}.", reason="tool"
        )


def _write_own(ctx: StepContext, config: SbomGenerateConfig, folder: str, path: str) -> int:
    packages: set[Package] = set()
    for name in _lock_files(ctx, config, folder):
        try:
            with open(open_beneath(ctx.workspace, name), "rb") as file:  # noqa: PTH123
                content = file.read(LOCKFILE_MAX_BYTES + 1)
            found = packages_of(name.rpartition("/")[2], content)
        except (LockFileError, OSError, ValueError) as error:
            raise StepFailedError(f"{name}: {error}", reason="lock_file") from error
        ctx.log(f"{name}: {len(found)} packages")
        packages.update(found)
    text = _document(ctx, config, sorted(packages))
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        with open(open_beneath(ctx.workspace, path, flags, 0o644), "w") as file:  # noqa: PTH123
            file.write(text)
    except (OSError, ValueError) as error:
        raise StepFailedError(f"{path} cannot be written: {error}", reason="report") from error
    return len(packages)


def _lock_files(ctx: StepContext, config: SbomGenerateConfig, folder: str) -> Iterator[str]:
    skipped = GlobSet([*_SKIPPED, *config.exclude])
    prefix = "" if folder == "." else f"{folder}/"
    for name, facts in files_beneath(ctx.workspace):
        is_plain = (facts.st_mode & 0o170000) == 0o100000
        is_ours = is_plain and name.startswith(prefix) and not skipped.matches(name)
        if is_ours and is_lock_file(name.rpartition("/")[2]):
            yield name


def _document(ctx: StepContext, config: SbomGenerateConfig, packages: list[Package]) -> str:
    # Half a second and some megabytes: only workers that write such lists load it.
    from cyclonedx.model.bom import Bom  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output import make_outputter  # noqa: PLC0415
    from cyclonedx.schema import OutputFormat, SchemaVersion  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    bom = Bom()
    bom.metadata.component = Component(
        name=ctx.run.pipeline_name, version=ctx.run.commit_sha or None,
        type=ComponentType.APPLICATION, bom_ref="project",
    )  # fmt: skip
    for package in packages:
        purl = PackageURL(package.kind, package.namespace or None, package.name, package.version)
        bom.components.add(
            Component(
                name=package.name, group=package.namespace or None, version=package.version,
                type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl),
            )
        )  # fmt: skip
    bom.register_dependency(bom.metadata.component, list(bom.components))
    version = SchemaVersion[f"V{config.spec_version.replace('.', '_')}"]
    return make_outputter(bom, OutputFormat.JSON, version).output_as_string(indent=2)
