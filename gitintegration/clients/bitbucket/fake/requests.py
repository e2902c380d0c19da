"""What Bitbucket takes: the query parameters and bodies that our client may send.

Source: Bitbucket Cloud REST documentation, version 2.0. Unknown members are violations.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Nothing but what is named."""

    model_config = ConfigDict(extra="forbid")


class Nothing(Strict):
    """Nothing at all."""


class Paging(Strict):
    """Any list."""

    page: int = Field(1, ge=1)
    pagelen: int = Field(10, ge=1, le=100)


class Query(Paging):
    """A list that can be filtered and sorted."""

    q: str = ""
    sort: str = ""


class Pulls(Query):
    """`GET …/pullrequests`; at most fifty a page."""

    pagelen: int = Field(10, ge=1, le=50)
    state: (
        Literal["OPEN", "MERGED", "DECLINED", "SUPERSEDED"]
        | list[Literal["OPEN", "MERGED", "DECLINED", "SUPERSEDED"]]
    ) = "OPEN"


class Commits(Paging):
    """`GET …/commits`."""

    include: str = ""
    exclude: str = ""


class Change(Strict):
    """`GET …/diff/{spec}`."""

    topic: bool = False


class ChangeList(Change):
    """`GET …/diffstat/{spec}`."""

    page: int = Field(1, ge=1)
    pagelen: int = Field(10, ge=1, le=100)


class Source(Paging):
    """`GET …/src/{commit}/{path}`."""

    format: Literal["meta", "rendered"] | None = None
    max_depth: int | None = None


class Pipelines(Paging):
    """`GET …/pipelines`."""

    sort: str = ""
    target_branch: str = Field("", alias="target.branch")
    trigger_type: Literal["PUSH", "MANUAL", "SCHEDULED", "PARENT_STEP"] | None = None
    status: str = ""


class Restrictions(Paging):
    """`GET …/branch-restrictions`."""

    kind: str = ""
    pattern: str = ""


class MainBranch(Strict):
    """A branch by its name."""

    type: Literal["branch"]
    name: str


class EditRepository(Strict):
    """`PUT /repositories/{workspace}/{repo_slug}`."""

    name: str = ""
    description: str = ""
    is_private: bool = False
    has_issues: bool = False
    has_wiki: bool = False
    mainbranch: MainBranch | None = None


class CreateRepository(EditRepository):
    """`POST /repositories/{workspace}/{repo_slug}`."""

    scm: Literal["git"] = "git"


class Hash(Strict):
    """A commit."""

    hash: str = Field(min_length=7)
    type: Literal["commit"] | None = None


class CreateBranch(Strict):
    """`POST …/refs/branches`."""

    name: str = Field(min_length=1)
    target: Hash


class BranchName(Strict):
    """A branch by its name."""

    name: str = Field(min_length=1)


class End(Strict):
    """The source or the destination of a pull request."""

    branch: BranchName


class CreatePull(Strict):
    """`POST …/pullrequests`."""

    title: str = Field(min_length=1)
    source: End
    destination: End | None = None
    description: str = ""
    draft: bool = False
    close_source_branch: bool = False


class Merge(Strict):
    """`POST …/pullrequests/{id}/merge`."""

    type: str
    message: str = ""
    close_source_branch: bool = False
    merge_strategy: Literal[
        "merge_commit", "squash", "fast_forward", "squash_fast_forward",
        "rebase_fast_forward", "rebase_merge",
    ] = "merge_commit"  # fmt: skip


class Content(Strict):
    """A text in Markdown."""

    raw: str = Field(min_length=1)


class Comment(Strict):
    """`POST` and `PUT …/comments`."""

    content: Content


class Hook(Strict):
    """`POST` and `PUT …/hooks`."""

    description: str = ""
    url: str = Field(min_length=1)
    active: bool = True
    secret: str | None = None
    events: list[str] = Field(min_length=1)


class Status(Strict):
    """`POST …/commit/{commit}/statuses/build`."""

    key: str = Field(min_length=1, max_length=40)
    name: str = ""
    state: Literal["INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"]
    description: str = ""
    url: str = Field(min_length=1)


class Restriction(Strict):
    """`POST` and `PUT …/branch-restrictions`."""

    kind: str
    branch_match_kind: Literal["glob", "branching_model"]
    pattern: str = ""
    value: int | None = None


class Key(Strict):
    """`POST …/deploy-keys`."""

    label: str = Field(min_length=1)
    key: str = Field(min_length=1)


class Selector(Strict):
    """Which pipeline of the file."""

    type: Literal["custom", "branches", "tags", "default", "pull-requests"]
    pattern: str = ""


class Target(Strict):
    """What a pipeline runs for."""

    type: Literal["pipeline_ref_target", "pipeline_commit_target", "pipeline_pullrequest_target"]
    ref_type: Literal["branch", "tag"] | None = None
    ref_name: str = ""
    source: str = ""
    destination: str = ""
    commit: Hash | None = None
    selector: Selector | None = None


class Variable(Strict):
    """A variable of a run."""

    key: str = Field(min_length=1)
    value: str
    secured: bool = False


class CreatePipeline(Strict):
    """`POST …/pipelines`."""

    target: Target
    variables: list[Variable] = []


class CreateRunner(Strict):
    """`POST …/pipelines-config/runners`."""

    name: str = Field(min_length=1, max_length=50)
    labels: list[str] = Field(min_length=2)


class EditRunner(Strict):
    """`PUT …/pipelines-config/runners/{uuid}`."""

    labels: list[str]
