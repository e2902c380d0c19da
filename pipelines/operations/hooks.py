"""The trigger `webhook`: a signed address per pipeline, set up, renewed, closed, and called."""

import base64
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, DomainError, Invalid
from devops.safety.encryption import Binding, decrypt, encrypt
from devops.safety.json_values import DocumentError, load_json
from devops.tokens import digest
from pipelines import selectors
from pipelines.choices import TriggerType
from pipelines.matching import match_triggers
from pipelines.models import Pipeline, PipelineHook, PipelineRun
from pipelines.operations.creation import Origin, create_run
from pipelines.operations.definitions import WRITE
from pipelines.operations.runs import repository_context

MAX_BODY_BYTES = 64 * 1024
_TOKEN_BYTES = 24
_SECRET_BYTES = 32


class NotSigned(DomainError):
    """The address is unknown or the signature does not fit; the two look alike on purpose."""

    code = "signature-invalid"
    status = 401
    title = "Signature missing or invalid"
    remedy = "Compare the address and secret with those on the pipeline's page."


@dataclass(frozen=True, slots=True)
class HookSecrets:
    """What a sender needs to know."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class HookReceipt:
    """What a sender is told: `accepted`, or `duplicate` with the run of the first time."""

    result: str
    run_id: uuid.UUID


@transaction.atomic(durable=True)
def open_hook(actor: Actor, pipeline: Pipeline) -> PipelineHook:
    """Give a pipeline an address and secret; former ones end at once."""
    actor.require(WRITE)
    PipelineHook.objects.filter(pipeline=pipeline).delete()
    hook = PipelineHook(account_id=pipeline.account_id, pipeline=pipeline)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    hook.token_digest = digest(token)
    hook.encrypted_token = encrypt(token.encode(), binding=_binding(hook, "token"))
    hook.encrypted_secret = encrypt(secret.encode(), binding=_binding(hook, "secret"))
    hook.save(force_insert=True)
    audit.record(actor, "devops.pipeline.open_hook", pipeline)
    return hook


@transaction.atomic(durable=True)
def close_hook(actor: Actor, pipeline: Pipeline) -> bool:
    """Close a pipeline's address; false when it had none."""
    actor.require(WRITE)
    gone, _ = PipelineHook.objects.filter(pipeline=pipeline).delete()
    if gone:
        audit.record(actor, "devops.pipeline.close_hook", pipeline)
    return bool(gone)


def reveal_hook(actor: Actor, pipeline: Pipeline) -> HookSecrets | None:
    """The address and secret, for whoever may change the pipeline; None when it has none."""
    actor.require(WRITE)
    hook = PipelineHook.objects.filter(pipeline=pipeline).first()
    if hook is None:
        return None
    token = decrypt(hook.encrypted_token, binding=_binding(hook, "token")).decode()
    return HookSecrets(f"{settings.SITE_URL}/api/v1/webhooks/pipelines/{token}", _secret(hook))


def receive(token: str, headers: Mapping[str, str], body: bytes) -> HookReceipt:
    """Verify a call over its raw body and start a run, once for each `webhook-id`.

    Raises:
        NotSigned: unknown address, or a signature that does not fit or is older than five minutes.
        Invalid: an authentic body that is no JSON object.
        Conflict: the pipeline is switched off, gone, or has no trigger `webhook`.
    """
    hook = PipelineHook.objects.filter(token_digest=digest(token)).first()
    if hook is None:
        raise NotSigned("The call could not be verified.")
    try:
        Webhook(_secret(hook)).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError, KeyError) as error:
        PipelineHook.objects.filter(pk=hook.pk).update(rejected_count=F("rejected_count") + 1)
        raise NotSigned("The call could not be verified.") from error
    return _start(hook, headers["webhook-id"], _parsed(body))


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = load_json(body, max_bytes=MAX_BODY_BYTES)
    except DocumentError as error:
        raise Invalid(f"The body is not acceptable JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid("The body must be a JSON object.")
    return value


@transaction.atomic(durable=True)
def _start(hook: PipelineHook, call_id: str, body: dict[str, Any]) -> HookReceipt:
    # Its row is locked: of two calls with one identifier the second sees the first one's run.
    pipeline = Pipeline.objects.select_for_update().get(pk=hook.pipeline_id)
    key = f"hook:{digest(call_id)}"
    PipelineHook.objects.filter(pk=hook.pk).update(
        delivery_count=F("delivery_count") + 1, last_delivery_at=timezone.now()
    )
    known = PipelineRun.objects.filter(pipeline=pipeline, event_key=key).first()
    if known is not None:
        return HookReceipt("duplicate", known.pk)
    if not pipeline.is_active or pipeline.deleted_at is not None:
        raise Conflict(f"Pipeline {pipeline.name} is switched off.", remedy="Switch it on.")
    definition = selectors.definition_of(pipeline)
    match = match_triggers(definition["triggers"], {"type": TriggerType.WEBHOOK})
    if not match.is_match:
        raise Conflict(match.reason, remedy="Add `webhook: {}` to the pipeline's triggers.")
    link = pipeline.links.select_related("repository").first()
    repository = link.repository if link else None
    branch = repository.default_branch if repository else ""
    ref = f"refs/heads/{branch}" if branch else ""
    context: dict[str, Any] = {
        "actor": "webhook", "ref": ref, "branch": branch, "tag": "", "sha": "",
        "changed_paths": None, "body": body,
    }  # fmt: skip
    if repository is not None:
        context["repository"] = repository_context(repository)
    origin = Origin(
        trigger_type=TriggerType.WEBHOOK, context=context, title="Called by webhook", ref=ref,
        branch=branch, actor_label="webhook", event_key=key, repository=repository,
        definition_source=pipeline.source_path,
    )  # fmt: skip
    return HookReceipt("accepted", create_run(pipeline, definition, origin).pk)


def _secret(hook: PipelineHook) -> str:
    return decrypt(hook.encrypted_secret, binding=_binding(hook, "secret")).decode()


def _binding(hook: PipelineHook, field: str) -> Binding:
    return Binding("pipelines_pipelinehook", str(hook.account_id), str(hook.pk), field)
