"""The overview: how the last days went, what ran last, what there is."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devops.access import member_actor
from devops.ids import first_uuid7, uuid7
from devops.models import Membership
from devops.periods import weeks
from gitintegration.public import commits_by_week
from pipelines.figures import SPAN_DAYS, runs_by_day
from powernode.overview.charts import line
from tests.client import ApiClient
from tests.factories.gitintegration import (
    GitApprovalFactory,
    GitRunnerFactory,
    WebhookEventFactory,
)
from tests.factories.pipelines import (
    GateFactory,
    PipelineFactory,
    PipelineRepositoryFactory,
    RunFactory,
    ScheduleFactory,
    StepExecutionFactory,
    VoteFactory,
)
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db
BUDGET: int = json.loads((Path(__file__).parents[1] / "query_counts.json").read_text())["/"]


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
        ("cancelled", midnight - timedelta(days=SPAN_DAYS - 1)), ("running", midnight),
        ("success", midnight - timedelta(days=SPAN_DAYS - 1, milliseconds=1)),
    )):  # fmt: skip
        key = uuid.UUID(int=first_uuid7(moment).int + number)
        RunFactory.create(account=alice.account, pipeline=pipeline, status=status, id=key)
    RunFactory.create(status="success")

    days = runs_by_day(member_actor(Membership.objects.get(account=alice.account)))

    assert [day.date for day in days][-1] == midnight.date()
    assert [(day.success, day.failure, day.cancelled) for day in days] == [
        (0, 0, 1), *[(0, 0, 0)] * (SPAN_DAYS - 3), (1, 0, 0), (1, 1, 0),
    ]  # fmt: skip


def test_the_page_shows_the_days_the_last_runs_and_what_there_is(alice: ApiClient) -> None:
    client = signed_in(alice)
    assert "Runs, 30 days" not in client.get("/").content.decode()
    pipeline = PipelineFactory.create(account=alice.account, name="Ship it", is_active=False)
    ScheduleFactory.create(pipeline=pipeline)
    RunFactory.create(account=alice.account, pipeline=pipeline, title="Sell tea")

    text = client.get("/").content.decode()

    assert "1 succeeded · 0 failed · 0 cancelled" in text
    assert 'data-status="success" x="583" y="2.0" width="14" height="46.0"' in text
    assert text.index("Recent runs") < text.index("Sell tea")
    for title, value, note in (("Pipelines", 1, "0 active"), ("Schedules", 1, "1 active")):
        tile = (
            f'{title}</span><span class="stat-value">{value}</span><span class="stat-note">{note}'
        )
        assert tile in text


def test_an_empty_account_is_led_to_its_first_green_run(alice: ApiClient) -> None:
    text = signed_in(alice).get("/").content.decode()

    for words in ("To the first green run", "Nothing runs at the moment.", "No delivery yet."):
        assert words in text
    assert 'href="/git/connect"' in text
    assert 'href="/settings/invitations"' in text


def test_a_viewer_is_shown_no_way_to_what_the_role_forbids(vera: ApiClient) -> None:
    text = signed_in(vera).get("/").content.decode()

    for url in ("/pipelines/new", "/git/connect", "/settings/invitations", "/settings/tokens"):
        assert f'class="stat" href="{url}"' not in text
        assert f'<a href="{url}"><svg' not in text
    assert 'class="btn btn-primary" href="/pipelines/new"' not in text


def test_what_waits_for_a_person_stands_first_until_it_is_answered(
    alice: ApiClient, vera: ApiClient
) -> None:
    gate = GateFactory.create(step_execution__run__account=alice.account, step_name="Ship")
    trust = GateFactory.create(
        step_execution__run__account=alice.account, kind="trust", step_name=""
    )

    text = signed_in(alice).get("/").content.decode()

    assert text.index("Needs you") < text.index("May Ship begin?") < text.index("Alerts")
    assert "May this contributor&#x27;s run start?" in text
    assert "Needs you" not in signed_in(vera).get("/").content.decode()
    for row in (gate, trust):
        VoteFactory.create(gate=row, voter=str(alice.user.pk), answer="approve")
    assert "Needs you" not in signed_in(alice).get("/").content.decode()


def test_live_runs_tell_their_step_and_whose_they_are(alice: ApiClient) -> None:
    run = RunFactory.create(account=alice.account, status="running", actor_label="ana")
    StepExecutionFactory.create(run=run, step_name="Check out", status="success")
    StepExecutionFactory.create(run=run, step_name="Tests", status="running")

    text = signed_in(alice).get("/").content.decode()

    live = text[text.index("Live now") :]
    assert 'clip">Tests</div><div class="small quiet clip">ana · main</div>' in live


def test_failed_deliveries_come_first_and_can_be_redelivered(
    alice: ApiClient, vera: ApiClient
) -> None:
    failed = WebhookEventFactory.create(
        account=alice.account, status="failed", error_message="No body."
    )
    WebhookEventFactory.create_batch(8, account=alice.account, ref="refs/heads/later")

    text = signed_in(alice).get("/").content.decode()

    panel = text[text.index("<h2>Webhooks</h2>") :]
    assert panel.index("No body.") < panel.index("refs/heads/later")
    assert f'action="/webhooks/{failed.pk}/redeliver"' in panel
    assert panel.count("refs/heads/later") == 5
    assert "/redeliver" not in signed_in(vera).get("/").content.decode()


def test_the_page_takes_the_same_queries_whatever_there_is(alice: ApiClient) -> None:
    client = signed_in(alice)
    link = PipelineRepositoryFactory.create(pipeline__account=alice.account)
    made = {"account": alice.account, "pipeline": link.pipeline}
    RunFactory.create(**made, repository=link.repository, status="failure")
    RunFactory.create(**made)
    client.get("/")
    few = _queries(client)
    for status in ("success", "failure", "running", "queued"):
        for run in RunFactory.create_batch(6, account=alice.account, status=status):
            StepExecutionFactory.create_batch(2, run=run)
    GateFactory.create_batch(4, step_execution__run__account=alice.account)
    ScheduleFactory.create_batch(4, pipeline__account=alice.account)
    PipelineRepositoryFactory.create_batch(4, pipeline__account=alice.account)
    WebhookEventFactory.create_batch(9, account=alice.account, commits=2, status="failed")
    GitRunnerFactory.create_batch(4, credential__provider__account=alice.account)
    GitApprovalFactory.create_batch(
        4, pipeline__repository__credential__provider__account=alice.account
    )

    assert (few, _queries(client)) == (BUDGET, BUDGET)


def _queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/").status_code == 200
    return len(queries)


def test_commits_are_summed_by_week(alice: ApiClient) -> None:
    client, monday = signed_in(alice), weeks(1)[0]
    for number, (moment, commits) in enumerate((
        (monday.start, 2), (monday.start + timedelta(seconds=1), 3),
        (monday.start - timedelta(seconds=1), 4), (weeks(12)[0].start, 1),
        (weeks(12)[0].start - timedelta(milliseconds=1), 50),
    )):  # fmt: skip
        key = uuid.UUID(int=first_uuid7(moment).int + number)
        WebhookEventFactory.create(account=alice.account, id=key, commits=commits)
    WebhookEventFactory.create(commits=9)

    counted = commits_by_week(member_actor(alice.membership))
    text = client.get("/").content.decode()

    assert [week.commits for week in counted] == [1, *[0] * 9, 4, 5]
    assert counted[-1].monday == monday.start.date()
    assert "10 pushed" in text
    assert f"Week of {monday.start.day} {monday.start:%b}: 5 commits" in text


def test_a_line_goes_through_what_is_known() -> None:
    assert line([]) == line([None, 3.0, None]) == ""
    assert line([1, None, 3]) == "0.0,22.0 100.0,2.0"
    assert line([5, 5]) == "0.0,22.0 100.0,22.0"
