"""A question about a run of a host's own CI, as pages show it."""

from typing import Any

from devops.access import Actor
from devops.choices import Role
from gitintegration.choices import ApprovalStatus
from gitintegration.ci_words import branch_of
from gitintegration.models import GitPipelineApproval
from gitintegration.operations import approvals


def approval_row(actor: Actor, row: GitPipelineApproval) -> dict[str, Any]:
    """A question as the pages show it."""
    run = row.pipeline
    is_open = approvals.can_respond(row)
    status = row.status
    if status == ApprovalStatus.PENDING and not is_open:
        status = ApprovalStatus.EXPIRED
    return {
        "id": row.pk,
        "gate": row.gate_name,
        "environment": row.environment,
        "description": row.description,
        "status": status,
        "run_url": f"/ci/{run.pk}",
        "run_name": run.name,
        "run_number": run.run_number,
        "repository": run.repository.full_name,
        "branch": branch_of(run.ref),
        "sha": run.sha,
        "by": run.actor_username,
        "who_may": _who(row),
        "responded_by": str(row.responded_by) if row.responded_by else "",
        "comment": row.response_comment,
        "expires_at": row.expires_at,
        "responded_at": row.responded_at,
        "created_at": row.created_at,
        "can_answer": is_open and actor.may(approvals.MANAGE) and approvals.may_approve(actor, row),
    }


def _who(row: GitPipelineApproval) -> str:
    """Roles by name; people are counted, since an identifier says nothing to a reader."""
    named = [str(each) for each in row.required_approvers]
    roles = [each for each in named if each in Role.values]
    people = len(named) - len(roles)
    words = roles + ([f"{people} named {'person' if people == 1 else 'people'}"] if people else [])
    return ", ".join(words)
