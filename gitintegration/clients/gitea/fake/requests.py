"""What Gitea takes: the query parameters and bodies that our client may send.

Source: Gitea's API documentation (its swagger description of version 1.24) and the option types
of its API package. Unknown members are violations.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["open", "closed", "all"]


class Strict(BaseModel):
    """Nothing but what is named."""

    model_config = ConfigDict(extra="forbid")


class Paging(Strict):
    """Any list."""

    page: int = Field(1, ge=1)
    limit: int = Field(30, ge=1)


class Nothing(Strict):
    """Nothing at all."""


class CreateRepo(Strict):
    """`POST /user/repos` and `/orgs/{org}/repos`."""

    name: str = Field(min_length=1, max_length=100)
    description: str = Field("", max_length=2048)
    private: bool = False
    auto_init: bool = False
    default_branch: str = "main"


class EditRepo(Strict):
    """`PATCH /repos/{owner}/{repo}`."""

    name: str = ""
    description: str = ""
    default_branch: str = ""
    private: bool = False
    archived: bool = False
    has_issues: bool = True
    has_pull_requests: bool = True
    has_wiki: bool = True


class CreateBranch(Strict):
    """`POST …/branches`."""

    new_branch_name: str = Field(min_length=1, max_length=100)
    old_ref_name: str = ""


class Commits(Paging):
    """`GET …/commits`."""

    sha: str = ""
    path: str = ""
    stat: bool = True
    files: bool = True
    verification: bool = True
    since: str = ""
    until: str = ""


class GitCommit(Strict):
    """`GET …/git/commits/{sha}`."""

    stat: bool = True
    files: bool = True
    verification: bool = True


class Contents(Strict):
    """`GET …/contents/{path}`."""

    ref: str = ""


class Tree(Strict):
    """`GET …/git/trees/{sha}`."""

    recursive: bool = False
    page: int = Field(1, ge=1)
    per_page: int = Field(1000, ge=1)


class CreateFile(Strict):
    """`POST …/contents/{path}`."""

    content: str
    branch: str = ""
    message: str = ""


class UpdateFile(CreateFile):
    """`PUT …/contents/{path}`."""

    sha: str = Field(min_length=40)


class DeleteFile(Strict):
    """`DELETE …/contents/{path}`."""

    sha: str = Field(min_length=40)
    branch: str = ""
    message: str = ""


class Pulls(Paging):
    """`GET …/pulls`."""

    state: State = "open"
    sort: str = ""


class CreatePull(Strict):
    """`POST …/pulls`."""

    title: str = Field(min_length=1)
    head: str = Field(min_length=1)
    base: str = Field(min_length=1)
    body: str = ""


class EditPull(Strict):
    """`PATCH …/pulls/{index}`."""

    title: str = ""
    body: str = ""
    base: str = ""
    state: Literal["open", "closed"] | None = None


class MergePull(Strict):
    """`POST …/pulls/{index}/merge`."""

    Do: Literal["merge", "rebase", "rebase-merge", "squash", "fast-forward-only"]
    head_commit_id: str = ""
    delete_branch_after_merge: bool = False


class Issues(Paging):
    """`GET …/issues`."""

    state: State = "open"
    type: Literal["issues", "pulls"] | None = None


class CreateComment(Strict):
    """`POST …/issues/{index}/comments`, `PATCH …/issues/comments/{id}`."""

    body: str = Field(min_length=1)


class HookConfig(Strict):
    """Where a hook delivers to."""

    url: str
    content_type: Literal["json", "form"]
    secret: str = ""


class EditHook(Strict):
    """`PATCH …/hooks/{id}`."""

    active: bool = False
    events: list[str] = []
    config: HookConfig
    branch_filter: str = ""


class CreateHook(EditHook):
    """`POST …/hooks`."""

    type: Literal["gitea", "forgejo", "gogs", "slack"]


class CreateStatus(Strict):
    """`POST …/statuses/{sha}`."""

    state: Literal["pending", "success", "error", "failure", "warning"]
    context: str = ""
    description: str = ""
    target_url: str = ""


class EditProtection(Strict):
    """`PATCH …/branch_protections/{name}`."""

    enable_push: bool | None = None
    required_approvals: int | None = None
    enable_status_check: bool | None = None
    status_check_contexts: list[str] | None = None
    enable_force_push: bool | None = None
    block_on_rejected_reviews: bool | None = None
    dismiss_stale_approvals: bool | None = None


class CreateProtection(EditProtection):
    """`POST …/branch_protections`."""

    rule_name: str = Field(min_length=1)


class CreateKey(Strict):
    """`POST …/keys`."""

    title: str = Field(min_length=1)
    key: str = Field(min_length=1)
    read_only: bool = False


class Runs(Paging):
    """`GET …/actions/runs`."""

    branch: str = ""
    event: str = ""
    status: str = ""


class Dispatch(Strict):
    """`POST …/actions/workflows/{id}/dispatches`."""

    ref: str = Field(min_length=1)
    inputs: dict[str, str] = {}


class Labels(Strict):
    """`PATCH …/actions/runners/{id}`."""

    labels: list[str]
