"""A fake host's facts as GitHub writes them, in answers and in deliveries alike."""

from datetime import UTC, datetime
from typing import Any

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.git_store import CommitFacts
from gitintegration.clients.fakes.server import FakeHost

API_PATH = "/api/v3"
_SHORT = ("id", "node_id", "name", "full_name", "private", "owner", "html_url", "description",
          "fork", "url")  # fmt: skip


def moment(when: datetime | None) -> str | None:
    """A time as GitHub writes it."""
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Words:
    """Words of one host; its addresses are in them."""

    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self.web = host.url
        self.api = host.url + API_PATH

    def user(self, user: m.User) -> dict[str, Any]:
        return {
            "login": user.login, "id": user.id, "node_id": f"U_{user.id}",
            "avatar_url": f"{self.web}/avatars/{user.id}", "url": f"{self.api}/users/{user.login}",
            "html_url": f"{self.web}/{user.login}", "site_admin": user.is_admin,
            "type": "Bot" if user.login.endswith("[bot]") else "User",
        }  # fmt: skip

    def owner(self, repo: m.Repo) -> dict[str, Any]:
        found = self._host.state.organizations.get(repo.owner)
        if found is None:
            return self.user(self._host.state.users[repo.owner])
        return {
            "login": found.path, "id": found.id, "node_id": f"O_{found.id}",
            "type": "Organization", "html_url": f"{self.web}/{found.path}", "site_admin": False,
        }  # fmt: skip

    def repo(self, repo: m.Repo) -> dict[str, Any]:
        forks = [one for one in self._host.state.repositories.values() if one.fork_of is repo]
        open_count = sum(issue.state == "open" for issue in repo.issues.values())
        open_count += sum(pull.state == "open" for pull in repo.pulls.values())
        return {
            "id": repo.id, "node_id": f"R_{repo.id}", "name": repo.name,
            "full_name": repo.full_name, "private": repo.is_private, "owner": self.owner(repo),
            "html_url": f"{self.web}/{repo.full_name}", "description": repo.description or None,
            "fork": repo.fork_of is not None, "url": f"{self.api}/repos/{repo.full_name}",
            "created_at": moment(repo.created_at), "updated_at": moment(repo.updated_at),
            "pushed_at": moment(repo.pushed_at), "clone_url": f"{self.web}/{repo.full_name}.git",
            "ssh_url": f"git@localhost:{repo.full_name}.git", "size": 1,
            "stargazers_count": repo.stars, "watchers_count": repo.stars,
            "language": repo.language or None, "has_issues": repo.has_issues,
            "has_wiki": repo.has_wiki, "forks_count": len(forks), "archived": repo.is_archived,
            "disabled": False, "open_issues_count": open_count, "topics": repo.topics,
            "visibility": "private" if repo.is_private else "public",
            "default_branch": repo.default_branch,
        }  # fmt: skip

    def short_repo(self, repo: m.Repo) -> dict[str, Any]:
        """What runs tell of their repository."""
        whole = self.repo(repo)
        return {name: whole[name] for name in _SHORT}

    def branch(self, repo: m.Repo, name: str, sha: str, *, whole: bool = False) -> dict[str, Any]:
        commit = (
            self.commit(repo, repo.store.commit(sha))
            if whole
            else {"sha": sha, "url": f"{self.api}/repos/{repo.full_name}/commits/{sha}"}
        )
        return {"name": name, "commit": commit, "protected": name in repo.protections}

    def commit(self, repo: m.Repo, facts: CommitFacts, *, files: bool = False) -> dict[str, Any]:
        by_email = {user.email: user for user in self._host.state.users.values()}
        author, committer = by_email.get(facts.author.email), by_email.get(facts.committer.email)
        made: dict[str, Any] = {
            "sha": facts.sha, "node_id": f"C_{facts.sha[:10]}",
            "commit": {
                "author": {"name": facts.author.name, "email": facts.author.email,
                           "date": moment(facts.authored_at)},
                "committer": {"name": facts.committer.name, "email": facts.committer.email,
                              "date": moment(facts.committed_at)},
                "message": facts.message, "tree": {"sha": facts.tree}, "comment_count": 0,
                "verification": {"verified": False, "reason": "unsigned", "signature": None,
                                 "payload": None},
            },
            "html_url": f"{self.web}/{repo.full_name}/commit/{facts.sha}",
            "author": self.user(author) if author else None,
            "committer": self.user(committer) if committer else None,
            "parents": [{"sha": sha} for sha in facts.parents],
        }  # fmt: skip
        if files:
            base = facts.parents[0] if facts.parents else "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
            made["files"] = self.files(repo, base, facts.sha)
            added = sum(item["additions"] for item in made["files"])
            removed = sum(item["deletions"] for item in made["files"])
            made["stats"] = {"additions": added, "deletions": removed, "total": added + removed}
        return made

    def files(self, repo: m.Repo, base: str, head: str) -> list[dict[str, Any]]:
        found = []
        for change in repo.store.changes(base, head):
            item: dict[str, Any] = {
                "filename": change.path, "status": change.status, "additions": change.additions,
                "deletions": change.deletions, "changes": change.additions + change.deletions,
            }  # fmt: skip
            if change.patch:
                item["patch"] = change.patch
            if change.status == "renamed":
                item["previous_filename"] = change.old_path
            found.append(item)
        return found

    def pull(self, repo: m.Repo, pull: m.Pull) -> dict[str, Any]:
        def side(where: m.Repo, ref: str, sha: str) -> dict[str, Any]:
            return {
                "label": f"{where.owner}:{ref}", "ref": ref, "sha": sha,
                "user": self.owner(where), "repo": self.repo(where),
            }  # fmt: skip

        is_open = pull.state == "open"
        base_sha = repo.store.branches().get(pull.base_ref, "") if is_open else pull.base_sha
        can_merge = repo.store.can_merge(base_sha, pull.head_sha) if is_open else None
        return {
            "id": pull.id, "number": pull.number, "state": pull.state, "locked": False,
            "title": pull.title, "body": pull.body or None, "user": self.user(pull.author),
            "html_url": f"{self.web}/{repo.full_name}/pull/{pull.number}",
            "url": f"{self.api}/repos/{repo.full_name}/pulls/{pull.number}",
            "labels": self.labels(pull.labels), "draft": pull.is_draft,
            "head": side(pull.head, pull.head_ref, pull.head_sha),
            "base": side(repo, pull.base_ref, base_sha), "merged": pull.is_merged,
            "mergeable": can_merge, "merge_commit_sha": pull.merge_sha or None,
            "created_at": moment(pull.created_at), "updated_at": moment(pull.updated_at),
            "closed_at": moment(pull.closed_at), "merged_at": moment(pull.merged_at),
            "author_association": "CONTRIBUTOR", "comments": len(pull.comments),
        }  # fmt: skip

    def issue(self, repo: m.Repo, issue: m.Issue | m.Pull) -> dict[str, Any]:
        kind = "pull" if isinstance(issue, m.Pull) else "issues"
        made: dict[str, Any] = {
            "id": issue.id, "number": issue.number, "title": issue.title,
            "body": issue.body or None, "state": issue.state, "locked": False,
            "user": self.user(issue.author), "labels": self.labels(issue.labels),
            "html_url": f"{self.web}/{repo.full_name}/{kind}/{issue.number}",
            "created_at": moment(issue.created_at), "updated_at": moment(issue.updated_at),
            "closed_at": moment(issue.closed_at), "comments": len(issue.comments),
            "author_association": "NONE",
        }  # fmt: skip
        if isinstance(issue, m.Pull):
            url = f"{self.api}/repos/{repo.full_name}/pulls/{issue.number}"
            made["pull_request"] = {"url": url, "merged_at": moment(issue.merged_at)}
        return made

    def labels(self, names: list[str]) -> list[dict[str, Any]]:
        return [
            {"id": number, "name": name, "color": "ededed", "default": False, "description": None}
            for number, name in enumerate(names, 1)
        ]

    def comment(self, repo: m.Repo, on: m.Issue | m.Pull, comment: m.Comment) -> dict[str, Any]:
        kind = "pull" if isinstance(on, m.Pull) else "issues"
        page = f"{self.web}/{repo.full_name}/{kind}/{on.number}"
        return {
            "id": comment.id, "body": comment.body, "user": self.user(comment.author),
            "html_url": f"{page}#issuecomment-{comment.id}",
            "created_at": moment(comment.created_at), "updated_at": moment(comment.updated_at),
            "author_association": "NONE",
        }  # fmt: skip

    def status(self, status: m.Status) -> dict[str, Any]:
        return {
            "id": status.id, "state": status.state, "context": status.context,
            "description": status.description or None, "target_url": status.target_url or None,
            "created_at": moment(status.created_at), "updated_at": moment(status.created_at),
        }  # fmt: skip

    def check(self, repo: m.Repo, check: m.Check) -> dict[str, Any]:
        return {
            "id": check.id, "name": check.name, "head_sha": check.head_sha,
            "status": check.status, "conclusion": check.conclusion or None,
            "details_url": check.details_url or None, "external_id": check.external_id,
            "html_url": f"{self.web}/{repo.full_name}/runs/{check.id}",
            "started_at": moment(check.started_at), "completed_at": moment(check.completed_at),
            "output": {"title": check.title or None, "summary": check.summary or None,
                       "text": None, "annotations_count": 0},
            "pull_requests": [],
        }  # fmt: skip

    def release(self, repo: m.Repo, release: m.Release) -> dict[str, Any]:
        return {
            "id": release.id, "tag_name": release.tag, "name": release.name,
            "body": release.body or None, "draft": release.is_draft,
            "prerelease": release.is_prerelease, "author": self.user(release.author),
            "html_url": f"{self.web}/{repo.full_name}/releases/tag/{release.tag}",
            "created_at": moment(release.created_at), "published_at": moment(release.created_at),
            "target_commitish": repo.default_branch, "assets": [],
        }  # fmt: skip

    def hook(self, repo: m.Repo, hook: m.Hook) -> dict[str, Any]:
        return {
            "type": "Repository", "id": hook.id, "name": "web", "active": hook.is_active,
            "events": hook.events,
            "config": {"url": hook.url, "content_type": "json", "insecure_ssl": "0",
                       **({"secret": "********"} if hook.secret else {})},
            "created_at": moment(hook.created_at), "updated_at": moment(hook.updated_at),
            "url": f"{self.api}/repos/{repo.full_name}/hooks/{hook.id}",
            "last_response": {"code": None, "status": "unused", "message": None},
        }  # fmt: skip

    def delivery(self, delivery: m.Delivery) -> dict[str, Any]:
        is_good = 200 <= delivery.status < 300
        return {
            "id": delivery.id, "guid": delivery.guid, "event": delivery.event,
            "action": delivery.action or None, "status_code": delivery.status,
            "status": "OK" if is_good else "failed", "redelivery": delivery.is_redelivery,
            "delivered_at": moment(delivery.delivered_at), "duration": 0.1,
            "installation_id": None, "repository_id": None,
        }  # fmt: skip
