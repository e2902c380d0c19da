"""Workflows for the hosts' own CI, generated from a pipeline's definition.

Pure. What a host cannot express is left out and said so in the notes, and whatever decides whether
something may go on (gates, scans) then fails closed: a generated workflow never does more than the
pipeline would.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.documents.generators.bitbucket import bitbucket_pipelines
from pipelines.documents.generators.github import gitea_workflow, github_workflow
from pipelines.documents.generators.gitlab import gitlab_pipeline
from pipelines.documents.generators.parts import Generated
from pipelines.documents.triggers import is_by_hand

TARGETS: Mapping[str, Callable[[Mapping[str, Any]], Generated]] = {
    "github": github_workflow,
    "gitlab": gitlab_pipeline,
    "gitea": gitea_workflow,
    "bitbucket": bitbucket_pipelines,
}

__all__ = ["TARGETS", "Generated", "generate"]


def generate(definition: Mapping[str, Any], target: str) -> Generated:
    """Return the workflow of a definition for one of `TARGETS`.

    Raises:
        KeyError: the target is none of them.
    """
    triggers = dict(definition.get("triggers") or {})
    if not is_by_hand(triggers):
        del triggers["manual"]
    return TARGETS[target]({**definition, "triggers": triggers})
