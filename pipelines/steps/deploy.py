"""`deploy`: have a version brought to an environment, and look whether it got there."""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from django.utils import timezone
from pydantic import Field, model_validator

from devops.errors import DomainError
from gitintegration.public import StatusState
from pipelines.operations.deployments import record_deploy_status
from pipelines.step_types import StepType
from pipelines.steps import deploy_strategies as strategies
from pipelines.steps.base import Config, Done, Outcome, Parked, StepContext, StepFailedError
from pipelines.steps.outcomes import outcome_of

_LOOK = timedelta(seconds=10)
_CHECK_GRAIN = 0.2


class DeployConfig(Config):
    """What is brought where, by whom, and how it is checked."""

    environment: str = Field(
        "staging",
        min_length=1,
        max_length=100,
        title="Environment",
        description="Where to, such as staging or production; told to the far side.",
    )
    strategy: Literal["auto", "workflow", "webhook", "api", "command", "swarm", "kubernetes"] = (
        Field(
            "auto", title="Strategy",
            description="`auto`: workflow, webhook, api or command, by what is set.",
        )
    )  # fmt: skip
    version: str = Field("", max_length=200, title="Version", description="Empty: the short SHA.")
    timeout_minutes: float = Field(
        15, gt=0, le=360, title="Wait for the far side, minutes", description="workflow only."
    )
    command: str = Field(
        "", max_length=65_536, title="Command",
        description="command: shell script with DEPLOY_ENVIRONMENT and DEPLOY_VERSION.",
        json_schema_extra={"x-command": True, "format": "shell"},
    )  # fmt: skip
    working_directory: str = Field(
        "",
        max_length=500,
        title="Folder",
        description="command: below the workspace; empty: its root.",
    )
    workflow: str = Field("", max_length=300, title="Workflow", description="File or name.")
    workflow_ref: str = Field(
        "",
        max_length=300,
        title="Branch of the workflow",
        description="workflow: empty for the default branch.",
    )
    workflow_inputs: dict[str, str] = Field(
        default_factory=dict,
        title="Inputs of the workflow",
        description="workflow: names and texts, besides environment and version.",
    )
    webhook_url: str = Field(
        "", max_length=2000, title="Webhook", description="webhook: the address that is called."
    )
    webhook_secret: str = Field(
        "",
        max_length=500,
        title="Signing secret",
        description="webhook: signs the call; best `${{ secrets.NAME }}`.",
    )
    webhook_token: str = Field(
        "",
        max_length=2000,
        title="Bearer token",
        description="webhook: sent as authorization; best `${{ secrets.NAME }}`.",
    )
    webhook_payload: dict[str, Any] = Field(
        default_factory=dict,
        title="More for the webhook",
        description="webhook: members beside environment and version.",
    )
    api_url: str = Field(
        "", max_length=2000, title="API", description="api: the address that the path is added to."
    )
    api_endpoint: str = Field(
        "/deploy",
        max_length=500,
        title="Path of the API",
        description="api: what is called below the address.",
    )
    api_token: str = Field(
        "",
        max_length=2000,
        title="API token",
        description="api: sent as authorization; best `${{ secrets.NAME }}`.",
    )
    image_tag: str = Field(
        "", max_length=300, title="Image tag", description="api: empty for the version."
    )
    services: list[str] = Field(
        default_factory=list,
        max_length=100,
        title="Services",
        description="api: names of what is brought up to date.",
    )
    health_check_url: str = Field(
        "", max_length=2000, title="Health check", description="Must answer 200."
    )
    health_check_retries: int = Field(
        3,
        ge=0,
        le=100,
        title="Looks after the first",
        description="How often an unhealthy answer is looked at again.",
    )
    health_check_retry_delay: float = Field(
        10, ge=0, le=600, title="Seconds between two looks", description="0 to 600."
    )
    health_check_timeout: float = Field(
        30,
        gt=0,
        le=120,
        title="Seconds for one look",
        description="Up to 120; then it counts as unhealthy.",
    )
    fail_on_health_check: bool = Field(
        default=True,
        title="Fail when it is not healthy",
        description="Off: it is said in the log only.",
    )
    smoke_test_command: str = Field(
        "", max_length=65_536, title="Smoke test",
        description="Shell script that runs after the health check.",
        json_schema_extra={"x-command": True, "format": "shell"},
    )  # fmt: skip
    fail_on_smoke_test: bool = Field(
        default=True,
        title="Fail when the smoke test does",
        description="Off: it is said in the log only.",
    )
    update_status: bool = Field(
        default=True,
        title="Set the commit's status",
        description="At the git host, where the run has a repository.",
    )
    status_url: str = Field(
        "", max_length=500, title="Address of the status", description="Empty: the run's page."
    )

    @model_validator(mode="after")
    def _says_how(self) -> "DeployConfig":
        strategies.chosen(self)
        return self


TYPE = StepType(
    name="deploy",
    title="Deploy",
    summary="Bring a version to an environment by a command, webhook, API or workflow; check it.",
    config_model=DeployConfig,
    outputs={
        "environment": "Where it was brought.",
        "version": "What was brought.",
        "strategy": "How.",
        "deploy_output": "What the far side said.",
        "health_check": "`passed`, `failed` or `not_set`.",
        "smoke_test": "`passed`, `failed` or `not_set`.",
    },
    effect="once",
    docs=(
        "Nothing is deployed twice unasked: when a worker dies while it deploys, people decide "
        "whether it runs again. The far side gets the step's key as `Idempotency-Key`. A webhook "
        "or API that accepts a deployment has only promised it: set `health_check_url`, or the "
        "step says that nothing was checked. A workflow is followed to its end without holding a "
        "worker. Fails when the far side refuses or does not answer, when the workflow fails or "
        "takes too long, when the health check or the smoke test fails (unless told otherwise), "
        "in an untrusted run, and always for `kubernetes` and, in this release, `swarm`."
    ),
    example={"strategy": "command", "command": "./deploy.sh", "environment": "production"},
)


class DeployHandler:
    """Deploys, follows, checks; the verdict is the far side's."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: DeployConfig = ctx.config
        if not ctx.run.is_trusted:
            raise StepFailedError("An untrusted run may not deploy.", reason="untrusted")
        strategy = strategies.chosen(config)
        version = config.version or ctx.run.commit_sha[:7] or "latest"
        ctx.log(f"Deploying {version} to {config.environment} by {strategy}.")
        _status(ctx, "pending", f"{version} is being deployed.")
        try:
            return self._begin(ctx, strategy, version)
        except StepFailedError as error:
            _status(ctx, "failure", error.message)
            raise

    def _begin(self, ctx: StepContext, strategy: str, version: str) -> Outcome:
        config: DeployConfig = ctx.config
        if strategy == "command":
            environment = {
                **ctx.environment, "DEPLOY_ENVIRONMENT": config.environment,
                "DEPLOY_VERSION": version,
            }  # fmt: skip
            result = ctx.commands.run(
                config.command, environment=environment,
                working_directory=config.working_directory,
            )  # fmt: skip
            ended = outcome_of(result)
            if ended.status != "success":
                _status(ctx, "failure", ended.error_message)
                outputs = {**_facts(config, strategy, version), **ended.outputs}
                return Done("failure", outputs, ended.error_message, ended.reason, ended.exit_code)
            return self._check(ctx, strategy, version, "The command ended well.")
        if strategy == "workflow":
            return self._start_workflow(ctx, version)
        said = strategies.post(ctx, strategy, version)
        return self._check(ctx, strategy, version, said)

    def _start_workflow(self, ctx: StepContext, version: str) -> Outcome:
        config: DeployConfig = ctx.config
        run_id = strategies.start_workflow(ctx, version)
        until = time.time() + config.timeout_minutes * 60
        ctx.log(f"The host started run {run_id}.")
        return _parked({"run": run_id, "version": version, "until": until}, config.workflow)

    def resume(self, ctx: StepContext, ref: str, _message: Mapping[str, Any], /) -> Outcome:
        """Look how the workflow stands at its host."""
        config: DeployConfig = ctx.config
        state = json.loads(ref)
        try:
            found = strategies.workflow_run(ctx, state["run"])
        except DomainError as error:
            # A host that is away for a while ends no deployment.
            if time.time() < state["until"]:
                ctx.log(f"The host does not answer: {error}")
                return _parked(state, config.workflow)
            return self._fail(ctx, state, f"The host does not answer: {error}", "host")
        if found.conclusion == "success":
            return self._check(ctx, "workflow", state["version"], f"{found.web_url} succeeded.")
        if found.conclusion:
            text = f"The workflow ended as {found.conclusion}: {found.web_url}"
            return self._fail(ctx, state, text, "workflow")
        if time.time() >= state["until"]:
            text = f"The workflow took longer than {config.timeout_minutes:g} minutes."
            return self._fail(
                ctx, state, f"{text} It may still go on: {found.web_url}", "timed_out"
            )
        return _parked(state, config.workflow)

    def cancel(self, ctx: StepContext, ref: str) -> None:
        """Have the host stop the workflow."""
        strategies.stop_workflow(ctx, json.loads(ref)["run"])
        _status(ctx, "cancelled", "The deployment was cancelled.")

    def _fail(self, ctx: StepContext, state: Mapping[str, Any], text: str, reason: str) -> Done:
        _status(ctx, "failure", text)
        outputs = _facts(ctx.config, "workflow", state["version"])
        return Done("failure", outputs, text, reason)

    def _check(self, ctx: StepContext, strategy: str, version: str, said: str) -> Done:
        """Look whether it got there; what was not looked at is not called healthy."""
        config: DeployConfig = ctx.config
        outputs = {**_facts(config, strategy, version), "deploy_output": said}
        ctx.log(said)
        problem, reason = "", ""
        if config.health_check_url:
            problem = _health(ctx, config)
            outputs["health_check"] = "failed" if problem else "passed"
            reason = "health_check"
            if problem and not config.fail_on_health_check:
                ctx.log(problem)
                problem = ""
        elif strategy in {"webhook", "api"}:
            ctx.log("The far side accepted it; whether it runs was not checked: no health check.")
        if not problem and config.smoke_test_command:
            result = ctx.commands.run(config.smoke_test_command, environment=ctx.environment)
            outputs["smoke_test"] = "passed" if result.is_success else "failed"
            if not result.is_success:
                reason = result.stopped or "smoke_test"
                problem = f"The smoke test ended with exit status {result.exit_code}."
                problem = problem if config.fail_on_smoke_test or result.stopped else ""
        if problem:
            _status(ctx, "failure", problem)
            return Done("failure", outputs, problem, reason)
        _status(ctx, "success", f"{version} is deployed.")
        return Done(outputs=outputs)


def _facts(config: DeployConfig, strategy: str, version: str) -> dict[str, Any]:
    return {
        "environment": config.environment, "version": version, "strategy": strategy,
        "deploy_output": "", "health_check": "not_set", "smoke_test": "not_set",
    }  # fmt: skip


def _health(ctx: StepContext, config: DeployConfig) -> str:
    """Why it is not healthy, or empty."""
    problem = ""
    for look in range(config.health_check_retries + 1):
        if look and not _wait(ctx, config.health_check_retry_delay):
            return f"{problem} The step was stopped."
        problem = strategies.health_problem(config.health_check_url, config.health_check_timeout)
        if not problem:
            ctx.log(f"{config.health_check_url} is healthy.")
            return ""
        ctx.log(problem)
    return problem


def _wait(ctx: StepContext, seconds: float) -> bool:
    """Wait, listening; false when the step must end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if ctx.should_stop():
            return False
        time.sleep(min(_CHECK_GRAIN, max(0.0, until - time.monotonic())))
    return True


def _parked(state: Mapping[str, Any], workflow: str) -> Parked:
    until = timezone.now() + _LOOK
    return Parked("external", json.dumps(state), until, f"The workflow {workflow} runs.")


def _status(ctx: StepContext, state: StatusState, words: str) -> None:
    config: DeployConfig = ctx.config
    if config.update_status and ctx.run.commit_sha and ctx.run.repository_id:
        # Everybody who sees the commit reads it.
        shown = [config.environment, words, config.status_url or ctx.run.url]
        environment, words, address = (ctx.mask(each.encode()).decode() for each in shown)
        key = f"deploy:{ctx.key}:{state}"
        record_deploy_status(ctx.run, environment, state, words, address, key=key)
