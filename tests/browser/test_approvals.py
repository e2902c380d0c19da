"""Approvals on the real platform: asked by mail, answered in the browser and by the shell."""

import email
import email.policy
import re
import subprocess
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.browser.site import Site
from tests.browser.test_look import FAINT, SPILLS
from tests.e2e.platform_process import wait_until
from tests.stack import ROOT

BOSS = "boss@example.com"
APPROVAL = {"recipients": [BOSS, "role:owner"], "allow_self_approval": True}


@pytest.fixture(scope="module")
def pipeline(site: Site) -> dict[str, Any]:
    """A pipeline whose second step asks."""
    steps = [
        {"name": "Build", "step_type": "run_command", "configuration": {"command": "echo built"}},
        {
            "name": "Ship", "step_type": "run_command", "requires_approval": True,
            "approval_settings": APPROVAL,
            "configuration": {"command": "echo shipped to production"},
        },
    ]  # fmt: skip
    body = {"name": "Gated", "triggers": {"manual": {}}, "allow_concurrent": True, "steps": steps}
    made: dict[str, Any] = site.api("POST", "/devops/pipelines", body)
    return made


def asked(site: Site, pipeline: dict[str, Any]) -> dict[str, Any]:
    """A run that waits for its approval."""
    run = site.trigger(pipeline)
    wait_until(
        lambda: site.run(run["id"])["waiting_for"] == "approval", 60, "the run asks somebody"
    )
    return run


def link_of(site: Site, run: dict[str, Any]) -> str:
    """The address in the mail to the boss about a run."""

    def found() -> str:
        for path in sorted(Path(site.platform.var / "mail").glob("*")):
            for part in re.split(r"^-{60,}$", path.read_text(), flags=re.MULTILINE):
                mail = email.message_from_string(part.strip(), policy=email.policy.default)
                assert isinstance(mail, EmailMessage)
                body = mail.get_body(("plain",))
                if mail["To"] == BOSS and body and f"/runs/{run['id']}" in body.get_content():
                    match = re.search(r"(/approve/[\w-]+)", body.get_content())
                    assert match is not None
                    return match.group(1)
        return ""

    wait_until(lambda: bool(found()), 60, "the mail to the boss")
    return found()


def test_a_person_approves_on_the_runs_page_and_it_goes_on_live(
    site: Site, pipeline: dict[str, Any], visit: Callable[..., Page]
) -> None:
    run = asked(site, pipeline)
    page = visit(f"/runs/{run['id']}")
    expect(page.get_by_text("May Ship begin?")).to_be_visible()
    expect(page.locator("#run-gates")).to_contain_text("echo shipped to production")

    page.get_by_role("button", name="Approve").first.click()
    page.get_by_label("Comment").first.fill("Looks right")
    page.locator("dialog[open]").get_by_role("button", name="Approve").click()

    expect(page.locator("#run-head .chip")).to_contain_text("Success", timeout=30_000)
    expect(page.locator("#run-gates")).to_contain_text("approved by")
    expect(page.locator("#run-gates")).to_contain_text("Looks right")


def test_the_boss_rejects_by_the_link_of_the_mail_on_a_phone(
    site: Site, pipeline: dict[str, Any], visit: Callable[..., Page], watch: Watch
) -> None:
    # A link that is used up answers 409, which the console calls an error.
    watch.forgive("409")
    run = asked(site, pipeline)
    address = link_of(site, run)
    page = visit(f"{address}?answer=reject", width=360, is_anonymous=True)
    expect(page.get_by_role("heading", name="May Ship begin?")).to_be_visible()
    assert page.evaluate(SPILLS) == []

    page.get_by_label("Comment").fill("Not on a Friday")
    page.get_by_label("Type your answer once more").fill("reject")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_role("heading", name="Rejected")).to_be_visible()

    ended = site.finish(run)
    assert (ended["status"], ended["reason"]) == ("failure", "rejected")
    page.goto(address)
    expect(page.get_by_role("heading", name="This is settled")).to_be_visible()


def test_the_inbox_fills_and_empties_while_one_looks(
    site: Site, pipeline: dict[str, Any], visit: Callable[..., Page]
) -> None:
    page = visit("/approvals")
    expect(page.locator("[data-live-dot]")).to_have_attribute("data-state", "live")
    run = asked(site, pipeline)
    number = page.get_by_text(f"Gated #{run['run_number']}", exact=True)
    expect(number).to_be_visible()

    done = subprocess.run(
        [sys.executable, "-m", "powernode", "reject", run["id"], "--reason", "by hand", "--url",
         site.url, "--token", site.facts["token"]],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "is rejected" in done.stdout + done.stderr
    expect(number).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_pages_of_approvals_and_schedules_fit_and_can_be_read(
    site: Site, pipeline: dict[str, Any], visit: Callable[..., Page], width: int, scheme: str
) -> None:
    run = asked(site, pipeline)
    values = {"name": f"n-{width}-{scheme}", "cron_expression": "@yearly"}
    made = site.api("POST", "/devops/schedules", {**values, "pipeline_id": pipeline["id"]})
    page = visit("/approvals", width=width, color_scheme=scheme)
    for address in (
        "/approvals", "/approvals?tab=past", f"/runs/{run['id']}", "/schedules", "/schedules/new",
        f"/schedules/{made['id']}", f"/pipelines/{pipeline['slug']}?tab=schedules",
    ):  # fmt: skip
        page.goto(address)
        assert page.evaluate(SPILLS) == [], address
        assert page.evaluate(FAINT) == [], address
    site.api("POST", f"/devops/pipeline_runs/{run['id']}/cancel")


def test_the_editors_form_writes_a_steps_approval_into_the_document(
    site: Site, visit: Callable[..., Page]
) -> None:
    made = site.pipeline("Edited gate", "echo one", "echo two")
    page = visit(f"/pipelines/{made['slug']}/edit")

    page.get_by_role("button", name="Step 2 Run a command", exact=False).click()
    page.get_by_label("Ask people before it begins").check()
    who = page.locator("[data-form-part=steps]").get_by_label("Recipients", exact=True)
    who.fill("Administrators and owners")
    who.press("Enter")
    who.fill(BOSS)
    who.press("Enter")
    page.get_by_label("Time limit, hours").fill("12")
    page.get_by_label("An approval needs a comment").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Edited gate")).to_be_visible()

    first, second = site.api("GET", f"/devops/pipelines/{made['id']}")["steps"]
    assert not first["requires_approval"]
    assert second["approval_settings"] == {
        "recipients": ["role:admin", BOSS], "timeout_hours": 12, "require_comment": True,
    }  # fmt: skip
