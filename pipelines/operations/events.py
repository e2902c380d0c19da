"""What happened in a repository starts pipelines: those attached to it, and those it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from devops import outbox
from devops.models import OutboxMessage, Repository
from gitintegration.public import (
    GitFailedError,
    GitRefusedError,
    list_heads,
    note_result,
    read_files,
    try_git_auth,
)
from pipelines import selectors
from pipelines.choices import Trust
from pipelines.documents import parse, to_definition
from pipelines.linting import lint_text
from pipelines.matching import match_triggers, trigger_context
from pipelines.models import Pipeline, PipelineRepository, PipelineRun
from pipelines.operations.checks import EVENTS, SKIPS, settle_check
from pipelines.operations.creation import Origin, create_run
from pipelines.operations.definitions import insert_pipeline, keep_text, replace_definition
from pipelines.operations.runs import repository_context

# How often a repository that does not answer is read anew before the event goes on without it:
# every quarter of a minute, for two minutes.
_READ_TRIES = 8
DEFINITION_FILES = (".powernode/*.yml", ".powernode/*.yaml")


@dataclass(slots=True)
class Definitions:
    """The pipeline files of a commit: those that are sound, and what is wrong with the others."""

    sound: dict[str, dict[str, Any]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    is_retryable: bool = False
    has_files: bool = False


@dataclass(slots=True)
class Outcome:
    """What an event led to: runs, sentences on what did not start, and skips by pipeline."""

    started: list[PipelineRun] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def resolve_event(message_id: str) -> None:
    """Start the runs of one repository event, once, however often this is called.

    Three beats: read the message, read the commit's pipeline files without a transaction, then
    create everything in one.
    """
    message = OutboxMessage.objects.filter(pk=message_id, handled_at=None).first()
    if message is None:
        return
    event = message.payload
    repository = Repository.objects.filter(pk=event["repository_id"], is_active=True).first()
    if repository is None:
        outbox.mark_handled(message_id)
        return
    event = _placed(repository, event)
    definitions = _read_definitions(repository, event)
    if definitions.is_retryable and message.attempts < _READ_TRIES:
        # Left unhandled: the relay wakes this again in some seconds, and no trigger is lost.
        note_result(event["event_id"], f"{definitions.problems[0]} It is tried again.")
        return
    _create_runs(message_id, repository, event, definitions)


def _placed(repository: Repository, event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with `definition_sha`: where its pipelines are read.

    Whoever is not trusted cannot bring a pipeline along, and what has no commit of its own (an
    issue, a comment) runs on the default branch.
    """
    placed = dict(event)
    own = bool(event["sha"]) and event["type"] in {"push", "pull_request", "release"}
    if own and event["is_trusted"]:
        placed["definition_sha"] = event["sha"]
        return placed
    auth = try_git_auth(repository)
    try:
        head = list_heads(repository.clone_url, auth).get(repository.default_branch, "")
    except (GitFailedError, GitRefusedError) as error:
        placed["unread"] = f"The default branch could not be read: {error}"
        placed["is_retryable"] = isinstance(error, GitFailedError)
        head = ""
    placed["definition_sha"] = head
    if not own:
        placed |= {
            "sha": head,
            "branch": repository.default_branch,
            "ref": f"refs/heads/{repository.default_branch}",
        }
    return placed


def _read_definitions(repository: Repository, event: Mapping[str, Any]) -> Definitions:
    found = Definitions()
    if not event["definition_sha"]:
        found.problems += [event["unread"]] if "unread" in event else []
        found.is_retryable = bool(event.get("is_retryable"))
        return found
    cache = Path(settings.POWERNODE_GIT_CACHE_ROOT) / repository.pk.hex
    try:
        files = read_files(
            repository.clone_url, event["definition_sha"], DEFINITION_FILES, cache,
            try_git_auth(repository),
        )  # fmt: skip
    except (GitFailedError, GitRefusedError) as error:
        found.problems.append(f"Pipeline files could not be read: {error}")
        found.is_retryable = isinstance(error, GitFailedError)
        return found
    found.has_files = bool(files)
    for path, text in sorted(files.items()):
        findings = [finding for finding in lint_text(text) if finding.severity == "error"]
        if findings:
            first = findings[0]
            found.problems.append(f"{path}:{first.line}:{first.column}: {first.message}")
        else:
            found.sound[path] = to_definition(parse(text).value)
            found.texts[path] = text
    return found


@transaction.atomic(durable=True)
def _create_runs(
    message_id: str, repository: Repository, event: Mapping[str, Any], definitions: Definitions
) -> None:
    """Create what the event starts, mark its message, and say on the delivery what happened."""
    if not outbox.mark_handled(message_id):
        return
    outcome = Outcome()
    for path, definition in definitions.sound.items():
        text = definitions.texts[path]
        pipeline = _pipeline_of_file(repository, event, path, definition, text)
        _start(pipeline, definition, repository, event, outcome, source=path)
    linked = PipelineRepository.objects.filter(
        repository=repository, pipeline__is_active=True, pipeline__deleted_at=None,
        pipeline__source_path="",
    ).select_related("pipeline")  # fmt: skip
    for link in linked:
        definition = selectors.effective_definition(
            selectors.definition_of(link.pipeline), link.overrides
        )
        _start(link.pipeline, definition, repository, event, outcome)
    if event["type"] in EVENTS and not event.get("is_deletion"):
        # A repository that nobody attached a pipeline to is told nothing of an unread file.
        is_ours = definitions.has_files or linked.exists() or bool(outcome.started)
        problems = definitions.problems if is_ours else []
        settle_check(repository, event["sha"], skipped=outcome.skipped, problems=problems)
    note_result(event["event_id"], _sentence(outcome, definitions.problems))


def _start(
    pipeline: Pipeline,
    definition: Mapping[str, Any],
    repository: Repository,
    event: Mapping[str, Any],
    outcome: Outcome,
    *,
    source: str = "",
) -> None:
    if not pipeline.is_active:
        outcome.passed.append(f"{pipeline.name}: switched off.")
        return
    match = match_triggers(definition["triggers"], {**event, **trigger_context(event)})
    if not match.is_match:
        outcome.passed.append(f"{pipeline.name}: {match.reason}")
        if match.cause in SKIPS and definition["features"].get("commit_status", True):
            outcome.skipped[str(pipeline.pk)] = match.cause
        return
    existing = PipelineRun.objects.filter(pipeline=pipeline, event_key=event["key"][:80]).first()
    outcome.started.append(
        existing or create_run(pipeline, definition, _origin(repository, event, source))
    )


def _origin(repository: Repository, event: Mapping[str, Any], source: str) -> Origin:
    context = trigger_context(event)
    context["repository"] = repository_context(repository)
    subject = event.get("pull_request") or event.get("issue") or {}
    title = (
        subject.get("title")
        or (event.get("commit") or {}).get("title")
        or f"{event['type']} {event['ref']}"
    )
    return Origin(
        trigger_type=event["type"],
        context=context,
        title=title,
        ref=event["ref"],
        branch=event["branch"],
        sha=event["sha"],
        actor_label=event["actor"],
        event_key=event["key"][:80],
        repository=repository,
        definition_source=source,
        trust=Trust.TRUSTED if event["is_trusted"] else Trust.UNTRUSTED,
        is_superseded=bool(event.get("is_superseded")),
    )


def _pipeline_of_file(
    repository: Repository,
    event: Mapping[str, Any],
    path: str,
    definition: dict[str, Any],
    text: str,
) -> Pipeline:
    """The pipeline that a file of the repository defines, created or brought up to date.

    Only a push of the default branch changes what is stored; other branches run their own text.
    """
    pipeline = Pipeline.objects.filter(
        source_repository=repository, source_path=path, deleted_at=None
    ).first()
    if pipeline is None:
        definition = {**definition, "slug": _free_or_blank(repository, definition)}
        source = (repository, path, event["definition_sha"])
        pipeline = insert_pipeline(repository.account_id, definition, source=source)
        PipelineRepository.objects.create(pipeline=pipeline, repository=repository)
        keep_text(pipeline, text)
    elif (
        event["type"] == "push"
        and event["is_trusted"]
        # One that came late would bring back what a newer push replaced.
        and not event.get("is_superseded")
        and event["branch"] == repository.default_branch
        and pipeline.source_sha != event["sha"]
    ):
        replace_definition(pipeline, definition, sha=event["sha"])
        keep_text(pipeline, text)
    pipeline.refresh_from_db()
    definition["slug"] = pipeline.slug
    return pipeline


def _free_or_blank(repository: Repository, definition: Mapping[str, Any]) -> str:
    taken = Pipeline.objects.filter(
        account_id=repository.account_id, slug=definition.get("slug") or "", deleted_at=None
    )
    return "" if taken.exists() else definition.get("slug") or ""


def _sentence(outcome: Outcome, problems: list[str]) -> str:
    parts = []
    if outcome.started:
        runs = ", ".join(f"{run.snapshot['name']} #{run.run_number}" for run in outcome.started)
        parts.append(f"Started {runs}.")
    elif not outcome.passed and not problems:
        parts.append("No pipeline is attached to this repository.")
    return " ".join([*parts, *problems, *outcome.passed])
