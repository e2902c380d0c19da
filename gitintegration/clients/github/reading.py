"""GitHub's objects in our shapes."""

import base64
import binascii
from datetime import UTC, datetime

from gitintegration.clients import shapes as s
from gitintegration.clients.github.words import conclusion, status
from gitintegration.clients.members import Members, UnreadableMemberError

_CHANGES = {"added", "modified", "removed", "renamed", "copied"}
_TYPES = {"dir": "tree", "file": "blob", "symlink": "blob", "submodule": "commit"}
_STATES = {"pending", "success", "failure", "error"}


def user(told: Members) -> s.HostUser:
    """A person."""
    return s.HostUser(
        told.needed("id"), told.needed("login"), told.text("name"), told.text("email"),
        told.text("avatar_url"),
    )  # fmt: skip


def repository(told: Members) -> s.HostRepository:
    """A repository."""
    full_name = told.needed("full_name")
    return s.HostRepository(
        id=told.needed("id"),
        full_name=full_name,
        name=told.text("name") or full_name.rpartition("/")[2],
        owner=told.inner("owner").text("login") or full_name.rpartition("/")[0],
        description=told.text("description"),
        default_branch=told.text("default_branch") or "main",
        clone_url=told.text("clone_url"),
        ssh_url=told.text("ssh_url"),
        web_url=told.text("html_url"),
        is_private=told.flag("private"),
        is_fork=told.flag("fork"),
        is_archived=told.flag("archived"),
        stars_count=told.number("stargazers_count"),
        forks_count=told.number("forks_count"),
        open_issues_count=told.number("open_issues_count"),
        language=told.text("language"),
        topics=told.texts("topics"),
        has_issues=told.flag("has_issues", default=True),
        has_wiki=told.flag("has_wiki"),
        created_at=told.moment("created_at"),
        updated_at=told.moment("updated_at"),
        pushed_at=told.moment("pushed_at"),
    )


def branch(told: Members) -> s.Branch:
    """A branch; only a single one tells its commit's message."""
    commit = told.inner("commit")
    message = commit.inner("commit").text("message")
    return s.Branch(told.needed("name"), commit.needed("sha"), message, told.flag("protected"))


def tag(told: Members) -> s.Tag:
    """A tag."""
    return s.Tag(told.needed("name"), told.inner("commit").needed("sha"))


def target(told: Members) -> tuple[str, str]:
    """The kind and the SHA of what a ref or an annotated tag names."""
    named = told.needed_inner("object")
    return named.text("type"), named.needed("sha")


def annotation(told: Members) -> tuple[s.Tag, tuple[str, str]]:
    """An annotated tag, and what it names."""
    found = target(told)
    tagger = told.inner("tagger").text("name")
    return s.Tag(told.text("tag"), found[1], told.text("message").strip(), tagger), found


def commit(told: Members) -> s.HostCommit:
    """A commit, with statistics and files where GitHub gave them."""
    inner = told.inner("commit")
    verification = inner.inner("verification")
    files = tuple(file_change(item) for item in told.entries("files"))
    stats = told.inner("stats")
    return s.HostCommit(
        sha=told.needed("sha"),
        message=inner.text("message"),
        author=_person(inner.inner("author"), told.inner("author")),
        committer=_person(inner.inner("committer"), told.inner("committer")),
        parent_shas=tuple(parent.needed("sha") for parent in told.entries("parents")),
        tree_sha=inner.inner("tree").text("sha"),
        web_url=told.text("html_url"),
        verification=s.Verification(verification.flag("verified"), verification.text("reason")),
        stats=s.Stats(stats.number("additions"), stats.number("deletions"), len(files))
        if "stats" in told
        else None,
        files=files,
    )


def _person(written: Members, account: Members) -> s.Person:
    return s.Person(
        written.text("name"), written.text("email"), account.text("login"),
        account.text("avatar_url"), written.moment("date"),
    )  # fmt: skip


def file_change(told: Members) -> s.FileChange:
    """A changed file."""
    word = told.text("status")
    return s.FileChange(
        told.needed("filename"),
        word if word in _CHANGES else "modified",  # type: ignore[arg-type]
        told.number("additions"),
        told.number("deletions"),
        told.text("patch"),
        told.text("previous_filename"),
    )


def comparison(told: Members) -> s.Comparison:
    """Two commits against each other."""
    commits = tuple(commit(item) for item in told.entries("commits"))
    base = told.inner("base_commit").needed("sha")
    word = told.text("status")
    return s.Comparison(
        status=word if word in {"ahead", "behind", "identical"} else "diverged",  # type: ignore[arg-type]
        ahead_by=told.number("ahead_by"),
        behind_by=told.number("behind_by"),
        base_sha=base,
        head_sha=commits[-1].sha if commits else told.inner("merge_base_commit").text("sha"),
        merge_base_sha=told.inner("merge_base_commit").text("sha"),
        commits=commits,
        files=tuple(file_change(item) for item in told.entries("files")),
        web_url=told.text("html_url"),
    )


def folder_entry(told: Members) -> s.TreeEntry:
    """A line of a folder's listing."""
    kind = _TYPES.get(told.text("type"), "blob")
    return s.TreeEntry(
        told.needed("path"), told.needed("name"), kind,  # type: ignore[arg-type]
        "", told.text("sha"), told.number("size") if kind == "blob" else None,
    )  # fmt: skip


def tree(told: Members) -> s.Tree:
    """The entries of a tree."""
    entries = []
    for item in told.entries("tree"):
        path, kind = item.needed("path"), item.text("type")
        entries.append(
            s.TreeEntry(
                path, path.rpartition("/")[2],
                kind if kind in {"tree", "commit"} else "blob",  # type: ignore[arg-type]
                item.text("mode"), item.text("sha"),
                item.number("size") if kind == "blob" else None,
            )
        )  # fmt: skip
    return s.Tree(told.text("sha"), tuple(entries), told.flag("truncated"))


def file_bytes(told: Members) -> bytes | None:
    """The bytes of a file; None when GitHub left them out because there are too many."""
    if told.text("encoding") != "base64":
        return None
    try:
        return base64.b64decode(told.text("content"))
    except (binascii.Error, ValueError) as error:
        raise UnreadableMemberError(f"content is no base64: {error}") from error


def file(told: Members, content: bytes) -> s.FileContent:
    """A file with its bytes as text, where they are one."""
    try:
        text = content.decode() if b"\0" not in content else None
    except UnicodeDecodeError:
        text = None
    return s.FileContent(
        told.needed("path"), told.needed("name"), told.text("sha"),
        told.number("size") or len(content), text, told.text("html_url"),
    )  # fmt: skip


def labels(told: Members) -> tuple[str, ...]:
    """Their names; an issue may list bare texts as well."""
    found = told.raw("labels")
    if not isinstance(found, list):
        return ()
    named = (item.get("name") if isinstance(item, dict) else item for item in found)
    return tuple(name for name in named if isinstance(name, str))


def pull(told: Members) -> s.PullRequest:
    """A pull request; a deleted fork is an empty head repository."""
    head, base = told.inner("head"), told.inner("base")
    return s.PullRequest(
        id=told.needed("id"),
        number=told.number("number"),
        title=told.text("title"),
        body=told.text("body"),
        state="closed" if told.text("state") == "closed" else "open",
        is_merged=told.flag("merged") or "merged_at" in told,
        is_draft=told.flag("draft"),
        author=told.inner("user").text("login"),
        author_id=told.inner("user").ident("id"),
        head_ref=head.text("ref"),
        head_sha=head.text("sha"),
        head_repository=head.inner("repo").text("full_name"),
        base_ref=base.text("ref"),
        base_sha=base.text("sha"),
        web_url=told.text("html_url"),
        is_mergeable=told.flag("mergeable") if "mergeable" in told else None,
        labels=labels(told),
        created_at=told.moment("created_at"),
        updated_at=told.moment("updated_at"),
        merged_at=told.moment("merged_at"),
    )


def issue(told: Members) -> s.Issue:
    """An issue."""
    return s.Issue(
        id=told.needed("id"),
        number=told.number("number"),
        title=told.text("title"),
        body=told.text("body"),
        state="closed" if told.text("state") == "closed" else "open",
        author=told.inner("user").text("login"),
        web_url=told.text("html_url"),
        labels=labels(told),
        created_at=told.moment("created_at"),
        updated_at=told.moment("updated_at"),
    )


def comment(told: Members) -> s.Comment:
    """A comment."""
    return s.Comment(
        told.needed("id"), told.text("body"), told.inner("user").text("login"),
        told.inner("user").ident("id"), told.text("html_url"), told.moment("created_at"),
        told.moment("updated_at"),
    )  # fmt: skip


def webhook(told: Members) -> s.HostWebhook:
    """A hook."""
    return s.HostWebhook(
        told.needed("id"), told.inner("config").text("url"), told.flag("active"),
        told.texts("events"),
    )  # fmt: skip


def delivery(told: Members) -> s.HookDelivery:
    """A try to deliver."""
    return s.HookDelivery(
        told.needed("id"), told.text("guid"), told.text("event"), told.moment("delivered_at"),
        told.number("status_code"), told.flag("redelivery"),
    )  # fmt: skip


def commit_status(told: Members) -> s.CommitStatus:
    """A status of a commit."""
    state = told.text("state")
    return s.CommitStatus(
        told.text("context"), state if state in _STATES else "pending",  # type: ignore[arg-type]
        told.text("description"), told.text("target_url"),
    )  # fmt: skip


def combined_status(told: Members) -> tuple[s.CombinedStatus, bool]:
    """What the statuses say together, and whether these are all of them."""
    found = tuple(commit_status(item) for item in told.entries("statuses"))
    state = told.text("state")
    word = state if state in _STATES else "pending"
    combined = s.CombinedStatus(word, found)  # type: ignore[arg-type]
    return combined, told.number("total_count") <= len(found)


def check(told: Members) -> s.CheckRun:
    """A check."""
    word, output = told.text("status"), told.inner("output")
    return s.CheckRun(
        name=told.needed("name"),
        head_sha=told.text("head_sha"),
        status=word if word in {"in_progress", "completed"} else "queued",  # type: ignore[arg-type]
        conclusion=conclusion(told.text("conclusion")),  # type: ignore[arg-type]
        title=output.text("title"),
        summary=output.text("summary"),
        details_url=told.text("details_url"),
        external_id=told.text("external_id"),
        id=told.needed("id"),
    )


def workflow(told: Members) -> s.WorkflowDefinition:
    """A workflow file."""
    return s.WorkflowDefinition(
        told.needed("id"), told.text("name"), told.text("path"), told.text("state") == "active"
    )


def run(told: Members) -> s.WorkflowRun:
    """A run of GitHub Actions; it ended when it was last changed."""
    word, ending = told.text("status"), told.text("conclusion")
    actor = told.inner("actor")
    return s.WorkflowRun(
        id=told.needed("id"),
        name=told.text("name") or told.text("display_title"),
        status=status(word, ending),
        conclusion=conclusion(ending),
        event=told.text("event"),
        ref=told.text("head_branch"),
        sha=told.text("head_sha"),
        actor=actor.text("login"),
        actor_id=actor.ident("id"),
        run_number=told.number("run_number") or None,
        run_attempt=told.number("run_attempt") or 1,
        web_url=told.text("html_url"),
        created_at=told.moment("created_at"),
        started_at=told.moment("run_started_at"),
        completed_at=told.moment("updated_at") if word == "completed" else None,
    )


def job(told: Members) -> s.WorkflowJob:
    """A job of a run, with its steps."""
    word, ending = told.text("status"), told.text("conclusion")
    return s.WorkflowJob(
        id=told.needed("id"),
        name=told.text("name"),
        status=status(word, ending),
        conclusion=conclusion(ending),
        runner_id=told.ident("runner_id"),
        runner_name=told.text("runner_name"),
        web_url=told.text("html_url"),
        started_at=told.moment("started_at"),
        completed_at=told.moment("completed_at"),
        steps=tuple(
            s.WorkflowStep(
                step.text("name"), step.number("number"),
                status(step.text("status"), step.text("conclusion")),
                conclusion(step.text("conclusion")), step.moment("started_at"),
                step.moment("completed_at"),
            )
            for step in told.entries("steps")
        ),
    )  # fmt: skip


def protection(pattern: str, told: Members) -> s.BranchProtection:
    """How a branch is protected; `settings` are GitHub's own words."""
    reviews = told.inner("required_pull_request_reviews")
    checks = told.inner("required_status_checks")
    return s.BranchProtection(
        pattern=pattern,
        required_approvals=reviews.number("required_approving_review_count"),
        required_checks=checks.texts("contexts"),
        allows_force_push=told.inner("allow_force_pushes").flag("enabled"),
        settings={
            "strict": checks.flag("strict"),
            "enforce_admins": told.inner("enforce_admins").flag("enabled"),
        },
    )


def deploy_key(told: Members) -> s.DeployKey:
    """A deploy key."""
    return s.DeployKey(
        told.needed("id"), told.text("title"), told.text("key"), told.flag("read_only"),
        told.moment("created_at"),
    )  # fmt: skip


def runner(told: Members) -> s.HostRunner:
    """A runner."""
    is_busy = told.flag("busy")
    is_online = told.text("status") in {"online", "active", "idle"}
    return s.HostRunner(
        told.needed("id"), told.needed("name"),
        ("busy" if is_busy else "online") if is_online else "offline",
        is_busy, labels(told), told.text("os"), told.text("architecture"), told.text("version"),
    )  # fmt: skip


def rate_limit(told: Members) -> s.RateLimit:
    """The limit of the plain API."""
    core = told.inner("resources", "core")
    resets = core.number("reset")
    return s.RateLimit(
        core.number("limit"), core.number("remaining"),
        datetime.fromtimestamp(min(resets, 2**40), UTC) if resets > 0 else None,
    )  # fmt: skip
