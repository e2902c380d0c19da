"""`create_pr`: the workspace's changes as a pull request at the repository's git host."""

from pydantic import Field, field_validator

from gitintegration.public import (
    Change,
    NewPullRequest,
    apply_patch,
    check_ref,
    ensure_pull_request,
    publish_changes,
)
from pipelines.ai.proposals import ProposalRefused, check_patch
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError
from pipelines.steps.hosting import (
    MAX_BODY,
    check_trust,
    checked_source,
    host_words,
    signature_of,
    text_of,
    trigger_facts,
)


class CreatePrConfig(Config):
    """Which pull request to open, and from what."""

    branch: str = Field(
        "", title="Branch", description="Empty: <prefix>/issue-N, /pr-N-changes or /run-N."
    )
    branch_prefix: str = Field(
        "powernode",
        title="Prefix of a branch without a name",
        description="What such a branch begins with.",
    )
    skip_branch_creation: bool = Field(
        default=False, title="The branch exists already", description="Nothing is committed."
    )
    base: str = Field("", title="Into", description="Empty: the repository's default branch.")
    title: str = Field(
        "",
        title="Title",
        description="Empty: made from the issue, pull request or run.",
        max_length=250,
    )
    body: str = Field(
        "",
        title="Text",
        description="Markdown; empty: what started the run, with a link.",
        max_length=MAX_BODY,
    )
    body_from: str = Field("", title="Text from an output", description="As `step_key.output`.")
    patch_from: str = Field(
        "", title="Patch from an output", description="As `step_key.patch`; applied first."
    )
    commit_message: str = Field(
        "", title="Message of the commit", description="Empty: the title.", max_length=10_000
    )
    draft: bool = Field(
        default=False, title="As a draft", description="Nobody is asked for a review yet."
    )

    @field_validator("body_from", "patch_from")
    @classmethod
    def _names_an_output(cls, value: str) -> str:
        return checked_source(value)


TYPE = StepType(
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


class CreatePrHandler(Immediate):
    """Commits without the workspace's own git settings; the same changes give the same commit."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: CreatePrConfig = ctx.config
        check_trust(ctx)
        branch, base = _branch(ctx, config), config.base or _default_branch(ctx)
        body = text_of(ctx, config.body, "", config.body_from) or _usual_body(ctx)
        title = config.title or _usual_title(ctx)
        with host_words():
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


def _apply(ctx: StepContext, source: str) -> None:
    """Apply a proposed patch to the workspace, once it keeps to what proposals may change."""
    patch = text_of(ctx, "", "", source)
    if not patch.strip():
        raise StepFailedError(f"{source} proposes no patch.", reason="patch")
    try:
        paths = check_patch(patch)
    except ProposalRefused as error:
        raise StepFailedError(str(error), reason="patch") from error
    apply_patch(ctx.workspace, patch, ctx.scratch)
    ctx.log(f"Applied the patch to {', '.join(paths)[:500]}.")


def _branch(ctx: StepContext, config: CreatePrConfig) -> str:
    if config.branch:
        return config.branch
    if config.skip_branch_creation:
        return ctx.run.branch
    issue, pull = (
        trigger_facts(ctx, "issue").get("number"),
        trigger_facts(ctx, "pull_request").get("number"),
    )
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
    issue = trigger_facts(ctx, "issue").get("number")
    return f"Resolve #{issue}" if issue else f"Changes of {ctx.run.pipeline_name}"


def _usual_body(ctx: StepContext) -> str:
    issue = trigger_facts(ctx, "issue").get("number")
    closes = f"\n\nCloses #{issue}" if issue else ""
    return f"{signature_of(ctx)}{closes}"
