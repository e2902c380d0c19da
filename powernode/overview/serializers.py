"""The overview as JSON; what the actor may not read is absent."""

from typing import Any

from rest_framework import serializers

from pipelines.rest.serializers.runs import RunSerializer


class Totals(serializers.Serializer[Any]):
    """How many there are."""

    total = serializers.IntegerField()
    active = serializers.IntegerField()


class ProviderCounts(Totals):
    """Connections that pipelines use."""

    by_type = serializers.DictField(child=serializers.IntegerField())


class HostCounts(Totals):
    """Git hosts."""

    unreachable = serializers.IntegerField(help_text="That did not answer the last time.")


class RepositoryCounts(Totals):
    """Repositories."""

    with_webhook = serializers.IntegerField()


class CredentialCounts(serializers.Serializer[Any]):
    """Credentials of git hosts."""

    total = serializers.IntegerField()
    healthy = serializers.IntegerField()
    unhealthy = serializers.IntegerField()
    expires_soon = serializers.IntegerField(
        help_text="Within 30 days, of those that do not renew themselves."
    )


class SourceControl(serializers.Serializer[Any]):
    """Where code comes from."""

    providers = ProviderCounts(required=False)
    git_hosts = HostCounts(required=False)
    repositories = RepositoryCounts(required=False)
    credentials = CredentialCounts(required=False)


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


class RunnerCounts(serializers.Serializer[Any]):
    """Runners of the hosts' own CI; `online` are free."""

    total = serializers.IntegerField()
    online = serializers.IntegerField()
    offline = serializers.IntegerField()
    busy = serializers.IntegerField()


class WorkerCounts(serializers.Serializer[Any]):
    """Our own workers."""

    total = serializers.IntegerField()
    online = serializers.IntegerField()
    capacity = serializers.IntegerField()
    busy = serializers.IntegerField()


class ScheduleCounts(Totals):
    """Schedules of pipelines."""

    late = serializers.IntegerField(help_text="Due for a minute, and nothing started them.")


class ContinuousIntegration(serializers.Serializer[Any]):
    """Pipelines and what executes them."""

    pipelines = Totals(required=False)
    pipeline_runs = RunCounts(required=False)
    runners = RunnerCounts(required=False)
    workers = WorkerCounts(required=False)
    schedules = ScheduleCounts(required=False)


class ContainerCounts(serializers.Serializer[Any]):
    """Containers of steps, of the last days."""

    days = serializers.IntegerField()
    total = serializers.IntegerField()
    active = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    finished = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)


class DockerCounts(serializers.Serializer[Any]):
    """Docker hosts."""

    hosts = serializers.IntegerField()
    connected = serializers.IntegerField()


class Infrastructure(serializers.Serializer[Any]):
    """What steps run on."""

    containers = ContainerCounts(required=False)
    docker = DockerCounts(required=False)


class WebhookCounts(serializers.Serializer[Any]):
    """Addresses for the hosts' webhooks, and what came today (UTC)."""

    total = serializers.IntegerField()
    received_today = serializers.IntegerField()
    processed_today = serializers.IntegerField()
    failed_today = serializers.IntegerField()


class ReceiverCounts(serializers.Serializer[Any]):
    """Receivers of git events, and what was sent to them today (UTC)."""

    total = serializers.IntegerField()
    delivered_today = serializers.IntegerField()
    failed_today = serializers.IntegerField()


class KeyCounts(serializers.Serializer[Any]):
    """API tokens that are in force, as far as the caller may see them."""

    total = serializers.IntegerField()


class Connections(serializers.Serializer[Any]):
    """What comes in and goes out."""

    webhooks = WebhookCounts(required=False)
    receivers = ReceiverCounts(required=False)
    api_keys = KeyCounts(required=False)


class AlertSerializer(serializers.Serializer[Any]):
    """Something that needs somebody."""

    level = serializers.ChoiceField(["error", "warning"])
    section = serializers.ChoiceField(["source_control", "ci_cd", "infrastructure", "connections"])
    code = serializers.CharField(help_text="The same word each time, for programs.")
    message = serializers.CharField()
    remedy = serializers.CharField(help_text="How to mend it.")
    url = serializers.CharField(help_text="The page where it is mended.")


class Durations(serializers.Serializer[Any]):
    """How long the newest runs took, and waited for a worker."""

    runs = serializers.IntegerField(help_text="So many were looked at, 500 at most.")
    median_seconds = serializers.FloatField(allow_null=True)
    p95_seconds = serializers.FloatField(allow_null=True)
    queue_p95_seconds = serializers.FloatField(allow_null=True)


class OverviewSerializer(serializers.Serializer[Any]):
    """The account at a glance."""

    source_control = SourceControl()
    ci_cd = ContinuousIntegration()
    infrastructure = Infrastructure()
    connections = Connections()
    alerts = AlertSerializer(many=True)
    durations = Durations(required=False)
    live_runs = RunSerializer(many=True, required=False)
