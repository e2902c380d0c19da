"""Prompt templates are written, versioned, copied and taken away."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max

from devops import audit, versions
from devops.access import Actor
from devops.errors import Conflict, InUse, Invalid
from devops.models import PromptTemplate
from devops.prompt_starters import STARTERS
from devops.prompt_usage import users_by_slug
from devops.prompts import MOST_BYTES, variables_of
from devops.slugs import free_slug

WRITE = "devops.prompt_templates.write"


@transaction.atomic(durable=True)
def create_prompt_template(actor: Actor, values: Mapping[str, Any]) -> PromptTemplate:
    """Write a new template; its slug is made from the name.

    Raises:
        Invalid: the content is no template or too long.
    """
    actor.require(WRITE)
    _check(values)
    template = _insert(actor, values)
    audit.record(actor, "devops.prompt_template.create", template)
    return template


@transaction.atomic(durable=True)
def update_prompt_template(
    actor: Actor, template: PromptTemplate, changes: Mapping[str, Any], *, seen: str = ""
) -> PromptTemplate:
    """Change a template in place; steps that name it get the new text from their next run.

    `seen` is the version that was edited.

    Raises:
        Invalid: the content is no template or too long.
        Conflict: it is one of ours, or an older version that would become a second active one.
        Stale: somebody else changed it meanwhile.
    """
    actor.require(WRITE)
    template = versions.lock(template, seen)
    if template.is_system and set(changes) - {"is_active"}:
        raise Conflict(
            f"{template.name} comes with Powernode; its text cannot be changed.",
            remedy="Duplicate it or make a new version, and change that.",
        )
    _check(changes)
    if changes.get("is_active") and not template.is_active:
        _family(template).filter(is_active=True).update(is_active=False)
    if changes:
        for name, value in changes.items():
            setattr(template, name, value)
        template.save()
    fields = sorted(changes)
    audit.record(actor, "devops.prompt_template.update", template, detail={"fields": fields})
    return template


@transaction.atomic(durable=True)
def new_version(
    actor: Actor, template: PromptTemplate, changes: Mapping[str, Any]
) -> PromptTemplate:
    """Write the next version under the same slug; the present one is kept, switched off.

    Raises:
        Invalid: the content is no template or too long.
    """
    actor.require(WRITE)
    _check(changes)
    family = _family(template).select_for_update()
    newest = family.aggregate(newest=Max("version"))["newest"]
    family.filter(is_active=True).update(is_active=False)
    fields = ("name", "description", "category", "domain", "content", "variables")
    values = {name: changes.get(name, getattr(template, name)) for name in fields}
    made = PromptTemplate.objects.create(
        account_id=template.account_id, created_by_id=actor.user_id, slug=template.slug,
        version=newest + 1, parent_template_id=template.parent_template_id or template.pk, **values,
    )  # fmt: skip
    audit.record(
        actor, "devops.prompt_template.new_version", made, detail={"version": made.version}
    )
    return made


@transaction.atomic(durable=True)
def duplicate_prompt_template(actor: Actor, template: PromptTemplate) -> PromptTemplate:
    """Copy a template as the first version of one of its own."""
    actor.require(WRITE)
    fields = ("description", "category", "domain", "content", "variables")
    values = {name: getattr(template, name) for name in fields}
    name = f"{template.name[:248]} (Copy)"
    copy = _insert(actor, {**values, "name": name})
    audit.record(actor, "devops.prompt_template.duplicate", copy, detail={"of": str(template.pk)})
    return copy


@transaction.atomic(durable=True)
def delete_prompt_template(actor: Actor, template: PromptTemplate) -> None:
    """Take a template away, the first version with all later ones.

    Raises:
        InUse: steps name it; lists which.
    """
    actor.require(WRITE)
    users = users_by_slug(actor.account_id).get(template.slug, [])
    if users and (template.is_active or template.parent_template_id is None):
        raise InUse(
            f"{template.name} is used by {', '.join(users[:10])}.",
            remedy="Let those steps use another template first, or switch this one off.",
        )
    audit.record(actor, "devops.prompt_template.delete", template)
    template.delete()


@transaction.atomic(durable=True)
def add_starters(actor: Actor) -> int:
    """Give the account the templates that come with Powernode; the number of new ones."""
    actor.require(WRITE)
    count = insert_starters(actor.account_id, actor.user_id)
    audit.record(actor, "devops.prompt_template.add_starters", detail={"count": count})
    return count


def insert_starters(account_id: uuid.UUID, user_id: uuid.UUID | None) -> int:
    """Insert the starters that an account lacks, inside the caller's transaction."""
    held = PromptTemplate.objects.filter(account_id=account_id)
    slugs = set(held.values_list("slug", flat=True))
    missing = [starter for starter in STARTERS if starter["slug"] not in slugs]
    PromptTemplate.objects.bulk_create(
        PromptTemplate(account_id=account_id, created_by_id=user_id, is_system=True, **starter)
        for starter in missing
    )
    return len(missing)


def _insert(actor: Actor, values: Mapping[str, Any]) -> PromptTemplate:
    slug = free_slug(
        PromptTemplate.objects.filter(account_id=actor.account_id),
        str(values["name"]),
        fallback="prompt",
    )
    return PromptTemplate.objects.create(
        account_id=actor.account_id, created_by_id=actor.user_id, slug=slug, **values
    )


def _family(template: PromptTemplate) -> Any:
    return PromptTemplate.objects.filter(account_id=template.account_id, slug=template.slug)


def _check(values: Mapping[str, Any]) -> None:
    if "content" in values:
        if len(values["content"].encode()) > MOST_BYTES:
            raise Invalid.field("/content", f"A template has at most {MOST_BYTES // 1024} KB.")
        variables_of(values["content"])
    names: Sequence[str] = [each["name"] for each in values.get("variables", ())]
    if len(set(names)) < len(names):
        raise Invalid.field("/variables", "A variable is described twice.")
