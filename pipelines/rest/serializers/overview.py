"""The overview as JSON."""

from typing import Any

from rest_framework import serializers

from pipelines.rest.serializers.runs import RunSerializer


class ProviderCounts(serializers.Serializer[Any]):
    """Connections."""

    total = serializers.IntegerField()
    active = serializers.IntegerField()
    by_type = serializers.DictField(child=serializers.IntegerField())


class RepositoryCounts(serializers.Serializer[Any]):
    """Repositories."""

    total = serializers.IntegerField()
    active = serializers.IntegerField()
    with_webhook = serializers.IntegerField()


class SourceControl(serializers.Serializer[Any]):
    """Where code comes from."""

    providers = ProviderCounts()
    repositories = RepositoryCounts()


class PipelineCounts(serializers.Serializer[Any]):
    """Pipelines."""

    total = serializers.IntegerField()
    active = serializers.IntegerField()


class RunCounts(serializers.Serializer[Any]):
    """Runs of the last days, and those that go on."""

    days = serializers.IntegerField()
    total = serializers.IntegerField()
    successful = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    today = serializers.IntegerField()
    running = serializers.IntegerField()
    queued = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="For a person.")
    success_rate = serializers.FloatField(allow_null=True)


class WorkerCounts(serializers.Serializer[Any]):
    """Workers."""

    total = serializers.IntegerField()
    online = serializers.IntegerField()
    capacity = serializers.IntegerField()
    busy = serializers.IntegerField()


class ContinuousIntegration(serializers.Serializer[Any]):
    """Pipelines and what executes them."""

    pipelines = PipelineCounts()
    pipeline_runs = RunCounts()
    workers = WorkerCounts()
    schedules = PipelineCounts()


class Durations(serializers.Serializer[Any]):
    """How long runs take."""

    runs = serializers.IntegerField()
    median_seconds = serializers.FloatField(allow_null=True)
    p95_seconds = serializers.FloatField(allow_null=True)


class OverviewSerializer(serializers.Serializer[Any]):
    """The account at a glance."""

    source_control = SourceControl()
    ci_cd = ContinuousIntegration()
    durations = Durations()
    live_runs = RunSerializer(many=True)
