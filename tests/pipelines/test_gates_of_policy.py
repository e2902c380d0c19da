"""Gates by policy and by risk: what they accept, and that what is not known never passes."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from devops.models import Repository
from pipelines.choices import Answer, GateKind, GateStatus
from pipelines.models import ApprovalGate, ApprovalVote, PipelineRepository, PipelineRun
from pipelines.risk_contract import ContractError, read_contract, tier_of
from tests.pipelines.conftest import Workshop, last, step
from tests.pipelines.test_supply_chain_steps import LOCK_FILES, run, scan, using

CONTRACT = """\
version: 1
tiers:
  - name: high
    paths: ["payments/**", ".powernode/**"]
    checks: [tests, review]
    approvals: 2
    evidence: [report]
  - {name: low, paths: ["**", "!secret/**"], checks: [tests]}
"""


def gate(*policies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return using("policy_gate", key="gate", policies=list(policies), **more)


def vote(started: PipelineRun, *voters: str, status: str = GateStatus.APPROVED) -> None:
    """People answered a gate of the run."""
    asked = ApprovalGate.objects.create(
        account=started.account, run=started, kind=GateKind.APPROVAL, status=status, step_key="x"
    )
    for voter in voters:
        ApprovalVote.objects.create(
            account=started.account, gate=asked, voter=voter, label=voter, answer=Answer.APPROVE,
            via="user",
        )  # fmt: skip


SOUND_SCAN = scan(scanner="trivy", fail_on_threshold=False)
LIMITS = {"type": "vulnerability_threshold"}


@pytest.mark.parametrize(
    ("steps", "policy", "passed", "said"),
    [
        ([SOUND_SCAN], LIMITS, True, "1 high (at most 5)"),
        ([SOUND_SCAN], {**LIMITS, "max_high": 0}, False, "1 high (at most 0)"),
        ([], LIMITS, False, "No vulnerability scan"),
        ([{**scan(scanner="grype"), "continue_on_error": True}], LIMITS, False,
         "No vulnerability scan"),
        ([using("sbom_generate")], {"type": "sbom_required"}, True, "listed"),
        ([], {"type": "sbom_required"}, False, "No step of this run"),
        ([using("sbom_generate")], {"type": "license_compliance"}, False, "state no licence"),
        ([using("sbom_generate")], {"type": "license_compliance", "allow_unknown": True}, True,
         "No ingredient"),
        ([using("sbom_generate", tool="syft", format="spdx")], {"type": "license_compliance"},
         False, "a is under AGPL-3.0-only"),
        ([], {"type": "license_compliance"}, False, "has listed"),
        ([], {"type": "image_signing_required"}, False, "signed"),
        ([using("sign_artifact", artifact_path="go.sum")], {"type": "image_signing_required"},
         True, "signed"),
        ([], {"type": "branch_protection"}, False, "(none) is not one of"),
        ([], {"type": "approval_required"}, False, "0 of 1 approved"),
        ([], {"type": "custom", "name": "Fine", "command": "test -f go.sum"}, True, "status 0"),
        ([], {"type": "custom", "name": "Not", "command": "exit 7"}, False, "status 7"),
    ],
)  # fmt: skip
def test_a_policy_is_met_by_what_happened_only(
    workshop: Workshop, steps: list[dict[str, Any]], policy: dict[str, Any], passed: bool, said: str
) -> None:
    ended = run(workshop, *steps, gate(policy), files=LOCK_FILES, tools=("trivy", "syft", "cosign"))
    attempt = last(ended, "gate")
    ruling = attempt.outputs["results"][0]
    assert (attempt.outputs["passed"], ruling["passed"]) == (passed, passed), ruling
    assert said in ruling["reason"]
    assert attempt.status == ("success" if passed else "failure")
    assert attempt.reason == ("" if passed else "policy")


def test_the_mode_says_whether_one_or_all_must_be_met(workshop: Workshop) -> None:
    good, bad = ({"type": "custom", "command": f"exit {code}"} for code in (0, 1))
    for mode, policies, status in (
        ("any", (good, bad), "failure"), ("all", (good, bad), "success"),
        ("all", (bad, bad), "failure"), ("any", (good, good), "success"),
    ):  # fmt: skip
        ended = run(workshop, gate(*policies, fail_mode=mode))
        assert last(ended, "gate").status == status, (mode, policies)


def test_each_approving_person_counts_once_and_void_gates_do_not(workshop: Workshop) -> None:
    for voters, status, expected in (
        (["a", "b"], GateStatus.APPROVED, "success"), (["a"], GateStatus.APPROVED, "failure"),
        (["a", "b"], GateStatus.VOID, "failure"),
    ):  # fmt: skip
        started = workshop.trigger(
            workshop.pipeline(gate({"type": "approval_required", "count": 2}))
        )
        vote(started, *voters, status=status)
        vote(started, voters[0], status=status)
        assert last(workshop.execute(started), "gate").status == expected


@pytest.mark.parametrize("text", ["- a", "version: 2\ntiers: []", "version: 1\ntiers: []", "a: [",
                                  CONTRACT.replace("approvals: 2", "approvals: -1"),
                                  CONTRACT.replace("approvals", "aprovals")])  # fmt: skip
def test_a_contract_that_cannot_be_used_says_where(text: str) -> None:
    with pytest.raises(ContractError, match=r"risk-contract.yml: "):
        read_contract(text)


def test_the_riskiest_path_decides() -> None:
    contract = read_contract(CONTRACT)
    for paths, name in (
        (["a.py"], "low"), (["a.py", "payments/x.py"], "high"), (["secret/k"], None), ([], None),
        (["payments/x.py", "secret/k"], None),
    ):  # fmt: skip
        tier = tier_of(contract, paths)
        assert (tier.name if tier else None) == name, paths


class Site:
    """A repository on this machine whose default branch may hold a contract."""

    def __init__(self, shop: Workshop, folder: Path, contract: str | None) -> None:
        self.shop = shop
        folder.mkdir()
        environment = {
            **os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
        }  # fmt: skip
        (folder / ".powernode").mkdir()
        (folder / "README").write_text("hello")
        if contract is not None:
            (folder / ".powernode" / "risk-contract.yml").write_text(contract)
        for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "x"]):
            subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)
        self.repository = Repository.objects.create(
            account_id=shop.actor.account_id, name="r", full_name="o/r", clone_url=str(folder),
            default_branch="main",
        )  # fmt: skip

    def run(self, paths: list[str] | None, *steps: dict[str, Any], voters: list[str]) -> Any:
        made = self.shop.pipeline(*steps, using("code_factory_gate", key="gate"))
        PipelineRepository.objects.create(pipeline=made, repository=self.repository)
        started = self.shop.trigger(made, sha="a" * 40)
        context = {
            **started.trigger_context, "changed_paths": paths, "pull_request": {"number": 7},
        }  # fmt: skip
        PipelineRun.objects.filter(pk=started.pk).update(trigger_context=context)
        vote(started, *voters)
        return last(self.shop.execute(started), "gate")


@pytest.fixture
def roots(tmp_path: Path, settings: Settings) -> Path:
    settings.POWERNODE_GIT_LOCAL_ROOTS = [str(tmp_path)]
    settings.POWERNODE_GIT_CACHE_ROOT = tmp_path / "cache"
    return tmp_path


def test_a_risky_change_needs_checks_approvals_and_evidence(
    workshop: Workshop, roots: Path
) -> None:
    site = Site(workshop, roots / "r", CONTRACT)
    keep = step("keep", step_type="upload_artifact",
                configuration={"name": "report", "path": "r.txt"})  # fmt: skip
    all_done = (step("tests", "echo x > r.txt"), step("review"), keep)

    assert site.run(["a.py"], step("tests"), voters=[]).status == "success"
    done = site.run(["payments/x.py"], *all_done, voters=["a", "b"])
    assert (done.status, done.outputs["risk_tier"]) == ("success", "high"), done.error_message

    bare = site.run(["payments/x.py"], step("tests"), voters=["a"])
    assert (bare.status, bare.reason) == ("failure", "risk_contract")
    assert bare.outputs["missing"] == [
        "step review is not in this run", "1 of 2 people approved", "artifact report was not kept",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("contract", "paths", "reason", "said"),
    [
        (None, ["a"], "contract", "main has no .powernode/risk-contract.yml"),
        ("version: 3", ["a"], "contract", "risk-contract.yml: "),
        (CONTRACT, None, "unknown_change", "not known"),
        (CONTRACT, [], "unknown_change", "not known"),
        (CONTRACT, ["secret/k"], "unknown_path", "belongs to no tier"),
    ],
)
def test_what_is_not_known_is_not_let_through(
    workshop: Workshop, roots: Path, contract: str | None, paths: list[str] | None, reason: str,
    said: str,
) -> None:  # fmt: skip
    ended = Site(workshop, roots / "r", contract).run(paths, step("tests"), voters=["a", "b"])
    assert (ended.status, ended.reason) == ("failure", reason)
    assert said in ended.error_message


def test_a_run_without_a_change_is_refused(workshop: Workshop) -> None:
    ended = last(run(workshop, using("code_factory_gate", key="gate")), "gate")
    assert (ended.status, ended.reason) == ("failure", "configuration")
    assert json.loads(json.dumps(ended.outputs)) == {}
