"""A badge says how a pipeline fares, to everybody who has its address and in no other words."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from devops.errors import PermissionDenied
from devops.models import AuditEvent
from pipelines.badges import draw
from pipelines.choices import BadgeState
from pipelines.models import Pipeline
from pipelines.operations.badges import publish_badge, withdraw_badge
from tests.client import ApiClient
from tests.factories.devops import actor_of
from tests.factories.pipelines import PipelineFactory, PipelineRepositoryFactory, RunFactory

pytestmark = pytest.mark.django_db
NAMES = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def pipeline(alice: ApiClient) -> Pipeline:
    made: Pipeline = PipelineFactory.create(account=alice.account, name="Secret plans")
    return publish_badge(actor_of(alice), made)


def run(pipeline: Pipeline, **facts: Any) -> None:
    RunFactory.create(account=pipeline.account, pipeline=pipeline, trigger_type="push", **facts)


def fetch(pipeline: Pipeline, query: str = "", **headers: str) -> Any:
    return Client().get(f"/api/v1/badges/{pipeline.badge_token}.svg{query}", headers=headers)


def words(answer: Any) -> list[str]:
    """What stands in the picture, left and right."""
    root = ET.fromstring(answer.content)  # noqa: S314  (made by us)
    return [text.text or "" for text in root.iter(f"{NAMES}text")]


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ([], "no runs"),
        (["success"], "passing"),
        (["success", "failure"], "failing"),
        (["failure", "success", "running"], "passing"),
        (["queued"], "running"),
        (["failure", "cancelled"], "cancelled"),
    ],
)
def test_the_last_run_that_ended_decides(
    pipeline: Pipeline, statuses: list[str], word: str
) -> None:
    for status in statuses:
        run(pipeline, status=status)
    answer = fetch(pipeline)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("image/svg+xml")
    assert words(answer) == ["build", word]


def test_each_branch_has_its_own_and_the_default_one_is_meant(pipeline: Pipeline) -> None:
    PipelineRepositoryFactory.create(pipeline=pipeline, repository__default_branch="trunk")
    run(pipeline, status="success", branch="trunk")
    run(pipeline, status="failure", branch="topic")
    assert words(fetch(pipeline)) == ["build", "passing"]
    assert words(fetch(pipeline, "?branch=topic")) == ["build", "failing"]
    assert words(fetch(pipeline, "?branch=other")) == ["build", "no runs"]
    assert words(fetch(pipeline, "?branch=topic&label=Tests")) == ["Tests", "failing"]


def test_strangers_and_pull_requests_do_not_paint_it(pipeline: Pipeline) -> None:
    run(pipeline, status="success")
    run(pipeline, status="failure", trust_level="untrusted")
    RunFactory.create(
        account=pipeline.account, pipeline=pipeline, trigger_type="pull_request", status="failure"
    )
    run(pipeline, status="cancelled", reason="superseded")
    assert words(fetch(pipeline)) == ["build", "passing"]


def test_an_unchanged_badge_is_not_sent_again(pipeline: Pipeline) -> None:
    run(pipeline, status="success")
    first = fetch(pipeline)
    assert first["Cache-Control"] == "no-cache, max-age=0"
    same = fetch(pipeline, if_none_match=first["ETag"])
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", first["ETag"])
    run(pipeline, status="failure")
    changed = fetch(pipeline, if_none_match=first["ETag"])
    assert (changed.status_code, words(changed)) == (200, ["build", "failing"])


def test_nothing_of_the_account_can_be_seen(alice: ApiClient, pipeline: Pipeline) -> None:
    run(pipeline, status="failure", error_message="The database said no.", title="Plan B")
    answer = fetch(pipeline)
    shown = answer.content.decode() + str(answer.headers)
    hidden = (pipeline.name, pipeline.slug, str(pipeline.pk), alice.account.name, "Plan B",
              "database", "alice")  # fmt: skip
    assert [word for word in hidden if word in shown] == []
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_withdrawn_badge_looks_like_one_that_never_was(
    alice: ApiClient, pipeline: Pipeline
) -> None:
    run(pipeline, status="success")
    former = f"/api/v1/badges/{pipeline.badge_token}.svg"
    assert withdraw_badge(actor_of(alice), pipeline)
    assert not withdraw_badge(actor_of(alice), pipeline)
    never = f"/api/v1/badges/{'x' * 32}.svg"
    gone, unknown = (Client().get(path) for path in (former, never))
    assert (gone.status_code, gone.content) == (unknown.status_code, unknown.content)
    assert gone.status_code == 404
    assert former.rpartition("/")[2] not in gone.content.decode()
    actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["devops.pipeline.publish_badge", "devops.pipeline.withdraw_badge"]


def test_a_new_address_ends_the_former_one(alice: ApiClient, pipeline: Pipeline) -> None:
    former = f"/api/v1/badges/{pipeline.badge_token}.svg"
    publish_badge(actor_of(alice), pipeline)
    assert Client().get(former).status_code == 404
    assert fetch(pipeline).status_code == 200


def test_a_deleted_pipelines_badge_is_gone(alice: ApiClient, pipeline: Pipeline) -> None:
    assert alice.delete(f"devops/pipelines/{pipeline.pk}").status == 204
    assert fetch(pipeline).status_code == 404


@pytest.mark.parametrize("query", ["?x=1", "?label=" + "a" * 41, "?branch=" + "b" * 256])
def test_what_it_does_not_know_is_refused(pipeline: Pipeline, query: str) -> None:
    answer = fetch(pipeline, query)
    assert answer.status_code == 400
    assert str(pipeline.badge_token) not in answer.content.decode()


def test_a_badge_is_read_and_nothing_else(pipeline: Pipeline) -> None:
    path = f"/api/v1/badges/{pipeline.badge_token}.svg"
    assert Client().post(path).status_code == 405
    assert Client().head(path).status_code == 200


def test_it_is_published_shown_and_withdrawn_over_rest(alice: ApiClient) -> None:
    row = PipelineFactory.create(account=alice.account)
    path = f"devops/pipelines/{row.pk}/badge"
    assert alice.get(path).ok() == {
        "is_published": False, "url": "", "markdown": "", "html": "",
    }  # fmt: skip
    made = alice.post(path).ok(201)
    assert re.fullmatch(r"http://.*/api/v1/badges/[A-Za-z0-9_-]{32}\.svg", made["url"])
    assert made["url"] in made["markdown"]
    assert alice.get(path).ok() == made
    assert Client().get("/" + made["url"].split("/", 3)[3]).status_code == 200
    assert alice.delete(path).status == 204
    assert alice.get(path).ok()["is_published"] is False


def test_a_viewer_cannot_publish_it(vera: ApiClient, pipeline: Pipeline) -> None:
    with pytest.raises(PermissionDenied):
        publish_badge(actor_of(vera), pipeline)


@given(label=st.text(max_size=60), state=st.sampled_from(list(BadgeState)))
def test_no_label_breaks_the_picture(label: str, state: BadgeState) -> None:
    root = ET.fromstring(draw(state, label))  # noqa: S314
    assert root.tag == f"{NAMES}svg"
    assert [child.tag for child in root.iter() if child.tag == f"{NAMES}script"] == []
