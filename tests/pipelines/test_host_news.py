"""What git hosts tell of reaches those who follow the account and may see it."""

from dataclasses import replace

import pytest
from django.db import transaction

from devops.access import Actor
from devops.models import OutboxMessage
from gitintegration.states import ci_states
from pipelines.feeds import EventFeed
from tests.client import ApiClient
from tests.factories.gitintegration import GitPipelineFactory
from tests.factories.pipelines import PipelineFactory

pytestmark = pytest.mark.django_db


def news_for(person: ApiClient) -> OutboxMessage:
    """A run of a host was told of, and its message published as the account's first."""
    run = GitPipelineFactory.create(
        repository__credential__provider__account=person.account, name="CI"
    )
    with transaction.atomic():
        ci_states.tell(run)
    OutboxMessage.objects.update(stream_seq=1)
    return OutboxMessage.objects.get()


def actor_of(person: ApiClient) -> Actor:
    return Actor(
        "user", person.account.pk, "someone",
        frozenset({"devops.pipeline_runs.read", "git.pipelines.read"}),
    )  # fmt: skip


def test_a_follower_of_the_account_hears_of_a_hosts_run(alice: ApiClient) -> None:
    news_for(alice)

    (frame,) = EventFeed(actor_of(alice), after=0).read()

    assert frame.type == "git_pipeline_updated"
    assert frame.members["git_pipeline"]["name"] == "CI"


def test_a_follower_of_one_pipeline_does_not(alice: ApiClient) -> None:
    news_for(alice)
    pipeline = PipelineFactory.create(account=alice.account)

    assert EventFeed(actor_of(alice), pipeline_id=pipeline.pk, after=0).read() == []


def test_who_may_not_see_the_hosts_runs_hears_nothing(alice: ApiClient) -> None:
    news_for(alice)
    blind = replace(actor_of(alice), permissions=frozenset({"devops.pipeline_runs.read"}))

    assert EventFeed(blind, after=0).read() == []
