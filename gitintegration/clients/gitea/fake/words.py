"""A fake Gitea's objects as Gitea writes them. Source: the types of its API package."""

import base64
from dataclasses import dataclass
from typing import Any

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.git_store import CommitFacts, Entry
from gitintegration.clients.fakes.reception import moment
from gitintegration.clients.fakes.state import HostState

Object = dict[str, Any]
_TYPES = {"tree": "dir", "commit": "submodule", "blob": "file"}


@dataclass(frozen=True, slots=True)
class Words:
    """How one fake Gitea words its objects; `web` is its address."""

    web: str
    state: HostState

    def user(self, user: m.User) -> Object:
        """A user."""
        return {
            "id": user.id, "login": user.login, "username": user.login, "login_name": "",
            "full_name": user.name, "email": user.email, "is_admin": user.is_admin,
            "avatar_url": f"{self.web}/avatars/{user.id}",
            "html_url": f"{self.web}/{user.login}",
        }  # fmt: skip

    def repo(self, repo: m.Repo) -> Object:
        """A repository."""
        return {
            "id": repo.id, "name": repo.name, "full_name": repo.full_name,
            "owner": {"id": 1, "login": repo.owner, "username": repo.owner},
            "description": repo.description, "private": repo.is_private,
            "fork": repo.fork_of is not None, "archived": repo.is_archived, "empty": False,
            "default_branch": repo.default_branch, "language": repo.language,
            "html_url": f"{self.web}/{repo.full_name}",
            "clone_url": f"{self.web}/{repo.full_name}.git",
            "ssh_url": f"git@127.0.0.1:{repo.full_name}.git",
            "stars_count": repo.stars, "forks_count": 0,
            "open_issues_count": sum(one.state == "open" for one in repo.issues.values()),
            "has_issues": repo.has_issues, "has_pull_requests": True, "has_wiki": repo.has_wiki,
            "topics": repo.topics, "created_at": moment(repo.created_at),
            "updated_at": moment(repo.updated_at),
        }  # fmt: skip

    def branch(self, repo: m.Repo, name: str, sha: str) -> Object:
        """A branch."""
        return {
            "name": name, "commit": self.payload_commit(repo, sha),
            "protected": name in repo.protections,
        }  # fmt: skip

    def payload_commit(self, repo: m.Repo, sha: str, *, files: bool = False) -> Object:
        """A commit as hooks and branches tell it."""
        facts = repo.store.commit(sha)
        made: Object = {
            "id": sha, "message": facts.message,
            "url": f"{self.web}/{repo.full_name}/commit/{sha}",
            "author": _payload_user(facts.author.name, facts.author.email),
            "committer": _payload_user(facts.committer.name, facts.committer.email),
            "verification": None, "timestamp": moment(facts.committed_at),
            "added": None, "removed": None, "modified": None,
        }  # fmt: skip
        if files and facts.parents:
            for change in repo.store.changes(facts.parents[0], sha):
                kind = change.status if change.status in {"added", "removed"} else "modified"
                made[kind] = [*(made[kind] or ()), change.path]
        return made

    def commit(self, repo: m.Repo, facts: CommitFacts, *, files: bool = False) -> Object:
        """A commit as the API tells it."""
        url = f"{self.web}/api/v1/repos/{repo.full_name}/git/commits/{facts.sha}"
        made: Object = {
            "sha": facts.sha, "url": url, "created": moment(facts.committed_at),
            "html_url": f"{self.web}/{repo.full_name}/commit/{facts.sha}",
            "commit": {
                "url": url, "message": facts.message,
                "author": {"name": facts.author.name, "email": facts.author.email,
                           "date": moment(facts.authored_at)},
                "committer": {"name": facts.committer.name, "email": facts.committer.email,
                              "date": moment(facts.committed_at)},
                "tree": {"sha": facts.tree, "url": url},
                "verification": {"verified": False, "reason": "gpg.error.not_signed_commit"},
            },
            "author": self._known(facts.author.email), "committer": None,
            "parents": [{"sha": parent, "url": url} for parent in facts.parents],
        }  # fmt: skip
        if files:
            base = facts.parents[0] if facts.parents else ""
            changes = repo.store.changes(base, facts.sha) if base else []
            made["files"] = [{"filename": one.path, "status": one.status} for one in changes]
            added = sum(one.additions for one in changes)
            removed = sum(one.deletions for one in changes)
            made["stats"] = {"total": added + removed, "additions": added, "deletions": removed}
        return made

    def _known(self, email: str) -> Object | None:
        for user in self.state.users.values():
            if user.email == email:
                return self.user(user)
        return None

    def content(self, repo: m.Repo, entry: Entry, ref: str, *, whole: bool = False) -> Object:
        """A file or folder of the contents; `whole` with the file's bytes."""
        is_file = entry.type == "blob"
        data = repo.store.blob(entry.sha) if whole and is_file else b""
        return {
            "name": entry.path.rpartition("/")[2], "path": entry.path, "sha": entry.sha,
            "type": _TYPES[entry.type], "size": entry.size or 0,
            "encoding": "base64" if whole and is_file else None,
            "content": base64.b64encode(data).decode() if whole and is_file else None,
            "html_url": f"{self.web}/{repo.full_name}/src/branch/{ref}/{entry.path}",
        }  # fmt: skip

    def pull(self, repo: m.Repo, pull: m.Pull) -> Object:
        """A pull request."""
        return {
            "id": pull.id, "number": pull.number, "user": self.user(pull.author),
            "title": pull.title, "body": pull.body, "state": pull.state, "draft": pull.is_draft,
            "labels": [{"id": 1, "name": name} for name in pull.labels],
            "merged": pull.is_merged, "merged_at": moment(pull.merged_at),
            "merge_commit_sha": pull.merge_sha or None,
            "mergeable": pull.state == "open"
            and repo.store.can_merge(repo.store.branches()[pull.base_ref], pull.head_sha),
            "html_url": f"{self.web}/{repo.full_name}/pulls/{pull.number}",
            "head": {"label": pull.head_ref, "ref": pull.head_ref, "sha": pull.head_sha,
                     "repo_id": pull.head.id, "repo": self.repo(pull.head)},
            "base": {"label": pull.base_ref, "ref": pull.base_ref, "sha": pull.base_sha,
                     "repo_id": repo.id, "repo": self.repo(repo)},
            "created_at": moment(pull.created_at), "updated_at": moment(pull.updated_at),
            "closed_at": moment(pull.closed_at),
        }  # fmt: skip

    def issue(self, repo: m.Repo, issue: m.Issue | m.Pull) -> Object:
        """An issue, or a pull request seen as one."""
        is_pull = isinstance(issue, m.Pull)
        folder = "pulls" if is_pull else "issues"
        return {
            "id": issue.id, "number": issue.number, "user": self.user(issue.author),
            "title": issue.title, "body": issue.body, "state": issue.state,
            "labels": [{"id": 1, "name": name} for name in issue.labels],
            "html_url": f"{self.web}/{repo.full_name}/{folder}/{issue.number}",
            "pull_request": {"merged": False, "merged_at": None} if is_pull else None,
            "created_at": moment(issue.created_at), "updated_at": moment(issue.updated_at),
        }  # fmt: skip

    def comment(self, repo: m.Repo, on: m.Issue | m.Pull, comment: m.Comment) -> Object:
        """A comment."""
        return {
            "id": comment.id, "body": comment.body, "user": self.user(comment.author),
            "html_url": f"{self.web}/{repo.full_name}/issues/{on.number}#issuecomment-{comment.id}",
            "created_at": moment(comment.created_at), "updated_at": moment(comment.updated_at),
        }  # fmt: skip

    def run(self, repo: m.Repo, run: m.Run) -> Object:
        """A run."""
        return {
            "id": run.id, "display_title": run.name, "path": f"ci.yml@refs/heads/{run.ref}",
            "event": run.event, "run_attempt": run.attempt, "run_number": run.number,
            "head_sha": run.sha, "head_branch": run.ref, "status": run.status,
            "conclusion": run.conclusion, "actor": self.user(run.actor),
            "trigger_actor": self.user(run.actor),
            "html_url": f"{self.web}/{repo.full_name}/actions/runs/{run.number}",
            "started_at": _go(run.started_at), "completed_at": _go(run.completed_at),
        }  # fmt: skip

    def job(self, repo: m.Repo, run: m.Run, job: m.Job) -> Object:
        """A job."""
        return {
            "id": job.id, "run_id": run.id, "name": job.name, "run_attempt": run.attempt,
            "head_sha": run.sha, "head_branch": run.ref, "status": job.status,
            "conclusion": job.conclusion, "labels": ["linux"],
            "runner_id": job.runner.id if job.runner else 0,
            "runner_name": job.runner.name if job.runner else "",
            "html_url": f"{self.web}/{repo.full_name}/actions/runs/{run.number}/jobs/{job.id}",
            "steps": [
                {"name": step.name, "number": step.number, "status": step.status,
                 "conclusion": step.conclusion}
                for step in job.steps
            ],
            "created_at": moment(run.created_at), "started_at": _go(job.started_at),
            "completed_at": _go(job.completed_at),
        }  # fmt: skip

    def release(self, repo: m.Repo, release: m.Release) -> Object:
        """A release."""
        return {
            "id": release.id, "tag_name": release.tag, "name": release.name,
            "body": release.body, "draft": release.is_draft, "prerelease": release.is_prerelease,
            "html_url": f"{self.web}/{repo.full_name}/releases/tag/{release.tag}",
            "author": self.user(release.author), "created_at": moment(release.created_at),
            "published_at": moment(release.created_at),
        }  # fmt: skip

    def hook(self, hook: m.Hook) -> Object:
        """A hook, without its secret."""
        return {
            "id": hook.id, "type": "gitea", "active": hook.is_active, "events": hook.events,
            "config": {"url": hook.url, "content_type": "json"},
            "created_at": moment(hook.created_at), "updated_at": moment(hook.updated_at),
        }  # fmt: skip

    def status(self, status: m.Status) -> Object:
        """A status of a commit; its state is called status here."""
        return {
            "id": status.id, "status": status.state, "context": status.context,
            "description": status.description, "target_url": status.target_url,
            "created_at": moment(status.created_at), "updated_at": moment(status.created_at),
        }  # fmt: skip


def runner(runner: m.Runner) -> Object:
    """A runner."""
    return {
        "id": runner.id, "name": runner.name, "busy": runner.is_busy,
        "status": "online" if runner.is_online else "offline", "ephemeral": False,
        "labels": [{"id": 0, "name": name, "type": "custom"} for name in runner.labels],
    }  # fmt: skip


def _go(at: Any) -> str:
    """A time as Go writes an unset one."""
    return moment(at) or "0001-01-01T00:00:00Z"


def _payload_user(name: str, email: str) -> Object:
    return {"name": name, "email": email, "username": ""}
