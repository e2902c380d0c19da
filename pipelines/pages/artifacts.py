"""Artifacts: those of a run, what one holds, pinning."""

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from devops.access import Actor
from devops.errors import DomainError
from devops.pages.base import Page
from pipelines import artifacts, selectors
from pipelines.models import PipelineRun
from pipelines.operations.artifacts import pin_artifact, unpin_artifact
from pipelines.operations.runs import WRITE_RUNS


class ArtifactPage(Page):
    """`/artifacts/<id>`: what an archive holds."""

    nav_area = "runs"

    def resolve_actor(self, request: HttpRequest, **kwargs: Any) -> Actor:
        return self.act_in(request, artifacts.account_of(kwargs["pk"]))

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        row = artifacts.one_artifact(self.actor, pk)
        run = selectors.run(self.actor, row.run_id)
        is_of_green = artifacts.is_of_last_green(row)
        return self.render(
            "pipelines/artifact.html",
            {
                "run": run,
                "item": artifact_row(row, is_of_green=is_of_green),
                "sha256": row.blob.sha256,
                "contents": row.contents,
                "can_write": self.actor.may(WRITE_RUNS),
            },
        )


class ArtifactPin(ArtifactPage):
    """`POST /artifacts/<id>/pin` and `/unpin`."""

    http_method_names = ["post"]
    is_pinned = True

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        row = artifacts.one_artifact(self.actor, pk)
        back = f"/runs/{row.run_id}?tab=artifacts"
        try:
            (pin_artifact if self.is_pinned else unpin_artifact)(self.actor, row)
        except DomainError as error:
            return self.refuse(error, back)
        self.note(
            f"{row.name} stays until somebody unpins it."
            if self.is_pinned
            else f"{row.name} goes when its time is over."
        )
        return redirect(back)


def artifacts_of_run(actor: Actor, run: PipelineRun, *, is_shown: bool) -> dict[str, Any]:
    """A run's artifacts; where they are shown also why each stays, and what all of them take."""
    rows = artifacts.artifacts_of(actor, run.pk)
    if not is_shown:
        return {"artifacts": rows}
    green = artifacts.kept_by_last_green(run.pipeline_id, [row.pk for row in rows])
    return {
        "artifacts": [artifact_row(row, is_of_green=row.pk in green) for row in rows],
        "total_bytes": artifacts.total_bytes(actor),
        "limit_bytes": settings.POWERNODE_ARTIFACT_TOTAL_BYTES,
    }


def artifact_row(row: Any, *, is_of_green: bool) -> dict[str, Any]:
    """An artifact as templates show it."""
    return {
        "id": row.pk,
        "name": row.name,
        "path": row.path,
        "size_bytes": row.size_bytes,
        "file_count": row.file_count,
        "is_archive": row.is_archive,
        "expires_at": row.expires_at,
        "is_over": row.expires_at is not None and row.expires_at < timezone.now(),
        "is_pinned": row.is_pinned,
        "pinned_by": row.pinned_by,
        "is_of_green": is_of_green,
        "url": f"/api/v1/devops/artifacts/{row.pk}/download",
        "contents_url": f"/artifacts/{row.pk}",
    }
