"""`create_branch`: a branch at the repository's git host."""

from pydantic import Field

from gitintegration.public import check_ref, ensure_branch
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError
from pipelines.steps.hosting import check_trust, host_words


class CreateBranchConfig(Config):
    """Which branch to make, and where."""

    name: str = Field(title="Branch", description="The name of the new branch.", max_length=200)
    source: str = Field(
        "", title="From", description="A branch or a full SHA; empty: the run's commit."
    )


TYPE = StepType(
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


class CreateBranchHandler(Immediate):
    """Looks first, so that a lost answer makes no second branch."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: CreateBranchConfig = ctx.config
        check_trust(ctx)
        source = config.source or ctx.run.commit_sha or ctx.run.branch
        if not source:
            raise StepFailedError(
                "The run has no commit; say where with `source`.", reason="configuration"
            )
        with host_words():
            name = check_ref(config.name)
            branch, is_new = ensure_branch(ctx.run.repository_id, name, source)
        ctx.log(f"{'Made' if is_new else 'Found'} the branch {branch.name} at {branch.sha[:7]}.")
        return Done(outputs={"branch": branch.name, "sha": branch.sha, "created": is_new})
