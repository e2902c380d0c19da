"""Pull requests, issues and their comments of a Gitea."""

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import AlreadyExists, RefusedByHost
from gitintegration.clients.gitea import convert
from gitintegration.clients.gitea.connection import Connection, repo, segment
from gitintegration.clients.members import Members

_DRAFT_PREFIX = "WIP: "


class Pulls(Connection):
    """What people talk about."""

    def list_pull_requests(
        self,
        repository: str,
        *,
        state: str = "open",
        head: str = "",
        base: str = "",
        page: str = "",
        per_page: int = 100,
    ) -> s.Page[s.PullRequest]:
        """Pull requests; Gitea cannot ask by branches, so a page may hold fewer than it has."""
        found = self.page(
            repo(repository, "pulls"), convert.pull_request, page, per_page, state=state
        )
        kept = tuple(
            one
            for one in found.items
            if (not head or (one.head_ref == head and one.head_repository == repository))
            and (not base or one.base_ref == base)
        )
        return s.Page(kept, found.next_page)

    def get_pull_request(self, repository: str, number: int) -> s.PullRequest:
        """One pull request."""
        return self.one(repo(repository, "pulls", str(number)), convert.pull_request)

    def create_pull_request(self, repository: str, new: s.NewPullRequest) -> s.PullRequest:
        """Open a pull request; a draft is one by its title."""
        body = {
            "title": f"{_DRAFT_PREFIX}{new.title}" if new.is_draft else new.title,
            "head": new.head,
            "base": new.base,
            "body": new.body,
        }
        return self.made("POST", repo(repository, "pulls"), body, convert.pull_request)

    def merge_pull_request(
        self,
        repository: str,
        number: int,
        *,
        method: s.MergeMethod = "merge",
        sha: str = "",
    ) -> s.MergeResult:
        """Merge a pull request, if its head is still `sha`."""
        path = repo(repository, "pulls", str(number))
        body = {"Do": method, **({"head_commit_id": sha} if sha else {})}
        try:
            self.call("POST", f"{path}/merge", body=body)
        except AlreadyExists as error:
            # 409 stands for a conflict or a moved head here.
            raise RefusedByHost(
                self.access.name, "the pull request conflicts with its base, or its head moved.",
                http_status=error.http_status, body=error.body,
            ) from error  # fmt: skip
        return self.one(path, _merged)

    def close_pull_request(self, repository: str, number: int) -> s.PullRequest:
        """Close a pull request without merging it."""
        path = repo(repository, "pulls", str(number))
        return self.made("PATCH", path, {"state": "closed"}, convert.pull_request)

    def list_issues(
        self, repository: str, *, state: str = "open", page: str = "", per_page: int = 100
    ) -> s.Page[s.Issue]:
        """Issues, without pull requests."""
        return self.page(
            repo(repository, "issues"), convert.issue, page, per_page, state=state, type="issues"
        )

    def get_issue(self, repository: str, number: int) -> s.Issue:
        """One issue."""
        return self.one(repo(repository, "issues", str(number)), convert.issue)

    def list_comments(
        self, repository: str, number: int, page: str = "", per_page: int = 100
    ) -> s.Page[s.Comment]:
        """The comments on a pull request or an issue; Gitea gives all at once."""
        path = repo(repository, "issues", str(number), "comments")
        return self.page(path, convert.comment, page, per_page)

    def create_comment(self, repository: str, number: int, body: str) -> s.Comment:
        """Comment on a pull request or an issue."""
        path = repo(repository, "issues", str(number), "comments")
        return self.made("POST", path, {"body": body}, convert.comment)

    def update_comment(
        self,
        repository: str,
        number: int,  # noqa: ARG002 - Gitea's comments are numbered through
        comment_id: str,
        body: str,
    ) -> s.Comment:
        """Change a comment."""
        path = repo(repository, "issues/comments", segment(comment_id))
        return self.made("PATCH", path, {"body": body}, convert.comment)


def _merged(told: Members) -> s.MergeResult:
    return s.MergeResult(told.flag("merged"), told.text("merge_commit_sha"))
