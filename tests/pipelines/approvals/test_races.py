"""Several answers in the same moment: one decides, the others hear of it (F24)."""

from typing import Any

import pytest

from devops.access import Actor
from devops.errors import IllegalTransition
from pipelines.choices import Answer
from pipelines.models import ApprovalGate, ApprovalVote, PipelineRun
from pipelines.operations.approvals import (
    AlreadyDecided,
    decide,
    decide_by_token,
    expire_gates,
)
from pipelines.operations.runs import cancel_run
from tests.pipelines.approvals.people import (
    NO,
    YES,
    email_of,
    gate_of,
    gated,
    link_token,
    member,
    waiting,
)
from tests.pipelines.conftest import Workshop, fresh, in_threads, last

THREADS = 8


def _visitor(run: Any) -> Actor:
    return Actor("link", run.account_id, "link", frozenset())


@pytest.mark.parametrize("round_number", range(5))
def test_of_many_answers_in_one_moment_exactly_one_decides(
    open_workshop: Workshop, round_number: int
) -> None:
    people = [member(open_workshop) for _ in range(THREADS)]
    names = [email_of(person) for person in people]
    run = waiting(open_workshop, gated(recipients=names))
    ship = last(run, "ship")
    tokens = [link_token(name) for name in names]

    def answer(index: int) -> ApprovalGate:
        said = NO if index % 2 else YES
        if index < THREADS // 2:
            return decide(people[index], ship, said)
        return decide_by_token(tokens[index], said, visitor=None, actor=_visitor(run))

    results = in_threads(THREADS, answer)

    winners = [result for result in results if isinstance(result, ApprovalGate)]
    losers = [result for result in results if not isinstance(result, ApprovalGate)]
    assert len(winners) == 1
    assert all(isinstance(result, AlreadyDecided) for result in losers), results
    assert all("already" in str(result) for result in losers)
    vote = ApprovalVote.objects.get(gate=gate_of(run))
    assert gate_of(run).status == ("approved" if vote.answer == Answer.APPROVE else "rejected")


def test_the_same_link_pressed_twice_at_once_counts_once(open_workshop: Workshop) -> None:
    ana, bob = member(open_workshop), member(open_workshop)
    names = [email_of(ana), email_of(bob)]
    run = waiting(open_workshop, gated(required=2, recipients=names))
    token = link_token(names[0])

    results = in_threads(
        4, lambda _: decide_by_token(token, YES, visitor=None, actor=_visitor(run))
    )

    assert sum(isinstance(result, ApprovalGate) for result in results) == 1
    assert ApprovalVote.objects.filter(gate=gate_of(run)).count() == 1
    assert gate_of(run).is_pending


def test_an_answer_and_the_expiry_do_not_both_decide(open_workshop: Workshop) -> None:
    ana = member(open_workshop)
    run = waiting(open_workshop)
    ship = last(run, "ship")
    ApprovalGate.objects.filter(pk=gate_of(run).pk).update(expires_at=fresh(run).created_at)

    in_threads(4, lambda index: expire_gates() if index % 2 else decide(ana, ship, YES))

    assert gate_of(run).status == "expired"
    assert last(run, "ship").reason == "expired"
    assert fresh(run).steps_done == 2


def test_an_answer_and_a_cancel_do_not_wait_for_each_other(open_workshop: Workshop) -> None:
    people = [member(open_workshop) for _ in range(3)]
    runs = [waiting(open_workshop, gated()) for _ in range(3)]
    ships = [last(run, "ship") for run in runs]

    def act(index: int) -> Any:
        number = index // 2
        if index % 2:
            return cancel_run(open_workshop.actor, runs[number])
        return decide(people[number], ships[number], YES)

    results = in_threads(6, act)

    allowed = (ApprovalGate, PipelineRun, AlreadyDecided, IllegalTransition)
    assert all(isinstance(result, allowed) for result in results), results
    for run in runs:
        assert gate_of(run).status in {"approved", "cancelled"}
