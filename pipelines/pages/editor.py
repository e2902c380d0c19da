"""The editor: a pipeline's document beside a form of it."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from containers.selectors import secrets
from devops.access import Actor
from devops.errors import DomainError, Stale
from devops.ids import parse_uuid
from devops.pages.conflicts import overtaken, seen_in
from devops.pages.differences import between
from devops.selectors import members
from devops.versions import version_of
from pipelines import selectors, step_types
from pipelines.documents import parse, to_definition
from pipelines.linting import lint_text
from pipelines.models import Pipeline
from pipelines.operations.definitions import WRITE, create_pipeline, update_pipeline
from pipelines.pages.pipelines import PipelinePage
from pipelines.step_types import StepType
from pipelines.written import document_of

# What the fields suggest; whoever is beyond it is typed.
MOST_SUGGESTED = 500
STARTER = """\
name: CI
on:
  push: {branches: ["**"]}
  manual: {}
timeout_minutes: 30
steps:
  - name: Check out
    uses: checkout
  - name: Tests
    uses: run_tests
    with:
      command: python -m pytest --junitxml=report.xml
      report: report.xml
"""


class PipelineEdit(PipelinePage):
    """`/pipelines/new` and `/pipelines/<slug>/edit`: the document beside a form of it."""

    def get(self, request: HttpRequest, slug: str = "") -> HttpResponse:
        self.actor.require(WRITE)
        if not slug:
            return self._show(None, STARTER, repository_id=request.GET.get("repository"))
        pipeline = self.find(slug)
        return self._show(pipeline, document_of(self.actor, pipeline))

    def post(self, request: HttpRequest, slug: str = "") -> HttpResponse:
        pipeline = self.find(slug) if slug else None
        text = request.POST.get("text", "").replace("\r\n", "\n")
        repository_id = request.POST.get("repository") or None
        # A box that is not ticked is not sent; the hidden field before it says that it was there.
        ticked = request.POST.getlist("active")
        is_active = ticked[-1] == "true" if ticked else None
        findings = lint_text(text)
        if any(finding.severity == "error" for finding in findings):
            return self._show(
                pipeline, text, findings, repository_id=repository_id, is_active=is_active,
                status=HTTPStatus.UNPROCESSABLE_ENTITY,
            )  # fmt: skip
        definition = to_definition(parse(text).value)
        try:
            if pipeline is None:
                chosen = parse_uuid(repository_id) if repository_id else None
                saved = create_pipeline(
                    self.actor, definition, repository_id=chosen, text=text,
                    is_active=is_active is not False,
                )  # fmt: skip
            else:
                definition["slug"] = pipeline.slug
                saved = update_pipeline(
                    self.actor, pipeline, definition, is_active=is_active, text=text,
                    seen=seen_in(request),
                )  # fmt: skip
        except Stale as error:
            return self._show_overtaken(self.find(slug), text, error, is_active=is_active)
        except DomainError as error:
            return self._show(
                pipeline, text, findings, repository_id=repository_id, is_active=is_active,
                error=error, status=error.status,
            )  # fmt: skip
        self.note(f"{saved.name} is saved.", draft=draft_key(self.actor, pipeline))
        return redirect(saved.url)

    def _show_overtaken(
        self, pipeline: Pipeline, text: str, error: Stale, *, is_active: bool | None
    ) -> HttpResponse:
        """The page as it was sent, with what somebody else saved meanwhile."""
        stored = document_of(self.actor, pipeline)
        found = []
        if lines := between(stored, text):
            found.append({"label": "Document", "lines": lines})
        if is_active is not None and is_active != pipeline.is_active:
            words = {True: "Yes", False: "No"}
            theirs, yours = words[pipeline.is_active], words[is_active]
            found.append({"label": "Active", "theirs": theirs, "yours": yours})
        return self._show(
            pipeline, text, is_active=is_active, status=error.status,
            overtaken=overtaken(self.actor, pipeline, found),
        )  # fmt: skip

    def _show(
        self,
        pipeline: Pipeline | None,
        text: str,
        findings: list[Any] | None = None,
        *,
        is_active: bool | None = None,
        status: int = 200,
        **more: Any,
    ) -> HttpResponse:
        """The page; `more` are `repository_id`, `error` and `overtaken`, where there are any."""
        error: DomainError | None = more.pop("error", None)
        is_typed = status != HTTPStatus.OK
        # A refused form stays the form of what it was filled from.
        seen = {"seen": seen_in(self.request)} if is_typed else {}
        return self.render(
            "pipelines/pipeline_edit.html",
            {
                **editor_context(self.actor, pipeline, text, is_active=is_active),
                "findings": [asdict(finding) for finding in findings or []],
                "is_typed": is_typed,
                "error": f"{error.detail} {error.remedy}".strip() if error else "",
                **seen,
                **more,
            },
            status=status,
        )


def draft_key(actor: Actor, pipeline: Pipeline | None) -> str:
    """Under which name a browser keeps what was typed and not saved."""
    return f"powernode.draft.{actor.account_id}.{pipeline.pk if pipeline else 'new'}"


def editor_context(
    actor: Actor, pipeline: Pipeline | None, text: str, *, is_active: bool | None = None
) -> dict[str, Any]:
    """What the editor shows of a document, saved or not."""
    is_from_repository = bool(pipeline and pipeline.source_path)
    links = selectors.links(actor, pipeline.pk) if pipeline else []
    was_active = pipeline.is_active if pipeline else True
    return {
        "pipeline": pipeline,
        "text": text,
        "seen": version_of(pipeline) if pipeline else "",
        "draft_key": draft_key(actor, pipeline),
        "is_active": was_active if is_active is None else is_active,
        "repositories": [
            {"id": str(row.pk), "full_name": row.full_name}
            for row in ([] if pipeline else selectors.repositories(actor)[:MOST_SUGGESTED])
        ],
        "linked": [link.repository for link in links],
        "is_from_repository": is_from_repository,
        "facts": {
            "types": [_step_type(row) for row in step_types.all_types()],
            "people": _people(actor),
            "secrets": _secrets(actor),
            "isReadOnly": is_from_repository,
        },
    }


def _people(actor: Actor) -> list[dict[str, str]]:
    """The members, for whoever may see them; others type addresses."""
    if not actor.may("account.members.read"):
        return []
    return [
        {"id": str(row.user_id), "name": row.user.name, "email": row.user.email}
        for row in members(actor).order_by("user__email")[:MOST_SUGGESTED]
    ]


def _secrets(actor: Actor) -> list[str]:
    if not actor.may("devops.secret_references.read"):
        return []
    return list(secrets(actor).order_by("name").values_list("name", flat=True)[:MOST_SUGGESTED])


def _step_type(row: StepType) -> dict[str, Any]:
    schema = step_types.config_schema(row.name, expressions=False)
    return {
        "type": row.name,
        "title": row.title,
        "description": row.summary,
        "keys": list(schema.get("properties", {})),
        "schema": schema,
        "example": dict(row.example),
    }
