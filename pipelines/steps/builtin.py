"""The step types that come with the product."""

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
from pipelines.steps.registry import register


def register_builtin() -> None:
    """Enter every built-in type with its handler."""
    register(checkout.TYPE, checkout.CheckoutHandler())
    register(run_command.TYPE, run_command.CommandHandler())
    register(custom.TYPE, run_command.CommandHandler())
    register(run_tests.TYPE, run_tests.RunTestsHandler())
    register(notify.TYPE, notify.NotifyHandler())
    register(upload_artifact.TYPE, upload_artifact.UploadArtifactHandler())
    register(download_artifact.TYPE, download_artifact.DownloadArtifactHandler())
    register(create_branch.TYPE, create_branch.CreateBranchHandler())
    register(create_pr.TYPE, create_pr.CreatePrHandler())
    register(post_comment.TYPE, post_comment.PostCommentHandler())
    register(vulnerability_scan.TYPE, vulnerability_scan.VulnerabilityScanHandler())
    register(sbom_generate.TYPE, sbom_generate.SbomGenerateHandler())
    register(sign_artifact.TYPE, sign_artifact.SignArtifactHandler())
    register(policy_gate.TYPE, policy_gate.PolicyGateHandler())
    register(code_factory_gate.TYPE, code_factory_gate.CodeFactoryGateHandler())
    register(deploy.TYPE, deploy.DeployHandler())
    register(ai_workflow.TYPE, ai_workflow.AiWorkflowHandler())
    register(claude_execute.TYPE, claude_execute.ClaudeExecuteHandler())
