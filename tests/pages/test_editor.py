"""The editor's page: what it is given, what it keeps, and what becomes of it when it is saved."""

import html
import json
import re
from typing import Any

import pytest
from django.test import Client

from devops.choices import Role
from devops.models import Membership
from pipelines.models import Pipeline, PipelineDocument
from tests.client import ApiClient

pytestmark = pytest.mark.django_db
TEXT = """\
# the platform team's
name: 'As written' # quoted
on: [push, manual]
env: { A: "1" ,  B: '2' }

steps:
  # first of all
  - {name: Greet, uses: run_command, with: {command: "echo hello"}}
"""


def signed_in(person: ApiClient) -> Client:
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def shown(page: Any) -> str:
    """What the page's text field holds."""
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page.content.decode(), re.DOTALL)
    assert found
    return html.unescape(found[1])


def facts(page: Any) -> dict[str, Any]:
    """What the page's form is given."""
    found = re.search(r'id="editor-facts"[^>]*>(.*?)</script>', page.content.decode(), re.DOTALL)
    assert found
    given: dict[str, Any] = json.loads(found[1])
    return given


def test_a_document_comes_back_as_it_was_written(alice: ApiClient) -> None:
    client = signed_in(alice)
    assert client.post("/pipelines/new", {"text": TEXT}).status_code == 302
    pipeline = Pipeline.objects.get()
    address = f"{pipeline.url}/edit"
    assert shown(client.get(address)) == TEXT

    changed = TEXT.replace("echo hello", "echo goodbye")
    client.post(address, {"text": changed})
    assert shown(client.get(address)) == changed


def test_the_definition_and_the_export_are_as_it_was_written(alice: ApiClient) -> None:
    client = signed_in(alice)
    client.post("/pipelines/new", {"text": TEXT})
    pipeline = Pipeline.objects.get()
    assert client.get(f"{pipeline.url}/export").content.decode() == TEXT
    exported = alice.get(f"devops/pipelines/{pipeline.pk}/export").content.decode()
    assert exported == TEXT
    page = client.get(f"{pipeline.url}?tab=definition").content.decode()
    found = re.search(r'<pre id="definition">(.*?)</pre>', page, re.DOTALL)
    assert found
    assert html.unescape(re.sub(r"</?span[^>]*>", "", found[1])) == TEXT
    step = re.search(r'id="step-greet">(.*?)</span>', page, re.DOTALL)
    assert step
    assert "echo hello" in step[1]


def test_a_text_that_no_longer_says_what_is_stored_is_not_shown(alice: ApiClient) -> None:
    client = signed_in(alice)
    client.post("/pipelines/new", {"text": TEXT})
    pipeline = Pipeline.objects.get()
    alice.patch(f"devops/pipelines/{pipeline.pk}", {"description": "By REST"})
    text = shown(client.get(f"{pipeline.url}/edit"))
    assert "description: By REST" in text
    assert "# first of all" not in text
    alice.patch(f"devops/pipelines/{pipeline.pk}", {"description": ""})
    assert shown(client.get(f"{pipeline.url}/edit")) == TEXT


def test_a_kept_text_that_cannot_be_read_any_more_is_passed_over(alice: ApiClient) -> None:
    client = signed_in(alice)
    client.post("/pipelines/new", {"text": TEXT})
    PipelineDocument.objects.update(text="name: [")
    assert "name: As written" in shown(client.get(f"{Pipeline.objects.get().url}/edit"))


def test_an_imported_document_keeps_its_comments(alice: ApiClient) -> None:
    path = "devops/pipelines/import"
    alice.send("POST", path, TEXT.encode(), content_type="application/yaml").ok(201)
    assert shown(signed_in(alice).get(f"{Pipeline.objects.get().url}/edit")) == TEXT


def test_a_pipeline_is_saved_inactive_and_switched_in_the_editor(alice: ApiClient) -> None:
    client = signed_in(alice)
    client.post("/pipelines/new", {"text": TEXT, "active": "false"})
    pipeline = Pipeline.objects.get()
    assert not pipeline.is_active
    client.post(f"{pipeline.url}/edit", {"text": TEXT})
    pipeline.refresh_from_db()
    assert not pipeline.is_active
    client.post(f"{pipeline.url}/edit", {"text": TEXT, "active": ["false", "true"]})
    pipeline.refresh_from_db()
    assert pipeline.is_active


def test_a_refused_save_keeps_text_and_switch(alice: ApiClient) -> None:
    text = TEXT.replace("run_command", "run_comand")
    page = signed_in(alice).post("/pipelines/new", {"text": text, "active": "false"})
    assert page.status_code == 422
    assert shown(page) == text
    assert not re.search(r'name="active" value="true" checked', page.content.decode())
    assert not Pipeline.objects.exists()


def test_the_form_gets_types_members_and_names_of_secrets(alice: ApiClient) -> None:
    given = facts(signed_in(alice).get("/pipelines/new"))
    by_type = {each["type"]: each for each in given["types"]}
    assert by_type["run_tests"]["schema"]["required"] == ["command"]
    assert by_type["run_tests"]["example"]["report"] == "report.xml"
    assert {"id": str(alice.user.pk), "name": alice.user.name, "email": alice.user.email} in given[
        "people"
    ]
    assert given["isReadOnly"] is False


def test_who_may_not_write_gets_no_editor(alice: ApiClient) -> None:
    Membership.objects.filter(user=alice.user).update(role=Role.VIEWER)
    assert signed_in(alice).get("/pipelines/new").status_code == 403


def test_the_editor_of_a_strangers_pipeline_is_not_there(
    alice: ApiClient, charlie: ApiClient
) -> None:
    signed_in(alice).post("/pipelines/new", {"text": TEXT})
    address = f"{Pipeline.objects.get().url}/edit"
    assert signed_in(charlie).get(address).status_code == 404
    assert signed_in(charlie).post(address, {"text": TEXT}).status_code == 404
