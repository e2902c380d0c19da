"""How `deploy` reaches the far side: a webhook, an API, a workflow of the git host."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from devops.errors import DomainError, PermanentError, TransientError
from devops.safety.addresses import AddressNotAllowed
from gitintegration.public import find_host_run, start_host_workflow, stop_host_run
from pipelines.steps.base import StepContext, StepFailedError

_SECONDS = {"webhook": 30.0, "api": 60.0}
_SHOWN = 2000


def chosen(config: Any) -> str:
    """The strategy, by what is set.

    Raises:
        ValueError: it is not offered, or what it needs is not set.
    """
    by_setting = {
        "workflow": config.workflow, "webhook": config.webhook_url, "api": config.api_url,
        "command": config.command,
    }  # fmt: skip
    strategy: str = config.strategy
    if strategy == "auto":
        strategy = next((name for name, value in by_setting.items() if value), "")
        if not strategy:
            raise ValueError(
                "Nothing says how to deploy: set `command`, `webhook_url`, `api_url` or `workflow`."
            )
    if strategy not in by_setting:
        raise ValueError(f"The strategy {strategy} is not offered.")
    if not by_setting[strategy]:
        setting = {"webhook": "webhook_url", "api": "api_url"}.get(strategy, strategy)
        raise ValueError(f"The strategy {strategy} needs `{setting}`.")
    return strategy


def post(ctx: StepContext, strategy: str, version: str) -> str:
    """Ask the far side once; what it said.

    Raises:
        StepFailedError: it refuses or does not answer.
    """
    # Imported here: the client's libraries would cost every process 20 MB.
    from devops.safety.egress import request  # noqa: PLC0415

    url, headers, body = (_webhook if strategy == "webhook" else _api)(ctx, version)
    try:
        answer = request("POST", url, headers=headers, body=body, total_seconds=_SECONDS[strategy])
    except AddressNotAllowed as error:
        raise StepFailedError(f"{url}: {error}", reason="address") from error
    except (TransientError, PermanentError, OSError) as error:
        raise StepFailedError(f"The far side did not answer: {error}", reason="far_side") from error
    said = ctx.mask(answer.body[:_SHOWN]).decode(errors="replace").strip()
    if not 200 <= answer.status < 300:
        text = f"The far side answered {answer.status}: {said[:500]}"
        raise StepFailedError(text, reason="far_side")
    return said or f"The far side answered {answer.status}."


def _webhook(ctx: StepContext, version: str) -> tuple[str, dict[str, str], bytes]:
    config = ctx.config
    text = json.dumps({**config.webhook_payload, **_facts(ctx, version)})
    headers = {"Content-Type": "application/json", "Idempotency-Key": ctx.key}
    if config.webhook_token:
        headers["Authorization"] = f"Bearer {config.webhook_token}"
    if config.webhook_secret:
        headers |= _signed(config.webhook_secret, ctx.key, text)
    return config.webhook_url, headers, text.encode()


def _signed(secret: str, key: str, text: str) -> dict[str, str]:
    """Standard Webhooks, and the older header beside it."""
    now = timezone.now()
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Powernode-Signature": f"sha256={digest}"}
    try:
        signature = Webhook(secret).sign(key, now, text)
    except (ValueError, WebhookVerificationError):
        # A secret that is no `whsec_…`: the older header alone can be made of it.
        return headers
    return headers | {
        "webhook-id": key, "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }  # fmt: skip


def _api(ctx: StepContext, version: str) -> tuple[str, dict[str, str], bytes]:
    config = ctx.config
    facts = _facts(ctx, version) | {
        "image_tag": config.image_tag or version, "services": config.services,
    }  # fmt: skip
    headers = {"Content-Type": "application/json", "Idempotency-Key": ctx.key}
    if config.api_token:
        headers["Authorization"] = f"Bearer {config.api_token}"
    url = config.api_url.rstrip("/") + "/" + config.api_endpoint.lstrip("/")
    return url, headers, json.dumps(facts).encode()


def _facts(ctx: StepContext, version: str) -> dict[str, Any]:
    return {
        "environment": ctx.config.environment, "version": version,
        "commit_sha": ctx.run.commit_sha, "branch": ctx.run.branch,
        "pipeline": ctx.run.pipeline_name, "run_id": str(ctx.run.id),
        "run_number": ctx.run.number, "run_url": ctx.run.url,
    }  # fmt: skip


def start_workflow(ctx: StepContext, version: str) -> str:
    """Have the git host start the workflow; its run's id.

    Raises:
        StepFailedError: the host refuses, or does not say which run it is.
    """
    config = ctx.config
    inputs: Mapping[str, str] = {
        **config.workflow_inputs, "environment": config.environment, "version": version,
        "run_id": str(ctx.run.id),
    }  # fmt: skip
    try:
        run_id = start_host_workflow(
            ctx.run.repository_id, config.workflow, config.workflow_ref, inputs
        )
    except DomainError as error:
        raise StepFailedError(f"{error} {error.remedy}".strip(), reason="host") from error
    if not run_id:
        raise StepFailedError(
            "The host started the workflow and did not say as which run: it cannot be followed.",
            reason="host",
        )
    return run_id


def workflow_run(ctx: StepContext, run_id: str) -> Any:
    """The run as it stands at the host; raises DomainError when the host does not answer."""
    return find_host_run(ctx.run.repository_id, run_id)


def stop_workflow(ctx: StepContext, run_id: str) -> None:
    """Have the host stop it; raises DomainError when the host refuses."""
    stop_host_run(ctx.run.repository_id, run_id)


def health_problem(url: str, seconds: float) -> str:
    """Why the address is not healthy, or empty: only a 200 is."""
    from devops.safety.egress import request  # noqa: PLC0415

    try:
        answer = request("GET", url, total_seconds=seconds)
    except AddressNotAllowed as error:
        return f"{url}: {error}"
    except (TransientError, PermanentError, OSError) as error:
        return f"{url} does not answer: {error}"
    return "" if answer.status == 200 else f"{url} answered {answer.status}."
