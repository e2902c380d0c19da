"""Rows of pipelines."""

from pipelines.models.checks import CommitCheck
from pipelines.models.definitions import Pipeline, PipelineRepository, PipelineStep, Worker
from pipelines.models.runs import Artifact, PipelineRun, StepExecution, TestCase, TestReport

__all__ = [
    "Artifact",
    "CommitCheck",
    "Pipeline",
    "PipelineRepository",
    "PipelineRun",
    "PipelineStep",
    "StepExecution",
    "TestCase",
    "TestReport",
    "Worker",
]
