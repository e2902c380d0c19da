"""The versions of templates, and what pipelines remember of the one that they were made of."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone

from devops.access import Actor
from devops.errors import Conflict, Invalid
from pipelines import marketplace_rows
from pipelines.documents import completed
from pipelines.models import (
    Pipeline,
    PipelineTemplate,
    PipelineTemplateVersion,
    TemplateInstallation,
)

_VERSION = re.compile(r"\A(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\Z")
_SHOWN = 10


def definition_of(template: PipelineTemplate) -> dict[str, Any]:
    """The definition that an installation starts from."""
    return {
        **present(template).pipeline_definition,
        "name": template.name,
        "description": template.description,
    }


def present(template: PipelineTemplate) -> PipelineTemplateVersion:
    """What a template is now, as a version that need not be published."""
    definition = {
        **template.pipeline_definition,
        "triggers": template.triggers,
        "timeout_minutes": template.timeout_minutes,
        "steps": template.pipeline_definition.get("steps", []),
    }
    return PipelineTemplateVersion(
        template=template,
        version=template.version,
        pipeline_definition=definition,
        default_variables=template.default_variables,
        changelog=template.changelog,
    )


def published(actor: Actor, template: PipelineTemplate, version: str) -> PipelineTemplateVersion:
    """A published version that the actor may install.

    Raises:
        Invalid: there is none; it names some that there are.
    """
    rows = marketplace_rows.versions(actor, template)
    row = rows.filter(version=version).first()
    if row is None:
        known = ", ".join(rows.values_list("version", flat=True)[:_SHOWN]) or "none yet"
        text = f"{template.name} has no published version {version[:40]!r}; there are: {known}."
        raise Invalid.field("/version", text, code="unknown-version")
    return row


def record_version(template: PipelineTemplate, *, approved_at: datetime | None = None) -> None:
    """Keep a published version for good, inside the caller's transaction.

    Raises:
        Conflict: something else was published under this version.
    """
    wanted = present(template)
    known = template.versions.filter(version=template.version).first()
    if known is None:
        wanted.published_at, wanted.approved_at = timezone.now(), approved_at
        wanted.save(force_insert=True)
    elif not is_same(known, wanted):
        following = next_version(version_parts(template.version), "minor")
        raise Conflict(
            f"{template.name} {template.version} was published with something else in it.",
            remedy=f"Give it a higher `version`, for example {following}.",
        )


def approve_versions(templates: Sequence[PipelineTemplate], moment: datetime) -> None:
    """Let other accounts see the versions that these templates have now."""
    rows = PipelineTemplateVersion.objects.filter(template__in=templates, approved_at=None)
    rows.filter(version=F("template__version")).update(approved_at=moment)


def is_same(one: PipelineTemplateVersion, other: PipelineTemplateVersion) -> bool:
    """Whether two versions would install the same."""
    return (_filled(one.pipeline_definition), one.default_variables) == (
        _filled(other.pipeline_definition), other.default_variables,
    )  # fmt: skip


def _filled(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition without its empty members, which an older release may not have known."""
    steps = [{name: value for name, value in step.items() if value}
             for step in definition.get("steps") or []]  # fmt: skip
    return {name: value for name, value in {**definition, "steps": steps}.items() if value}


def remember(
    pipeline: Pipeline,
    version: PipelineTemplateVersion,
    variables: Mapping[str, Any],
    definition: Mapping[str, Any],
) -> None:
    """Keep what a pipeline was made of, inside the caller's transaction."""
    TemplateInstallation.objects.update_or_create(
        pipeline=pipeline,
        defaults={
            "template": version.template,
            "template_name": version.template.name,
            "version": version.version,
            "variables": dict(variables),
            "definition": completed({**definition, "slug": pipeline.slug}),
        },
    )


def next_version(version: tuple[int, int, int], part: str) -> str:
    """The version after a `major`, `minor` or `patch` change."""
    major, minor, patch = version
    following = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }[part]
    return ".".join(map(str, following))


def version_parts(text: str) -> tuple[int, int, int]:
    """The three numbers of a version.

    Raises:
        Invalid: it is none.
    """
    match = _VERSION.match(text)
    if match is None:
        raise Invalid(f"{text[:40]!r} is no version; write one like 1.2.0.")
    major, minor, patch = map(int, match.groups())
    return major, minor, patch
