"""A fake Bitbucket's objects as Bitbucket writes them.

Source: Bitbucket Cloud REST documentation, version 2.0.
"""

from dataclasses import dataclass
from typing import Any

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.git_store import CommitFacts, Entry
from gitintegration.clients.fakes.reception import moment
from gitintegration.clients.fakes.state import HostState

Object = dict[str, Any]
# Pull requests name commits so.
SHORT = 12
_RESULTS = {
    "success": "SUCCESSFUL",
    "failure": "FAILED",
    "cancelled": "STOPPED",
    "skipped": "SKIPPED",
    "timed_out": "EXPIRED",
}


def braced(uuid: str) -> str:
    """A UUID as Bitbucket writes it."""
    return f"{{{uuid}}}"


def user_uuid(user: m.User) -> str:
    """The UUID of a user."""
    return braced(f"00000000-0000-4000-8000-{user.id:012d}")


@dataclass(frozen=True, slots=True)
class Words:
    """How one fake Bitbucket words its objects; `web` is its address."""

    web: str
    state: HostState

    def links(self, path: str) -> Object:
        """The address of a page."""
        return {"html": {"href": f"{self.web}/{path}"}}

    def user(self, user: m.User) -> Object:
        """A user."""
        return {
            "type": "user", "uuid": user_uuid(user), "account_id": f"557058:{user.id}",
            "nickname": user.login, "display_name": user.name,
            "links": {"avatar": {"href": f"{self.web}/account/{user.login}/avatar"},
                      **self.links(braced(user.login))},
        }  # fmt: skip

    def repo(self, repo: m.Repo) -> Object:
        """A repository."""
        here = self.web.partition("://")
        return {
            "type": "repository", "uuid": braced(repo.uuid), "name": repo.name,
            "slug": repo.name, "full_name": repo.full_name, "scm": "git",
            "description": repo.description, "is_private": repo.is_private,
            "mainbranch": {"type": "branch", "name": repo.default_branch},
            "language": repo.language.lower(), "has_issues": repo.has_issues,
            "has_wiki": repo.has_wiki, "workspace": {"type": "workspace", "slug": repo.owner},
            **({"parent": {"type": "repository", "full_name": repo.fork_of.full_name,
                           "uuid": braced(repo.fork_of.uuid)}} if repo.fork_of else {}),
            "created_on": moment(repo.created_at), "updated_on": moment(repo.updated_at),
            "links": {
                **self.links(repo.full_name),
                "clone": [
                    {"name": "https", "href": f"{here[0]}://ada@{here[2]}/{repo.full_name}.git"},
                    {"name": "ssh", "href": f"git@127.0.0.1:{repo.full_name}.git"},
                ],
            },
        }  # fmt: skip

    def commit(self, repo: m.Repo, facts: CommitFacts) -> Object:
        """A commit."""
        raw = f"{facts.author.name} <{facts.author.email}>"
        known = [one for one in self.state.users.values() if one.email == facts.author.email]
        return {
            "type": "commit", "hash": facts.sha, "message": facts.message,
            "date": moment(facts.committed_at),
            "author": {"type": "author", "raw": raw,
                       **({"user": self.user(known[0])} if known else {})},
            "parents": [{"type": "commit", "hash": parent} for parent in facts.parents],
            "links": self.links(f"{repo.full_name}/commits/{facts.sha}"),
        }  # fmt: skip

    def ref(self, repo: m.Repo, name: str, sha: str, kind: str = "branch") -> Object:
        """A branch or tag."""
        return {
            "type": kind, "name": name, "target": self.commit(repo, repo.store.commit(sha)),
            "links": self.links(f"{repo.full_name}/{kind}/{name}"),
            **(_annotation(repo, name) if kind == "tag" else {}),
        }  # fmt: skip

    def entry(self, repo: m.Repo, sha: str, entry: Entry, folder: str = "") -> Object:
        """A file or folder of a commit."""
        path = f"{folder}/{entry.path}" if folder else entry.path
        is_folder = entry.type == "tree"
        attributes = {"120000": ["link"], "100755": ["executable"]}.get(entry.mode, [])
        return {
            "type": "commit_directory" if is_folder else "commit_file", "path": path,
            "commit": {"type": "commit", "hash": sha},
            **({} if is_folder else {"size": entry.size or 0, "attributes": attributes}),
            "links": self.links(f"{repo.full_name}/src/{sha}/{path}"),
        }  # fmt: skip

    def pull(self, repo: m.Repo, pull: m.Pull) -> Object:
        """A pull request."""
        state = "MERGED" if pull.is_merged else "OPEN" if pull.state == "open" else "DECLINED"

        def end(where: m.Repo, branch: str, sha: str) -> Object:
            named = {"type": "repository", "full_name": where.full_name,
                     "uuid": braced(where.uuid), "name": where.name}  # fmt: skip
            return {
                "branch": {"name": branch},
                "commit": {"type": "commit", "hash": sha[:SHORT]},
                "repository": named,
            }

        merged = {"type": "commit", "hash": pull.merge_sha[:SHORT]}
        return {
            "type": "pullrequest", "id": pull.number, "title": pull.title,
            "description": pull.body, "summary": {"raw": pull.body, "markup": "markdown"},
            "state": state, "draft": pull.is_draft, "author": self.user(pull.author),
            "source": end(pull.head, pull.head_ref, pull.head_sha),
            "destination": end(repo, pull.base_ref, pull.base_sha),
            "merge_commit": merged if pull.is_merged else None, "close_source_branch": False,
            "reviewers": [], "participants": [],
            "created_on": moment(pull.created_at), "updated_on": moment(pull.updated_at),
            "links": self.links(f"{repo.full_name}/pull-requests/{pull.number}"),
        }  # fmt: skip

    def issue(self, repo: m.Repo, issue: m.Issue) -> Object:
        """An issue."""
        return {
            "type": "issue", "id": issue.number, "title": issue.title,
            "content": _content(issue.body), "reporter": self.user(issue.author),
            "state": "new" if issue.state == "open" else "resolved",
            "kind": "bug", "priority": "major", "component": None,
            "created_on": moment(issue.created_at), "updated_on": moment(issue.updated_at),
            "links": self.links(f"{repo.full_name}/issues/{issue.number}"),
        }  # fmt: skip

    def comment(self, repo: m.Repo, on: m.Issue | m.Pull, comment: m.Comment) -> Object:
        """A comment."""
        folder = "pull-requests" if isinstance(on, m.Pull) else "issues"
        kind = "pullrequest_comment" if isinstance(on, m.Pull) else "issue_comment"
        return {
            "type": kind, "id": comment.id, "content": _content(comment.body),
            "user": self.user(comment.author), "deleted": False,
            "created_on": moment(comment.created_at), "updated_on": moment(comment.updated_at),
            "links": self.links(f"{repo.full_name}/{folder}/{on.number}#comment-{comment.id}"),
        }  # fmt: skip

    def hook(self, hook: m.Hook) -> Object:
        """A hook, without its secret."""
        return {
            "type": "webhook_subscription", "uuid": braced(hook.uuid), "url": hook.url,
            "description": hook.settings.get("description", ""), "active": hook.is_active,
            "events": hook.events, "secret_set": bool(hook.secret),
            "created_at": moment(hook.created_at),
        }  # fmt: skip

    def status(self, repo: m.Repo, status: m.Status, key: str = "") -> Object:
        """A status of a commit."""
        facts = repo.store.commit(status.sha)
        return {
            "type": "build", "key": key or status.context[:40], "name": status.context,
            "state": status.state, "description": status.description,
            "url": status.target_url, "refname": None, "commit": self.commit(repo, facts),
            "created_on": moment(status.created_at), "updated_on": moment(status.created_at),
        }  # fmt: skip

    def pipeline(self, repo: m.Repo, run: m.Run) -> Object:
        """A pipeline."""
        selector = {"type": "custom", "pattern": run.name} if run.workflow else None
        return {
            "type": "pipeline", "uuid": braced(run.uuid), "build_number": run.number,
            "state": state_of(run.status, run.conclusion), "creator": self.user(run.actor),
            "repository": {"type": "repository", "full_name": repo.full_name},
            "trigger": {"type": f"pipeline_trigger_{run.event}", "name": run.event.upper()},
            "target": {
                "type": "pipeline_ref_target", "ref_type": "branch", "ref_name": run.ref,
                "commit": {"type": "commit", "hash": run.sha},
                **({"selector": selector} if selector else {}),
            },
            "created_on": moment(run.created_at), "completed_on": moment(run.completed_at),
            "links": self.links(f"{repo.full_name}/pipelines/results/{run.number}"),
        }  # fmt: skip


def _annotation(repo: m.Repo, name: str) -> Object:
    own, tagger, message = repo.store.annotation(name)
    return {"message": message, "tagger": {"raw": f"{tagger} <>"} if own else None}


def asked_state(status: str, conclusion: str) -> str:
    """The state by which a list of pipelines is asked for."""
    if status == "completed":
        return {"success": "PASSED", "cancelled": "STOPPED"}.get(conclusion, "FAILED")
    return "BUILDING" if status == "in_progress" else "PENDING"


def state_of(status: str, conclusion: str) -> Object:
    """A state of Pipelines."""
    if status == "completed":
        result = _RESULTS.get(conclusion, "ERROR")
        return {
            "type": "pipeline_state_completed", "name": "COMPLETED",
            "result": {"type": f"pipeline_state_completed_{result.lower()}", "name": result},
        }  # fmt: skip
    if status == "in_progress":
        stage = {"type": "pipeline_state_in_progress_running", "name": "RUNNING"}
        return {"type": "pipeline_state_in_progress", "name": "IN_PROGRESS", "stage": stage}
    return {"type": "pipeline_state_pending", "name": "PENDING"}


def step(job: m.Job) -> Object:
    """A step of a pipeline."""
    return {
        "type": "pipeline_step", "uuid": braced(job.uuid), "name": job.name,
        "state": state_of(job.status, job.conclusion),
        "started_on": moment(job.started_at), "completed_on": moment(job.completed_at),
    }  # fmt: skip


def runner(runner: m.Runner) -> Object:
    """A runner."""
    busy = {"step": {"uuid": braced("0" * 8)}} if runner.is_busy else {}
    return {
        "type": "pipeline_runner", "uuid": runner_uuid(runner), "name": runner.name,
        "labels": runner.labels,
        "state": {"status": "ONLINE" if runner.is_online else "OFFLINE",
                  "version": {"version": runner.version}, **busy},
    }  # fmt: skip


def runner_uuid(runner: m.Runner) -> str:
    """The UUID of a runner."""
    return braced(f"00000000-0000-4000-9000-{runner.id:012d}")


def _content(text: str) -> Object:
    return {"type": "rendered", "raw": text, "markup": "markdown", "html": ""}
