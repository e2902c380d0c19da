"""How many commits pushes bring, by the words of each host; and that they are kept."""

from typing import Any

import pytest

from gitintegration.clients.pushed import MOST, pushed_commits
from gitintegration.models import GitWebhookEvent
from gitintegration.operations.deliveries import redeliver
from gitintegration.operations.processing import process_delivery
from tests.client import ApiClient
from tests.factories.devops import RepositoryFactory, actor_of
from tests.factories.gitintegration import WebhookEventFactory

BRANCH = "refs/heads/main"
COMMITS = [{"id": "a" * 40}, {"id": "b" * 40}]


@pytest.mark.parametrize(
    ("payload", "count"),
    [
        ({"ref": BRANCH, "commits": COMMITS}, 2),
        ({"ref": BRANCH, "commits": [*COMMITS, {"distinct": False}]}, 2),
        ({"ref": BRANCH, "commits": COMMITS, "total_commits_count": 40}, 40),
        ({"ref": BRANCH, "commits": COMMITS, "total_commits": 50}, 50),
        ({"ref": "refs/tags/v1", "commits": COMMITS}, 0),
        ({"push": {"changes": [
            {"new": {"type": "branch"}, "commits": COMMITS},
            {"new": {"type": "tag"}, "commits": COMMITS},
            {"new": None, "commits": COMMITS},
        ]}}, 2),
        ({}, 0),
        ({"ref": BRANCH}, 0),
        ({"ref": BRANCH, "commits": "many"}, 0),
        ({"ref": BRANCH, "commits": [1, None, "x"]}, 0),
        ({"ref": BRANCH, "total_commits": -5}, 0),
        ({"ref": BRANCH, "total_commits": 10**30}, MOST),
        ({"ref": BRANCH, "total_commits": "40", "commits": COMMITS}, 2),
        ({"ref": 7, "commits": COMMITS}, 0),
        ({"push": {"changes": [3, {"new": 4}, {"new": {"type": "branch"}, "commits": 5}]}}, 0),
        ({"push": []}, 0),
    ],
)  # fmt: skip
def test_commits_are_counted_as_the_host_tells_them(payload: dict[str, Any], count: int) -> None:
    assert pushed_commits(payload) == count


@pytest.mark.django_db(transaction=True)
def test_a_push_keeps_its_number_and_a_redelivery_brings_no_more(alice: ApiClient) -> None:
    payload = {"event": "push", "ref": BRANCH, "before": "0" * 40, "after": "a" * 40,
               "commits": [{"sha": "a" * 40}, {"sha": "b" * 40}]}  # fmt: skip
    event = WebhookEventFactory.create(
        account=alice.account, repository=RepositoryFactory.create(account=alice.account),
        status="pending", payload=payload,
    )  # fmt: skip
    process_delivery(str(event.pk))
    event.refresh_from_db()
    assert (event.status, event.commits) == ("processed", 2)

    copy = redeliver(actor_of(alice), event)
    process_delivery(str(copy.pk))

    commits = GitWebhookEvent.objects.order_by("id").values_list("status", "commits")
    assert list(commits) == [("processed", 2), ("processed", 0)]
