"""Rows of pipelines."""

from pipelines.models.approvals import ApprovalGate, ApprovalVote, StepApprovalToken
from pipelines.models.caches import StepCache
from pipelines.models.checks import CommitCheck
from pipelines.models.definitions import (
    Pipeline,
    PipelineDocument,
    PipelineRepository,
    PipelineStep,
    Worker,
)
from pipelines.models.hints import FailureHint
from pipelines.models.hooks import PipelineHook
from pipelines.models.runs import Artifact, PipelineRun, StepExecution
from pipelines.models.schedules import Schedule, ScheduleFire
from pipelines.models.templates import (
    PipelineTemplate,
    PipelineTemplateVersion,
    TemplateInstallation,
    TemplateRating,
)
from pipelines.models.tests import KnownTest, TestCase, TestQuarantine, TestReport
from pipelines.models.workspaces import WorkspaceSnapshot

__all__ = [
    "ApprovalGate",
    "ApprovalVote",
    "Artifact",
    "CommitCheck",
    "FailureHint",
    "KnownTest",
    "Pipeline",
    "PipelineDocument",
    "PipelineHook",
    "PipelineRepository",
    "PipelineRun",
    "PipelineStep",
    "PipelineTemplate",
    "PipelineTemplateVersion",
    "Schedule",
    "ScheduleFire",
    "StepApprovalToken",
    "StepCache",
    "StepExecution",
    "TemplateInstallation",
    "TemplateRating",
    "TestCase",
    "TestQuarantine",
    "TestReport",
    "Worker",
    "WorkspaceSnapshot",
]
