"""A pipeline beside a newer version of the template that it was made of."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError
from devops.pages.differences import diff_lines
from pipelines import marketplace_rows
from pipelines.inputs import typed_input
from pipelines.models import Pipeline
from pipelines.operations.definitions import WRITE
from pipelines.operations.template_updates import (
    TemplateUpdate,
    compare_with_template,
    update_from_template,
)
from pipelines.pages.pipelines import PipelinePage
from pipelines.pages.templates import ABILITY_ICONS, variable_fields

_SHOWN = 100


class PipelineUpdate(PipelinePage):
    """`/pipelines/<slug>/update?version=`: what the template changed, what was changed here."""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        found = compare_with_template(self.actor, pipeline, version=request.GET.get("version", ""))
        return self._show(pipeline, found)

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Look again with other values, or update."""
        pipeline = self.find(slug)
        version = request.POST.get("version", "")
        found = compare_with_template(self.actor, pipeline, version=version)
        if found is None:
            return self._show(pipeline, None)
        declared = found.target.default_variables
        texts = {name: request.POST.get(f"variable-{name}") for name in declared}
        typed = {name: typed_input(rule, texts[name]) for name, rule in declared.items()}
        variables = {name: value for name, value in typed.items() if value is not None}
        prefer: Any = "template" if request.POST.get("prefer") == "template" else "mine"
        if request.POST.get("act") != "update":
            again = compare_with_template(
                self.actor, pipeline, version=version, variables=variables, prefer=prefer
            )
            return self._show(pipeline, again, texts, prefer=prefer)
        seen = request.POST.get("seen_version", "")
        try:
            update_from_template(
                self.actor, pipeline, version=version, variables=variables, prefer=prefer,
                seen_version=int(seen) if seen.isascii() and seen.isdigit() else None,
            )  # fmt: skip
        except DomainError as error:
            return self._show(pipeline, found, texts, error, prefer=prefer)
        self.note(f"{pipeline.name} follows {found.target.template.name} {found.target.version}.")
        return redirect(f"{pipeline.url}?tab=definition")

    def _show(
        self,
        pipeline: Pipeline,
        found: TemplateUpdate | None,
        texts: dict[str, str | None] | None = None,
        error: DomainError | None = None,
        *,
        prefer: str = "mine",
    ) -> HttpResponse:
        context: dict[str, Any] = {
            "pipeline": pipeline,
            "installation": marketplace_rows.installation(self.actor, pipeline),
            "found": found,
            "can_update": self.actor.may(WRITE) and found is not None,
            "prefer": prefer,
            "error": f"{error.detail} {error.remedy}".strip() if error else "",
        }
        if found is not None:
            kept = {name: _text(value) for name, value in found.values.items()}
            declared = found.target.default_variables
            defaults = {each["name"]: each["text"] for each in variable_fields(declared, None)}
            context |= {
                "variables": variable_fields(declared, texts or {**defaults, **kept}),
                "lines": diff_lines(found.diff),
                "template_lines": diff_lines(found.template_diff),
                "own_lines": diff_lines(found.own_diff),
                "abilities": [
                    (ABILITY_ICONS[each.kind], each.text) for each in found.new_abilities
                ],
                "conflicts": found.conflicts[:_SHOWN],
                "problems": [each.detail for each in found.problems],
            }
        return self.render(
            "pipelines/template_update.html", context, status=error.status if error else 200
        )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
