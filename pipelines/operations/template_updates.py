"""A pipeline that was made of a template, and what a newer version of it would change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, FieldProblem, Invalid
from pipelines import marketplace_rows, selectors
from pipelines.documents import completed, document_diff
from pipelines.marketplace.abilities import Ability, abilities
from pipelines.marketplace.merging import Conflict as Clash
from pipelines.marketplace.merging import Prefer, merge
from pipelines.marketplace.variables import filled
from pipelines.models import Pipeline, PipelineTemplateVersion, TemplateInstallation
from pipelines.operations.definitions import WRITE, check_definition, replace_definition
from pipelines.operations.template_versions import published, remember, version_parts


@dataclass(frozen=True, slots=True)
class TemplateUpdate:
    """What bringing a pipeline to a version of its template would do.

    Attributes:
        diff: from what the pipeline says now to what it would say.
        template_diff: what the template changed; own_diff: what was changed here since.
        conflicts: what both changed; each goes as the one who updates prefers.
        problems: values that do not fit the version; without them nothing else is known.
        definition_version: of the pipeline as it was compared.
    """

    installation: TemplateInstallation
    target: PipelineTemplateVersion
    definition_version: int
    values: Mapping[str, Any]
    problems: list[FieldProblem] = field(default_factory=list)
    diff: str = ""
    template_diff: str = ""
    own_diff: str = ""
    conflicts: list[Clash] = field(default_factory=list)
    new_abilities: list[Ability] = field(default_factory=list)
    definition: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, Any] = field(default_factory=dict)


def newer_version(
    actor: Actor, installation: TemplateInstallation | None
) -> PipelineTemplateVersion | None:
    """The newest version that a pipeline could be brought to, if it is newer than its own."""
    if installation is None or installation.template_id is None:
        return None
    template = marketplace_rows.templates(actor).filter(pk=installation.template_id).first()
    newest = marketplace_rows.versions(actor, template).first() if template else None
    if newest is None or version_parts(newest.version) <= version_parts(installation.version):
        return None
    return newest


def compare_with_template(
    actor: Actor,
    pipeline: Pipeline,
    *,
    version: str = "",
    variables: Mapping[str, Any] | None = None,
    prefer: Prefer = "mine",
) -> TemplateUpdate | None:
    """What an update to a version, else to the newest one, would do; None: there is none.

    Raises:
        Invalid: the template has no such version.
    """
    installation = marketplace_rows.installation(actor, pipeline)
    if installation is None or installation.template is None:
        return None
    if version:
        target = published(actor, installation.template, version)
    else:
        newest = newer_version(actor, installation)
        if newest is None:
            return None
        target = newest
    return _compared(pipeline, installation, target, variables or {}, prefer)


@transaction.atomic(durable=True)
def update_from_template(
    actor: Actor,
    pipeline: Pipeline,
    *,
    version: str = "",
    variables: Mapping[str, Any] | None = None,
    prefer: Prefer = "mine",
    seen_version: int | None = None,
) -> Pipeline:
    """Bring a pipeline to a version of its template; what was changed here stays.

    `prefer` says whose change counts where both changed the same; `seen_version` is the
    `definition_version` that was looked at before.

    Raises:
        Conflict: there is no newer version, it was changed meanwhile, or it belongs to the system.
        Invalid: a value does not fit, or what comes of it breaks a rule.
    """
    actor.require(WRITE)
    locked = Pipeline.objects.select_for_update().get(pk=pipeline.pk)
    _check_free(locked, seen_version)
    found = compare_with_template(
        actor, locked, version=version, variables=variables, prefer=prefer
    )
    if found is None:
        raise Conflict(f"There is no newer version of a template for {locked.name}.")
    if found.problems:
        text = f"The values do not fit: {found.problems[0].detail}"
        raise Invalid(text, errors=found.problems)
    check_definition(found.definition)
    replace_definition(locked, found.definition)
    remember(locked, found.target, found.values, found.base)
    audit.record(
        actor, "devops.pipeline.update_from_template", locked,
        detail={
            "template": found.target.template.slug, "from": found.installation.version,
            "to": found.target.version, "prefer": prefer,
            "conflicts": [each.pointer for each in found.conflicts][:50],
        },
    )  # fmt: skip
    return selectors.pipeline(actor, pipeline.pk)


def _check_free(pipeline: Pipeline, seen_version: int | None) -> None:
    if pipeline.is_system:
        raise Conflict(
            f"{pipeline.name} is a system pipeline; its definition cannot be changed.",
            remedy="Duplicate it and change the copy.",
        )
    if seen_version is not None and seen_version != pipeline.definition_version:
        raise Conflict(
            f"{pipeline.name} was changed after the update was shown.",
            remedy="Look at the difference again, then update.",
        )


def _compared(
    pipeline: Pipeline,
    installation: TemplateInstallation,
    target: PipelineTemplateVersion,
    variables: Mapping[str, Any],
    prefer: Prefer,
) -> TemplateUpdate:
    declared = target.default_variables
    kept = {name: value for name, value in installation.variables.items() if name in declared}
    values = {**kept, **variables}
    try:
        wanted = filled(target.pipeline_definition, declared, values)
    except Invalid as error:
        return TemplateUpdate(
            installation, target, pipeline.definition_version, values, list(error.errors)
        )
    mine = completed(selectors.definition_of(pipeline))
    own = {"name": pipeline.name, "slug": pipeline.slug}
    base = {**installation.definition, **own}
    described = {**own, "description": target.template.description}
    theirs = completed({**wanted, **described})
    merged = merge(base, {**mine, **own}, theirs, prefer)
    known = {each.text for each in abilities(mine)}
    names = (f"{pipeline.name} now", f"with {target.template.name} {target.version}")
    return TemplateUpdate(
        installation, target, pipeline.definition_version, values,
        diff=document_diff(mine, merged.definition, names),
        template_diff=document_diff(base, theirs, (installation.version, target.version)),
        own_diff=document_diff(base, mine, (installation.version, "now")),
        conflicts=merged.conflicts,
        new_abilities=[each for each in abilities(merged.definition) if each.text not in known],
        definition=merged.definition,
        base=theirs,
    )  # fmt: skip
