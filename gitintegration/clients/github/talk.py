"""Pull requests, issues and comments of GitHub.

Source: GitHub REST API, "Pulls", "Issues", "Issue comments".
"""

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import AlreadyExists, NotFoundOnHost, RefusedByHost
from gitintegration.clients.github import reading
from gitintegration.clients.github.connection import Connection, repo_path
from gitintegration.clients.members import Members


class Talk(Connection):
    """What people say about commits."""

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
        owner = repository.partition("/")[0]
        return self.page(
            repo_path(repository, "pulls"), reading.pull, page, per_page,
            state=state, head=f"{owner}:{head}" if head else "", base=base,
        )  # fmt: skip

    def get_pull_request(self, repository: str, number: int) -> s.PullRequest:
        return self.one("GET", repo_path(repository, "pulls", str(number)), reading.pull)

    def create_pull_request(self, repository: str, new: s.NewPullRequest) -> s.PullRequest:
        body = {
            "title": new.title, "head": new.head, "base": new.base, "body": new.body,
            "draft": new.is_draft,
        }  # fmt: skip
        return self.one("POST", repo_path(repository, "pulls"), reading.pull, body)

    def merge_pull_request(
        self, repository: str, number: int, *, method: s.MergeMethod = "merge", sha: str = ""
    ) -> s.MergeResult:
        body = {"merge_method": method, **({"sha": sha} if sha else {})}
        path = repo_path(repository, "pulls", str(number), "merge")
        try:
            return self.one("PUT", path, _merged, body)
        except AlreadyExists as error:
            # 409: the head is another one by now.
            raise RefusedByHost(
                error.host, str(error), http_status=error.http_status,
                remedy="Read the pull request again; somebody pushed to it.",
            ) from error  # fmt: skip

    def close_pull_request(self, repository: str, number: int) -> s.PullRequest:
        path = repo_path(repository, "pulls", str(number))
        return self.one("PATCH", path, reading.pull, {"state": "closed"})

    def list_issues(
        self, repository: str, *, state: str = "open", page: str = "", per_page: int = 100
    ) -> s.Page[s.Issue]:
        found = self.page(
            repo_path(repository, "issues"), _issue_or_pull, page, per_page, state=state
        )
        return s.Page(tuple(item for item in found.items if item is not None), found.next_page)

    def get_issue(self, repository: str, number: int) -> s.Issue:
        path = repo_path(repository, "issues", str(number))
        found = self.one("GET", path, _issue_or_pull)
        if found is None:
            raise NotFoundOnHost(self.access.name, f"#{number} is a pull request, no issue.")
        return found

    def list_comments(
        self, repository: str, number: int, page: str = "", per_page: int = 100
    ) -> s.Page[s.Comment]:
        path = repo_path(repository, "issues", str(number), "comments")
        return self.page(path, reading.comment, page, per_page)

    def create_comment(self, repository: str, number: int, body: str) -> s.Comment:
        path = repo_path(repository, "issues", str(number), "comments")
        return self.one("POST", path, reading.comment, {"body": body})

    def update_comment(
        self,
        repository: str,
        number: int,  # noqa: ARG002 - GitHub's comments are numbered through
        comment_id: str,
        body: str,
    ) -> s.Comment:
        path = repo_path(repository, "issues", "comments", comment_id)
        return self.one("PATCH", path, reading.comment, {"body": body})


def _issue_or_pull(told: Members) -> s.Issue | None:
    """GitHub lists pull requests among the issues."""
    return None if "pull_request" in told else reading.issue(told)


def _merged(told: Members) -> s.MergeResult:
    return s.MergeResult(told.flag("merged"), told.text("sha"), told.text("message"))
