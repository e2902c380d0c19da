"""Pipelines started by signed calls: once each, by whoever has the secret, with words otherwise."""

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from standardwebhooks.webhooks import Webhook

from devops import rotation
from pipelines.models import Pipeline, PipelineHook, PipelineRun
from pipelines.operations.hooks import HookSecrets, open_hook, reveal_hook
from tests.client import ApiClient
from tests.pipelines.conftest import Workshop, in_threads, log_of, step

TRIGGERS: dict[str, Any] = {"webhook": {}, "manual": {}}


@pytest.fixture
def pipeline(workshop: Workshop) -> Pipeline:
    told = step("tell", 'test "$V" = "1.2"')
    told["environment"] = {"V": "${{ trigger.body.version }}"}
    return workshop.pipeline(told, triggers=TRIGGERS)


@pytest.fixture
def hook(workshop: Workshop, pipeline: Pipeline) -> HookSecrets:
    open_hook(workshop.actor, pipeline)
    found = reveal_hook(workshop.actor, pipeline)
    assert found is not None
    return found


def call(
    hook: HookSecrets, body: Any = None, *, call_id: str = "", secret: str = "", age: int = 0,
    kind: str = "application/json",
) -> Any:  # fmt: skip
    given = {"version": "1.2"} if body is None else body
    text = given if isinstance(given, str) else json.dumps(given)
    number = call_id or f"msg_{uuid.uuid4().hex}"
    moment = datetime.fromtimestamp(time.time() - age, UTC)
    signature = Webhook(secret or hook.secret).sign(number, moment, text)
    return Client().post(
        "/" + hook.url.split("/", 3)[3], text, content_type=kind,
        headers={"webhook-id": number, "webhook-timestamp": str(int(moment.timestamp())),
                 "webhook-signature": signature},
    )  # fmt: skip


def test_a_signed_call_starts_a_run_with_its_body(workshop: Workshop, hook: HookSecrets) -> None:
    answer = call(hook)
    assert answer.status_code == 202
    run = PipelineRun.objects.get(pk=answer.json()["run_id"])
    assert (run.trigger_type, run.trigger_context["body"]) == ("webhook", {"version": "1.2"})
    assert workshop.execute(run).status == "success", log_of(run, "tell")


def test_the_same_call_starts_one_run(hook: HookSecrets) -> None:
    first = call(hook, call_id="msg_1")
    again = call(hook, call_id="msg_1")
    assert (again.status_code, again.json()) == (
        200, {"result": "duplicate", "run_id": first.json()["run_id"]},
    )  # fmt: skip
    assert PipelineRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_call_at_once_starts_one_run(open_workshop: Workshop) -> None:
    made = open_workshop.pipeline(step("a"), triggers=TRIGGERS)
    open_hook(open_workshop.actor, made)
    found = reveal_hook(open_workshop.actor, made)
    assert found is not None
    answers = in_threads(6, lambda _n: call(found, call_id="msg_1").status_code)
    assert sorted(answers) == [200] * 5 + [202]
    assert PipelineRun.objects.count() == 1


@pytest.mark.parametrize("how", [{"secret": "whsec_" + "QUFB" * 8}, {"age": 3600}, {"age": -3600}])
def test_who_does_not_sign_starts_nothing(hook: HookSecrets, how: dict[str, Any]) -> None:
    answer = call(hook, **how)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature-invalid")
    assert PipelineHook.objects.get().rejected_count == 1
    assert not PipelineRun.objects.exists()


def test_an_unknown_address_looks_like_a_wrong_signature(hook: HookSecrets) -> None:
    other = HookSecrets(hook.url[:-3] + "xyz", hook.secret)
    known = call(hook, secret="whsec_" + "QUFB" * 8).json()
    assert call(other).json() == known


@pytest.mark.parametrize(
    ("body", "status"),
    [("[1]", 400), ("{", 400), ('{"a": "\\u0000"}', 400), ("[" * 500 + "]" * 500, 400),
     ({"a": "x" * 70_000}, 413)],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_refused(hook: HookSecrets, body: Any, status: int) -> None:
    assert call(hook, body).status_code == status
    assert not PipelineRun.objects.exists()


def test_other_methods_and_types_are_refused(hook: HookSecrets) -> None:
    assert call(hook, kind="text/plain").status_code == 415
    assert Client().get("/" + hook.url.split("/", 3)[3]).status_code == 405


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"is_active": False}, "switched off"), ({"triggers": {"manual": {}}}, "no trigger webhook")],
)
def test_a_pipeline_that_does_not_want_it_says_so(
    hook: HookSecrets, changes: dict[str, Any], said: str
) -> None:
    Pipeline.objects.update(**changes)
    answer = call(hook)
    assert answer.status_code == 409
    assert said in answer.json()["detail"]


def test_the_address_is_renewed_and_closed_over_rest(alice: ApiClient, charlie: ApiClient) -> None:
    say = {"name": "Say", "step_type": "run_command", "configuration": {"command": "true"}}
    body = {"name": "Shop", "triggers": {"webhook": {}}, "steps": [say]}
    made = alice.post("devops/pipelines", body).ok(201)
    path = f"devops/pipelines/{made['id']}/hook"
    assert alice.get(path).ok() == {"url": "", "secret": ""}
    first = HookSecrets(**alice.post(path, {}).ok(201))
    assert call(first).status_code == 202
    second = HookSecrets(**alice.post(path, {}).ok(201))
    assert (call(first).status_code, call(second).status_code) == (401, 202)
    assert charlie.get(path).status == 404
    alice.delete(path).ok(204)
    assert call(second).status_code == 401


def test_its_secrets_are_rotated_with_the_others(hook: HookSecrets) -> None:
    registered = {(each.model, each.column) for each in rotation._columns}
    assert ("pipelines.PipelineHook", "encrypted_token") in registered
    assert ("pipelines.PipelineHook", "encrypted_secret") in registered
    assert hook.secret not in PipelineHook.objects.get().encrypted_secret
