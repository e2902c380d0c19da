"""The tests of a pipeline over HTTP: lists in any order, one with its history, quarantine."""

from datetime import timedelta

import pytest
from django.utils import timezone

from pipelines.models import KnownTest, Pipeline
from tests.client import ApiClient
from tests.factories.pipelines import (
    KnownTestFactory,
    PipelineFactory,
    QuarantineFactory,
    RunFactory,
    StepExecutionFactory,
    TestCaseFactory,
    TestReportFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def pipeline(alice: ApiClient) -> Pipeline:
    return PipelineFactory.create(account=alice.account)


def names(alice: ApiClient, pipeline: Pipeline, **query: object) -> list[str]:
    page = alice.get(f"devops/pipelines/{pipeline.pk}/tests", query).ok()
    return [row["name"] for row in page["results"]]


def test_a_list_is_filtered_and_ordered(alice: ApiClient, pipeline: Pipeline) -> None:
    facts: dict[str, dict[str, object]] = {
        "flaky": {"score": 200, "failed_count": 2, "median_ms": 10},
        "broken": {"last_status": "failed", "failed_count": 9, "median_ms": 20},
        "slow": {"median_ms": 5000, "suite": "Heavy"},
    }
    for name, more in facts.items():
        KnownTestFactory.create(pipeline=pipeline, name=name, **more)
    QuarantineFactory.create(test=KnownTest.objects.get(name="flaky"))
    past = timezone.now() - timedelta(days=1)
    QuarantineFactory.create(test=KnownTest.objects.get(name="slow"), expires_at=past)
    KnownTestFactory.create(pipeline__account=alice.account, name="of another pipeline")

    assert names(alice, pipeline) == ["flaky", "slow", "broken"]
    assert names(alice, pipeline, ordering="failures") == ["broken", "flaky", "slow"]
    assert names(alice, pipeline, ordering="duration") == ["slow", "broken", "flaky"]
    assert names(alice, pipeline, state="flaky") == ["flaky"]
    assert names(alice, pipeline, state="failing") == ["broken"]
    assert names(alice, pipeline, state="slow") == ["slow"]
    assert names(alice, pipeline, state="quarantined") == ["flaky"]
    assert names(alice, pipeline, search="heav") == ["slow"]
    alice.get(f"devops/pipelines/{pipeline.pk}/tests", {"state": "odd"}).problem(400)
    refused = alice.get(f"devops/pipelines/{pipeline.pk}/tests", {"ordering": "name"})
    assert refused.problem(400).pointers == ["?ordering"]


def test_pages_of_equal_numbers_skip_nothing_and_lead_back(
    alice: ApiClient, pipeline: Pipeline
) -> None:
    for number in range(11):
        KnownTestFactory.create(pipeline=pipeline, name=f"t{number:02}", score=number // 4)
    path, seen, pages = f"devops/pipelines/{pipeline.pk}/tests?limit=3", [], []
    while path:
        page = alice.get(path).ok()
        pages.append([row["name"] for row in page["results"]])
        seen += pages[-1]
        back, path = page["previous"], (page["next"] or "").partition("/api/v1/")[2]
    assert seen == names(alice, pipeline)
    assert len(seen) == len(set(seen)) == 11
    for before in pages[-2::-1]:
        page = alice.get(back.partition("/api/v1/")[2]).ok()
        assert [row["name"] for row in page["results"]] == before
        back = page["previous"]
    assert back is None
    for cursor in ("x", "b1.x", "c1." + "0" * 32, "b" + "9" * 30 + "." + "0" * 32):
        alice.get(f"devops/pipelines/{pipeline.pk}/tests", {"cursor": cursor}).problem(400)


def test_one_test_with_its_history(alice: ApiClient, pipeline: Pipeline) -> None:
    test = KnownTestFactory.create(
        pipeline=pipeline, recent="f5@1 p6@2", passed_count=1, failed_count=1, score=100
    )
    for number, status in ((1, "failed"), (2, "passed")):
        run = RunFactory.create(pipeline=pipeline, account=alice.account, commit_sha="c" * 40)
        report = TestReportFactory.create(
            step_execution=StepExecutionFactory.create(run=run), pipeline=pipeline, number=number,
            state="c" * 12,
        )  # fmt: skip
        TestCaseFactory.create(
            report=report, suite=test.suite, name=test.name, key=test.key, status=status,
            message="no" if status == "failed" else "",
        )  # fmt: skip

    found = alice.get(f"devops/pipelines/{pipeline.pk}/tests/{test.pk}").ok()

    assert [row["status"] for row in found["history"]] == ["passed", "failed"]
    assert found["history"][1]["message"] == "no"
    assert found["history"][0]["run_id"] == str(run.pk)
    assert found["flaky_score"] == 0.1
    assert found["flakiness"] == {"within": 1, "across": 0, "compared": 1}
    assert found["last_results"] == ["failed", "passed"]
    assert found["is_quarantine_suggested"] is True


def test_a_test_is_put_aside_and_taken_back(
    alice: ApiClient, vera: ApiClient, pipeline: Pipeline
) -> None:
    test = KnownTestFactory.create(pipeline=pipeline)
    path = f"devops/pipelines/{pipeline.pk}/tests/{test.pk}"
    end = (timezone.now() + timedelta(days=3)).isoformat()

    put = alice.post(f"{path}/quarantine", {"reason": "#42", "expires_at": end}).ok()

    assert put["quarantine"]["reason"] == "#42"
    assert put["quarantine"]["begun_by"]
    again = alice.post(f"{path}/quarantine", {"reason": "#43"}).problem(409)
    assert again.code == "already-quarantined"
    past = alice.post(f"{path}/quarantine", {"reason": "x", "expires_at": "2020-01-01T00:00:00Z"})
    assert past.problem(400).pointers == ["/expires_at"]
    vera.post(f"{path}/release").problem(403)
    taken = alice.post(f"{path}/release").ok()
    assert taken["quarantine"] is None
    assert taken["quarantines"][0]["ended_by"]
    assert alice.post(f"{path}/release").problem(409).code == "not-quarantined"
    other = PipelineFactory.create(account=alice.account)
    alice.get(f"devops/pipelines/{other.pk}/tests/{test.pk}").problem(404)
