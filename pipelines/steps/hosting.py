"""`create_branch`, `create_pr`, `post_comment`: what a run does at its repository's git host."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from devops.errors import DomainError
from gitintegration.public import (
    Change,
    GitFailedError,
    GitRefusedError,
    NewPullRequest,
    apply_patch,
    check_ref,
    ensure_branch,
    ensure_comment,
    ensure_pull_request,
    publish_changes,
)
from pipelines.ai.proposals import ProposalRefused, check_patch
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError

_MAX_BODY = 60_000
_BODY_FROM = re.compile(r"([a-z_][a-z0-9_-]{0,63})\.([A-Za-z_][A-Za-z0-9_-]{0,127})")


class CreateBranchConfig(Config):
    """Which branch to make, and where."""

    name: str = Field(title="Branch", max_length=200)
    source: str = Field(
        "", title="From", description="A branch or a full SHA; empty: the run's commit."
    )


class CreatePrConfig(Config):
    """Which pull request to open, and from what."""

    branch: str = Field(
        "", title="Branch", description="Empty: <prefix>/issue-N, /pr-N-changes or /run-N."
    )
    branch_prefix: str = Field("powernode", title="Prefix of a branch without a name")
    skip_branch_creation: bool = Field(
        default=False, title="The branch exists already", description="Nothing is committed."
    )
    base: str = Field("", title="Into", description="Empty: the repository's default branch.")
    title: str = Field("", title="Title", max_length=250)
    body: str = Field("", title="Text", max_length=_MAX_BODY)
    body_from: str = Field("", title="Text from an output", description="As `step_key.output`.")
    patch_from: str = Field(
        "", title="Patch from an output", description="As `step_key.patch`; applied first."
    )
    commit_message: str = Field("", title="Message of the commit", max_length=10_000)
    draft: bool = Field(default=False, title="As a draft")

    @field_validator("body_from", "patch_from")
    @classmethod
    def _names_an_output(cls, value: str) -> str:
        return _checked_source(value)


class PostCommentConfig(Config):
    """What to say, and where."""

    issue_number: int | None = Field(
        None, ge=1, title="Number", description="Empty: the trigger's pull request or issue."
    )
    body: str = Field("", title="Text", max_length=_MAX_BODY)
    body_file: str = Field("", title="Text from a file", description="Below the workspace.")
    body_from: str = Field("", title="Text from an output", description="As `step_key.output`.")
    header: str = Field("", title="Above the text", max_length=2000)
    footer: str = Field("", title="Below the text", max_length=2000)
    no_signature: bool = Field(default=False, title="Without the line that names the run")

    @field_validator("body_from")
    @classmethod
    def _names_an_output(cls, value: str) -> str:
        return _checked_source(value)


CREATE_BRANCH = StepType(
    name="create_branch",
    title="Create a branch",
    summary="Make a branch at the git host; one that is there already is fine.",
    config_model=CreateBranchConfig,
    outputs={
        "branch": "Its name.",
        "sha": "The commit it points to.",
        "created": "Whether it was made now.",
    },
    effect="external",
    docs=(
        "Fails when the branch exists elsewhere, when its name could be misread by git, "
        "when the host has no such source, and for an untrusted run."
    ),
    example={"name": "release/next"},
)
CREATE_PR = StepType(
    name="create_pr",
    title="Open a pull request",
    summary="Commit the workspace's changes to a branch, push it, and open a pull request.",
    config_model=CreatePrConfig,
    outputs={
        "pr_number": "Its number.",
        "pr_url": "Its address.",
        "branch": "The branch it comes from.",
        "sha": "The commit that was pushed.",
        "created": "Whether it was opened now.",
    },
    effect="external",
    docs=(
        "Everything that differs from the run's commit is committed; the workspace's own "
        "git settings play no part. Equal changes on the same commit give the same "
        "commit; an open pull request of the same branches is found instead of doubled. "
        "Fails when the branch holds other commits, when git or the host refuses, and for "
        "an untrusted run."
    ),
    example={"title": "Update the lock file", "branch": "powernode/lock"},
)
POST_COMMENT = StepType(
    name="post_comment",
    title="Post a comment",
    summary="Say something on a pull request or issue; a later run edits the same comment.",
    config_model=PostCommentConfig,
    outputs={"comment_id": "Its id at the host.", "comment_url": "Its address."},
    effect="external",
    docs=(
        "The text is the file's, else the output's, else `body`. The comment carries a "
        "hidden marker of pipeline and step, by which the next run finds and edits it. "
        "Fails without a number or a text, when the host refuses, and for an untrusted "
        "run."
    ),
    example={"body": "Tests: ${{ steps.tests.status }}"},
)


class CreateBranchHandler(Immediate):
    """Looks first, so that a lost answer makes no second branch."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: CreateBranchConfig = ctx.config
        _check_trust(ctx)
        source = config.source or ctx.run.commit_sha or ctx.run.branch
        if not source:
            raise StepFailedError(
                "The run has no commit; say where with `source`.", reason="configuration"
            )
        with _host_words():
            name = check_ref(config.name)
            branch, is_new = ensure_branch(ctx.run.repository_id, name, source)
        ctx.log(f"{'Made' if is_new else 'Found'} the branch {branch.name} at {branch.sha[:7]}.")
        return Done(outputs={"branch": branch.name, "sha": branch.sha, "created": is_new})


class CreatePrHandler(Immediate):
    """Commits without the workspace's own git settings; the same changes give the same commit."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: CreatePrConfig = ctx.config
        _check_trust(ctx)
        branch, base = _branch(ctx, config), config.base or _default_branch(ctx)
        body = _text(ctx, config.body, "", config.body_from) or _usual_body(ctx)
        title = config.title or _usual_title(ctx)
        with _host_words():
            check_ref(branch)
            check_ref(base)
            sha = _base_sha(ctx)
            if not config.skip_branch_creation:
                if config.patch_from:
                    _apply(ctx, config.patch_from)
                change = Change(sha, branch, config.commit_message or title)
                sha = publish_changes(
                    ctx.run.repository_id, ctx.run.clone_url, ctx.workspace, change, ctx.scratch
                )
                ctx.log(f"Pushed {sha[:7]} to {branch}.")
            new = NewPullRequest(title, branch, base, body, config.draft)
            pull, is_new = ensure_pull_request(ctx.run.repository_id, new)
        ctx.log(f"{'Opened' if is_new else 'Found'} #{pull.number}: {pull.web_url}")
        return Done(
            outputs={
                "pr_number": pull.number,
                "pr_url": pull.web_url,
                "branch": branch,
                "sha": sha,
                "created": is_new,
            }
        )


class PostCommentHandler(Immediate):
    """One comment per pipeline and step: found by its hidden marker and edited."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: PostCommentConfig = ctx.config
        _check_trust(ctx)
        number = config.issue_number or _number(ctx)
        if number is None:
            raise StepFailedError(
                "There is no pull request or issue to comment on. Set `issue_number`.",
                reason="configuration",
            )
        body = _text(ctx, config.body, config.body_file, config.body_from)
        if not body.strip():
            raise StepFailedError("There is nothing to say: the text is empty.")
        signature = "" if config.no_signature else _signature(ctx)
        parts = [part for part in (config.header, body, config.footer, signature) if part]
        marker = f"{ctx.run.pipeline_id.hex}:{ctx.step_key}"
        text = ctx.mask("\n\n".join(parts).encode()).decode(errors="replace")[:_MAX_BODY]
        with _host_words():
            comment = ensure_comment(ctx.run.repository_id, number, marker, text)
        ctx.log(f"Commented on #{number}: {comment.web_url}")
        return Done(outputs={"comment_id": comment.id, "comment_url": comment.web_url})


@contextmanager
def _host_words() -> Iterator[None]:
    """What the host or git refuses ends the step in their words and ours."""
    try:
        yield
    except (GitRefusedError, GitFailedError) as error:
        raise StepFailedError(str(error), reason="refused") from error
    except DomainError as error:
        remedy = f" {error.remedy}" if error.remedy else ""
        raise StepFailedError(f"{error}{remedy}", reason="host") from error


def _check_trust(ctx: StepContext) -> None:
    if not ctx.run.is_trusted:
        raise StepFailedError("An untrusted run may not write to the git host.", reason="untrusted")


def _checked_source(value: str) -> str:
    if value and "${{" not in value and not _BODY_FROM.fullmatch(value):
        raise ValueError("Give a step and one of its outputs, as `tests.summary`.")
    return value


def _text(ctx: StepContext, body: str, file: str, source: str) -> str:
    """The file's text, else the output's, else the text itself."""
    if file:
        return _file(ctx.workspace, file)
    if source:
        key, _, name = source.partition(".")
        outputs = (ctx.contexts.get("steps") or {}).get(key, {}).get("outputs") or {}
        if name not in outputs:
            raise StepFailedError(f"The step {key} has no output {name}.")
        return str(outputs[name])
    return body


def _apply(ctx: StepContext, source: str) -> None:
    """Apply a proposed patch to the workspace, once it keeps to what proposals may change."""
    patch = _text(ctx, "", "", source)
    if not patch.strip():
        raise StepFailedError(f"{source} proposes no patch.", reason="patch")
    try:
        paths = check_patch(patch)
    except ProposalRefused as error:
        raise StepFailedError(str(error), reason="patch") from error
    apply_patch(ctx.workspace, patch, ctx.scratch)
    ctx.log(f"Applied the patch to {', '.join(paths)[:500]}.")


def _file(workspace: Path, name: str) -> str:
    root = workspace.resolve()
    path = (root / name).resolve()
    if root not in path.parents or not path.is_file():
        raise StepFailedError(f"There is no file {name!r} in the workspace.")
    with path.open("rb") as file:
        return file.read(_MAX_BODY).decode("utf-8", errors="replace")


def _trigger(ctx: StepContext, name: str) -> dict[str, Any]:
    found = (ctx.contexts.get("trigger") or {}).get(name)
    return found if isinstance(found, dict) else {}


def _number(ctx: StepContext) -> int | None:
    for name in ("pull_request", "issue"):
        number = _trigger(ctx, name).get("number")
        if isinstance(number, int) and number > 0:
            return number
    return None


def _branch(ctx: StepContext, config: CreatePrConfig) -> str:
    if config.branch:
        return config.branch
    if config.skip_branch_creation:
        return ctx.run.branch
    issue, pull = _trigger(ctx, "issue").get("number"), _trigger(ctx, "pull_request").get("number")
    if pull:
        return f"{config.branch_prefix}/pr-{pull}-changes"
    if issue:
        return f"{config.branch_prefix}/issue-{issue}"
    return f"{config.branch_prefix}/run-{ctx.run.number}"


def _base_sha(ctx: StepContext) -> str:
    """What the changes are made against: the run's commit, else the one checked out."""
    if ctx.run.commit_sha:
        return ctx.run.commit_sha
    steps = ctx.contexts.get("steps") or {}
    for step in ctx.run.snapshot.get("steps", ()):
        if step.get("step_type") == "checkout" and not step["configuration"].get("repository"):
            sha = (steps.get(step["key"], {}).get("outputs") or {}).get("sha")
            if sha:
                return str(sha)
    raise StepFailedError(
        "The run knows no commit. Put a checkout step before this one.", reason="configuration"
    )


def _default_branch(ctx: StepContext) -> str:
    return str((ctx.contexts.get("repository") or {}).get("default_branch") or "main")


def _usual_title(ctx: StepContext) -> str:
    issue = _trigger(ctx, "issue").get("number")
    return f"Resolve #{issue}" if issue else f"Changes of {ctx.run.pipeline_name}"


def _usual_body(ctx: StepContext) -> str:
    issue = _trigger(ctx, "issue").get("number")
    closes = f"\n\nCloses #{issue}" if issue else ""
    return f"{_signature(ctx)}{closes}"


def _signature(ctx: StepContext) -> str:
    return f"_{ctx.run.pipeline_name} [#{ctx.run.number}]({ctx.run.url})_"
