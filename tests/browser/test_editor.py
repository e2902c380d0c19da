"""The editor's form: a whole pipeline built with it, and a document of which it changes a part."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.site import Site
from tests.browser.test_look import FAINT, SPILLS
from tests.browser.test_pipelines import write
from tests.e2e.platform_process import wait_until

Visit = Callable[..., Page]
GROUP = "parallel"
TEXT = "() => document.querySelector('[data-editor] textarea').value"
ODD = """\
# who may change this: the platform team
name: 'Odd one' # quoted, as ever

on: [push, manual]
env: { A: "1" ,  B: '2' }
steps:
  # first of all
  - {name: Greet, uses: run_command, with: {command: "echo hello", shell: sh}}

  # and then
  - name: Wave
    uses: run_command
    with:
      command: |
        echo one   # not a comment of ours
        echo two
      unknown_to_us: [kept]
    matrix: {part: [a, b, 1.10]} # kept
# the end
"""


def fill_basics_and_triggers(form: Locator) -> None:
    """What it is and what starts it."""
    form.get_by_label("Name required").fill("Built by form")
    form.get_by_label("Description").fill("No line of it was typed")
    form.get_by_label("Time limit, minutes").fill("12")
    form.get_by_label("Branches", exact=True).fill("main\nrelease/**")
    form.get_by_label("Schedule").check()
    form.get_by_label("Times (cron)").fill("15 4 * * 1")
    form.get_by_label("Time zone").fill("Europe/Berlin")
    expect(form.get_by_text("At 04:15 on Monday. Next: Mon")).to_be_visible()
    form.get_by_role("button", name="Add an input").click()
    form.get_by_label("Input", exact=True).fill("greeting")
    form.get_by_label("Input", exact=True).blur()
    form.get_by_label("Default of greeting").fill("hello")


def fill_steps(form: Locator, asked: str) -> None:
    """Two steps in place of the starter's, the second with an approval, and one at the end."""
    form.get_by_role("button", name="Remove Check out").click()
    form.get_by_role("button", name="Remove Tests").click()
    form.get_by_label("Name of the new step").fill("Greet")
    form.get_by_role("button", name="Add the step").click()
    expect(form.get_by_label("Name of the step")).to_be_focused()
    expect(form.get_by_text("This is needed.")).to_be_visible()
    form.get_by_label("Command required").fill("echo first\necho second")
    form.get_by_label("Shell", exact=True).select_option(label="sh")
    form.get_by_text("Condition, failure, limits, secrets").click()
    form.get_by_label("Go on when it fails").check()
    form.get_by_role("button", name="Greet Run a command").click()
    form.get_by_label("Name of the new step").fill("Ship")
    form.get_by_role("button", name="Add the step").click()
    form.get_by_label("Command required").fill("echo shipped")
    form.get_by_label("Ask people before it begins").check()
    who = form.locator("[data-form-part=steps]").get_by_label("Recipients", exact=True)
    who.fill("nobody")
    who.press("Enter")
    expect(form.get_by_text("this is no address, member or role")).to_be_visible()
    who.fill(asked)
    who.press("Enter")
    form.get_by_label("Time limit, hours").fill("48")
    form.get_by_label("Whoever started the run may approve it").check()
    form.get_by_label("Name of the new final step").fill("Tell")
    form.get_by_label("Type of the new final step").select_option("notify")
    form.get_by_role("button", name="Add the final step").click()


def fill_group(form: Locator) -> None:
    """Two members side by side, added by keyboard, before the last step."""
    form.get_by_label("Type of the new step").select_option(GROUP)
    form.get_by_role("button", name="Add the step").click()
    expect(form.get_by_label("Name of the new member")).to_be_focused()
    for name in ("One", "Two"):
        form.get_by_label("Name of the new member").fill(name)
        form.get_by_label("Name of the new member").press("Enter")
        steps = form.locator("[data-form-part=steps]")
        expect(steps.get_by_label("Name of the step").last).to_be_focused()
        steps.get_by_label("Command required").last.fill(f"echo {name}")
    form.get_by_role("button", name="Move Group up").click()
    expect(form.get_by_role("button", name="Move Group up")).to_be_focused()


def fill_notifications_and_limits(form: Locator) -> None:
    """Who is told, and what becomes of a second run."""
    told = form.locator("[data-form-part=notifications]")
    told.get_by_label("Recipients", exact=True).fill("team@example.com")
    told.get_by_role("button", name="Add to Recipients", exact=True).click()
    told.get_by_label("A run is over").uncheck()
    rule = "Reject: the new run ends at once and says why"
    form.get_by_label("While a run goes on").select_option(label=rule)


def test_a_pipeline_is_built_with_the_form_alone_saved_and_run(site: Site, visit: Visit) -> None:
    page = visit("/pipelines/new")
    form = page.get_by_role("region", name="Form")
    fill_basics_and_triggers(form)
    fill_steps(form, f"Operator ({site.facts['email']})")
    fill_group(form)
    fill_notifications_and_limits(form)
    expect(page.locator("#lint-state")).to_have_text("Valid")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Built by form is saved.")).to_be_visible()

    [row] = site.api("GET", "/devops/pipelines?search=built")["results"]
    made = site.api("GET", f"/devops/pipelines/{row['id']}")
    assert made["timeout_minutes"] == 12
    assert made["triggers"] == {
        "push": {"branches": ["main", "release/**"]},
        "schedule": {"schedules": [{"cron": "15 4 * * 1", "timezone": "Europe/Berlin"}]},
        "manual": {"inputs": {"greeting": {"type": "string", "default": "hello"}}},
    }
    assert made["settings"]["concurrency"] == {"policy": "reject"}
    assert made["notification_recipients"] == [{"type": "email", "value": "team@example.com"}]
    assert made["notification_settings"] == {"on_completion": False}
    greet, one, two, ship, tell = made["steps"]
    assert [(each["group_key"], each["configuration"]["command"]) for each in (one, two)] == [
        ("group", "echo One"), ("group", "echo Two"),
    ]  # fmt: skip
    assert greet["configuration"] == {"command": "echo first\necho second", "shell": "sh"}
    assert greet["continue_on_error"]
    members = site.api("GET", "/account/members")["results"]
    [asked] = [row["user"]["id"] for row in members if row["user"]["email"] == site.facts["email"]]
    assert ship["approval_settings"] == {
        "recipients": [f"user:{asked}"], "timeout_hours": 48, "allow_self_approval": True,
    }  # fmt: skip
    assert (tell["step_type"], tell["phase"]) == ("notify", "finally")
    approve_and_finish(site, made)


def approve_and_finish(site: Site, pipeline: dict[str, Any]) -> None:
    """Start it, answer its question, and see it succeed."""
    run = site.trigger(pipeline)

    def waiting() -> list[str]:
        steps = site.run(run["id"])["step_executions"]
        return [each["id"] for each in steps if each["status"] == "waiting_approval"]

    wait_until(lambda: bool(waiting()), 30, "the step asks")
    site.api("POST", f"/devops/step_executions/{waiting()[0]}/approve", {})
    assert site.finish(run)["status"] == "success"


def test_the_form_changes_one_value_of_a_commented_document(visit: Visit) -> None:
    page = visit("/pipelines/new", width=360, color_scheme="dark")
    write(page, ODD)
    form = page.get_by_role("region", name="Form")
    expect(form.get_by_label("Name required")).to_have_value("Odd one")
    form.get_by_role("button", name="Wave").first.click()
    expect(form.get_by_label("unknown_to_us")).to_have_value("- kept")
    expect(form.get_by_label("Values of part")).to_have_value("a\nb\n1.1")
    form.get_by_label("Values of part").fill("a\nc\n1.1")
    # What is no YAML yet is neither lost nor saved.
    unknown = form.get_by_label("unknown_to_us")
    unknown.fill("[kept")
    expect(form.get_by_text("Not YAML yet")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(unknown).to_be_focused()
    expect(unknown).to_have_value("[kept")
    unknown.fill("[kept]")
    expect(form.get_by_text("Not YAML yet")).to_be_hidden()
    command = form.get_by_label("Command required")
    command.fill("echo one   # not a comment of ours\necho three")
    changed = ODD.replace("echo two", "echo three").replace("[a, b, 1.10]", "[a, c, 1.10]")
    assert page.evaluate(SPILLS) == []
    assert page.evaluate(FAINT) == []
    page.wait_for_function(f"wanted => ({TEXT})() === wanted", arg=changed)


COVERED = """\
name: Covered
on: [manual]
image: busybox
steps:
  - name: Try # it
    uses: run_command
    with: {command: "true"}
    matrix: {size: [1, "2"]}
"""
BUILT = """\
name: Covered
on: [manual]
image: busybox
services:
  db: {image: "postgres:17", env: {POSTGRES_PASSWORD: test}, healthcheck: {command: pg_isready}}
features: {ai_failure_hint: true}
steps:
  - name: Try # it
    uses: run_command
    with: {command: "true"}
    matrix: {size: [1, "2", three], python: "${{ fromJSON(inputs.versions) }}", max_parallel: 2}
    cache: {key: "pip-${{ hashFiles('requirements.txt') }}", paths: ["~/.cache/pip"]}
    outputs:
      report: {type: object}
"""


def fill_what_few_steps_have(form: Locator) -> None:
    """A matrix of two, a cache, and an output."""
    form.get_by_label("Values of size").fill("1\n2\nthree")
    form.get_by_role("button", name="Add values").click()
    form.get_by_label("Name of the values").nth(1).fill("python")
    form.get_by_label("Name of the values").nth(1).press("Tab")
    form.get_by_label("Values of python").fill("${{ fromJSON(inputs.versions) }}")
    form.get_by_label("Combinations at a time, at most").fill("2")
    form.get_by_text("Cache", exact=True).click()
    form.get_by_label("Key of the cache").fill("pip-${{ hashFiles('requirements.txt') }}")
    form.get_by_label("Paths that are kept").fill("~/.cache/pip")
    form.get_by_text("Outputs", exact=True).click()
    form.get_by_role("button", name="Add an output").click()
    form.get_by_label("Name of the output").fill("report")
    form.get_by_label("Name of the output").press("Tab")
    form.get_by_label("Type of report").select_option(label="Object")


def fill_service(form: Locator) -> None:
    """A database beside every step, with its health check."""
    form.get_by_text("Services beside every step", exact=True).click()
    form.get_by_role("button", name="Add a service").first.click()
    form.get_by_label("Name of the service").fill("db")
    form.get_by_label("Name of the service").press("Tab")
    form.get_by_label("Image of db").fill("postgres:17")
    form.get_by_label("Environment of db").fill("POSTGRES_PASSWORD: test")
    form.get_by_text("How to tell that it works").click()
    form.get_by_label("Health check of db").fill("pg_isready")


def test_matrix_cache_services_outputs_and_features_are_fields(visit: Visit) -> None:
    page = visit("/pipelines/new", width=360)
    write(page, COVERED)
    form = page.get_by_role("region", name="Form")
    form.get_by_role("button", name="Try").first.click()
    fill_what_few_steps_have(form)
    fill_service(form)
    form.get_by_label("Ask an AI why a run failed").check()
    assert page.evaluate(SPILLS) == []
    assert page.evaluate(FAINT) == []
    form.get_by_label("Ask an AI why a run failed").blur()
    assert page.evaluate(TEXT) == BUILT


def test_a_broken_document_switches_the_form_off_and_loses_nothing(visit: Visit) -> None:
    page = visit("/pipelines/new")
    form = page.get_by_role("region", name="Form")
    write(page, ODD + "steps: [\n")
    expect(form.get_by_role("status")).to_contain_text("The form waits")
    expect(form.get_by_label("Name required")).to_be_disabled()
    assert page.evaluate(TEXT) == ODD + "steps: [\n"
