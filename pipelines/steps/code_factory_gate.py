"""`code_factory_gate`: what a change touches decides which checks and approvals it needs."""

from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import Field

from gitintegration.public import (
    GitFailedError,
    GitRefusedError,
    git_auth,
    list_heads,
    read_files,
)
from pipelines import risk_contract
from pipelines.operations.approvals_given import count_approvers
from pipelines.operations.artifacts import artifact_names
from pipelines.risk_contract import ContractError, Tier, read_contract, tier_of
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError


class CodeFactoryGateConfig(Config):
    """Which change is judged; usually what the trigger tells."""

    changed_files: list[str] = Field(
        default_factory=list, max_length=10_000, title="Changed paths",
        description="Empty: those that the trigger tells.",
    )  # fmt: skip
    pr_number: int | None = Field(
        None, ge=1, title="Pull request", description="Empty: the trigger's."
    )
    head_sha: str = Field("", max_length=64, title="Commit", description="Empty: the run's.")


TYPE = StepType(
    name="code_factory_gate",
    title="Risk contract",
    summary=f"Ask of a change what {risk_contract.PATH} of the default branch says for its paths.",
    config_model=CodeFactoryGateConfig,
    outputs={
        "risk_tier": "The riskiest tier that the change touches.",
        "required_checks": "Steps that must have succeeded.",
        "required_approvals": "How many people must have approved.",
        "evidence_required": "Artifacts that must have been kept.",
        "missing": "What is missing of all that.",
    },
    effect="pure",
    docs=(
        "The contract is read on the default branch, so that a change cannot bring a "
        "milder one along. See [Gate changes by risk](../how-to/gate-by-risk.md). Fails "
        "without a contract, pull request, commit or changed paths, when a path belongs "
        "to no tier, and when checks, approvals or evidence are missing."
    ),
    example={},
)


class CodeFactoryGateHandler(Immediate):
    """Fails closed: no contract, an unknown path or an unknown change is a failure."""

    def execute(self, ctx: StepContext) -> Outcome:
        paths, number, sha = _change(ctx)
        tier = tier_of(_contract(ctx), paths)
        if tier is None:
            raise StepFailedError(
                f"A changed path belongs to no tier of {risk_contract.PATH}.", reason="unknown_path"
            )
        ctx.log(f"#{number} at {sha[:7]} is of the tier {tier.name}: {len(paths)} paths.")
        missing = [*_checks(ctx, tier), *_approvals(ctx, tier), *_evidence(ctx, tier)]
        outputs = {
            "risk_tier": tier.name,
            "required_checks": tier.checks,
            "required_approvals": tier.approvals,
            "evidence_required": tier.evidence,
            "missing": missing,
        }
        for sentence in missing:
            ctx.log(f"missing: {sentence}")
        if missing:
            text = f"The tier {tier.name} asks for more: {missing[0]}"
            return Done("failure", outputs, text, "risk_contract")
        return Done(outputs=outputs)


def _change(ctx: StepContext) -> tuple[list[str], int, str]:
    config: CodeFactoryGateConfig = ctx.config
    trigger: dict[str, Any] = dict(ctx.contexts.get("trigger") or {})
    pull = trigger.get("pull_request")
    number = config.pr_number or (pull.get("number") if isinstance(pull, dict) else None)
    sha = config.head_sha or ctx.run.commit_sha
    paths = config.changed_files or trigger.get("changed_paths")
    if not isinstance(number, int) or not sha:
        raise StepFailedError(
            "There is no pull request with a commit to judge: start the pipeline on pull requests,"
            " or set `pr_number` and `head_sha`.",
            reason="configuration",
        )
    if not paths:
        raise StepFailedError(
            "Which paths were changed is not known, so the change cannot be judged.",
            reason="unknown_change",
        )
    return [str(path) for path in paths], number, sha


def _contract(ctx: StepContext) -> risk_contract.Contract:
    """The contract of the default branch: a change cannot bring a milder one along."""
    repository = ctx.contexts.get("repository") or {}
    branch = str(repository.get("default_branch") or "main")
    url = ctx.run.clone_url
    if not url or ctx.run.repository_id is None:
        raise StepFailedError("The run has no repository.", reason="configuration")
    cache = Path(settings.POWERNODE_GIT_CACHE_ROOT) / ctx.run.repository_id.hex
    try:
        auth = git_auth(ctx.run.repository_id)
        head = list_heads(url, auth).get(branch, "")
        files = read_files(url, head, (risk_contract.PATH,), cache, auth) if head else {}
    except (GitRefusedError, GitFailedError) as error:
        text = f"The contract could not be read: {error}"
        raise StepFailedError(text, reason="contract") from error
    if risk_contract.PATH not in files:
        raise StepFailedError(f"{branch} has no {risk_contract.PATH}.", reason="contract")
    try:
        return read_contract(files[risk_contract.PATH])
    except ContractError as error:
        raise StepFailedError(str(error), reason="contract") from error


def _checks(ctx: StepContext, tier: Tier) -> list[str]:
    steps = ctx.contexts.get("steps") or {}
    statuses = {key: (steps.get(key) or {}).get("status") for key in tier.checks}
    return [
        f"step {key} is {status or 'not in this run'}"
        for key, status in statuses.items()
        if status != "success"
    ]


def _approvals(ctx: StepContext, tier: Tier) -> list[str]:
    given = count_approvers(ctx.run.id)
    if given >= tier.approvals:
        return []
    return [f"{given} of {tier.approvals} people approved"]


def _evidence(ctx: StepContext, tier: Tier) -> list[str]:
    kept = artifact_names(ctx.run.id) if tier.evidence else set()
    return [f"artifact {name} was not kept" for name in tier.evidence if name not in kept]
