"""Branches, pull requests and comments that a run makes: found before they are made.

An answer that was lost is no reason to do a thing twice: whenever the host did not answer a
writing call, it is asked whether the thing is there.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from devops.errors import Conflict, NotFound
from gitintegration.clients.errors import AlreadyExists, HostUnavailable, NotFoundOnHost
from gitintegration.clients.git.differences import difference
from gitintegration.clients.git.publish import Change, publish
from gitintegration.clients.host import HostClient, every
from gitintegration.clients.shapes import Branch, Comment, NewPullRequest, PullRequest
from gitintegration.models import GitRepository
from gitintegration.operations.connections import connected_to
from gitintegration.operations.git_access import git_auth
from gitintegration.operations.host_writes import find_marked, mark, upsert_comment

T = TypeVar("T")
_OPEN_PULLS = 500


def ensure_branch(repository_id: uuid.UUID | None, name: str, source: str) -> tuple[Branch, bool]:
    """A branch at a commit or at the head of another branch; says whether it was made now.

    Raises:
        Conflict: it exists and is somewhere else.
        HostError: the host refuses or does not answer.
    """
    with _host(repository_id) as (client, full_name):
        sha = source
        if len(source) not in {40, 64}:
            sha = client.get_branch(full_name, source).sha

        def look() -> Branch | None:
            try:
                return client.get_branch(full_name, name)
            except NotFoundOnHost:
                return None

        known = look()
        if known is not None and known.sha != sha:
            raise Conflict(
                f"The branch {name} exists at {known.sha[:7]}, not at {sha[:7]}.",
                remedy="Choose another name, or delete the branch at the host.",
            )
        return _once(known, look, lambda: client.create_branch(full_name, name, sha))


def ensure_pull_request(
    repository_id: uuid.UUID | None, new: NewPullRequest
) -> tuple[PullRequest, bool]:
    """The open pull request from head to base, made when there is none.

    Raises:
        HostError: the host refuses or does not answer.
    """
    with _host(repository_id) as (client, full_name):

        def look() -> PullRequest | None:
            pages = every(
                lambda page: client.list_pull_requests(
                    full_name, state="open", head=new.head, base=new.base, page=page
                ),
                _OPEN_PULLS,
            )
            fitting = (
                each for each in pages if each.head_ref == new.head and each.base_ref == new.base
            )
            return next(fitting, None)

        return _once(look(), look, lambda: client.create_pull_request(full_name, new))


def ensure_comment(repository_id: uuid.UUID | None, number: int, marker: str, body: str) -> Comment:
    """The one comment with our marker on an issue or pull request, with this text.

    Raises:
        HostError: the host refuses or does not answer.
    """
    with _host(repository_id) as (client, full_name):
        try:
            return upsert_comment(client, full_name, number, marker, body)
        except HostUnavailable:
            found = find_marked(client, full_name, number, marker)
            if found is not None and found.body.strip() == f"{mark(marker)}\n{body}".strip():
                return found
            raise


def publish_changes(
    repository_id: uuid.UUID | None, clone_url: str, work_tree: Path, change: Change, scratch: Path
) -> str:
    """Commit and push what a working folder holds; returns the commit's SHA.

    Raises:
        GitFailedError: git could not do it.
        GitRefusedError: a name that we do not hand to git.
    """
    auth = git_auth(repository_id)
    return publish(clone_url, work_tree, change, scratch=scratch, auth=auth)


def difference_of(
    repository_id: uuid.UUID | None, clone_url: str, sha: str, base_branch: str, scratch: Path
) -> str:
    """What a commit changes against where it left a branch, else against its parent.

    Raises:
        GitFailedError: git could not do it.
        GitRefusedError: a name that we do not hand to git.
    """
    auth = git_auth(repository_id)
    return difference(clone_url, sha, base_branch, scratch=scratch, auth=auth)


def _once(known: T | None, look: Callable[[], T | None], make: Callable[[], T]) -> tuple[T, bool]:
    if known is not None:
        return known, False
    try:
        return make(), True
    except (AlreadyExists, HostUnavailable):
        found = look()
        if found is None:
            raise
        return found, False


def host_of(repository_id: uuid.UUID | None) -> GitRepository:
    """The repository at its host.

    Raises:
        NotFound: there is no host behind it.
    """
    rows = GitRepository.objects.select_related("credential__provider")
    mirror = rows.filter(repository_id=repository_id).first() if repository_id else None
    if mirror is None:
        raise NotFound(
            "The run's repository has no git host behind it.",
            remedy="Import the repository through a credential; a bare clone URL has no API.",
        )
    return mirror


@contextmanager
def _host(repository_id: uuid.UUID | None) -> Iterator[tuple[HostClient, str]]:
    mirror = host_of(repository_id)
    with connected_to(mirror) as client:
        yield client, mirror.full_name
