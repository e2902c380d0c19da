import pytest

from devops.models import Blob
from pipelines.models import Artifact
from tests.api.conftest import Belongings
from tests.client import ApiClient
from tests.factories.logs import write_log
from tests.factories.pipelines import RunFactory, StepExecutionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(alice: ApiClient) -> str:
    """An attempt that said a hundred lines, one of them in broken UTF-8."""
    run = RunFactory.create(account=alice.account)
    execution = StepExecutionFactory.create(run=run, step_name="Tests")
    lines = [f"line {number}\n".encode() for number in range(1, 100)] + [b"\xff end\n"]
    write_log(execution.pk, alice.account.pk, b"".join(lines))
    return str(execution.pk)


def test_lines_are_read_by_number(alice: ApiClient, attempt: str) -> None:
    page = alice.get(f"devops/step_executions/{attempt}/logs", {"line": 10, "limit": 2}).ok()
    assert [(line["n"], line["text"]) for line in page["lines"]] == [
        (10, "line 10"),
        (11, "line 11"),
    ]
    assert page["total_lines"] == 100
    assert page["complete"] is True
    assert page["gaps"] == []
    assert page["step_execution_id"] == attempt


def test_broken_characters_are_replaced_and_the_bytes_stay(alice: ApiClient, attempt: str) -> None:
    path = f"devops/step_executions/{attempt}/logs"
    assert alice.get(path, {"line": 100}).ok()["lines"][0]["text"] == "\ufffd end"
    raw = alice.get(path, accept="text/plain")
    assert raw.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert raw.content.endswith(b"line 99\n\xff end\n")


def test_a_download_is_an_attachment(alice: ApiClient, attempt: str) -> None:
    answer = alice.get(f"devops/step_executions/{attempt}/logs", {"download": "1"})
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content.startswith(b"line 1\n")


def test_a_search_gives_the_numbers_of_lines(alice: ApiClient, attempt: str) -> None:
    path = f"devops/step_executions/{attempt}/logs"
    assert alice.get(path, {"search": "LINE 9"}).ok() == {
        "total": 11,
        "lines": [9, *range(90, 100)],
    }
    assert alice.get(path, {"search": "^line 1$", "regex": "true"}).ok()["lines"] == [1]
    problem = alice.get(path, {"search": "(", "regex": "true"}).problem(400)
    assert problem.pointers == ["?search"]


@pytest.mark.parametrize(
    "query", [{"line": "x"}, {"limit": "0"}, {"line": "9" * 30}, {"page": "1"}]
)
def test_what_is_no_place_in_a_log_is_refused(
    alice: ApiClient, attempt: str, query: dict[str, str]
) -> None:
    alice.get(f"devops/step_executions/{attempt}/logs", query).problem(400)


def test_the_logs_of_a_run_are_read_on_by_offset(alice: ApiClient) -> None:
    run = RunFactory.create(account=alice.account)
    first = StepExecutionFactory.create(run=run, step_name="One")
    second = StepExecutionFactory.create(run=run, step_name="Two", status="failure")
    write_log(first.pk, alice.account.pk, b"hello\n")
    write_log(second.pk, alice.account.pk, b"world")
    path = f"devops/pipeline_runs/{run.pk}/logs"
    logs = alice.get(path).ok()["logs"]
    assert [(log["step_name"], log["text"]) for log in logs] == [
        ("One", "hello\n"),
        ("Two", "world"),
    ]
    one = {"step_execution_id": str(first.pk), "after": "2"}
    (log,) = alice.get(path, one).ok()["logs"]
    assert (log["offset"], log["text"], log["next_offset"]) == (2, "llo\n", 6)
    assert alice.get(path, {"after": "2"}).problem(400).errors[0]["code"] == "after-needs-step"
    text = alice.get(path, accept="text/plain").content
    assert text == b"==> One (success)\nhello\n==> Two (failure)\nworld\n"


def test_an_attempt_of_another_run_is_not_found(alice: ApiClient, attempt: str) -> None:
    run = RunFactory.create(account=alice.account)
    query = {"step_execution_id": attempt}
    alice.get(f"devops/pipeline_runs/{run.pk}/logs", query).problem(404)


def test_an_artifact_never_runs_in_our_pages(alice: ApiClient, belongings: Belongings) -> None:
    answer = alice.get(f"devops/artifacts/{belongings.keys['artifacts']}/download")
    assert answer.content == b"<b>hi</b>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_an_artifact_that_lost_its_bytes_is_not_found(
    alice: ApiClient, belongings: Belongings
) -> None:
    artifact = Artifact.objects.get(pk=belongings.keys["artifacts"])
    Blob.objects.filter(pk=artifact.blob_id).update(path="00/nothing")
    alice.get(f"devops/artifacts/{artifact.pk}/download").problem(404)


def test_a_hostile_name_stays_inside_its_header(alice: ApiClient, belongings: Belongings) -> None:
    key = belongings.keys["artifacts"]
    Artifact.objects.filter(pk=key).update(name='a"; x\r\nSet-Cookie: b=c')
    answer = alice.get(f"devops/artifacts/{key}/download")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Content-Disposition"].count("\n") == 0
    answer.close()


def test_artifacts_and_tests_of_a_run_are_listed(alice: ApiClient, belongings: Belongings) -> None:
    path = f"devops/pipeline_runs/{belongings.keys['pipeline_runs']}"
    (artifact,) = alice.get(f"{path}/artifacts").ok()
    assert artifact["size_bytes"] == 9
    assert artifact["download_url"].endswith(f"{belongings.keys['artifacts']}/download")
    report = alice.get(f"{path}/test_report").ok()
    assert (report["total"], report["failed"], report["duration_seconds"]) == (2, 1, 1.5)
    assert len(report["reports"][0]["cases"]) == 1
