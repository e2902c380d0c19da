"""Approvals of mirrored runs are answered once, by those who may, in time."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devops.access import Actor
from devops.errors import DomainError, PermissionDenied
from devops.models import Account
from gitintegration.models import GitPipelineApproval
from gitintegration.operations.approvals import (
    can_respond,
    cancel_approval,
    expire_stale,
    may_approve,
    request_approval,
    respond,
)
from tests.client import ApiClient
from tests.factories.devops import actor_of
from tests.factories.gitintegration import GitApprovalFactory, GitPipelineFactory
from tests.gitintegration.operations.site import told
from tests.pipelines.conftest import in_threads

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor(alice: ApiClient) -> Actor:
    return actor_of(alice)


def ask(actor: Actor, **facts: Any) -> GitPipelineApproval:
    made: GitPipelineApproval = GitApprovalFactory.create(
        account=Account.objects.get(pk=actor.account_id), **facts
    )
    return made


def test_a_gate_is_asked_about_once_and_for_a_day() -> None:
    run = GitPipelineFactory.create()
    first, second = (request_approval(run, "production") for _ in range(2))
    assert first.pk == second.pk
    assert first.expires_at is not None
    left = first.expires_at - timezone.now()
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    assert len(told("approval_status")) == 1


@pytest.mark.parametrize(("yes", "status"), [(True, "approved"), (False, "rejected")])
def test_an_answer_is_kept_told_and_final(actor: Actor, yes: bool, status: str) -> None:
    approval = ask(actor)
    respond(actor, approval, approve=yes, comment="Because")
    approval.refresh_from_db()
    assert (approval.status, approval.responded_by_id) == (status, actor.user_id)
    assert approval.response_comment == "Because"
    assert approval.responded_at is not None
    (frame,) = told("approval_status")
    assert (frame["status"], frame["gate_name"], frame["comment"]) == (
        status, approval.gate_name, "Because",
    )  # fmt: skip
    with pytest.raises(DomainError):
        respond(actor, approval, approve=True)
    with pytest.raises(DomainError):
        cancel_approval(actor, approval)


@pytest.mark.django_db(transaction=True)
def test_two_answers_at_once_are_one(actor: Actor) -> None:
    key = ask(actor).pk

    def answer(index: int) -> str:
        approval = GitPipelineApproval.objects.get(pk=key)
        return respond(actor, approval, approve=bool(index)).status

    found = in_threads(2, answer)
    assert sum(isinstance(each, DomainError) for each in found) == 1
    assert len(told("approval_status")) == 1


@pytest.mark.parametrize(
    ("approvers", "may"),
    [([], True), (["owner"], True), (["admin"], False), (["00000000"], False)],
)
def test_the_named_roles_and_people_may_answer(
    actor: Actor, approvers: list[str], may: bool
) -> None:
    approval = ask(actor, required_approvers=approvers)
    assert may_approve(actor, approval) is may
    if not may:
        with pytest.raises(PermissionDenied):
            respond(actor, approval, approve=True)


def test_a_person_is_named_by_id(actor: Actor) -> None:
    assert may_approve(actor, ask(actor, required_approvers=[str(actor.user_id)]))


def test_a_viewer_cannot_answer(actor: Actor, vera: ApiClient) -> None:
    with pytest.raises(PermissionDenied):
        respond(actor_of(vera), ask(actor), approve=True)


def test_a_question_past_its_time_is_not_answered_and_expires_once(actor: Actor) -> None:
    late = ask(actor, expires_at=timezone.now() - timedelta(seconds=1))
    fresh, endless = ask(actor), ask(actor, expires_at=None)
    assert [can_respond(each) for each in (late, fresh, endless)] == [False, True, True]
    with pytest.raises(DomainError, match="expired"):
        respond(actor, late, approve=True)
    assert (expire_stale(), expire_stale()) == (1, 0)
    late.refresh_from_db()
    assert late.status == "expired"
    assert late.responded_at is not None


def test_a_question_can_be_taken_back(actor: Actor) -> None:
    approval = ask(actor)
    cancel_approval(actor, approval)
    approval.refresh_from_db()
    assert approval.status == "cancelled"
