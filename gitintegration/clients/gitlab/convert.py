"""GitLab's objects in our shapes.

Source: GitLab documentation, REST API resources (version 18).
"""

from collections.abc import Iterable

from gitintegration.clients import shapes as s
from gitintegration.clients.diffs import count, hunks
from gitintegration.clients.gitlab.words import commit_state, moment, run_words
from gitintegration.clients.members import Members


def user(told: Members) -> s.HostUser:
    """The token's user, without scopes."""
    return s.HostUser(
        id=told.needed("id"), username=told.needed("username"), name=told.text("name"),
        email=told.text("email"), avatar_url=told.text("avatar_url"),
    )  # fmt: skip


def repository(told: Members) -> s.HostRepository:
    """A project; its name here is its path, not the display name."""
    full_name = told.needed("path_with_namespace")
    owner, _, name = full_name.rpartition("/")
    return s.HostRepository(
        id=told.needed("id"),
        full_name=full_name,
        name=name,
        owner=owner,
        description=told.text("description"),
        default_branch=told.text("default_branch") or "main",
        clone_url=told.text("http_url_to_repo"),
        ssh_url=told.text("ssh_url_to_repo"),
        web_url=told.text("web_url"),
        is_private=told.text("visibility") != "public",
        is_fork="forked_from_project" in told,
        is_archived=told.flag("archived"),
        stars_count=told.number("star_count"),
        forks_count=told.number("forks_count"),
        open_issues_count=told.number("open_issues_count"),
        topics=told.texts("topics") or told.texts("tag_list"),
        has_issues=told.text("issues_access_level") != "disabled",
        has_pull_requests=told.text("merge_requests_access_level") != "disabled",
        has_wiki=told.text("wiki_access_level") not in {"disabled", ""},
        created_at=moment(told.text("created_at")),
        updated_at=moment(told.text("updated_at") or told.text("last_activity_at")),
        pushed_at=moment(told.text("last_activity_at")),
    )


def branch(told: Members) -> s.Branch:
    """A branch."""
    commit_told = told.inner("commit")
    return s.Branch(
        name=told.needed("name"), sha=commit_told.needed("id"),
        message=commit_told.text("message"), is_protected=told.flag("protected"),
    )  # fmt: skip


def tag(told: Members) -> s.Tag:
    """A tag; GitLab does not tell who made it."""
    commit_told = told.inner("commit")
    return s.Tag(
        name=told.needed("name"), sha=commit_told.needed("id"), message=told.text("message")
    )


def commit(told: Members) -> s.HostCommit:
    """A commit; its authors are known by name and address only."""
    stats = told.inner("stats")
    return s.HostCommit(
        sha=told.needed("id"),
        message=told.text("message") or told.text("title"),
        author=_person(told, "author", "authored_date"),
        committer=_person(told, "committer", "committed_date"),
        parent_shas=told.texts("parent_ids"),
        web_url=told.text("web_url"),
        stats=s.Stats(stats.number("additions"), stats.number("deletions")) if stats else None,
    )


def file_change(told: Members) -> s.FileChange:
    """One file of a diff; GitLab counts no lines and leaves large patches out."""
    text = told.text("diff")
    # A binary file's "patch" is a sentence.
    patch = text if hunks(text) else ""
    additions, deletions = count(patch)
    status: s.FileChangeStatus = "modified"
    if told.flag("new_file"):
        status = "added"
    elif told.flag("deleted_file"):
        status = "removed"
    elif told.flag("renamed_file"):
        status = "renamed"
    return s.FileChange(
        filename=told.text("new_path") or told.needed("old_path"),
        status=status,
        additions=additions,
        deletions=deletions,
        patch=patch.removesuffix("\n"),
        previous_filename=told.text("old_path") if status == "renamed" else "",
    )


def is_cut(told: Members) -> bool:
    """Whether GitLab left a file's patch out because of its size."""
    return told.flag("too_large") or (told.flag("collapsed") and not told.text("diff"))


def total(files: Iterable[s.FileChange]) -> s.Stats:
    """The lines and files of a change."""
    found = tuple(files)
    return s.Stats(
        sum(item.additions for item in found), sum(item.deletions for item in found), len(found)
    )


def tree_entry(told: Members) -> s.TreeEntry:
    """A file or folder; sizes are not told."""
    kinds = {"blob": "blob", "tree": "tree", "commit": "commit"}
    return s.TreeEntry(
        path=told.needed("path"), name=told.needed("name"),
        type=kinds.get(told.text("type"), "blob"),  # type: ignore[arg-type]
        mode=told.text("mode"), sha=told.text("id"),
    )  # fmt: skip


def pull_request(told: Members, head_repository: str) -> s.PullRequest:
    """A merge request."""
    state, author = told.text("state"), told.inner("author")
    can_merge = {"can_be_merged": True, "cannot_be_merged": False}.get(told.text("merge_status"))
    return s.PullRequest(
        id=told.needed("id"),
        number=int(told.needed("iid")),
        title=told.text("title"),
        body=told.text("description"),
        # `locked` is what it is while GitLab merges it.
        state="open" if state in {"opened", "locked"} else "closed",
        is_merged=state == "merged",
        is_draft=told.flag("draft") or told.flag("work_in_progress"),
        author=author.text("username"),
        author_id=author.ident("id"),
        head_ref=told.text("source_branch"),
        head_sha=told.text("sha"),
        head_repository=head_repository,
        base_ref=told.text("target_branch"),
        base_sha=told.inner("diff_refs").text("base_sha"),
        web_url=told.text("web_url"),
        is_mergeable=False if told.flag("has_conflicts") else can_merge,
        labels=told.texts("labels"),
        created_at=moment(told.text("created_at")),
        updated_at=moment(told.text("updated_at")),
        merged_at=moment(told.text("merged_at")),
    )


def issue(told: Members) -> s.Issue:
    """An issue."""
    return s.Issue(
        id=told.needed("id"),
        number=int(told.needed("iid")),
        title=told.text("title"),
        body=told.text("description"),
        state="open" if told.text("state") == "opened" else "closed",
        author=told.inner("author").text("username"),
        web_url=told.text("web_url"),
        labels=told.texts("labels"),
        created_at=moment(told.text("created_at")),
        updated_at=moment(told.text("updated_at")),
    )


def comment(told: Members, page_url: str) -> s.Comment:
    """A note that a person or a program wrote."""
    author = told.inner("author")
    return s.Comment(
        id=told.needed("id"),
        body=told.text("body"),
        author=author.text("username"),
        author_id=author.ident("id"),
        web_url=f"{page_url}#note_{told.needed('id')}",
        created_at=moment(told.text("created_at")),
        updated_at=moment(told.text("updated_at")),
    )


def status(told: Members) -> s.CommitStatus:
    """A status of a commit; jobs of pipelines are statuses too."""
    return s.CommitStatus(
        context=told.text("name"), state=commit_state(told.text("status")),
        description=told.text("description"), target_url=told.text("target_url"),
    )  # fmt: skip


def run(told: Members) -> s.WorkflowRun:
    """A pipeline; lists tell neither who started it nor when it ran."""
    state, conclusion = run_words(told.text("status"))
    actor, ident = told.inner("user"), told.needed("id")
    return s.WorkflowRun(
        id=ident,
        name=told.text("name") or f"Pipeline #{ident}",
        status=state,
        conclusion=conclusion,
        event=told.text("source"),
        ref=told.text("ref"),
        sha=told.text("sha"),
        actor=actor.text("username"),
        actor_id=actor.ident("id"),
        run_number=told.number("iid") or None,
        web_url=told.text("web_url"),
        created_at=moment(told.text("created_at")),
        started_at=moment(told.text("started_at")),
        completed_at=moment(told.text("finished_at")),
    )


def job(told: Members) -> s.WorkflowJob:
    """A job; GitLab's have no steps."""
    state, conclusion = run_words(told.text("status"))
    runner_told = told.inner("runner")
    return s.WorkflowJob(
        id=told.needed("id"),
        name=told.text("name"),
        status=state,
        conclusion=conclusion,
        runner_id=runner_told.ident("id"),
        runner_name=runner_told.text("description") or runner_told.text("name"),
        web_url=told.text("web_url"),
        started_at=moment(told.text("started_at")),
        completed_at=moment(told.text("finished_at")),
    )


def deploy_key(told: Members) -> s.DeployKey:
    """A deploy key."""
    return s.DeployKey(
        id=told.needed("id"), title=told.text("title"), key=told.text("key"),
        is_read_only=not told.flag("can_push"), created_at=moment(told.text("created_at")),
    )  # fmt: skip


def runner(told: Members) -> s.HostRunner:
    """A runner, from its own page: lists leave labels and machine out."""
    is_online = told.text("status") == "online" or told.flag("online")
    is_busy = is_online and told.text("job_execution_status") == "active"
    ident = told.needed("id")
    return s.HostRunner(
        id=ident,
        name=told.text("description") or told.text("name") or f"#{ident}",
        status="busy" if is_busy else "online" if is_online else "offline",
        is_busy=is_busy,
        labels=told.texts("tag_list"),
        os=told.text("platform"),
        architecture=told.text("architecture"),
        version=told.text("version"),
    )


def _person(told: Members, kind: str, date: str) -> s.Person:
    return s.Person(
        name=told.text(f"{kind}_name"), email=told.text(f"{kind}_email"),
        date=moment(told.text(date)),
    )  # fmt: skip
