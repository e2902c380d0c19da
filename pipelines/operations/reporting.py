"""What the git host is told of a run: the commit's status, and a comment on the pull request."""

from collections.abc import Mapping

from django.conf import settings
from django.db import transaction

from devops import outbox
from devops.models import OutboxMessage
from gitintegration.public import CommitStatus, StatusState, want_status
from pipelines.choices import OUR_FAULT, RUN_TERMINAL, RunStatus, Trust, WaitingFor
from pipelines.models import PipelineRun
from pipelines.operations.checks import settle_check
from pipelines.operations.hints import is_asked, want_hint
from pipelines.operations.notifications import notify_run
from pipelines.operations.pull_request_comments import want_run_comment
from pipelines.states import decimal_seconds

# How a run's end is called at the hosts.
_STATES: Mapping[str, StatusState] = {
    RunStatus.SUCCESS: "success",
    RunStatus.FAILURE: "failure",
    RunStatus.CANCELLED: "cancelled",
}


def announce_run(run: PipelineRun) -> None:
    """Have the commit's status say that a run began or waits; in the run's own transaction."""
    if not _is_reported(run):
        return
    waits = run.waiting_for == WaitingFor.TRUST
    words = "waits for a member to allow it" if waits else "is queued"
    over = run.status in RUN_TERMINAL
    state = _STATES[run.status] if over else "pending"
    told = run.error_message if over else f"Run #{run.run_number} {words}."
    _set_status(run, state, told)


def report_run(message_id: str) -> None:
    """Tell the host how a run ended, once per message."""
    message = OutboxMessage.objects.filter(pk=message_id, handled_at=None).first()
    if message is not None:
        _report(message)


@transaction.atomic(durable=True)
def _report(message: OutboxMessage) -> None:
    if not outbox.mark_handled(message.pk):
        return
    rows = PipelineRun.objects.select_related("pipeline", "repository")
    run = rows.filter(pk=message.payload["pipeline_run"]["id"]).first()
    if run is None or run.status not in RUN_TERMINAL:
        return
    notify_run(run)
    _ask_by_itself(run)
    if not _is_reported(run):
        return
    state = _STATES[run.status]
    if run.status == RunStatus.FAILURE and run.reason in OUR_FAULT:
        state = "error"
    _set_status(run, state, _verdict(run))
    settle_check(run.repository, run.commit_sha)
    want_run_comment(run, _address(run), _verdict(run))


def _ask_by_itself(run: PipelineRun) -> None:
    """Ask a model about the failure where the pipeline wants it; strangers spend no money."""
    wanted = (run.snapshot.get("features") or {}).get("ai_failure_hint")
    is_ours = run.status == RunStatus.FAILURE and run.trust_level == Trust.TRUSTED
    # Somebody may have been quicker.
    if wanted and is_ours and not is_asked(run):
        want_hint(run, "the pipeline itself")


def _is_reported(run: PipelineRun) -> bool:
    features = run.snapshot.get("features") or {}
    wanted = features.get("commit_status", True)
    has_host = run.repository is not None and run.repository.provider_id is not None
    return bool(wanted and has_host and run.commit_sha)


def _set_status(run: PipelineRun, state: StatusState, words: str) -> None:
    status = CommitStatus(
        context=f"powernode/{run.snapshot.get('slug') or run.pipeline.slug}",
        state=state,
        description=words,
        target_url=_address(run),
    )
    key = f"run:{run.pk.hex}:{run.status}"
    want_status(run.repository_id, run.commit_sha, status, key=key)


def _address(run: PipelineRun) -> str:
    return f"{settings.SITE_URL}{run.url}"


def _verdict(run: PipelineRun) -> str:
    seconds = decimal_seconds(run.duration_ms)
    took = f" in {seconds:.1f} s" if seconds is not None else ""
    if run.status == RunStatus.SUCCESS:
        return f"Run #{run.run_number} succeeded{took}."
    why = run.error_message or run.reason or run.status
    return f"Run #{run.run_number} {run.status}{took}: {why}"
