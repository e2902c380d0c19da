"""How many people approved something of a run."""

import uuid

from pipelines.choices import Answer, GateKind, GateStatus
from pipelines.models import ApprovalVote


def count_approvers(run_id: uuid.UUID) -> int:
    """People who let a step of the run go on, each once; open and void gates do not count."""
    votes = ApprovalVote.objects.filter(
        gate__run_id=run_id, gate__kind=GateKind.APPROVAL, gate__status=GateStatus.APPROVED,
        answer=Answer.APPROVE,
    )  # fmt: skip
    return votes.values("voter").distinct().count()
