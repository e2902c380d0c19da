"""Pull requests, issues, comments, releases, statuses and checks of a fake host."""

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.fakes.model import (
    Check,
    Comment,
    Issue,
    Pull,
    Release,
    Repo,
    Status,
    User,
)

if TYPE_CHECKING:
    from gitintegration.clients.fakes.state import HostState


class Talk:
    """What people and programs say about commits; every change fires the hooks."""

    def __init__(self, state: "HostState") -> None:
        self._state = state
        # GitHub and Gitea count both in one row, GitLab and Bitbucket each for itself.
        self.shares_numbers = True

    def next_number(self, repo: Repo, *, pull: bool) -> int:
        """The number of the next pull request or issue."""
        taken = [*repo.pulls, *repo.issues] if self.shares_numbers else []
        taken += repo.pulls if pull else repo.issues
        return max(taken, default=0) + 1

    def open_pull(  # noqa: PLR0913 - each is a separate fact of a pull request
        self,
        repo: Repo,
        head_ref: str,
        base_ref: str = "",
        *,
        title: str = "A change",
        body: str = "",
        user: User | None = None,
        head: Repo | None = None,
        draft: bool = False,
    ) -> Pull:
        """Open a pull request; `head` is the fork that it comes from."""
        with self._state.lock:
            source, base = head or repo, base_ref or repo.default_branch
            author = user or self._state.owner_of(source)
            if source is not repo:
                repo.store.fetch_all(source.store, f"refs/forks/{source.id}/")
            head_sha = source.store.branches()[head_ref]
            pull = Pull(
                self._state.next_id(), self.next_number(repo, pull=True), title, body, author,
                source, head_ref, base, head_sha, repo.store.branches()[base], is_draft=draft,
            )  # fmt: skip
            repo.pulls[pull.number] = pull
            repo.store.set_ref(f"refs/pull/{pull.number}/head", head_sha)
            self._tell(repo, pull, "opened", author)
            return pull

    def change_pull(self, repo: Repo, pull: Pull, user: User, **changes: Any) -> None:
        """Change members of a pull request; closing and reopening are told as such."""
        with self._state.lock:
            before = pull.state
            for name, value in changes.items():
                setattr(pull, name, value)
            pull.updated_at = timezone.now()
            if pull.state != before:
                pull.closed_at = timezone.now() if pull.state == "closed" else None
                self._tell(repo, pull, "closed" if pull.state == "closed" else "reopened", user)
            else:
                self._tell(repo, pull, "edited", user)

    def merge_pull(
        self, repo: Repo, pull: Pull, user: User, method: str = "merge", message: str = ""
    ) -> str:
        """Merge it and return the SHA.

        Raises:
            StoreError: there is a conflict.
        """
        with self._state.lock:
            before = repo.store.branches()[pull.base_ref]
            words = message or f"Merge pull request #{pull.number} from {pull.head_ref}"
            pull.merge_sha = repo.store.merge(pull.base_ref, pull.head_sha, method, words)
            pull.base_sha = before
            pull.is_merged, pull.state = True, "closed"
            pull.merged_at = pull.closed_at = pull.updated_at = timezone.now()
            self._tell(repo, pull, "closed", user)
            ref = f"refs/heads/{pull.base_ref}"
            self._state.pushed(repo, ref, before, pull.merge_sha, user)
            return pull.merge_sha

    def follow_push(self, repo: Repo, ref: str, sha: str, actor: User) -> None:
        """Let the open pull requests of a pushed branch follow it."""
        branch = ref.removeprefix("refs/heads/")
        for base in list(self._state.repositories.values()):
            for pull in base.pulls.values():
                if pull.state != "open" or pull.head is not repo or pull.head_ref != branch:
                    continue
                if base is not repo:
                    base.store.fetch_all(repo.store, f"refs/forks/{repo.id}/")
                before, pull.head_sha = pull.head_sha, sha
                base.store.set_ref(f"refs/pull/{pull.number}/head", sha)
                pull.updated_at = timezone.now()
                self._tell(base, pull, "synchronize", actor, before=before, after=sha)

    def review(self, repo: Repo, pull: Pull, user: User, state: str, body: str = "") -> None:
        """Somebody approves (`approved`), wants changes (`changes_requested`) or comments."""
        with self._state.lock:
            facts = {"state": state, "pull": pull, "body": body, "id": self._state.next_id()}
            self._state.emit(Happening("review", repo, user, "submitted", pull, facts))

    def open_issue(
        self, repo: Repo, title: str, body: str = "", *, user: User | None = None
    ) -> Issue:
        """Open an issue."""
        with self._state.lock:
            author = user or self._state.owner_of(repo)
            number = self.next_number(repo, pull=False)
            issue = Issue(self._state.next_id(), number, title, body, author)
            repo.issues[number] = issue
            self._state.emit(Happening("issue", repo, author, "opened", issue))
            return issue

    def comment(self, repo: Repo, on: Pull | Issue, body: str, user: User) -> Comment:
        """Say something."""
        with self._state.lock:
            made = Comment(self._state.next_id(), body, user)
            on.comments.append(made)
            self._state.emit(Happening("comment", repo, user, "created", made, {"on": on}))
            return made

    def edit_comment(
        self, repo: Repo, on: Pull | Issue, comment: Comment, body: str, user: User
    ) -> None:
        """Say something else."""
        with self._state.lock:
            comment.body, comment.updated_at = body, timezone.now()
            self._state.emit(Happening("comment", repo, user, "edited", comment, {"on": on}))

    def release(
        self, repo: Repo, tag: str, *, name: str = "", body: str = "", user: User | None = None
    ) -> Release:
        """Publish a release; the tag is made at the default branch when it is missing."""
        with self._state.lock:
            author = user or self._state.owner_of(repo)
            if tag not in repo.store.tags():
                repo.store.tag(tag, repo.store.branches()[repo.default_branch])
            made = Release(self._state.next_id(), tag, name or tag, body, author)
            repo.releases[made.id] = made
            self._state.emit(Happening("release", repo, author, "published", made))
            return made

    def set_status(
        self,
        repo: Repo,
        sha: str,
        context: str,
        state: str,
        *,
        description: str = "",
        target_url: str = "",
        user: User | None = None,
    ) -> Status:
        """Say how a commit is doing, in the host's word."""
        with self._state.lock:
            author = user or self._state.owner_of(repo)
            made = Status(
                self._state.next_id(), sha, context, state, description, target_url, author
            )
            repo.statuses.append(made)
            self._state.emit(Happening("status", repo, author, "", made))
            return made

    def set_check(self, repo: Repo, check: Check, user: User) -> None:
        """Store a new or changed check."""
        with self._state.lock:
            is_new = check.id not in repo.checks
            repo.checks[check.id] = check
            if check.status == "completed":
                check.completed_at = check.completed_at or timezone.now()
            action = "completed" if check.status == "completed" else "created"
            if is_new or action == "completed":
                self._state.emit(Happening("check_run", repo, user, action, check))

    def _tell(self, repo: Repo, pull: Pull, action: str, user: User, **facts: Any) -> None:
        self._state.emit(Happening("pull_request", repo, user, action, pull, facts))
