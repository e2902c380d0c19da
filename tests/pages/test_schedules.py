"""Pages of schedules: set, read, changed, switched, started."""

import pytest

from pipelines.models import PipelineRun, Schedule
from tests.client import ApiClient
from tests.factories.pipelines import FireFactory, PipelineFactory, ScheduleFactory
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db
VALUES = {
    "name": "Nightly", "cron_expression": "0 3 * * 1-5", "timezone": "Europe/Berlin",
    "missed": "skip", "overlap": "queue", "jitter_seconds": "60", "inputs": "", "ref": "",
}  # fmt: skip


def test_an_empty_list_says_what_comes_first(alice: ApiClient) -> None:
    client = signed_in(alice)
    assert "write one first" in client.get("/schedules").content.decode()
    PipelineFactory.create(account=alice.account)
    assert "No schedules yet" in client.get("/schedules").content.decode()


def test_a_schedule_is_set_and_shows_its_next_ten_times(alice: ApiClient) -> None:
    pipeline = PipelineFactory.create(account=alice.account)
    client = signed_in(alice)

    assert client.get(f"/schedules/new?pipeline={pipeline.pk}").status_code == 200
    client.post("/schedules/new", {**VALUES, "pipeline": str(pipeline.pk)})

    made = Schedule.objects.get()
    page = client.get(made.url)
    text = page.content.decode()
    assert len(page.context["next_times"]) == 10
    assert all("03:00 CE" in words for _, words in page.context["next_times"])
    assert "At 03:00 on Monday to Friday" in text
    assert "right after the gap" in text
    assert (made.missed, made.jitter_seconds) == ("skip", 60)


def test_what_is_wrong_is_said_and_what_was_typed_stays(alice: ApiClient) -> None:
    pipeline = PipelineFactory.create(account=alice.account)
    typed = {**VALUES, "pipeline": str(pipeline.pk), "cron_expression": "* * * * * *"}

    page = signed_in(alice).post("/schedules/new", typed)

    assert page.status_code == 400
    text = page.content.decode()
    assert "Six fields would be seconds" in text
    assert 'value="* * * * * *"' in text
    assert not Schedule.objects.exists()


def test_inputs_take_the_types_of_the_pipeline(alice: ApiClient) -> None:
    inputs = {"count": {"type": "number"}, "fast": {"type": "boolean"}}
    pipeline = PipelineFactory.create(
        account=alice.account, triggers={"manual": {"inputs": inputs}}
    )
    client = signed_in(alice)

    typed = {**VALUES, "pipeline": str(pipeline.pk), "inputs": "count=3\nfast=true"}
    client.post("/schedules/new", typed)
    assert Schedule.objects.get().inputs == {"count": 3, "fast": True}

    page = client.post(Schedule.objects.get().url, {**VALUES, "inputs": "speed=3"})
    assert page.status_code == 400
    assert "no input" in page.content.decode()


def test_a_schedule_is_switched_started_and_deleted(alice: ApiClient) -> None:
    made = ScheduleFactory.create(pipeline__account=alice.account)
    client = signed_in(alice)

    client.post(f"{made.url}/trigger")
    assert PipelineRun.objects.get().trigger_type == "schedule"
    client.post(f"{made.url}/toggle")
    made.refresh_from_db()
    assert not made.is_active
    assert "None while it is off" in client.get(made.url).content.decode()
    client.post(f"{made.url}/delete")
    assert not Schedule.objects.exists()


def test_how_late_times_came_is_shown(alice: ApiClient) -> None:
    made = ScheduleFactory.create(pipeline__account=alice.account)
    for late in (*[100] * 98, 900, 1500):
        FireFactory.create(schedule=made, lateness_ms=late)
    FireFactory.create(schedule=made, outcome="missed", lateness_ms=10**9)
    client = signed_in(alice)

    for address in (made.url, "/schedules", "/"):
        text = client.get(address).content.decode()
        assert 'data-duration-ms="1500"' in text, address
    assert "100 ms" in client.get(made.url).content.decode()


def test_a_switched_off_pipeline_is_said(alice: ApiClient) -> None:
    made = ScheduleFactory.create(pipeline__account=alice.account, pipeline__is_active=False)
    client = signed_in(alice)
    assert "Pipeline off" in client.get("/schedules").content.decode()
    assert "its times pass without a start" in client.get(made.url).content.decode()


def test_a_schedule_of_the_document_has_no_form(alice: ApiClient) -> None:
    made = ScheduleFactory.create(pipeline__account=alice.account, source_key="k")
    text = signed_in(alice).get(made.url).content.decode()
    assert "on.schedule" in text
    assert "Delete" not in text


def test_the_pipelines_own_schedules_stand_on_its_page(alice: ApiClient) -> None:
    made = ScheduleFactory.create(pipeline__account=alice.account, name="Every hour")
    ScheduleFactory.create(pipeline__account=alice.account, name="Of another one")
    client = signed_in(alice)

    text = client.get(f"/pipelines/{made.pipeline.slug}?tab=schedules").content.decode()

    assert "Every hour" in text
    assert "Of another one" not in text
    made.delete()
    empty = client.get(f"/pipelines/{made.pipeline.slug}?tab=schedules").content.decode()
    assert f"/schedules/new?pipeline={made.pipeline_id}" in empty


def test_a_viewer_reads_and_changes_nothing(alice: ApiClient, vera: ApiClient) -> None:
    made = ScheduleFactory.create(pipeline__account=alice.account)
    client = signed_in(vera)
    assert client.get(made.url).status_code == 200
    for verb in ("toggle", "trigger", "delete"):
        assert client.post(f"{made.url}/{verb}").status_code == 403
    assert client.get("/schedules/new").status_code == 403


def test_another_accounts_schedule_is_not_there(alice: ApiClient, charlie: ApiClient) -> None:
    made = ScheduleFactory.create(pipeline__account=alice.account)
    client = signed_in(charlie)
    assert client.get(made.url).status_code == 404
    assert made.name not in client.get("/schedules").content.decode()


def test_an_expression_is_told_with_its_next_times(alice: ApiClient) -> None:
    client = signed_in(alice)
    query = {"cron": "30 4 * * 1", "timezone": "Europe/Berlin"}
    told = client.get("/schedules/times", query).json()
    assert told["words"] == "At 04:30 on Monday"
    assert len(told["times"]) == 3
    assert all("04:30 CE" in time and time.startswith("Mon") for time in told["times"])


@pytest.mark.parametrize(
    "query",
    [{}, {"cron": "what"}, {"cron": "* * * * * *"}, {"cron": "@daily", "timezone": "Mars/Base"},
     {"cron": "0 0 30 2 *"}],
)  # fmt: skip
def test_no_expression_is_told_as_a_problem(alice: ApiClient, query: dict[str, str]) -> None:
    assert signed_in(alice).get("/schedules/times", query).json().keys() == {"problem"}
