"""The overview: how the last days went, what ran last, what there is."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from devops.access import member_actor
from devops.ids import first_uuid7, uuid7
from devops.models import Membership
from pipelines.figures import CHART_DAYS, runs_by_day
from tests.client import ApiClient
from tests.factories.pipelines import PipelineFactory, RunFactory, ScheduleFactory
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db


def test_keys_of_a_moment_begin_where_its_millisecond_does() -> None:
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    before, first = first_uuid7(moment - timedelta(milliseconds=1)), first_uuid7(moment)

    assert before < first < first_uuid7(moment + timedelta(milliseconds=1))
    assert (first.version, first.variant) == (uuid7().version, uuid7().variant)
    assert first_uuid7(timezone.now() - timedelta(seconds=1)) < uuid7()
    assert uuid7() < first_uuid7(timezone.now() + timedelta(seconds=1))


def test_runs_are_counted_on_the_day_on_which_they_were_made(alice: ApiClient) -> None:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    pipeline = PipelineFactory.create(account=alice.account)
    for number, (status, moment) in enumerate((
        ("success", midnight), ("failure", midnight), ("success", midnight - timedelta(seconds=1)),
        ("cancelled", midnight - timedelta(days=CHART_DAYS - 1)), ("running", midnight),
        ("success", midnight - timedelta(days=CHART_DAYS - 1, milliseconds=1)),
    )):  # fmt: skip
        key = uuid.UUID(int=first_uuid7(moment).int + number)
        RunFactory.create(account=alice.account, pipeline=pipeline, status=status, id=key)
    RunFactory.create(status="success")

    days = runs_by_day(member_actor(Membership.objects.get(account=alice.account)))

    assert [day.date for day in days][-1] == midnight.date()
    assert [(day.success, day.failure, day.cancelled) for day in days] == [
        (0, 0, 1), *[(0, 0, 0)] * (CHART_DAYS - 3), (1, 0, 0), (1, 1, 0),
    ]  # fmt: skip


def test_the_page_shows_the_days_the_last_runs_and_what_there_is(alice: ApiClient) -> None:
    client = signed_in(alice)
    assert "Runs, 14 days" not in client.get("/").content.decode()
    pipeline = PipelineFactory.create(account=alice.account, name="Ship it", is_active=False)
    ScheduleFactory.create(pipeline=pipeline)
    RunFactory.create(account=alice.account, pipeline=pipeline, title="Sell tea")

    text = client.get("/").content.decode()

    assert "1 succeeded · 0 failed · 0 cancelled" in text
    assert 'data-status="success" x="263" y="2.0" width="14" height="46.0"' in text
    assert text.index("Recent runs") < text.index("Sell tea")
    for row in ('0 active</span><span class="num strong">1', "1 active</span>"):
        assert row in text
