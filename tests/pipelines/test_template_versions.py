"""Versions of templates: kept for good, installed by choice, and brought to pipelines with care."""

import importlib
import logging
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.http import HttpRequest
from django.utils import timezone

from devops.models import AuditEvent
from pipelines.admin import PipelineTemplateAdmin
from pipelines.documents import completed
from pipelines.marketplace.merging import Prefer, merge
from pipelines.models import PipelineTemplate, PipelineTemplateVersion
from pipelines.operations import builtin_templates
from pipelines.operations.template_versions import record_version
from tests.client import ApiClient
from tests.factories.pipelines import PipelineTemplateFactory

API = "devops/pipeline_templates"


def step(key: str, command: str = "true", **more: Any) -> dict[str, Any]:
    return {
        "key": key, "name": key.title(), "step_type": "run_command",
        "configuration": {"command": command}, **more,
    }  # fmt: skip


def definition(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return completed({"name": "p", "slug": "p", "steps": list(steps), **more})


A, B, C = step("a"), step("b"), step("c")
BASE = definition(A, B, environment={"X": "1", "Y": "1"})


def keys(merged: Any) -> list[str]:
    return [each["key"] for each in merged.definition["steps"]]


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ([A, B], [A, B, C], ["a", "b", "c"]),
        ([A, C, B], [A, B], ["a", "c", "b"]),
        ([B, A], [A, B, C], ["b", "c", "a"]),
        ([A, B], [B, A], ["b", "a"]),
        ([A, B, C], [B, A], ["b", "c", "a"]),
        ([A], [A, B, C], ["a", "c"]),
        ([A, B], [B], ["b"]),
        ([C, A, B], [A], ["c", "a"]),
    ],
)
def test_steps_of_both_find_their_places(
    mine: list[Any], theirs: list[Any], expected: list[str]
) -> None:
    merged = merge(definition(A, B), definition(*mine), definition(*theirs), "mine")
    assert (keys(merged), merged.conflicts) == (expected, [])


def test_what_one_side_changed_is_changed_and_the_own_name_stays() -> None:
    mine = definition(step("a", "mine"), B, environment={"X": "2", "Y": "1"}, runner_labels=["gpu"])
    theirs = definition(
        A, step("b", "theirs"), environment={"X": "1", "Y": "3", "Z": "new"}, timeout_minutes=5
    )
    merged = merge(BASE, {**mine, "name": "Own"}, {**theirs, "name": "Other"}, "mine")
    assert merged.conflicts == []
    found = merged.definition
    assert found["environment"] == {"X": "2", "Y": "3", "Z": "new"}
    assert (found["name"], found["timeout_minutes"], found["runner_labels"]) == ("Own", 5, ["gpu"])
    commands = [each["configuration"]["command"] for each in found["steps"]]
    assert commands == ["mine", "theirs"]


@pytest.mark.parametrize(
    ("prefer", "command", "gone"), [("mine", "mine", False), ("template", "theirs", True)]
)
def test_what_both_changed_goes_as_preferred_and_is_told(
    prefer: Prefer, command: str, gone: bool
) -> None:
    mine = definition(step("a", "mine"), step("b", "mine too"))
    theirs = definition(step("a", "theirs"))
    merged = merge(definition(A, B), mine, theirs, prefer)
    assert [each.pointer for each in merged.conflicts] == [
        "/steps/a/configuration/command", "/steps/b",
    ]  # fmt: skip
    assert merged.conflicts[0].mine == "mine"
    assert merged.conflicts[1].template is None
    assert merged.definition["steps"][0]["configuration"]["command"] == command
    assert ("b" not in keys(merged)) is gone


def test_two_new_orders_are_a_conflict() -> None:
    merged = merge(definition(A, B, C), definition(B, A, C), definition(C, B, A), "template")
    assert [each.pointer for each in merged.conflicts] == ["/steps"]
    assert keys(merged) == ["c", "b", "a"]


TARGET = {"type": "string", "default": "all", "sets": ["/environment/TARGET"]}
FIRST: dict[str, Any] = {
    "name": "Make it", "triggers": {"manual": {}}, "default_variables": {"target": TARGET},
    "pipeline_definition": {"environment": {"TARGET": ""}, "steps": [step("build", "make")]},
}  # fmt: skip
SECOND: dict[str, Any] = {
    "version": "1.1.0", "changelog": "Asks before it ships.",
    "pipeline_definition": {
        "environment": {"TARGET": "", "FAST": "1"},
        "steps": [
            step("build", "make all"), step("ship", "./ship", requires_approval=True),
        ],
    },
}  # fmt: skip


@pytest.fixture
def template(alice: ApiClient) -> str:
    slug = str(alice.post(API, FIRST).ok(201)["slug"])
    alice.post(f"{API}/{slug}/publish").ok()
    return slug


def test_published_versions_stay_as_they_were(alice: ApiClient, template: str) -> None:
    one = f"{API}/{template}"
    alice.patch(one, SECOND).ok()
    listed = alice.get(f"{one}/versions").ok()["results"]
    assert [(each["version"], each["changelog"]) for each in listed] == [
        ("1.1.0", "Asks before it ships."), ("1.0.0", ""),
    ]  # fmt: skip
    first = alice.get(f"{one}/versions/1.0.0").ok()
    assert first["pipeline_definition"]["steps"] == FIRST["pipeline_definition"]["steps"]
    assert alice.get(f"{one}/versions/9.9.9").status == 404
    # A draft may change under its version, but not be published as something else.
    alice.post(f"{one}/unpublish").ok()
    alice.patch(one, {"timeout_minutes": 7}).ok()
    problem = alice.post(f"{one}/publish").problem(409)
    assert "1.1.0 was published with something else in it" in problem.detail
    assert alice.get(one).ok()["status"] == "draft"
    alice.patch(one, {"version": "1.2.0"}).ok()
    assert alice.post(f"{one}/publish").ok()["changelog"] == ""
    assert len(alice.get(f"{one}/versions").ok()["results"]) == 3


def test_other_accounts_see_the_versions_that_an_operator_saw(
    alice: ApiClient, charlie: ApiClient, template: str
) -> None:
    one = f"{API}/{template}"
    assert charlie.get(f"{one}/versions").status == 404
    alice.patch(one, SECOND).ok()
    operator = PipelineTemplateAdmin(PipelineTemplate, site)
    operator.approve(HttpRequest(), PipelineTemplate.objects.filter(slug=template))
    listed = charlie.get(f"{one}/versions").ok()["results"]
    assert [each["version"] for each in listed] == ["1.1.0"]
    assert charlie.get(f"{one}/versions/1.0.0").status == 404
    assert charlie.post(f"{one}/install", {"version": "1.0.0"}).status == 400


def installed(client: ApiClient, template: str, **body: Any) -> str:
    made = client.post(f"{API}/{template}/install", {"name": "Mine", **body}).ok(201)
    return f"devops/pipelines/{made['id']}"


def test_a_chosen_version_is_installed_and_remembered(alice: ApiClient, template: str) -> None:
    alice.patch(f"{API}/{template}", SECOND).ok()
    problem = alice.post(f"{API}/{template}/install", {"version": "3.0.0"}).problem(400)
    assert problem.pointers == ["/version"]
    assert "there are: 1.1.0, 1.0.0" in problem.detail
    one = installed(alice, template, version="1.0.0", variables={"target": "docs"})
    assert [each["key"] for each in alice.get(one).ok()["steps"]] == ["build"]
    update = alice.get(f"{one}/template_update").ok()
    assert (update["state"], update["template"], update["installed_version"]) == (
        "available", template, "1.0.0",
    )  # fmt: skip
    assert update["variables"] == {"target": "docs"}
    newest = installed(alice, template)
    assert alice.get(f"{newest}/template_update").ok()["state"] == "current"
    assert alice.post(f"{newest}/template_update", {}).status == 409


def test_an_update_keeps_what_was_changed_here(
    alice: ApiClient, vera: ApiClient, template: str
) -> None:
    one = installed(alice, template, variables={"target": "docs"})
    changed = {"environment": {"TARGET": "docs", "OURS": "1"},
               "steps": [step("build", "make -j2"), step("own")]}  # fmt: skip
    alice.patch(one, changed).ok()
    alice.patch(f"{API}/{template}", SECOND).ok()

    found = vera.get(f"{one}/template_update").ok()
    assert (found["version"], found["is_edited"]) == ("1.1.0", True)
    assert found["changelog"] == "Asks before it ships."
    assert [each["text"] for each in found["new_abilities"]] == [
        "Runs commands on a worker: Build, Own, Ship.", "Waits for people: Ship.",
    ]  # fmt: skip
    (clash,) = found["conflicts"]
    assert clash == {
        "pointer": "/steps/build/configuration/command", "mine": "make -j2",
        "template": "make all",
    }  # fmt: skip
    assert "+  FAST: '1'" in found["diff"]
    assert "-  OURS" not in found["diff"]
    assert "+  OURS: '1'" in found["own_diff"]
    assert "+    command: make all" in found["template_diff"]

    assert vera.post(f"{one}/template_update", {}).status == 403
    stale = {"seen_version": found["definition_version"] - 1}
    assert "changed after" in alice.post(f"{one}/template_update", stale).problem(409).detail
    seen = {"seen_version": found["definition_version"]}
    after = alice.post(f"{one}/template_update", seen).ok()
    assert after["environment"] == {"TARGET": "docs", "OURS": "1", "FAST": "1"}
    assert [each["key"] for each in after["steps"]] == ["build", "own", "ship"]
    assert after["steps"][0]["configuration"]["command"] == "make -j2"
    event = AuditEvent.objects.get(action="devops.pipeline.update_from_template")
    assert (event.detail["from"], event.detail["to"]) == ("1.0.0", "1.1.0")
    assert alice.get(f"{one}/template_update").ok()["state"] == "current"


def test_the_templates_word_counts_where_it_is_preferred(alice: ApiClient, template: str) -> None:
    one = installed(alice, template)
    alice.patch(one, {"steps": [step("build", "make -j2")]}).ok()
    alice.patch(f"{API}/{template}", SECOND).ok()
    after = alice.post(f"{one}/template_update", {"prefer": "template"}).ok()
    assert after["steps"][0]["configuration"]["command"] == "make all"


def test_a_value_that_the_new_version_needs_is_asked_for(alice: ApiClient, template: str) -> None:
    one = installed(alice, template)
    needed = {**TARGET, "required": True, "sets": ["/environment/PLACE"]}
    needed.pop("default")
    alice.patch(
        f"{API}/{template}",
        {"version": "2.0.0", "default_variables": {"place": needed},
         "pipeline_definition": {"environment": {"PLACE": ""}, "steps": [step("build")]}},
    ).ok()  # fmt: skip
    found = alice.get(f"{one}/template_update").ok()
    assert [each["pointer"] for each in found["problems"]] == ["/variables/place"]
    assert found["diff"] == ""
    assert alice.post(f"{one}/template_update", {}).problem(400).pointers == ["/variables/place"]
    after = alice.post(f"{one}/template_update", {"variables": {"place": "rome"}}).ok()
    assert after["environment"] == {"PLACE": "rome"}


def test_pipelines_outlive_their_template(
    alice: ApiClient, charlie: ApiClient, template: str
) -> None:
    one = installed(alice, template)
    assert charlie.get(f"{one}/template_update").status == 404
    assert alice.delete(f"{API}/{template}").status == 204
    found = alice.get(f"{one}/template_update").ok()
    assert (found["state"], found["template"], found["template_name"]) == ("none", None, "Make it")
    assert alice.post(f"{one}/template_update", {}).status == 409


def test_a_built_in_file_that_changes_without_a_version_changes_nothing(
    db: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    file = tmp_path / "nightly.yml"
    text = (builtin_templates.FOLDER / "nightly.yml").read_text()
    file.write_text(text.replace("make check}}", "make other}}"))
    with caplog.at_level(logging.ERROR):
        builtin_templates.sync_builtin_templates(tmp_path)
    row = PipelineTemplate.objects.get(slug="nightly")
    assert row.pipeline_definition["steps"][-1]["configuration"]["command"] == "make check"
    assert "nightly.yml differs from its published version" in caplog.text
    file.write_text(file.read_text().replace("version: 1.0.0", "version: 1.1.0"))
    builtin_templates.sync_builtin_templates(tmp_path)
    assert list(row.versions.values_list("version", flat=True)) == ["1.1.0", "1.0.0"]


def test_what_an_older_release_published_is_the_same_today(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    for version in PipelineTemplateVersion.objects.all():
        # A member that came with a later release, and one of each step.
        del version.pipeline_definition["notification_recipients"]
        for step in version.pipeline_definition["steps"]:
            del step["matrix"]
        version.save(update_fields=["pipeline_definition"])

    with caplog.at_level(logging.ERROR):
        assert builtin_templates.sync_builtin_templates() > 10

    assert caplog.text == ""


def test_what_was_published_before_there_were_versions_begins_the_history(db: None) -> None:
    module = importlib.import_module("pipelines.migrations.0010_template_versions")
    moment = timezone.now()
    PipelineTemplate.objects.all().delete()
    rows = [
        PipelineTemplateFactory.create(
            status="published", published_at=moment, marketplace_status=status, version="2.3.0"
        )
        for status in ("approved", "submitted")
    ]
    PipelineTemplateFactory.create()

    module.begin(apps, None)

    versions = PipelineTemplateVersion.objects.order_by("template_id")
    assert [(each.template, each.version) for each in versions] == [(row, "2.3.0") for row in rows]
    assert [each.approved_at for each in versions] == [moment, None]
    # Published as it is, nothing else is found under its version.
    record_version(rows[0])
    assert versions.count() == 2
