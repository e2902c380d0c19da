"""What requests may hold; anything else is a violation that tests see.

Source: GitLab documentation, REST API resources (version 18), attributes of each endpoint.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Switch = Literal["true", "false"]
Access = Literal["disabled", "private", "enabled"]


class Strict(BaseModel):
    """A body: no other members, no converted types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """A query string: everything is text."""

    model_config = ConfigDict(extra="forbid")


class NoQuery(Query):
    """No parameter."""


class Nothing(Strict):
    """An empty body."""


class Paging(Query):
    """Offset paging."""

    page: int = Field(1, ge=1)
    per_page: int = Field(20, ge=1, le=100)


class Projects(Paging):
    """GET /projects."""

    membership: Switch = "false"
    order_by: Literal["id", "name", "path", "created_at", "updated_at", "last_activity_at"] = "id"
    sort: Literal["asc", "desc"] = "desc"
    pagination: Literal["keyset"] | None = None
    id_before: int | None = None


class GroupProjects(Paging):
    """GET /groups/:id/projects."""

    include_subgroups: Switch = "false"
    with_shared: Switch = "true"
    order_by: Literal["id", "name", "path", "created_at", "updated_at"] = "id"
    sort: Literal["asc", "desc"] = "desc"


class Users(Paging):
    """GET /users."""

    username: str


class NewProject(Strict):
    """POST /projects."""

    name: str = Field(min_length=1)
    path: str = ""
    namespace_id: int | None = None
    description: str = ""
    visibility: Literal["private", "internal", "public"] = "private"
    initialize_with_readme: bool = False
    default_branch: str = ""


class ProjectChanges(Strict):
    """PUT /projects/:id."""

    name: str = ""
    path: str = ""
    description: str | None = None
    default_branch: str = ""
    visibility: Literal["private", "internal", "public"] | None = None
    topics: list[str] | None = None
    issues_access_level: Access | None = None
    merge_requests_access_level: Access | None = None
    wiki_access_level: Access | None = None
    only_allow_merge_if_pipeline_succeeds: bool | None = None


class NewBranch(Strict):
    """POST /projects/:id/repository/branches."""

    branch: str
    ref: str


class Commits(Paging):
    """GET /projects/:id/repository/commits."""

    ref_name: str = ""
    since: str = ""
    until: str = ""


class Compare(Query):
    """GET /projects/:id/repository/compare."""

    from_: str = Field(alias="from")
    to: str
    straight: Switch = "false"


class MergeBase(Query):
    """GET /projects/:id/repository/merge_base."""

    refs: list[str] = Field(alias="refs[]", min_length=2)


class FileQuery(Query):
    """GET /projects/:id/repository/files/:file_path."""

    ref: str


class Tree(Paging):
    """GET /projects/:id/repository/tree."""

    path: str = ""
    ref: str = ""
    recursive: Switch = "false"
    pagination: Literal["keyset"] | None = None
    page_token: str = ""


class Action(Strict):
    """One of a commit's actions."""

    action: Literal["create", "delete", "move", "update", "chmod"]
    file_path: str
    content: str = ""
    encoding: Literal["text", "base64"] = "text"


class NewCommit(Strict):
    """POST /projects/:id/repository/commits."""

    branch: str
    commit_message: str
    actions: list[Action]


class NewStatus(Strict):
    """POST /projects/:id/statuses/:sha."""

    state: Literal["pending", "running", "success", "failed", "canceled", "skipped"]
    name: str = "default"
    description: str = Field("", max_length=255)
    target_url: str = Field("", max_length=255)


class MergeRequests(Paging):
    """GET /projects/:id/merge_requests."""

    state: Literal["opened", "closed", "locked", "merged", "all"] = "all"
    scope: Literal["created_by_me", "assigned_to_me", "all"] = "created_by_me"
    source_branch: str = ""
    target_branch: str = ""


class OneMergeRequest(Query):
    """GET /projects/:id/merge_requests/:iid."""

    include_rebase_in_progress: Switch = "false"


class NewMergeRequest(Strict):
    """POST /projects/:id/merge_requests."""

    source_branch: str
    target_branch: str
    title: str = Field(min_length=1)
    description: str = ""


class MergeRequestChanges(Strict):
    """PUT /projects/:id/merge_requests/:iid."""

    state_event: Literal["close", "reopen"] | None = None


class Merge(Strict):
    """PUT /projects/:id/merge_requests/:iid/merge."""

    squash: bool = False
    sha: str = ""


class Issues(Paging):
    """GET /projects/:id/issues."""

    state: Literal["opened", "closed", "all"] = "all"
    scope: Literal["created_by_me", "assigned_to_me", "all"] = "created_by_me"


class Notes(Paging):
    """GET …/notes."""

    sort: Literal["asc", "desc"] = "desc"
    order_by: Literal["created_at", "updated_at"] = "created_at"


class Note(Strict):
    """POST and PUT …/notes."""

    body: str = Field(min_length=1)


class Hook(Strict):
    """POST /projects/:id/hooks and PUT /projects/:id/hooks/:hook_id."""

    url: str
    token: str = ""
    enable_ssl_verification: bool = True
    push_events: bool = True
    tag_push_events: bool = False
    merge_requests_events: bool = False
    issues_events: bool = False
    confidential_issues_events: bool = False
    note_events: bool = False
    confidential_note_events: bool = False
    releases_events: bool = False
    pipeline_events: bool = False
    job_events: bool = False
    deployment_events: bool = False
    wiki_page_events: bool = False
    feature_flag_events: bool = False
    emoji_events: bool = False
    milestone_events: bool = False


class ProtectedBranch(Strict):
    """POST /projects/:id/protected_branches."""

    name: str
    push_access_level: int = 40
    merge_access_level: int = 40
    unprotect_access_level: int = 40
    allow_force_push: bool = False


class ProtectedBranchChanges(Strict):
    """PATCH /projects/:id/protected_branches/:name."""

    allow_force_push: bool = False


class ApprovalRule(Strict):
    """POST and PUT /projects/:id/approval_rules."""

    name: str
    approvals_required: int = Field(ge=0, le=100)
    protected_branch_ids: list[int]


class DeployKey(Strict):
    """POST /projects/:id/deploy_keys."""

    title: str
    key: str
    can_push: bool = False


class Pipelines(Paging):
    """GET /projects/:id/pipelines."""

    ref: str = ""
    status: str = ""
    source: str = ""
    order_by: Literal["id", "status", "ref", "updated_at", "user_id"] = "id"
    sort: Literal["asc", "desc"] = "desc"


class Variable(Strict):
    """One of a new pipeline's variables."""

    key: str
    value: str


class NewPipeline(Strict):
    """POST /projects/:id/pipeline."""

    ref: str
    variables: list[Variable] = []


class Runners(Paging):
    """GET …/runners."""

    type: Literal["instance_type", "group_type", "project_type"] | None = None


class RunnerChanges(Strict):
    """PUT /runners/:id."""

    tag_list: list[str]


class NewRunner(Strict):
    """POST /user/runners."""

    runner_type: Literal["instance_type", "group_type", "project_type"]
    project_id: int | None = None
    group_id: int | None = None
