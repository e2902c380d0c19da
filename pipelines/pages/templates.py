"""The marketplace: templates found, looked at, installed, rated, published."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError, Invalid
from devops.ids import parse_uuid
from devops.pages.base import Page
from devops.safety.documents import dump_yaml
from pipelines import marketplace_rows, selectors
from pipelines.choices import TemplateCategory
from pipelines.documents import from_definition
from pipelines.filters import templates_with
from pipelines.inputs import typed_input
from pipelines.marketplace.abilities import abilities
from pipelines.models import PipelineTemplate, PipelineTemplateVersion
from pipelines.operations import templates as operations
from pipelines.operations.definitions import WRITE
from pipelines.operations.template_versions import present

LIST = "/marketplace"
_SHOWN = 200
ABILITY_ICONS = {
    "starts": "player-play", "code": "terminal-2", "host": "git-pull-request", "secrets": "key",
    "deploys": "cloud", "messages": "mail", "ai": "bolt", "asks": "user-check",
    "other": "package",
}  # fmt: skip


class Marketplace(Page):
    """`/marketplace`: cards of templates."""

    nav_area = "templates"

    def get(self, request: HttpRequest) -> HttpResponse:
        names = ("search", "category", "whose")
        filters = {name: request.GET.get(name, "").strip()[:200] for name in names}
        rows = marketplace_rows.templates(self.actor)
        if filters["category"] in TemplateCategory.values:
            rows = rows.filter(category=filters["category"])
        if filters["whose"] == "own":
            rows = rows.filter(account_id=self.actor.account_id)
        rows = templates_with(rows, filters["search"])
        return self.render(
            "marketplace/list.html",
            {
                "templates": list(rows.order_by("-is_featured", "-usage_count", "name")[:_SHOWN]),
                "categories": TemplateCategory.choices,
                "filters": filters,
                "is_filtered": any(filters.values()),
            },
        )


class TemplateDetail(Page):
    """`/marketplace/<slug>?version=`: what it may do, its document, and the form to install it."""

    nav_area = "templates"

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        row = marketplace_rows.template(self.actor, slug)
        return self._show(row, self._version(row, request.GET.get("version", "")))

    def _version(self, row: PipelineTemplate, text: str) -> PipelineTemplateVersion:
        return marketplace_rows.version(self.actor, row, text) if text else present(row)

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        row = marketplace_rows.template(self.actor, slug)
        version = request.POST.get("version", "")
        chosen = self._version(row, version)
        declared = chosen.default_variables
        texts = {name: request.POST.get(f"variable-{name}") for name in declared}
        values = {name: typed_input(rule, texts[name]) for name, rule in declared.items()}
        repository = request.POST.get("repository", "")
        try:
            made = operations.install(
                self.actor,
                row,
                name=request.POST.get("name", "").strip()[:200],
                version=version,
                variables={name: value for name, value in values.items() if value is not None},
                repository_id=parse_uuid(repository) if repository else None,
            )
        except DomainError as error:
            return self._show(row, chosen, texts=texts, error=error, status=error.status)
        self.note(f"{made.name} is installed; start it or change it here.")
        return redirect(made.url)

    def _show(
        self,
        row: PipelineTemplate,
        chosen: PipelineTemplateVersion,
        *,
        texts: dict[str, str | None] | None = None,
        error: DomainError | None = None,
        status: int = 200,
    ) -> HttpResponse:
        about = {"name": row.name, "description": row.description, "slug": row.slug}
        definition = {**chosen.pipeline_definition, **about}
        is_own = row.account_id == self.actor.account_id
        may_write = self.actor.may(WRITE)
        may_link = self.actor.may("devops.repositories.read")
        return self.render(
            "marketplace/detail.html",
            {
                "template": row,
                "abilities": [
                    (ABILITY_ICONS[each.kind], each.text) for each in abilities(definition)
                ],
                "document": dump_yaml(from_definition(definition)),
                "variables": variable_fields(chosen.default_variables, texts),
                "chosen": chosen,
                "versions": marketplace_rows.versions(self.actor, row)[:_SHOWN],
                "repositories": selectors.repositories(self.actor)[:_SHOWN] if may_link else [],
                "problems": _problems(error),
                "can_install": may_write and row.status != "archived",
                "can_change": may_write and is_own,
                "can_rate": row.status == "published" and self.actor.user_id is not None,
                "stars": range(1, 6),
            },
            status=status,
        )


class TemplateAct(Page):
    """`POST /marketplace/<slug>/<act>`: publish, unpublish, archive, delete, rate."""

    act = ""

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        row = marketplace_rows.template(self.actor, slug)
        if self.act == "delete":
            operations.delete_template(self.actor, row)
            self.note(f"{row.name} is deleted; pipelines made of it stay.")
            return redirect(LIST)
        if self.act == "rate":
            operations.rate(self.actor, row, _rating(request.POST.get("rating", "")))
            self.note("Thank you for the rating.")
            return redirect(row.url)
        change = {
            "publish": operations.publish,
            "unpublish": operations.unpublish,
            "archive": operations.archive,
        }[self.act]
        row = change(self.actor, row)
        self.note(f"{row.name} is now {row.get_status_display().lower()}.")
        return redirect(row.url)


class TemplateOfPipeline(Page):
    """`POST /pipelines/<slug>/template`: a draft of a template, its secrets left behind."""

    def post(self, _request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = selectors.pipeline_by_slug(self.actor, slug)
        made, stripped = operations.create_from_pipeline(self.actor, pipeline, {})
        left = "; ".join(f"{each['pointer']}: {each['reason']}" for each in stripped[:12])
        self.note(f"A draft is made. Left behind: {left or 'nothing'}.")
        return redirect(made.url)


def variable_fields(
    declared: Mapping[str, Any], texts: dict[str, str | None] | None
) -> list[dict[str, Any]]:
    """The declared variables as fields of a form, with what was typed or their defaults."""
    return [_variable(name, rule, texts) for name, rule in declared.items()]


def _variable(
    name: str, rule: dict[str, Any], texts: dict[str, str | None] | None
) -> dict[str, Any]:
    default = rule.get("default", "")
    shown = default if isinstance(default, str) else json.dumps(default)
    given = texts.get(name) if texts is not None else shown
    return {
        "name": name,
        "kind": rule.get("type", "string"),
        "description": rule.get("description", ""),
        "options": rule.get("options", []),
        "is_required": bool(rule.get("required")),
        "text": given or "",
    }


def _problems(error: DomainError | None) -> list[str]:
    return [] if error is None else [each.detail for each in error.errors] or [error.detail]


def _rating(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise Invalid("Choose one to five stars.") from error
    if not 0 < value <= 5:
        raise Invalid("Choose one to five stars.")
    return value
