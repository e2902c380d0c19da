from typing import Any

import pytest

from devops.models import AuditEvent
from pipelines.models import Pipeline, PipelineRun
from tests.client import ApiClient
from tests.factories.pipelines import RunFactory, StepExecutionFactory

pytestmark = pytest.mark.django_db

DOCUMENT = """\
name: Shop
on:
  push: {branches: [main]}
  manual:
    inputs:
      target: {type: choice, options: [staging, production], default: staging}
steps:
  - name: Say
    uses: run_command
    with: {command: "echo hello"}
"""


def step(**more: Any) -> dict[str, Any]:
    return {
        "name": "Say", "step_type": "run_command", "configuration": {"command": "echo hello"},
        **more,
    }  # fmt: skip


def make(client: ApiClient, **more: Any) -> dict[str, Any]:
    body = {"name": "Shop", "triggers": {"manual": {}}, "steps": [step()], **more}
    made: dict[str, Any] = client.post("devops/pipelines", body).ok(201)
    return made


def import_text(client: ApiClient, text: str, query: str = "", kind: str = "text/yaml") -> Any:
    path = f"devops/pipelines/import{query}"
    return client.send("POST", path, text.encode(), content_type=kind)


def test_a_pipeline_is_a_plain_resource_with_its_steps_in_order(alice: ApiClient) -> None:
    made = make(alice, steps=[step(name="One"), step(name="Two")])
    assert [(each["position"], each["key"]) for each in made["steps"]] == [(1, "one"), (2, "two")]
    assert made["slug"] == "shop"
    assert made["step_count"] == 2
    assert made["last_run"] is None
    assert alice.get(f"devops/pipelines/{made['id']}").ok() == made


def test_what_the_linter_refuses_is_refused_with_pointers(alice: ApiClient) -> None:
    body = {"name": "x", "steps": [step(step_type="run_comand")]}
    problem = alice.post("devops/pipelines", body).problem(400)
    assert problem.pointers == ["/steps/0/step_type"]
    assert "run_command" in str(problem.document)
    assert not Pipeline.objects.exists()


def test_untrusted_text_in_a_command_is_refused(alice: ApiClient) -> None:
    bad = step(configuration={"command": "echo ${{ trigger.commit.title }}"})
    problem = alice.post("devops/pipelines", {"name": "x", "steps": [bad]}).problem(400)
    assert problem.pointers == ["/steps/0/configuration/command"]
    assert "env" in str(problem.document)


def test_recipients_go_in_and_come_out_over_rest_and_in_the_document(alice: ApiClient) -> None:
    told = [{"type": "email", "value": "team@example.com"}, {"type": "role", "value": "admin"}]
    made = make(alice, notification_recipients=told, notification_settings={"on_failure": False})
    assert made["notification_recipients"] == told
    assert made["notification_settings"] == {"on_failure": False}
    text = alice.get(f"devops/pipelines/{made['id']}/export").content.decode()
    again = text.replace("- team@example.com", "- all@example.com")
    changed = import_text(alice, again).ok()
    told[0]["value"] = "all@example.com"
    assert changed["id"] == made["id"]
    assert changed["notification_recipients"] == told
    assert changed["notification_settings"] == {"on_failure": False}


@pytest.mark.parametrize(
    ("recipient", "pointer"),
    [
        ({"type": "email", "value": "nobody"}, "/notification_recipients/0"),
        ({"type": "role", "value": "king"}, "/notification_recipients/0"),
        ({"type": "phone", "value": "1"}, "/notification_recipients/0/type"),
        ({"type": "email"}, "/notification_recipients/0/value"),
        ({"type": "email", "value": "a@b.example", "x": 1}, "/notification_recipients/0/x"),
    ],
)
def test_a_recipient_that_is_none_is_refused_at_its_place(
    alice: ApiClient, recipient: dict[str, Any], pointer: str
) -> None:
    body = {"name": "Shop", "steps": [step()], "notification_recipients": [recipient]}
    assert alice.post("devops/pipelines", body).problem(400).pointers == [pointer]


def test_a_patch_changes_what_it_names(alice: ApiClient) -> None:
    made = make(alice)
    changed = alice.patch(f"devops/pipelines/{made['id']}", {"description": "New"}).ok()
    assert changed["description"] == "New"
    assert [each["key"] for each in changed["steps"]] == ["say"]
    changed = alice.patch(
        f"devops/pipelines/{made['id']}", {"steps": [step(name="Other")], "is_active": False}
    ).ok()
    assert [each["key"] for each in changed["steps"]] == ["other"]
    assert changed["is_active"] is False
    assert changed["definition_version"] > made["definition_version"]


def test_a_deleted_pipeline_is_gone_but_not_while_it_runs(alice: ApiClient) -> None:
    made = make(alice)
    path = f"devops/pipelines/{made['id']}"
    run = alice.post(f"{path}/trigger", {}).ok(201)
    problem = alice.delete(path).problem(409)
    assert problem.code == "in-use"
    assert f"#{run['run_number']}" in problem.detail
    alice.post(f"devops/pipeline_runs/{run['id']}/cancel").ok()
    assert alice.delete(path).status == 204
    alice.get(path).problem(404)


def test_a_trigger_checks_inputs_and_starts_a_run(alice: ApiClient) -> None:
    row = import_text(alice, DOCUMENT).ok(201)
    path = f"devops/pipelines/{row['id']}/trigger"
    problem = alice.post(path, {"inputs": {"target": "moon"}}).problem(400)
    assert problem.pointers == ["/inputs/target"]
    run = alice.post(path, {"inputs": {"target": "production"}, "ref": "main"}).ok(201)
    assert run["run_number"] == 1
    assert run["status"] == "queued"
    assert run["waiting_for"] == "worker"
    assert "worker" in run["waiting_detail"]
    assert alice.get(f"devops/pipeline_runs/{run['id']}").ok()["inputs"] == {"target": "production"}


@pytest.mark.parametrize("ref", ["-x", "a..b", "no branch", "refs/tags/-v"])
def test_what_can_be_no_branch_is_refused_before_there_is_a_run(alice: ApiClient, ref: str) -> None:
    row = import_text(alice, DOCUMENT).ok(201)
    path = f"devops/pipelines/{row['id']}/trigger"
    problem = alice.post(path, {"inputs": {"target": "production"}, "ref": ref}).problem(400)
    assert problem.pointers == ["/ref"]
    assert alice.get("devops/pipeline_runs").ok()["results"] == []


def test_a_run_of_a_tag_has_no_branch(alice: ApiClient) -> None:
    row = import_text(alice, DOCUMENT).ok(201)
    body = {"inputs": {"target": "production"}, "ref": "refs/tags/v1.0"}
    run = alice.post(f"devops/pipelines/{row['id']}/trigger", body).ok(201)
    assert (run["ref"], run["branch"]) == ("refs/tags/v1.0", "")
    assert alice.get(f"devops/pipeline_runs/{run['id']}").ok()["trigger_context"]["tag"] == "v1.0"


def test_an_empty_text_is_no_value_of_a_required_input(alice: ApiClient) -> None:
    triggers = {"manual": {"inputs": {"why": {"type": "string", "required": True}}}}
    say = {"name": "Say", "step_type": "run_command", "configuration": {"command": "true"}}
    body = {"name": "Why", "triggers": triggers, "steps": [say]}
    row = alice.post("devops/pipelines", body).ok(201)
    for inputs in ({}, {"why": ""}):
        problem = alice.post(f"devops/pipelines/{row['id']}/trigger", {"inputs": inputs})
        assert problem.problem(400).pointers == ["/inputs/why"]


def test_a_dry_run_starts_nothing(alice: ApiClient) -> None:
    made = make(alice)
    plan = alice.post(f"devops/pipelines/{made['id']}/trigger", {"dry_run": True}).ok(200)
    assert [each["key"] for each in plan["steps"]] == ["say"]
    assert not PipelineRun.objects.exists()


def test_a_switched_off_pipeline_is_not_started(alice: ApiClient) -> None:
    made = make(alice, is_active=False)
    for body in ({}, {"dry_run": True}):
        alice.post(f"devops/pipelines/{made['id']}/trigger", body).problem(409)


def test_an_export_imports_to_the_same(alice: ApiClient, charlie: ApiClient) -> None:
    first = import_text(alice, DOCUMENT).ok(201)
    text = alice.get(f"devops/pipelines/{first['id']}/export")
    assert text.headers["Content-Type"] == "application/yaml"
    second = import_text(charlie, text.content.decode(), kind="application/yaml").ok(201)
    same = ("name", "slug", "triggers", "timeout_minutes", "environment", "settings")
    assert {name: first[name] for name in same} == {name: second[name] for name in same}
    document = alice.get(f"devops/pipelines/{first['id']}/export", {"format": "json"}).ok()
    assert document["steps"][0]["uses"] == "run_command"
    assert charlie.post("devops/pipelines/import?dry_run=true", document).ok()["action"] == "none"


def test_an_import_of_a_known_key_changes_that_pipeline(alice: ApiClient) -> None:
    first = import_text(alice, DOCUMENT).ok(201)
    changed = DOCUMENT.replace("echo hello", "echo bye")
    plan = import_text(alice, changed, "?dry_run=true").ok(200)
    assert plan["action"] == "update"
    assert plan["pipeline_id"] == first["id"]
    assert "+    command: echo bye" in plan["diff"]
    second = import_text(alice, changed).ok(200)
    assert second["id"] == first["id"]
    assert Pipeline.objects.count() == 1


def test_an_import_with_errors_says_where(alice: ApiClient) -> None:
    problem = import_text(alice, DOCUMENT.replace("command:", "comand:")).problem(400)
    assert "Line 10" in problem.errors[0]["detail"]
    import_text(alice, "a: &x 1\nb: *x\n").problem(400)
    import_text(alice, "").problem(400)
    alice.send("POST", "devops/pipelines/import", b"name: \xff", content_type="text/yaml").problem(
        400
    )


def test_the_linter_never_refuses_but_reports(alice: ApiClient) -> None:
    good = alice.post("devops/pipelines/lint", {"text": DOCUMENT}).ok()
    assert good == {"valid": True, "findings": []}
    bad = alice.post("devops/pipelines/lint", {"text": "name: [\n"}).ok()
    assert bad["valid"] is False
    assert bad["findings"][0]["line"] >= 1
    alice.post("devops/pipelines/lint", {}).problem(400)
    definition = {"name": "x", "steps": [step(step_type="nothing")]}
    found = alice.post("devops/pipelines/lint", {"definition": definition}).ok()
    assert found["findings"][0]["pointer"] == "/steps/0/step_type"


def test_the_schema_and_the_step_types_agree(alice: ApiClient) -> None:
    schema = alice.get("devops/pipelines/schema").ok()
    names = {kind["name"] for kind in alice.get("devops/step_types").ok()}
    assert names == set(schema["$defs"]["step"]["properties"]["uses"]["enum"])


def test_a_copy_has_the_steps_but_not_the_runs(alice: ApiClient) -> None:
    made = make(alice)
    copy = alice.post(f"devops/pipelines/{made['id']}/duplicate").ok(201)
    assert copy["id"] != made["id"]
    assert copy["name"] == "Shop (Copy)"
    assert [each["key"] for each in copy["steps"]] == ["say"]
    assert AuditEvent.objects.filter(action="devops.pipeline.duplicate").exists()


def test_lists_show_last_run_and_success_rate(alice: ApiClient) -> None:
    made = make(alice)
    row = Pipeline.objects.get(pk=made["id"])
    from django.utils import timezone  # noqa: PLC0415

    for status in ("success", "success", "failure"):
        last = RunFactory.create(
            account=alice.account, pipeline=row, status=status, completed_at=timezone.now()
        )
    (shown,) = alice.get("devops/pipelines").ok()["results"]
    assert shown["success_rate"] == 66.7
    assert shown["last_run"]["id"] == str(last.pk)


def test_lists_are_filtered(alice: ApiClient) -> None:
    make(alice, name="Shop")
    make(alice, name="Other", pipeline_type="deploy", is_active=False)
    for query, names in (
        ({"is_active": "true"}, ["Shop"]),
        ({"pipeline_type": "deploy"}, ["Other"]),
        ({"search": "sHO"}, ["Shop"]),
        ({"slug": "other"}, ["Other"]),
    ):
        rows = alice.get("devops/pipelines", query).ok()["results"]
        assert [row["name"] for row in rows] == names
    alice.get("devops/pipelines", {"pipeline_type": "king"}).problem(400)


def test_runs_are_filtered_and_a_finished_one_cannot_be_cancelled(alice: ApiClient) -> None:
    run = RunFactory.create(account=alice.account, status="success", branch="main")
    other = RunFactory.create(account=alice.account, status="failure", branch="dev")
    for query, expected in (
        ({"status": "success"}, [run]),
        ({"status": "success,failure"}, [other, run]),
        ({"branch": "dev"}, [other]),
        ({"pipeline_id": str(run.pipeline_id)}, [run]),
        ({"trigger_type": "push"}, []),
    ):
        rows = alice.get("devops/pipeline_runs", query).ok()["results"]
        assert [row["id"] for row in rows] == [str(each.pk) for each in expected]
    alice.get("devops/pipeline_runs", {"status": "done"}).problem(400)
    problem = alice.post(f"devops/pipeline_runs/{run.pk}/cancel").problem(409)
    assert problem.type.endswith("/illegal-transition")


def test_a_finished_run_is_repeated_as_a_new_one(alice: ApiClient) -> None:
    made = make(alice)
    run = alice.post(f"devops/pipelines/{made['id']}/trigger", {}).ok(201)
    path = f"devops/pipeline_runs/{run['id']}"
    alice.post(f"{path}/retry").problem(409)
    alice.post(f"{path}/cancel").ok()
    again = alice.post(f"{path}/retry", {"from": "start"}).ok(201)
    assert again["retry_of_id"] == run["id"]
    assert again["attempt"] == 2
    detail = alice.get(f"devops/pipeline_runs/{again['id']}").ok()
    assert [each["step_key"] for each in detail["step_executions"]] == ["say"]


def test_events_of_a_run_are_read_on_from_a_number(alice: ApiClient) -> None:
    made = make(alice)
    run = alice.post(f"devops/pipelines/{made['id']}/trigger", {}).ok(201)
    path = f"devops/pipeline_runs/{run['id']}"
    first = alice.get(f"{path}/events").ok()
    assert [each["type"] for each in first["results"]] == ["run_created"]
    alice.post(f"{path}/cancel").ok()
    later = alice.get(f"{path}/events", {"after": first["next_after"]}).ok()
    assert [each["type"] for each in later["results"]] == ["run_completed"]
    alice.get(f"{path}/events", {"after": "-1"}).problem(400)


def test_the_overview_shows_what_goes_on(alice: ApiClient) -> None:
    run = RunFactory.create(account=alice.account, status="running")
    StepExecutionFactory.create(run=run)
    overview = alice.get("devops/overview").ok()
    assert [each["id"] for each in overview["live_runs"]] == [str(run.pk)]
    assert overview["ci_cd"]["pipeline_runs"]["running"] == 1
    assert overview["ci_cd"]["pipelines"] == {"total": 1, "active": 1}


def test_two_steps_of_one_name_are_refused(alice: ApiClient) -> None:
    problem = alice.post("devops/pipelines", {"name": "x", "steps": [step(), step()]}).problem(400)
    assert problem.pointers[0].startswith("/steps/1")


def test_triggers_are_stored_in_their_long_form(alice: ApiClient) -> None:
    made = make(alice, triggers={"push": None, "pull_request": ["opened"], "workflow_dispatch": {}})
    assert made["triggers"] == {"push": {}, "pull_request": {"actions": ["opened"]}, "manual": {}}


def simulate(client: ApiClient, **body: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = client.post("devops/pipelines/simulate", body).ok()["results"]
    return results


def test_the_simulator_says_what_starts_and_why_not(alice: ApiClient) -> None:
    import_text(alice, DOCUMENT).ok(201)
    (main,) = simulate(alice, event={"type": "push", "branch": "main"})
    (other,) = simulate(alice, event={"type": "push", "branch": "dev"})
    assert main["would_start"] is True
    assert [each["would_run"] for each in main["steps"]] == [True]
    assert other["would_start"] is False
    assert "dev" in other["reason"]
    assert not PipelineRun.objects.exists()


def test_the_simulator_evaluates_conditions_of_a_document(alice: ApiClient) -> None:
    text = DOCUMENT + "    if: trigger.branch == 'main' && inputs.target == 'production'\n"
    (result,) = simulate(alice, event={"type": "push", "branch": "main"}, text=text)
    assert result["pipeline_id"] is None
    assert result["steps"][0]["would_run"] is False
    assert "inputs.target" in result["steps"][0]["reason"]


def test_the_simulator_sees_only_the_own_pipelines(alice: ApiClient, charlie: ApiClient) -> None:
    made = make(alice)
    assert simulate(charlie, event={"type": "manual"}) == []
    body = {"event": {"type": "manual"}, "pipeline_id": made["id"]}
    charlie.post("devops/pipelines/simulate", body).problem(400)
    charlie.post("devops/pipelines/simulate", {"event": {"type": "nova"}}).problem(400)


@pytest.mark.parametrize("target", ["github", "gitlab", "gitea", "bitbucket"])
def test_a_pipeline_is_exported_as_a_workflow(alice: ApiClient, target: str) -> None:
    made = make(alice, steps=[step(), step(name="Gate", key="gate", step_type="notify",
                                           configuration={})])  # fmt: skip
    found = alice.get(f"devops/pipelines/{made['id']}/export_yaml?target={target}").ok()
    assert (found["pipeline_name"], found["target"]) == ("Shop", target)
    assert "echo hello" in found["yaml"]
    assert any("notify has no counterpart" in note for note in found["notes"])
    alice.get(f"devops/pipelines/{made['id']}/export_yaml?target=svn").problem(400)


def test_a_github_workflow_is_planned_then_imported(alice: ApiClient) -> None:
    text = "on: push\njobs: {a: {steps: [{uses: x/y@v1}, {run: 'echo ${{ github.actor }}'}]}}\n"
    plan = import_text(alice, text, "?from=github&dry_run=true").ok()
    assert (plan["action"], plan["remarks"][0]["kind"]) == ("create", "left_out")
    assert "trigger.actor" in plan["document"]
    assert not Pipeline.objects.exists()
    made = import_text(alice, text, "?from=github").ok(201)
    assert made["steps"][0]["configuration"] == {"command": "echo ${VALUE_1}"}
    assert made["steps"][0]["environment"] == {"VALUE_1": "${{ trigger.actor }}"}
    problem = import_text(alice, "jobs: [", "?from=github").problem(400)
    assert "line 1" in problem.document["detail"].lower()
    import_text(alice, text, "?from=jenkins").problem(400)


def test_a_pipeline_without_a_file_has_no_drift(alice: ApiClient) -> None:
    made = make(alice)
    assert alice.get(f"devops/pipelines/{made['id']}/drift").ok()["state"] == "none"
    alice.post(f"devops/pipelines/{made['id']}/take_file", {}).problem(409)


def test_the_simulator_shows_each_combination_of_a_matrix(alice: ApiClient) -> None:
    text = (
        "name: X\non: push\nsteps:\n"
        "  - name: Tests\n    uses: run_command\n    matrix: {os: [linux, windows]}\n"
        "    if: matrix.os == 'linux'\n    env: {ON: '${{ matrix.os }}'}\n"
        "    with: {command: x}\n"
    )

    (result,) = simulate(alice, event={"type": "push", "branch": "main"}, text=text)

    assert [(step["name"], step["would_run"]) for step in result["steps"]] == [
        ("Tests (linux)", True), ("Tests (windows)", False),
    ]  # fmt: skip
    assert result["steps"][0]["environment"] == {"ON": "linux"}


def test_a_document_may_forbid_a_start_by_hand(alice: ApiClient) -> None:
    step = {"name": "Say", "step_type": "run_command", "configuration": {"command": "true"}}
    triggers = {"manual": False, "push": {}}
    made = alice.post(
        "devops/pipelines", {"name": "Pushed", "triggers": triggers, "steps": [step]}
    ).ok(201)

    refused = alice.post(f"devops/pipelines/{made['id']}/trigger", {}).problem(409)
    text = alice.get(f"devops/pipelines/{made['id']}/export").content.decode()

    assert "says `manual: false`" in refused.detail
    assert made["triggers"]["manual"] == {"enabled": False}
    assert "  manual: false\n" in text
    for target, word in (("github", "workflow_dispatch"), ("gitlab", '"web"')):
        shown = alice.get(f"devops/pipelines/{made['id']}/export_yaml", {"target": target})
        assert word not in shown.content.decode()
    alice.patch(f"devops/pipelines/{made['id']}", {"triggers": {"push": {}}}).ok()
    assert alice.post(f"devops/pipelines/{made['id']}/trigger", {}).status == 201
