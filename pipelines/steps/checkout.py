"""`checkout`: put the run's commit into the workspace."""

from pydantic import Field

from gitintegration.public import NOBODY, GitRefusedError, checkout, git_auth, is_local
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError


class CheckoutConfig(Config):
    """What to check out, and how much of its history."""

    repository: str = Field("", title="Clone URL", description="Empty: the run's repository.")
    ref: str = Field("", title="Branch, tag or SHA", description="Empty: the run's commit.")
    fetch_depth: int = Field(
        1, ge=0, le=1_000_000, title="Fetch depth", description="Commits to fetch; 0 fetches all."
    )
    path: str = Field("", title="Folder", description="Below the workspace; empty: its root.")


TYPE = StepType(
    name="checkout",
    title="Check out",
    summary="Put the run's commit, or another repository, into the workspace.",
    config_model=CheckoutConfig,
    outputs={
        "sha": "The commit that was checked out.",
        "title": "The first line of its message.",
        "branch": "The branch, when the run knows it.",
    },
    effect="workspace",
    docs=(
        "Nothing of the repository is executed. Fails when the run has no repository, "
        "when the ref or commit does not exist or could be misread by git, when the "
        "repository does not answer, and when it is larger than the operator allows."
    ),
    example={"fetch_depth": 1},
)


class CheckoutHandler(Immediate):
    """Fetches with the hardened git client; nothing of the repository is executed."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: CheckoutConfig = ctx.config
        url = config.repository or ctx.run.clone_url
        if not url:
            raise StepFailedError(
                "The run has no repository. Attach one to the pipeline, or set `repository`.",
                reason="configuration",
            )
        is_foreign = url != ctx.run.clone_url
        if is_foreign and is_local(url):
            raise StepFailedError(
                "A step may not check out another repository of this server by its path.",
                reason="refused",
            )
        own = not is_foreign and not config.ref
        is_sha = len(config.ref) in {40, 64} and set(config.ref) <= set("0123456789abcdef")
        into = (ctx.workspace / config.path).resolve()
        if into != ctx.workspace.resolve() and ctx.workspace.resolve() not in into.parents:
            raise StepFailedError(f"The path {config.path!r} leaves the workspace.")
        try:
            result = checkout(
                url,
                into,
                sha=ctx.run.commit_sha if own else (config.ref if is_sha else ""),
                ref=ctx.run.ref if own else ("" if is_sha else config.ref),
                depth=config.fetch_depth,
                symlinks=ctx.run.is_trusted,
                # Another repository is read as nobody: a step's owner need not see it.
                auth=NOBODY if is_foreign else git_auth(ctx.run.repository_id),
                log=ctx.log,
            )
        except GitRefusedError as error:
            raise StepFailedError(str(error), reason="refused") from error
        outputs = {
            "sha": result.sha, "title": result.title, "branch": result.branch or ctx.run.branch,
        }  # fmt: skip
        return Done(outputs=outputs, commit_sha=result.sha if own else "")
