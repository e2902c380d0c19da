"""Schedules: what starts by the clock."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet
from pipelines import timetable
from pipelines.filters import ScheduleFilter
from pipelines.models import Schedule
from pipelines.operations import schedules as operations
from pipelines.operations.firing import trigger_schedule
from pipelines.rest.serializers import schedules as s
from pipelines.rest.serializers.runs import RunSerializer

_READ, _WRITE = timetable.READ, operations.WRITE
_FIRES_SHOWN = 20


class ScheduleViewSet(mixins.ListModelMixin, ActorViewSet[Schedule]):
    """The account's schedules, newest first."""

    model = Schedule
    conditional = frozenset({"partial_update"})
    serializer_class = s.ScheduleSerializer
    filterset_class = ScheduleFilter
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "create": _WRITE,
        "partial_update": _WRITE,
        "destroy": _WRITE,
        "toggle": _WRITE,
        "trigger": _WRITE,
    }

    def rows(self) -> QuerySet[Schedule]:
        return timetable.schedules(self.actor)

    @extend_schema(responses=s.ScheduleDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One schedule with its next ten times and how late the last ones came."""
        return self._detail(timetable.schedule(self.actor, self.kwargs["pk"]))

    @extend_schema(request=s.NewSchedule, responses={201: s.ScheduleDetailSerializer})
    def create(self, _request: Request) -> Response:
        """Enter a schedule of a pipeline."""
        values = self.parse(s.NewSchedule)
        made = operations.create_schedule(self.actor, values.pop("pipeline_id"), values)
        return self._detail(made, 201)

    @extend_schema(request=s.ScheduleChanges, responses=s.ScheduleDetailSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a schedule; 409 for one that the pipeline's document defines."""
        row = timetable.schedule(self.actor, self.kwargs["pk"])
        changes = self.parse(s.ScheduleChanges)
        return self._detail(operations.update_schedule(self.actor, row, changes, seen=self.seen))

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a schedule; runs that it started stay."""
        operations.delete_schedule(self.actor, timetable.schedule(self.actor, self.kwargs["pk"]))
        return Response(status=204)

    @extend_schema(request=None, responses=s.ScheduleDetailSerializer)
    @action(detail=True, methods=["post"])
    def toggle(self, _request: Request, **_path: object) -> Response:
        """Switch it on or off; switched on, it goes on with its next time from now."""
        row = timetable.schedule(self.actor, self.kwargs["pk"])
        self.parse(NoBody)
        return self._detail(operations.toggle_schedule(self.actor, row))

    @extend_schema(request=None, responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def trigger(self, _request: Request, **_path: object) -> Response:
        """Start a run at once, besides its times."""
        row = timetable.schedule(self.actor, self.kwargs["pk"])
        self.parse(NoBody)
        return self.render(RunSerializer, trigger_schedule(self.actor, row), 201)

    def _detail(self, row: Any, status: int = 200) -> Response:
        row.lateness = timetable.lateness_of(self.actor, [row.pk])[row.pk]
        row.recent_fires = list(timetable.fires(self.actor, row)[:_FIRES_SHOWN])
        return self.render(s.ScheduleDetailSerializer, row, status)
