"""Pipelines that a repository's file defines: does what is stored still say what the file says?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.db import transaction

from devops import audit
from devops.access import Actor
from devops.errors import Conflict
from devops.models import Repository
from gitintegration.public import (
    GitFailedError,
    GitRefusedError,
    list_heads,
    read_files,
    try_git_auth,
)
from pipelines import selectors
from pipelines.documents import document_diff, parse, to_definition
from pipelines.linting import lint_text
from pipelines.models import Pipeline
from pipelines.operations.definitions import WRITE, keep_text, replace_definition

State = Literal["none", "in_step", "differs", "missing", "invalid", "unreadable"]


@dataclass(frozen=True, slots=True)
class Drift:
    """How a stored definition stands to its file on the default branch.

    `diff` leads from what is stored to what the file says; `message` is for people.
    """

    state: State
    message: str
    path: str
    branch: str
    sha: str = ""
    diff: str = ""
    definition: dict[str, Any] | None = None
    text: str = ""


def compare_with_file(actor: Actor, pipeline: Pipeline) -> Drift:
    """Read the file as it is on the default branch now, and compare; changes nothing."""
    actor.require(selectors.READ_PIPELINES)
    repository = pipeline.source_repository
    if repository is None or not pipeline.source_path:
        return Drift("none", f"{pipeline.name} is not kept in a repository.", "", "")
    return _compared(pipeline, _file(repository, pipeline.source_path))


def take_file(actor: Actor, pipeline: Pipeline) -> Pipeline:
    """Replace what is stored by what the file says now.

    Raises:
        Conflict: there is no file, it cannot be read, is gone, or has errors.
    """
    actor.require(WRITE)
    found = compare_with_file(actor, pipeline)
    if found.definition is None:
        raise Conflict(found.message, remedy="Mend the file on the default branch, then try again.")
    with transaction.atomic(durable=True):
        # The key in addresses stays, whatever the file calls it.
        definition = {**found.definition, "slug": pipeline.slug}
        replace_definition(pipeline, definition, sha=found.sha)
        keep_text(pipeline, found.text)
        audit.record(actor, "devops.pipeline.take_file", pipeline, detail={"sha": found.sha})
    return selectors.pipeline(actor, pipeline.pk)


def _file(repository: Repository, path: str) -> Drift:
    """The file's own part of the answer; `definition` where it can be used."""
    branch = repository.default_branch
    auth = try_git_auth(repository)
    cache = Path(settings.POWERNODE_GIT_CACHE_ROOT) / repository.pk.hex
    try:
        sha = list_heads(repository.clone_url, auth).get(branch, "")
        files = read_files(repository.clone_url, sha, (path,), cache, auth) if sha else {}
    except (GitFailedError, GitRefusedError) as error:
        return Drift("unreadable", f"The repository could not be read: {error}", path, branch)
    if path not in files:
        return Drift("missing", f"{path} does not exist on {branch} any more.", path, branch, sha)
    findings = lint_text(files[path])
    first = next((each for each in findings if each.severity == "error"), None)
    if first is not None:
        message = f"{path}:{first.line}:{first.column}: {first.message}"
        return Drift("invalid", message, path, branch, sha)
    definition = to_definition(parse(files[path]).value)
    return Drift("in_step", "", path, branch, sha, "", definition, files[path])


def _compared(pipeline: Pipeline, found: Drift) -> Drift:
    if found.definition is None:
        return found
    stored = selectors.definition_of(pipeline)
    there = {**found.definition, "slug": pipeline.slug}
    diff = document_diff(stored, there, ("stored", f"{found.path} on {found.branch}"))
    message = (
        f"What is stored differs from {found.path} on {found.branch}."
        if diff
        else f"What is stored is what {found.path} says on {found.branch}."
    )
    state: State = "differs" if diff else "in_step"
    return Drift(
        state, message, found.path, found.branch, found.sha, diff, found.definition, found.text
    )  # fmt: skip
