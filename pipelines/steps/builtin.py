"""The step types that come with the product."""

from pipelines.steps import (
    ai_workflow,
    checkout,
    claude_execute,
    code_factory_gate,
    commands,
    deploy,
    download_artifact,
    hosting,
    notify,
    policy_gate,
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
    register(commands.RUN_COMMAND, commands.CommandHandler())
    register(commands.CUSTOM, commands.CommandHandler())
    register(run_tests.TYPE, run_tests.RunTestsHandler())
    register(notify.TYPE, notify.NotifyHandler())
    register(upload_artifact.TYPE, upload_artifact.UploadArtifactHandler())
    register(download_artifact.TYPE, download_artifact.DownloadArtifactHandler())
    register(hosting.CREATE_BRANCH, hosting.CreateBranchHandler())
    register(hosting.CREATE_PR, hosting.CreatePrHandler())
    register(hosting.POST_COMMENT, hosting.PostCommentHandler())
    register(vulnerability_scan.TYPE, vulnerability_scan.VulnerabilityScanHandler())
    register(sbom_generate.TYPE, sbom_generate.SbomGenerateHandler())
    register(sign_artifact.TYPE, sign_artifact.SignArtifactHandler())
    register(policy_gate.TYPE, policy_gate.PolicyGateHandler())
    register(code_factory_gate.TYPE, code_factory_gate.CodeFactoryGateHandler())
    register(deploy.TYPE, deploy.DeployHandler())
    register(ai_workflow.TYPE, ai_workflow.AiWorkflowHandler())
    register(claude_execute.TYPE, claude_execute.ClaudeExecuteHandler())
