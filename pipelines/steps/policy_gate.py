"""`policy_gate`: rules that a run must meet before it goes on; what is not known fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from django.utils import timezone
from pydantic import Field

from devops.safety.patterns import GlobSet
from pipelines.operations.approvals_given import count_approvers
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError
from pipelines.steps.tools import members, read_report

_BLOCKED_LICENSES = ["GPL-3.0", "AGPL-3.0"]
_PROTECTED = ["main", "master", "release/*"]


class VulnerabilityThreshold(Config):
    """How many findings of a scan are accepted."""

    type: Literal["vulnerability_threshold"]
    max_critical: int = Field(0, ge=0, title="Critical at most")
    max_high: int = Field(5, ge=0, title="High at most")


class LicenseCompliance(Config):
    """Licences that no ingredient may have; one without a licence is not accepted either."""

    type: Literal["license_compliance"]
    blocked: list[str] = Field(default_factory=lambda: list(_BLOCKED_LICENSES), title="Blocked")
    allow_unknown: bool = Field(default=False, title="Accept what states none")


class ImageSigningRequired(Config):
    """An earlier step signed and checked the signature."""

    type: Literal["image_signing_required"]


class SbomRequired(Config):
    """An earlier step listed the ingredients."""

    type: Literal["sbom_required"]


class BranchProtection(Config):
    """The run's branch is one of the protected ones."""

    type: Literal["branch_protection"]
    branches: list[str] = Field(default_factory=lambda: list(_PROTECTED), title="Branches (globs)")


class ApprovalRequired(Config):
    """People approved an earlier step of this run."""

    type: Literal["approval_required"]
    count: int = Field(1, ge=1, le=20, title="People at least")


class CustomPolicy(Config):
    """A command that ends with 0."""

    type: Literal["custom"]
    name: str = Field("custom", min_length=1, max_length=100, title="Name")
    command: str = Field(
        min_length=1, max_length=65_536, title="Command",
        json_schema_extra={"x-command": True, "format": "shell"},
    )  # fmt: skip


Policy = Annotated[
    VulnerabilityThreshold
    | LicenseCompliance
    | ImageSigningRequired
    | SbomRequired
    | BranchProtection
    | ApprovalRequired
    | CustomPolicy,
    Field(discriminator="type"),
]


class PolicyGateConfig(Config):
    """The rules, and how many of them must be met."""

    policies: list[Policy] = Field(
        min_length=1,
        max_length=50,
        title="Policies",
        description="Each with its `type` and the settings of that type.",
    )
    fail_mode: Literal["any", "all"] = Field(
        "any",
        title="Fails when",
        description="`any` policy is not met, or only when `all` are not.",
    )


TYPE = StepType(
    name="policy_gate",
    title="Policy gate",
    summary="Go on only when the run meets its policies; what is not known counts as not met.",
    config_model=PolicyGateConfig,
    outputs={
        "passed": "Whether the run may go on.",
        "total_policies": "How many there are.",
        "passed_count": "How many are met.",
        "failed_count": "How many are not.",
        "results": "Each with `policy`, `passed` and `reason`.",
        "evaluated_at": "When.",
    },
    effect="pure",
    docs=(
        "Fails when policies are not met (`fail_mode`). What is not known counts as not "
        "met: a scan that did not run, counts that are missing, an ingredient without a "
        "licence."
    ),
    example={"policies": [{"type": "vulnerability_threshold", "max_high": 0}]},
)


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a policy is met, and why (not)."""

    policy: str
    passed: bool
    reason: str


class PolicyGateHandler(Immediate):
    """Fails closed: a scan that did not run proves nothing."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: PolicyGateConfig = ctx.config
        rulings = [_rule(ctx, policy) for policy in config.policies]
        for ruling in rulings:
            ctx.log(f"{'met' if ruling.passed else 'NOT MET'}: {ruling.policy}: {ruling.reason}")
        met = [ruling for ruling in rulings if ruling.passed]
        passed = len(met) == len(rulings) if config.fail_mode == "any" else bool(met)
        outputs = {
            "passed": passed,
            "total_policies": len(rulings),
            "passed_count": len(met),
            "failed_count": len(rulings) - len(met),
            "results": [
                {"policy": each.policy, "passed": each.passed, "reason": each.reason}
                for each in rulings
            ],
            "evaluated_at": timezone.now().isoformat(),
        }
        if passed:
            return Done(outputs=outputs)
        failed = next(ruling for ruling in rulings if not ruling.passed)
        text = f"{len(rulings) - len(met)} of {len(rulings)} policies are not met: {failed.reason}"
        return Done("failure", outputs, text, "policy")


def _rule(ctx: StepContext, policy: Policy) -> Ruling:
    match policy:
        case VulnerabilityThreshold():
            passed, reason = _vulnerabilities(ctx, policy)
        case LicenseCompliance():
            passed, reason = _licenses(ctx, policy)
        case ImageSigningRequired():
            passed, reason = _earlier(ctx, "sign_artifact", "signed anything")
        case SbomRequired():
            passed, reason = _earlier(ctx, "sbom_generate", "listed the ingredients")
        case BranchProtection():
            branch = ctx.run.branch
            passed = bool(branch) and GlobSet(policy.branches).matches(branch)
            words = "is" if passed else "is not"
            reason = f"The branch {branch or '(none)'} {words} one of {', '.join(policy.branches)}."
        case ApprovalRequired():
            given = count_approvers(ctx.run.id)
            passed, reason = given >= policy.count, f"{given} of {policy.count} approved."
        case CustomPolicy():
            result = ctx.commands.run(policy.command, environment=ctx.environment)
            passed = result.is_success
            reason = f"{policy.name} ended with exit status {result.exit_code}."
    return Ruling(policy.type, passed, reason)


def _vulnerabilities(ctx: StepContext, policy: VulnerabilityThreshold) -> tuple[bool, str]:
    found = [outputs.get("by_severity") for outputs in outputs_of(ctx, "vulnerability_scan")]
    counts = [each for each in found if isinstance(each, Mapping)]
    if not counts or len(counts) != len(found):
        return False, "No vulnerability scan of this run has told its counts."
    critical, high = (_sum(counts, name) for name in ("critical", "high"))
    if critical is None or high is None:
        return False, "A vulnerability scan told no counts."
    reason = (
        f"{critical} critical (at most {policy.max_critical}),"
        f" {high} high (at most {policy.max_high})."
    )
    return critical <= policy.max_critical and high <= policy.max_high, reason


def _sum(counts: Sequence[Mapping[str, Any]], name: str) -> int | None:
    values = [each.get(name) for each in counts]
    numbers = [value for value in values if isinstance(value, int) and value >= 0]
    return sum(numbers) if len(numbers) == len(values) else None


def _earlier(ctx: StepContext, step_type: str, what: str) -> tuple[bool, str]:
    if any(outputs for outputs in outputs_of(ctx, step_type)):
        return True, f"A step of this run has {what}."
    return False, f"No step of this run has {what}."


def _licenses(ctx: StepContext, policy: LicenseCompliance) -> tuple[bool, str]:
    paths = [str(each["sbom_path"]) for each in outputs_of(ctx, "sbom_generate") if each]
    if not paths:
        return False, "No step of this run has listed the ingredients."
    unknown = 0
    for path in paths:
        try:
            report = read_report(ctx, path, "The list of ingredients")
        except StepFailedError as error:
            return False, error.message
        for component in members(report, "components") or members(report, "packages"):
            licenses = _licenses_of(component)
            unknown += not licenses
            for license_id in licenses:
                if any(_is_blocked(license_id, blocked) for blocked in policy.blocked):
                    return False, f"{component.get('name')} is under {license_id}."
    if unknown and not policy.allow_unknown:
        return False, f"{unknown} ingredients state no licence."
    return True, "No ingredient is under a blocked licence."


def _licenses_of(component: Mapping[str, Any]) -> list[str]:
    """Licences of a CycloneDX component or an SPDX package."""
    found = []
    for entry in members(component, "licenses"):
        named = entry.get("license")
        if isinstance(named, Mapping):
            found.append(str(named.get("id") or named.get("name") or ""))
        found.append(str(entry.get("expression") or ""))
    for name in ("licenseConcluded", "licenseDeclared"):
        value = str(component.get(name) or "")
        found.append("" if value in {"NOASSERTION", "NONE"} else value)
    return [text for text in found if text]


def _is_blocked(license_id: str, blocked: str) -> bool:
    """`GPL-3.0` blocks `GPL-3.0-only` and `GPL-3.0-or-later`, and `MIT AND GPL-3.0` too."""
    words = license_id.replace("(", " ").replace(")", " ").split()
    return any(word == blocked or word.startswith((f"{blocked}-", f"{blocked}+")) for word in words)


def outputs_of(ctx: StepContext, step_type: str) -> list[Mapping[str, Any]]:
    """The outputs of the run's steps of a type; empty for one that did not succeed."""
    steps = ctx.contexts.get("steps") or {}
    found: list[Mapping[str, Any]] = []
    for step in ctx.run.snapshot.get("steps", ()):
        if step.get("step_type") == step_type:
            seen = steps.get(step["key"]) or {}
            outputs = seen.get("outputs")
            several = outputs if isinstance(outputs, list) else [outputs]
            is_sound = seen.get("status") == "success" or step.get("continue_on_error")
            found += [each if is_sound and isinstance(each, Mapping) else {} for each in several]
    return found
