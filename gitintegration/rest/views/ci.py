"""The hosts' own CI: runs, jobs, logs, schedules, approvals."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.renderers import EventStreamRenderer, JSONRenderer, TextRenderer
from devops.api.serializers import NoBody
from devops.api.streaming import last_place, live, stream, wants_events
from devops.api.views import ActorView, ActorViewSet
from devops.errors import Invalid
from devops.feeds import incomplete_tail
from devops.storage import log_reader
from gitintegration import selectors, statistics
from gitintegration.feeds import JobLogFeed
from gitintegration.filters import ApprovalFilter, CiFilter, ScheduleFilter
from gitintegration.models import (
    GitPipeline,
    GitPipelineApproval,
    GitPipelineJob,
    GitPipelineSchedule,
)
from gitintegration.operations import approvals, ci, job_logs, schedules
from gitintegration.rest.serializers import ci as s

_JSON_BYTES = 1024 * 1024
_REPOSITORY = OpenApiParameter("repository_id", OpenApiTypes.UUID)


class GitPipelineViewSet(mixins.ListModelMixin, ActorViewSet[GitPipeline]):
    """Runs of the hosts' own CI, newest first."""

    model = GitPipeline
    serializer_class = s.GitPipelineSerializer
    filterset_class = CiFilter
    permissions = {
        "list": selectors.PIPELINES,
        "retrieve": selectors.PIPELINES,
        "stats": selectors.PIPELINES,
        "jobs": selectors.PIPELINES,
        "cancel": ci.CANCEL,
        "retry": ci.TRIGGER,
    }
    query_parameters = {"stats": frozenset({"repository_id"})}
    paged = frozenset({"list", "jobs"})

    def rows(self) -> QuerySet[GitPipeline]:
        return selectors.git_pipelines(self.actor)

    @extend_schema(responses=s.GitPipelineDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One run with its jobs."""
        rows = self.rows().prefetch_related("jobs")
        return self.render(
            s.GitPipelineDetailSerializer, get_object_or_404(rows, pk=self.kwargs["pk"])
        )

    @extend_schema(parameters=[_REPOSITORY], responses=s.CiStatsSerializer, filters=False)
    @action(detail=False, methods=["get"])
    def stats(self, request: Request) -> Response:
        """Figures of all runs, or of one repository's."""
        rows = self.rows()
        wanted = request.query_params.get("repository_id", "")
        if wanted:
            rows = rows.filter(repository=selectors.git_repository(self.actor, _key(wanted)))
        return Response(s.CiStatsSerializer(statistics.ci_stats(rows)).data)

    @extend_schema(responses=s.GitJobSerializer(many=True))
    @action(detail=True, methods=["get"])
    def jobs(self, _request: Request, **_path: object) -> Response:
        """The jobs of a run."""
        rows = selectors.git_jobs(self.actor).filter(pipeline=self.get_object())
        return self.page(rows, s.GitJobSerializer)

    @extend_schema(request=None, responses={202: s.GitPipelineSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_path: object) -> Response:
        """Have the host stop a run; 409 when it is over."""
        self.parse(NoBody)
        ci.cancel_run(self.actor, self.get_object())
        return self.render(s.GitPipelineSerializer, self.get_object(), 202)

    @extend_schema(request=None, responses={202: s.GitPipelineSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, _request: Request, **_path: object) -> Response:
        """Have the host run it again; 409 when it succeeded or is under way."""
        self.parse(NoBody)
        row = self.get_object()
        run_id = ci.retry_run(self.actor, row)
        fresh = self.rows().filter(repository_id=row.repository_id, external_id=run_id).first()
        return self.render(s.GitPipelineSerializer, fresh or self.get_object(), 202)


class JobLogsView(ActorView):
    """What a job of the host's own CI said."""

    permissions = {"get": job_logs.READ}
    query_parameters = {"get": frozenset({"after"})}
    renderer_classes = [JSONRenderer, TextRenderer, EventStreamRenderer]

    @extend_schema(
        operation_id="git_job_logs",
        parameters=[OpenApiParameter("after", int, description="Byte to go on from.")],
        responses={
            200: s.JobLogSerializer,
            (200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "The whole log."),
        },
    )
    def get(self, request: Request, pipeline_id: str, pk: str) -> HttpResponseBase:
        """A job's log from a byte on, as JSON, as text, or live as server-sent events."""
        rows = selectors.git_jobs_for_logs(self.actor)
        job = get_object_or_404(rows, pk=pk, pipeline_id=pipeline_id)
        job_logs.watch_log(self.actor, job.pk)
        after = _offset(request)
        if wants_events(request):
            return live(request, JobLogFeed(self.actor, job.pk, after))
        if isinstance(request.accepted_renderer, TextRenderer):
            return stream(request, log_reader.iter_bytes(job.pk), "text/plain; charset=utf-8")
        return Response(s.JobLogSerializer(_part(job, after)).data)


def _part(job: GitPipelineJob, after: int) -> dict[str, object]:
    """A job's bytes from an offset on, cut between characters."""
    data, end = log_reader.read_bytes(job.pk, after, _JSON_BYTES)
    # What the cap dropped is passed over: the answer may begin later than it was asked to.
    offset = end - len(data)
    whole = data[: len(data) - incomplete_tail(data)] or data
    state = log_reader.state(job.pk)
    return {
        "job_id": job.pk,
        "logs": whole.decode("utf-8", errors="replace"),
        "offset": offset,
        "next_offset": offset + len(whole),
        "size_bytes": state.size_bytes,
        "is_complete": job.is_log_complete and offset + len(whole) >= state.size_bytes,
        "error": job.log_error,
    }


def _offset(request: Request) -> int:
    text = last_place(request) or request.query_params.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid.field("?after", "Give the number of a byte.")
    return int(text)


def _key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError as error:
        raise Invalid("Give the key of a repository.") from error


class GitScheduleViewSet(mixins.ListModelMixin, ActorViewSet[GitPipelineSchedule]):
    """Schedules that have the hosts' own CI start a workflow."""

    model = GitPipelineSchedule
    serializer_class = s.GitScheduleSerializer
    filterset_class = ScheduleFilter
    permissions = {
        "list": "git.schedules.read",
        "retrieve": "git.schedules.read",
        **dict.fromkeys(
            ("create", "partial_update", "destroy", "trigger", "pause", "resume"),
            schedules.MANAGE,
        ),
    }

    def rows(self) -> QuerySet[GitPipelineSchedule]:
        rows = selectors.git_schedules(self.actor)
        wanted = self.kwargs.get("repository_id")
        if wanted is None:
            return rows
        return rows.filter(repository=selectors.git_repository(self.actor, wanted))

    @extend_schema(responses=s.GitScheduleDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One schedule with its next times."""
        return self.render(s.GitScheduleDetailSerializer, self.get_object())

    @extend_schema(request=s.GitScheduleChanges, responses={201: s.GitScheduleDetailSerializer})
    def create(self, _request: Request, **path: str) -> Response:
        """Add a schedule to a repository."""
        mirror = selectors.git_repository(self.actor, _key(path["repository_id"]))
        row = schedules.create_git_schedule(self.actor, mirror, self.parse(s.GitScheduleChanges))
        return self.render(s.GitScheduleDetailSerializer, row, 201)

    @extend_schema(request=s.GitScheduleChanges, responses=s.GitScheduleDetailSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a schedule."""
        return self._changed(self.parse(s.GitScheduleChanges))

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a schedule."""
        schedules.delete_git_schedule(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses=s.GitScheduleDetailSerializer)
    @action(detail=True, methods=["post"])
    def trigger(self, _request: Request, **_path: object) -> Response:
        """Start the workflow at once; the answer says whether the host took it."""
        self.parse(NoBody)
        row = schedules.fire_now(self.actor, self.get_object())
        return self.render(s.GitScheduleDetailSerializer, row)

    @extend_schema(request=None, responses=s.GitScheduleDetailSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, _request: Request, **_path: object) -> Response:
        """Switch a schedule off."""
        self.parse(NoBody)
        return self._changed({"is_active": False})

    @extend_schema(request=None, responses=s.GitScheduleDetailSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, _request: Request, **_path: object) -> Response:
        """Switch a schedule on; its failures are forgiven."""
        self.parse(NoBody)
        return self._changed({"is_active": True})

    def _changed(self, changes: dict[str, object]) -> Response:
        row = schedules.update_git_schedule(self.actor, self.get_object(), changes)
        return self.render(s.GitScheduleDetailSerializer, row)


class GitApprovalViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[GitPipelineApproval]
):
    """Approvals of runs of the hosts' own CI."""

    model = GitPipelineApproval
    serializer_class = s.GitApprovalSerializer
    filterset_class = ApprovalFilter
    permissions = {
        "list": "git.approvals.read",
        "retrieve": "git.approvals.read",
        "pending": "git.approvals.read",
        **dict.fromkeys(("approve", "reject", "cancel"), approvals.MANAGE),
    }
    paged = frozenset({"list", "pending"})

    def rows(self) -> QuerySet[GitPipelineApproval]:
        return selectors.git_approvals(self.actor)

    def get_serializer_context(self) -> dict[str, Any]:
        """With the asker, whose own right to answer is shown."""
        return {**super().get_serializer_context(), "actor": getattr(self.request, "auth", None)}

    @extend_schema(responses=s.GitApprovalSerializer(many=True))
    @action(detail=False, methods=["get"])
    def pending(self, _request: Request) -> Response:
        """Those that can be answered."""
        rows = self.rows().filter(status="pending").exclude(expires_at__lt=timezone.now())
        return self.page(rows, s.GitApprovalSerializer)

    @extend_schema(request=s.CommentBody, responses=s.GitApprovalSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, _request: Request, **_path: object) -> Response:
        """Say yes."""
        return self._respond(approve=True)

    @extend_schema(request=s.CommentBody, responses=s.GitApprovalSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, _request: Request, **_path: object) -> Response:
        """Say no."""
        return self._respond(approve=False)

    @extend_schema(request=None, responses=s.GitApprovalSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_path: object) -> Response:
        """Take the question back."""
        self.parse(NoBody)
        row = approvals.cancel_approval(self.actor, self.get_object())
        return self.render(s.GitApprovalSerializer, row)

    def _respond(self, *, approve: bool) -> Response:
        comment = self.parse(s.CommentBody).get("comment", "")
        row = approvals.respond(self.actor, self.get_object(), approve=approve, comment=comment)
        return self.render(s.GitApprovalSerializer, self.rows().get(pk=row.pk))
