"""Issues, and comments on them and on merge requests.

Issues and merge requests are numbered each for themselves: a number that both have is taken for
the merge request's, as everywhere in this product.
"""

from collections.abc import Callable
from typing import TypeVar

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.members import Members

T = TypeVar("T")


class Discussions(Connection):
    """Issues and what is said about them."""

    def list_issues(
        self, repository: str, *, state: str = "open", page: str = "", per_page: int = 100
    ) -> s.Page[s.Issue]:
        """Issues, newest first."""
        return self.page(
            self.project(repository, "issues"), convert.issue, page, per_page,
            state={"open": "opened", "closed": "closed"}.get(state, "all"), scope="all",
        )  # fmt: skip

    def get_issue(self, repository: str, number: int) -> s.Issue:
        """One issue."""
        return self.read(self.project(repository, "issues", number), convert.issue)

    def list_comments(
        self, repository: str, number: int, page: str = "", per_page: int = 100
    ) -> s.Page[s.Comment]:
        """What people and programs said, oldest first; GitLab's own notes are left out."""

        def fetch(kind: str) -> s.Page[s.Comment]:
            url = self.web(repository, kind, number)

            def read(told: Members) -> s.Comment | None:
                return None if told.flag("system") else convert.comment(told, url)

            return self.page(
                self.project(repository, kind, number, "notes"), read, page, per_page,
                sort="asc", order_by="created_at",
            )  # fmt: skip

        return _either(fetch)

    def create_comment(self, repository: str, number: int, body: str) -> s.Comment:
        """Say something."""

        def send(kind: str) -> s.Comment:
            url = self.web(repository, kind, number)
            path = self.project(repository, kind, number, "notes")
            return self.send("post", path, {"body": body}, lambda told: convert.comment(told, url))

        return _either(send)

    def update_comment(self, repository: str, number: int, comment_id: str, body: str) -> s.Comment:
        """Say something else."""

        def send(kind: str) -> s.Comment:
            url = self.web(repository, kind, number)
            path = self.project(repository, kind, number, "notes", comment_id)
            return self.send("put", path, {"body": body}, lambda told: convert.comment(told, url))

        return _either(send)


def _either(call: Callable[[str], T]) -> T:
    try:
        return call("merge_requests")
    except NotFoundOnHost:
        return call("issues")
