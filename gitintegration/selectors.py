"""Every read of the git integration."""

import uuid
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from devops.access import Actor, get_visible, visible
from devops.errors import NotFound
from devops.models import Repository, WebhookDelivery
from gitintegration.choices import ApprovalStatus
from gitintegration.models import (
    AccountGitWebhookConfig,
    GitPipeline,
    GitPipelineApproval,
    GitPipelineJob,
    GitPipelineSchedule,
    GitProvider,
    GitProviderCredential,
    GitRepository,
    GitRunner,
    GitSync,
    GitWebhookEvent,
    GitWorkflowTrigger,
    RunnerDispatch,
    WebhookEndpoint,
)

PROVIDERS, CREDENTIALS = "git.providers.read", "git.credentials.read"
# Deliveries whose kinds are offered for a choice.
_LOOKED_THROUGH = 2000
REPOSITORIES, PIPELINES = "git.repositories.read", "git.pipelines.read"


def webhook_events(actor: Actor) -> QuerySet[GitWebhookEvent]:
    """The account's deliveries without their bodies, newest first."""
    return (
        visible(actor, GitWebhookEvent, "git.webhooks.read")
        .select_related("repository")
        .defer("payload", "headers")
        .order_by("-id")
    )


def endpoints(actor: Actor) -> QuerySet[WebhookEndpoint]:
    """The account's webhook addresses."""
    return visible(actor, WebhookEndpoint, "git.webhooks.read").select_related("repository")


def hooked_repositories(actor: Actor) -> list[Repository]:
    """The repositories that have a webhook address, by name."""
    rows = visible(actor, Repository, "devops.repositories.read")
    return list(rows.filter(webhook_endpoint__isnull=False).order_by("full_name")[:500])


def git_providers(actor: Actor) -> QuerySet[GitProvider]:
    """The account's git hosts, with counts of what hangs on them and of healthy tokens."""
    mirrors = GitRepository.objects.filter(credential__provider=OuterRef("pk")).order_by()
    per_host = mirrors.values("credential__provider")
    tokens = GitProviderCredential.objects.filter(provider=OuterRef("pk"), is_active=True)
    per_token_host = tokens.order_by().values("provider")
    now = timezone.now()
    healthy = Q(consecutive_failures__lte=2) & (Q(expires_at=None) | Q(expires_at__gt=now))

    def count(rows: QuerySet[GitRepository, Any], what: str) -> Coalesce:
        return Coalesce(Subquery(rows.annotate(n=Count(what, distinct=True)).values("n")), 0)

    def tally(rows: QuerySet[GitProviderCredential, Any]) -> Coalesce:
        return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n")), 0)

    return (
        visible(actor, GitProvider, PROVIDERS)
        .annotate(
            credentials_count=tally(
                GitProviderCredential.objects.filter(provider=OuterRef("pk"))
                .order_by()
                .values("provider")
            ),
            active_count=tally(per_token_host),
            healthy_count=tally(per_token_host.filter(healthy)),
            repositories_count=count(per_host, "pk"),
            webhooks_count=count(per_host.filter(webhook_configured=True), "pk"),
            organizations_count=count(per_host, "owner"),
        )
        .order_by("priority_order", "name", "id")
    )


def provider_status(provider: GitProvider) -> str:
    """`connected` with a healthy credential, `error` with none of the active, else `disconnected`.

    The row comes from `git_providers`.
    """
    if getattr(provider, "healthy_count", 0):
        return "connected"
    return "error" if getattr(provider, "active_count", 0) else "disconnected"


def git_provider(actor: Actor, pk: uuid.UUID) -> GitProvider:
    """One host.

    Raises:
        NotFound: the account has no such host.
    """
    found = git_providers(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound("No git host with that identifier.")
    return found


def credentials(actor: Actor) -> QuerySet[GitProviderCredential]:
    """The account's credentials, the default first."""
    return (
        visible(actor, GitProviderCredential, CREDENTIALS)
        .select_related("provider")
        .annotate(repositories_count=Count("repositories"))
        .order_by("-is_default", "name", "id")
    )


def browsable_credentials(actor: Actor) -> QuerySet[GitProviderCredential]:
    """The credentials whose repositories a person may look through, without a look into them."""
    return visible(actor, GitProviderCredential, REPOSITORIES).select_related("provider")


def syncable_credentials(actor: Actor) -> QuerySet[GitProviderCredential]:
    """The credentials whose mirrors a person may synchronise, without a look into them."""
    rows = visible(actor, GitProviderCredential, "git.repositories.sync")
    return rows.select_related("provider")


def runner_credentials(actor: Actor) -> QuerySet[GitProviderCredential]:
    """The credentials through which a person may see runners, without a look into them."""
    return visible(actor, GitProviderCredential, "git.runners.read").select_related("provider")


def git_repositories(actor: Actor) -> QuerySet[GitRepository]:
    """The account's mirrors."""
    return visible(actor, GitRepository, REPOSITORIES).select_related(
        "credential__provider", "repository"
    )


def git_repository(actor: Actor, pk: uuid.UUID) -> GitRepository:
    """One mirror.

    Raises:
        NotFound: the account has no such mirror.
    """
    found = git_repositories(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound("No mirrored repository with that identifier.")
    return found


def account_of_mirror(pk: uuid.UUID) -> uuid.UUID | None:
    """Whose mirror it is; tells nothing else, so that a page can act in the right account."""
    return GitRepository.objects.filter(pk=pk).values_list("account_id", flat=True).first()


def syncs(actor: Actor) -> QuerySet[GitSync]:
    """The account's imports and synchronisations, newest first."""
    return visible(actor, GitSync, REPOSITORIES).select_related("credential").order_by("-id")


def git_pipelines(actor: Actor) -> QuerySet[GitPipeline]:
    """The mirrored runs of the hosts' own CI, newest first."""
    rows = visible(actor, GitPipeline, PIPELINES).select_related("repository__credential__provider")
    return rows.order_by("-id")


def git_jobs(actor: Actor) -> QuerySet[GitPipelineJob]:
    """The jobs of mirrored runs."""
    return visible(actor, GitPipelineJob, PIPELINES).select_related("pipeline__repository")


def git_jobs_for_logs(actor: Actor) -> QuerySet[GitPipelineJob]:
    """The jobs whose logs the actor may read."""
    return visible(actor, GitPipelineJob, "git.pipelines.logs").select_related("pipeline")


def account_of_job(pk: uuid.UUID) -> uuid.UUID | None:
    """Whose job it is; tells nothing else, so that a socket can act in the right account."""
    return GitPipelineJob.objects.filter(pk=pk).values_list("account_id", flat=True).first()


def git_job(actor: Actor, pk: uuid.UUID, permission: str = "git.pipelines.logs") -> GitPipelineJob:
    """One job.

    Raises:
        NotFound: the account has no such job.
    """
    return get_visible(actor, GitPipelineJob, permission, pk)


def git_schedules(actor: Actor) -> QuerySet[GitPipelineSchedule]:
    """The schedules of the hosts' own CI."""
    rows = visible(actor, GitPipelineSchedule, "git.schedules.read")
    return rows.select_related("repository__credential__provider", "last_pipeline").order_by("-id")


def git_approvals(actor: Actor) -> QuerySet[GitPipelineApproval]:
    """The approvals of mirrored runs, newest first."""
    rows = visible(actor, GitPipelineApproval, "git.approvals.read")
    return rows.select_related("pipeline__repository", "responded_by", "requested_by").order_by(
        "-id"
    )


def pending_approvals(actor: Actor) -> QuerySet[GitPipelineApproval]:
    """Those that somebody may still answer."""
    in_time = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return git_approvals(actor).filter(in_time, status=ApprovalStatus.PENDING)


def runners(actor: Actor) -> QuerySet[GitRunner]:
    """The runners of the hosts' own CI."""
    return (
        visible(actor, GitRunner, "git.runners.read")
        .select_related("credential__provider", "repository")
        .order_by("-id")
    )


def runner_dispatches(actor: Actor) -> QuerySet[RunnerDispatch]:
    """The workflows that were sent to picked runners, newest first."""
    rows = visible(actor, RunnerDispatch, "git.runners.read")
    return rows.select_related("runner", "repository").order_by("-id")


def account_webhooks(actor: Actor) -> QuerySet[AccountGitWebhookConfig]:
    """The receivers of the account's git events."""
    rows = visible(actor, AccountGitWebhookConfig, "git.account_webhooks.manage")
    return rows.select_related("created_by").order_by("-id")


def deliveries_of(actor: Actor, config: AccountGitWebhookConfig) -> QuerySet[WebhookDelivery]:
    """What was sent to a receiver, newest first."""
    rows = visible(actor, WebhookDelivery, "git.account_webhooks.manage")
    return rows.filter(subscription_id=config.pk).order_by("-id")


def workflow_triggers(actor: Actor) -> QuerySet[GitWorkflowTrigger]:
    """The rules that call automations."""
    rows = visible(actor, GitWorkflowTrigger, "git.workflow_triggers.manage")
    return rows.select_related("repository").order_by("-id")


def job_of_run(actor: Actor, run_id: uuid.UUID, pk: uuid.UUID) -> GitPipelineJob:
    """A job whose log the actor may read.

    Raises:
        NotFound: the run has no such job.
    """
    found = git_jobs_for_logs(actor).filter(pk=pk, pipeline_id=run_id).first()
    if found is None:
        raise NotFound("The run has no such job.")
    return found


def copies_of(actor: Actor, event: GitWebhookEvent) -> QuerySet[GitWebhookEvent]:
    """The redeliveries of a delivery, newest first."""
    return webhook_events(actor).filter(original=event)


def host_event_types(actor: Actor) -> list[str]:
    """The kinds of event among the newest deliveries, by name."""
    rows = visible(actor, GitWebhookEvent, "git.webhooks.read").order_by("-id")
    newest = rows.values_list("event_type", flat=True)[:_LOOKED_THROUGH]
    return sorted(set(newest))


def host_names(actor: Actor) -> list[GitProvider]:
    """The account's git hosts by name, for a choice among them."""
    return list(visible(actor, GitProvider, "git.webhooks.read").order_by("name")[:200])


def triggerable_repositories(actor: Actor) -> list[GitRepository]:
    """The mirrors that a credential reaches, by name, for a choice among them."""
    rows = git_repositories(actor).filter(credential__isnull=False, gone_at=None, is_active=True)
    return list(rows.order_by("full_name")[:500])
