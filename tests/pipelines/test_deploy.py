"""Deployments: begun once, followed to their end, called done only when they are."""

import json
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from containers.operations.secrets import create_secret
from gitintegration.models import HostWrite
from pipelines.choices import RunStatus, WaitingFor
from pipelines.models import PipelineRepository, PipelineRun, StepExecution
from pipelines.operations.runs import cancel_run, wake_step
from tests.pipelines.conftest import Workshop, fresh, last, log_of, step
from tests.pipelines.engine.test_takeover import die_in
from tests.pipelines.receiver import Receiver
from tests.pipelines.test_hosting_steps import Site, site

__all__ = ["site"]

SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


def deploy(**config: Any) -> dict[str, Any]:
    return step("ship", step_type="deploy", configuration=config)


def deployed(shop: Workshop, **config: Any) -> StepExecution:
    return last(shop.run(deploy(**config)), "ship")


def test_a_command_knows_what_it_deploys_where(workshop: Workshop) -> None:
    command = 'echo "$DEPLOY_VERSION to $DEPLOY_ENVIRONMENT"; echo url=x >> "$POWERNODE_OUTPUT"'
    run = workshop.run(deploy(command=command, version="1.2", environment="production"))
    ended = last(run, "ship")
    assert "1.2 to production\n" in log_of(run, "ship")
    assert ended.outputs == {
        "environment": "production", "version": "1.2", "strategy": "command", "url": "x",
        "deploy_output": "The command ended well.", "health_check": "not_set",
        "smoke_test": "not_set",
    }  # fmt: skip


def test_a_failed_command_is_a_failed_deployment(workshop: Workshop) -> None:
    ended = deployed(workshop, command="exit 9", health_check_url="http://127.0.0.1:1/")
    assert (ended.status, ended.reason, ended.exit_code) == ("failure", "exit_code", 9)
    assert ended.outputs["health_check"] == "not_set"


def test_a_webhook_is_signed_keyed_and_believed_only_as_far_as_it_says(
    workshop: Workshop, receiver: Receiver
) -> None:
    run = workshop.run(
        deploy(webhook_url=receiver.url, webhook_secret=SECRET, webhook_token="t0ken",
               webhook_payload={"colour": "blue", "version": "forged"}, version="7")
    )  # fmt: skip
    headers, body = receiver.posts[0]
    said = Webhook(SECRET).verify(body, headers)
    assert (said["colour"], said["version"], said["environment"]) == ("blue", "7", "staging")
    assert headers["authorization"] == "Bearer t0ken"
    assert headers["idempotency-key"] == headers["webhook-id"]
    assert headers["x-powernode-signature"].startswith("sha256=")
    assert "was not checked: no health check" in log_of(run, "ship")
    assert last(run, "ship").status == "success"


def test_each_combination_of_a_matrix_is_a_deployment_of_its_own(
    open_workshop: Workshop, receiver: Receiver
) -> None:
    ship = deploy(webhook_url=receiver.url, webhook_secret=SECRET, environment="${{ matrix.to }}")
    open_workshop.run({**ship, "matrix": {"to": ["north", "south"]}})
    keys = {headers["idempotency-key"] for headers, _ in receiver.posts}
    assert len(receiver.posts) == len(keys) == 2


def test_an_api_gets_tag_and_services(workshop: Workshop, receiver: Receiver) -> None:
    base = receiver.url.rsplit("/", 2)[0]
    deployed(workshop, api_url=base, api_token="k", services=["web"], image_tag="v9")
    headers, body = receiver.posts[0]
    assert json.loads(body)["services"] == ["web"]
    assert json.loads(body)["image_tag"] == "v9"
    assert headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("answers", "more", "status", "health"),
    [
        ([503, 200], {}, "success", "passed"),
        ([503, 404, 500], {"health_check_retries": 2}, "failure", "failed"),
        ([204], {"health_check_retries": 0}, "failure", "failed"),
        ([500], {"health_check_retries": 0, "fail_on_health_check": False}, "success", "failed"),
    ],
)
def test_only_what_answers_200_is_healthy(
    workshop: Workshop, receiver: Receiver, answers: list[int], more: dict[str, Any], status: str,
    health: str,
) -> None:  # fmt: skip
    receiver.healthy = answers
    ended = deployed(
        workshop, command="true", health_check_url=receiver.url, health_check_retry_delay=0, **more
    )
    assert (ended.status, ended.outputs["health_check"]) == (status, health)


def test_a_smoke_test_has_the_last_word(workshop: Workshop) -> None:
    for fails, status in ((True, "failure"), (False, "success")):
        ended = deployed(
            workshop, command="true", smoke_test_command="exit 4", fail_on_smoke_test=fails
        )
        assert (ended.status, ended.outputs["smoke_test"]) == (status, "failed")


@pytest.mark.parametrize(
    ("config", "reason", "said"),
    [
        ({"strategy": "${{ 'kubernetes' }}"}, "configuration", "not offered"),
        ({"command": "${{ '' }}"}, "configuration", "Nothing says how"),
        ({"webhook_url": "http://10.0.0.1/"}, "address", "10.0.0.1"),
        ({"webhook_url": "http://127.0.0.1:1/"}, "far_side", "did not answer"),
        ({"workflow": "deploy.yml"}, "host", "no git host"),
    ],
)
def test_what_cannot_be_deployed_fails_in_words(
    workshop: Workshop, receiver: Receiver, config: dict[str, Any], reason: str, said: str
) -> None:
    ended = deployed(workshop, **config)
    assert (ended.status, ended.reason) == ("failure", reason), ended.error_message
    assert said in ended.error_message


def test_a_refusal_is_told_as_it_was_said(workshop: Workshop, receiver: Receiver) -> None:
    receiver.answer = 422
    ended = deployed(workshop, webhook_url=receiver.url)
    assert (ended.status, ended.reason) == ("failure", "far_side")
    assert "answered 422" in ended.error_message


def test_a_stranger_deploys_nothing(workshop: Workshop) -> None:
    made = workshop.trigger(workshop.pipeline(deploy(command="true")))
    PipelineRun.objects.filter(pk=made.pk).update(trust_level="untrusted")
    ended = last(workshop.execute(made), "ship")
    assert (ended.status, ended.reason) == ("failure", "untrusted")


def test_a_dead_worker_deploys_nothing_twice(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(deploy(command="echo again")))
    die_in(workshop, run, "ship")
    workshop.execute(fresh(run))
    assert (fresh(run).status, fresh(run).waiting_for) == ("running", WaitingFor.DECISION)
    assert "again" not in log_of(run, "ship")


def states_of(found: Site) -> list[str]:
    """What the host is told of the deployment, in order."""
    rows = HostWrite.objects.filter(payload__context="powernode/deploy/staging")
    return [row.payload["state"] for row in rows.order_by("id")]


def look(found: Site, run: PipelineRun) -> StepExecution:
    execution = last(run, "ship")
    assert wake_step(str(execution.pk), {})
    found.shop.execute(fresh(run))
    return last(run, "ship")


@pytest.mark.parametrize("site", ["tests.gitintegration.hosts.github_rig"], indirect=True)
def test_a_workflow_is_followed_to_its_end(site: Site) -> None:
    ci, theirs_of = site.world.state.ci, site.world.widgets
    ci.add_workflow(theirs_of, ".github/workflows/ci.yml")
    for conclusion, status in (("success", "success"), ("failure", "failure")):
        HostWrite.objects.all().delete()
        run = site.run(deploy(workflow="ci.yml", workflow_inputs={"colour": "red"}))
        waiting = last(run, "ship")
        assert (waiting.parked_kind, run.worker_id) == ("external", None), waiting.error_message
        assert look(site, run).status == "running"
        theirs = max(theirs_of.runs.values(), key=lambda each: each.id)
        assert theirs.inputs["colour"] == "red"
        for _ in range(2):
            ci.advance_run(theirs_of, theirs, conclusion)
        ended = look(site, run)
        assert ended.status == status, ended.error_message
        assert states_of(site) == ["pending", status]


@pytest.mark.parametrize("site", ["tests.gitintegration.hosts.github_rig"], indirect=True)
def test_a_cancelled_deployment_is_stopped_at_the_host(site: Site) -> None:
    site.world.state.ci.add_workflow(site.world.widgets, ".github/workflows/ci.yml")
    run = site.run(deploy(workflow="ci.yml"))
    cancel_run(site.shop.actor, run)
    site.shop.execute(fresh(run))
    theirs = max(site.world.widgets.runs.values(), key=lambda each: each.id)
    assert fresh(run).status == RunStatus.CANCELLED
    assert theirs.conclusion == "cancelled"
    assert states_of(site)[-1] == "cancelled"


@pytest.mark.parametrize("site", ["tests.gitintegration.hosts.github_rig"], indirect=True)
def test_the_commits_status_tells_no_secret(site: Site) -> None:
    create_secret(site.shop.actor, "PLACE", "s3cret-canary-value")
    url = "https://${{ secrets.PLACE }}.invalid/deploy"
    ship = {**deploy(webhook_url=url, webhook_secret=SECRET), "secret_refs": ["PLACE"]}
    pipeline = site.shop.pipeline(ship, secret_refs=["PLACE"])
    PipelineRepository.objects.create(pipeline=pipeline, repository=site.repository)

    run = site.shop.execute(site.shop.trigger(pipeline, sha=site.world.head))

    assert last(run, "ship").reason == "far_side"
    written = str(list(HostWrite.objects.values()))
    assert "***.invalid" in written
    assert "canary" not in written
