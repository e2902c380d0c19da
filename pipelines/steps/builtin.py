"""The step types that come with the product."""

from pipelines.step_types import StepType
from pipelines.steps import (
    ai_workflow,
    checkout,
    claude_execute,
    code_factory_gate,
    create_branch,
    create_pr,
    custom,
    deploy,
    download_artifact,
    notify,
    policy_gate,
    post_comment,
    run_command,
    run_tests,
    sbom_generate,
    sign_artifact,
    upload_artifact,
    vulnerability_scan,
)
from pipelines.steps.base import StepHandler
from pipelines.steps.registry import register

BUILTIN: tuple[tuple[StepType, StepHandler], ...] = (
    (checkout.TYPE, checkout.CheckoutHandler()),
    (run_command.TYPE, run_command.CommandHandler()),
    (custom.TYPE, run_command.CommandHandler()),
    (run_tests.TYPE, run_tests.RunTestsHandler()),
    (notify.TYPE, notify.NotifyHandler()),
    (upload_artifact.TYPE, upload_artifact.UploadArtifactHandler()),
    (download_artifact.TYPE, download_artifact.DownloadArtifactHandler()),
    (create_branch.TYPE, create_branch.CreateBranchHandler()),
    (create_pr.TYPE, create_pr.CreatePrHandler()),
    (post_comment.TYPE, post_comment.PostCommentHandler()),
    (vulnerability_scan.TYPE, vulnerability_scan.VulnerabilityScanHandler()),
    (sbom_generate.TYPE, sbom_generate.SbomGenerateHandler()),
    (sign_artifact.TYPE, sign_artifact.SignArtifactHandler()),
    (policy_gate.TYPE, policy_gate.PolicyGateHandler()),
    (code_factory_gate.TYPE, code_factory_gate.CodeFactoryGateHandler()),
    (deploy.TYPE, deploy.DeployHandler()),
    (ai_workflow.TYPE, ai_workflow.AiWorkflowHandler()),
    (claude_execute.TYPE, claude_execute.ClaudeExecuteHandler()),
)


def register_builtin() -> None:
    """Enter every built-in type with its handler."""
    for step_type, handler in BUILTIN:
        register(step_type, handler)
