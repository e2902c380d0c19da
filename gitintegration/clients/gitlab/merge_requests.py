"""Merge requests."""

from collections.abc import Callable

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import (
    AlreadyExists,
    AuthenticationFailed,
    Forbidden,
    HostUnavailable,
    NotFoundOnHost,
    NotSupported,
    RefusedByHost,
)
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.members import Members

# How often a rebase, which GitLab does in the background, is asked for, and the seconds between.
_REBASE_TRIES, _REBASE_SECONDS = 30, 1.0


class MergeRequests(Connection):
    """Changes that people propose."""

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
        """Merge requests, newest first; a page may be shorter than asked for.

        GitLab has no word for closed or merged: both are chosen from all.
        """
        convert_one = _reader(self, repository)

        def read(told: Members) -> s.PullRequest | None:
            found = convert_one(told)
            is_wanted = state != "closed" or found.state == "closed"
            is_ours = not head or told.ident("source_project_id") == told.ident("target_project_id")
            return found if is_wanted and is_ours else None

        return self.page(
            self.project(repository, "merge_requests"), read, page, per_page,
            state={"open": "opened"}.get(state, "all"), scope="all",
            source_branch=head or None, target_branch=base or None,
        )  # fmt: skip

    def get_pull_request(self, repository: str, number: int) -> s.PullRequest:
        """One merge request."""
        return self.read(_path(self, repository, number), _reader(self, repository))

    def create_pull_request(self, repository: str, new: s.NewPullRequest) -> s.PullRequest:
        """Open a merge request; GitLab marks drafts in the title."""
        body = {
            "source_branch": new.head,
            "target_branch": new.base,
            "title": f"Draft: {new.title}" if new.is_draft else new.title,
            "description": new.body,
        }
        path = self.project(repository, "merge_requests")
        return self.send("post", path, body, _reader(self, repository))

    def merge_pull_request(
        self,
        repository: str,
        number: int,
        *,
        method: s.MergeMethod = "merge",
        sha: str = "",
    ) -> s.MergeResult:
        """Merge; rebasing needs a project whose merge method it is.

        Raises:
            NotSupported: `rebase` in a project that merges otherwise.
        """
        if method == "rebase":
            sha = _rebase(self, repository, number, sha)
        body: dict[str, object] = {"squash": method == "squash"}
        if sha:
            body["sha"] = sha
        try:
            return self.send("put", f"{_path(self, repository, number)}/merge", body, _result)
        except AuthenticationFailed as error:
            # GitLab answers 401 to a known user who may not merge.
            raise Forbidden(error.host, error.detail, http_status=401, body=error.body) from error
        except AlreadyExists as error:
            # 409: the head is another one by now.
            raise RefusedByHost(
                error.host, error.detail, http_status=409, body=error.body
            ) from error

    def close_pull_request(self, repository: str, number: int) -> s.PullRequest:
        """Close without merging."""
        return self.send(
            "put", _path(self, repository, number), {"state_event": "close"},
            _reader(self, repository),
        )  # fmt: skip


def _path(host: Connection, repository: str, number: int) -> str:
    return host.project(repository, "merge_requests", number)


def _reader(host: Connection, repository: str) -> Callable[[Members], s.PullRequest]:
    """Reads merge requests and asks once for each other project that they come from."""
    names: dict[str, str] = {}

    def read(told: Members) -> s.PullRequest:
        source = told.ident("source_project_id")
        if source == told.ident("target_project_id"):
            return convert.pull_request(told, repository)
        if source and source not in names:
            names[source] = _name_of(host, source)
        return convert.pull_request(told, names.get(source, ""))

    return read


def _name_of(host: Connection, project_id: str) -> str:
    try:
        return host.read(host.project(project_id), lambda told: told.text("path_with_namespace"))
    except (Forbidden, NotFoundOnHost):
        return ""


def _result(told: Members) -> s.MergeResult:
    sha = told.text("merge_commit_sha") or told.text("squash_commit_sha") or told.text("sha")
    is_merged = told.text("state") == "merged"
    return s.MergeResult(is_merged, sha if is_merged else "", told.text("merge_error"))


def _rebase(host: Connection, repository: str, number: int, sha: str) -> str:
    """Rebase the merge request's branch and return its new head."""
    way = host.read(host.project(repository), lambda told: told.text("merge_method"))
    if way not in {"ff", "rebase_merge"}:
        raise NotSupported(
            host.access.name,
            "it rebases only where the project's merge method says so; choose `fast-forward` in "
            "the project's settings, or merge in another way.",
        )
    path = _path(host, repository, number)
    found = host.read(path, _reader(host, repository))
    if sha and found.head_sha != sha:
        raise RefusedByHost(host.access.name, "the merge request's head is another one by now.")
    host.call("put", f"{path}/rebase", {})
    for _ in range(_REBASE_TRIES):
        is_busy, problem, head = host.read(path, _rebasing, include_rebase_in_progress="true")
        if problem:
            raise RefusedByHost(host.access.name, f"could not rebase: {problem[:300]}")
        if not is_busy:
            return head
        host.sleep(_REBASE_SECONDS)
    raise HostUnavailable(host.access.name, "is still rebasing; merge again later.")


def _rebasing(told: Members) -> tuple[bool, str, str]:
    return told.flag("rebase_in_progress"), told.text("merge_error"), told.text("sha")
