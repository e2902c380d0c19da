"""Statuses of commits; check runs GitLab has none."""

from collections.abc import Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.absent import absent
from gitintegration.clients.errors import RefusedByHost
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.gitlab.words import TO_COMMIT_STATE, commit_state

_NO_CHECKS = "it has no check runs; a commit status says how a commit is doing."


class Statuses(Connection):
    """What programs say about commits."""

    def list_statuses(self, repository: str, ref: str) -> Sequence[s.CommitStatus]:
        """The newest status of each name."""
        path = self.project(repository, "repository", "commits", ref, "statuses")
        return self.all(path, convert.status)

    def combined_status(self, repository: str, ref: str) -> s.CombinedStatus:
        """What the statuses of a commit say together; GitLab leaves adding up to its readers."""
        return s.CombinedStatus.of(self.list_statuses(repository, ref))

    def create_status(self, repository: str, sha: str, status: s.CommitStatus) -> None:
        """Say how a commit is doing; saying the same twice is fine."""
        body = {
            "state": TO_COMMIT_STATE[status.state],
            "name": status.context,
            "description": status.description[:255],
            **({"target_url": status.target_url} if status.target_url else {}),
        }
        try:
            self.call("post", self.project(repository, "statuses", sha), body)
        except RefusedByHost as error:
            # GitLab sees statuses as machines, which do not go from a state to the same one.
            if "cannot transition status" not in error.detail.lower():
                raise
            said = commit_state(TO_COMMIT_STATE[status.state])
            known = self.list_statuses(repository, sha)
            if not any(item.context == status.context and item.state == said for item in known):
                raise

    create_check_run = update_check_run = absent(_NO_CHECKS)
