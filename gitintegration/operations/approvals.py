"""Approvals of runs of the hosts' own CI: asked, answered, let expire."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, PermissionDenied
from gitintegration.choices import ApprovalStatus
from gitintegration.models import GitPipeline, GitPipelineApproval
from gitintegration.operations.host_writes import want_approval
from gitintegration.states import approval_states

MANAGE = "git.approvals.manage"
LIFETIME = timedelta(hours=24)
# The gate of a run that its own host holds until somebody lets it go on.
HOST_GATE = "host"


@transaction.atomic
def request_approval(run: GitPipeline, gate_name: str, **facts: Any) -> GitPipelineApproval:
    """Ask about a run, once per gate."""
    approval, is_new = GitPipelineApproval.objects.get_or_create(
        pipeline=run, gate_name=gate_name[:100],
        defaults={
            "account_id": run.account_id, "expires_at": timezone.now() + LIFETIME, **facts,
        },
    )  # fmt: skip
    if is_new:
        approval_states.tell(approval)
    return approval


@transaction.atomic
def follow_host(run: GitPipeline) -> None:
    """Ask about a run that its host holds, and take the question back when it goes on."""
    if run.conclusion == "action_required":
        request_approval(
            run, HOST_GATE,
            description="The host holds this run until somebody lets it go on.",
        )  # fmt: skip
        return
    rows = GitPipelineApproval.objects.select_for_update()
    asked = rows.filter(pipeline=run, gate_name=HOST_GATE, status=ApprovalStatus.PENDING).first()
    if asked is not None:
        approval_states.transition(
            asked, ApprovalStatus.CANCELLED, responded_at=timezone.now(),
            response_comment="The run went on at its host.",
        )  # fmt: skip


@transaction.atomic(durable=True)
def respond(
    actor: Actor, approval: GitPipelineApproval, *, approve: bool, comment: str = ""
) -> GitPipelineApproval:
    """Answer an approval.

    Raises:
        PermissionDenied: the actor is none of its approvers.
        Conflict: it was answered, or has expired.
    """
    actor.require(MANAGE)
    if not may_approve(actor, approval):
        raise PermissionDenied("You are not one of the approvers of this gate.")
    if not can_respond(approval):
        raise Conflict(f"The approval is {_word(approval)} and cannot be answered any more.")
    to = ApprovalStatus.APPROVED if approve else ApprovalStatus.REJECTED
    approval_states.transition(
        approval, to, responded_by_id=actor.user_id, response_comment=comment[:10_000],
        responded_at=timezone.now(),
    )  # fmt: skip
    if approval.gate_name == HOST_GATE:
        want_approval(
            approval.pipeline.repository, approval.pipeline.external_id, approve=approve,
            key=f"approval:{approval.pk.hex}",
        )  # fmt: skip
    audit.record(actor, f"git.approval.{to}", approval)
    return approval


@transaction.atomic(durable=True)
def cancel_approval(actor: Actor, approval: GitPipelineApproval) -> GitPipelineApproval:
    """Take a question back.

    Raises:
        IllegalTransition: it was answered.
    """
    actor.require(MANAGE)
    approval_states.transition(approval, ApprovalStatus.CANCELLED, responded_at=timezone.now())
    audit.record(actor, "git.approval.cancel", approval)
    return approval


def expire_stale() -> int:
    """End the questions whose time is over; returns how many."""
    now = timezone.now()
    due = GitPipelineApproval.objects.filter(status=ApprovalStatus.PENDING, expires_at__lt=now)
    keys = list(due.values_list("pk", flat=True)[:200])
    return sum(_expire(key) for key in keys)


@transaction.atomic(durable=True)
def _expire(key: Any) -> int:
    rows = GitPipelineApproval.objects.select_for_update()
    approval = rows.filter(pk=key, status=ApprovalStatus.PENDING).first()
    if approval is None:
        return 0
    approval_states.transition(approval, ApprovalStatus.EXPIRED, responded_at=timezone.now())
    return 1


def can_respond(approval: GitPipelineApproval) -> bool:
    """Pending, and not past its expiry."""
    is_late = approval.expires_at is not None and approval.expires_at <= timezone.now()
    return approval.status == ApprovalStatus.PENDING and not is_late


def may_approve(actor: Actor, approval: GitPipelineApproval) -> bool:
    """Nobody is named, or the person or their role is."""
    wanted = {str(each) for each in approval.required_approvers}
    return not wanted or bool(wanted & {str(actor.user_id), actor.role})


def _word(approval: GitPipelineApproval) -> str:
    return "expired" if approval.status == ApprovalStatus.PENDING else approval.status
