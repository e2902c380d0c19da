"""What waits for the very person who looks: questions about our runs and about the hosts'."""

from dataclasses import dataclass
from datetime import datetime

from devops.access import Actor
from gitintegration import public as git
from pipelines import inbox

# At most so many of each kind.
MOST = 10


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `url` is where it is answered."""

    title: str
    detail: str
    url: str
    at: datetime


def questions(actor: Actor) -> list[Question]:
    """The newest ones, in two queries."""
    found = [
        Question(
            inbox.question_of(gate),
            f"{gate.run.pipeline.name} #{gate.run.run_number}"
            + (f" · {gate.run.branch}" if gate.run.branch else ""),
            gate.run.url,
            gate.created_at,
        )
        for gate in inbox.asked_of(actor, MOST)
    ]
    if actor.may("git.approvals.manage"):
        rows = (git.approval_row(actor, row) for row in git.pending_approvals(actor)[:MOST])
        found += [
            Question(
                f"May {row['gate']} begin?", f"{row['run_name']} · {row['repository']}",
                "/ci/approvals", row["created_at"],
            )
            for row in rows if row["can_answer"]
        ]  # fmt: skip
    return sorted(found, key=lambda question: question.at, reverse=True)
