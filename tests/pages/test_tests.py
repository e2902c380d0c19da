"""The pages of tests and artifacts."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pipelines.models import Artifact, KnownTest, Pipeline, TestQuarantine
from tests.client import ApiClient
from tests.factories.pipelines import (
    ArtifactFactory,
    KnownTestFactory,
    PipelineFactory,
    QuarantineFactory,
    RunFactory,
    StepExecutionFactory,
    TestCaseFactory,
    TestReportFactory,
)
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db


def text(page: Any, status: int = 200) -> str:
    assert page.status_code == status, page.content.decode()[:2000]
    words: str = page.content.decode()
    return words


@pytest.fixture
def pipeline(alice: ApiClient) -> Pipeline:
    return PipelineFactory.create(account=alice.account, name="Shop")


@pytest.fixture
def shaky(pipeline: Pipeline) -> KnownTest:
    """A flaky test that failed in a run, with its case."""
    test: KnownTest = KnownTestFactory.create(
        pipeline=pipeline, name="test_shaky", recent="p9@1 f12@2", passed_count=1,
        failed_count=1, score=200, median_ms=12, median_before_ms=3,
    )  # fmt: skip
    run = RunFactory.create(pipeline=pipeline, account=pipeline.account, status="failure")
    report = TestReportFactory.create(
        step_execution=StepExecutionFactory.create(run=run), pipeline=pipeline, number=2
    )
    TestCaseFactory.create(
        report=report, suite=test.suite, name=test.name, key=test.key, status="failed",
        message="the clock was late",
    )  # fmt: skip
    KnownTest.objects.filter(pk=test.pk).update(
        last_failed_run=run, last_failed_at=timezone.now(), last_status="failed"
    )
    return test


def test_the_list_says_what_is_known(
    alice: ApiClient, pipeline: Pipeline, shaky: KnownTest
) -> None:
    KnownTestFactory.create(pipeline=pipeline, name="test_steady")
    client = signed_in(alice)

    page = text(client.get(f"{pipeline.url}/tests"))

    assert page.index("test_shaky") < page.index("test_steady")
    assert "Last results: 1 passed, 1 failed" in page
    assert "20 %" in page
    assert "slower" in page
    assert "Quarantine?" in page
    found = text(client.get(f"{pipeline.url}/tests?state=flaky&ordering=duration"))
    assert "test_steady" not in found
    assert "No such test" in text(client.get(f"{pipeline.url}/tests?search=nothing"))
    assert "test_steady" in text(client.get(f"{pipeline.url}/tests?state=odd&ordering=odd"))


def test_a_pipeline_without_reports_says_how_to_get_them(
    alice: ApiClient, pipeline: Pipeline
) -> None:
    assert "report: report.xml" in text(signed_in(alice).get(f"{pipeline.url}/tests"))


def test_many_tests_come_in_pages_that_lead_back(alice: ApiClient, pipeline: Pipeline) -> None:
    for number in range(51):
        KnownTestFactory.create(pipeline=pipeline, name=f"test_n{number:02}")
    client = signed_in(alice)
    first = client.get(f"{pipeline.url}/tests")
    older = first.context["page"]["older_url"]

    second = client.get(older)

    assert [row.name for row in second.context["tests"]] == ["test_n00"]
    back = client.get(second.context["page"]["newer_url"])
    assert back.context["tests"] == first.context["tests"]


def test_a_test_is_put_aside_and_released_on_its_page(
    alice: ApiClient, pipeline: Pipeline, shaky: KnownTest
) -> None:
    client = signed_in(alice)
    address = f"{pipeline.url}/tests/{shaky.pk}"
    assert "Quarantine this flake?" in text(client.get(address))
    assert "the clock was late" in text(client.get(address))

    kept = text(client.post(f"{address}/quarantine", {"reason": "#7", "until": "2020-01-01"}), 400)
    assert "The end lies in the future" in kept
    assert 'value="#7"' in kept
    assert "This field is required" in text(client.post(f"{address}/quarantine", {}), 422)

    done = text(client.post(f"{address}/quarantine", {"reason": "<b>#7</b>"}, follow=True))
    assert "In quarantine" in done
    assert "&lt;b&gt;#7&lt;/b&gt;" in done
    assert "Put into quarantine" not in done
    released = text(client.post(f"{address}/release", follow=True))
    assert "ended by" in released
    assert "is not in quarantine" in text(client.post(f"{address}/release", follow=True))


def test_who_may_not_edit_the_pipeline_is_not_asked(
    vera: ApiClient, pipeline: Pipeline, shaky: KnownTest
) -> None:
    client = signed_in(vera)
    address = f"{pipeline.url}/tests/{shaky.pk}"
    assert "Put into quarantine" not in text(client.get(address))
    assert "Quarantine?" not in text(client.get(f"{pipeline.url}/tests"))
    assert client.post(f"{address}/quarantine", {"reason": "x"}).status_code == 403
    assert not TestQuarantine.objects.exists()


def test_the_runs_tab_links_each_failure_to_its_history(
    alice: ApiClient, pipeline: Pipeline, shaky: KnownTest
) -> None:
    run = KnownTest.objects.get(pk=shaky.pk).last_failed_run
    assert run is not None
    page = text(signed_in(alice).get(f"{run.url}?tab=tests"))

    assert f"{pipeline.url}/tests/{shaky.pk}#quarantine" in page
    assert "Flaky 20 %" in page
    assert "History of the tests" in page


def test_a_forgiven_failure_looks_like_one(
    alice: ApiClient, pipeline: Pipeline, shaky: KnownTest
) -> None:
    run = KnownTest.objects.get(pk=shaky.pk).last_failed_run
    assert run is not None
    QuarantineFactory.create(test=shaky)
    run.test_reports.update(quarantined=1)
    run.test_reports.get().cases.update(is_quarantined=True)
    page = text(signed_in(alice).get(f"{run.url}?tab=tests"))

    assert "of them in quarantine" in page
    assert "Quarantine this flake?" not in page


def test_artifacts_say_how_long_they_stay_and_are_pinned(alice: ApiClient) -> None:
    run = RunFactory.create(account=alice.account)
    RunFactory.create(account=alice.account, pipeline=run.pipeline)
    soon = timezone.now() + timedelta(days=3)
    row = ArtifactFactory.create(
        run=run, name="package", is_archive=True, file_count=2, contents=[["a/<b>", 3]],
        expires_at=soon,
    )  # fmt: skip
    client = signed_in(alice)
    page = text(client.get(f"{run.url}?tab=artifacts"))
    assert "there is no limit on their sum" in page
    assert "until" in page

    assert "pinned" in text(client.post(f"/artifacts/{row.pk}/pin", follow=True))
    assert Artifact.objects.get().is_pinned
    text(client.post(f"/artifacts/{row.pk}/unpin", follow=True))
    assert not Artifact.objects.get().is_pinned
    held = text(client.get(f"/artifacts/{row.pk}"))
    assert "a/&lt;b&gt;" in held
    assert "The first 1 of 2 files" in held


def test_artifacts_and_tests_of_others_are_not_there(
    charlie: ApiClient, alice: ApiClient, pipeline: Pipeline, shaky: KnownTest
) -> None:
    row = ArtifactFactory.create(run__account=alice.account)
    client = signed_in(charlie)
    for path in (
        f"/artifacts/{row.pk}",
        f"{pipeline.url}/tests",
        f"{pipeline.url}/tests/{shaky.pk}",
    ):
        assert client.get(path).status_code == 404
    for path in (f"/artifacts/{row.pk}/pin", f"{pipeline.url}/tests/{shaky.pk}/quarantine"):
        assert client.post(path, {"reason": "x"}).status_code == 404
