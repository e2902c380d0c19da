"""Whose events may have secrets: decided by the host's users and permissions alone."""

import dataclasses

from devops.errors import DomainError
from gitintegration.choices import ProviderType
from gitintegration.clients.errors import HostError, NotFoundOnHost, NotSupported
from gitintegration.clients.host import HostClient
from gitintegration.clients.protocol import TriggerEvent
from gitintegration.models import GitRepository
from gitintegration.operations.connections import connected_to

# Pushes need the right to push: the host checked it. These come from whoever may write a comment
# or open a pull request.
_OPEN_TO_ALL = frozenset(
    {"pull_request", "pull_request_review", "pull_request_review_comment", "issue",
     "issue_comment", "fork"}
)  # fmt: skip
_TRUSTED = frozenset({"write", "admin"})
_OUTDATED_BY_ITS_END = frozenset({"opened", "reopened", "synchronize", "edited", "labeled"})


def needs_host(event: TriggerEvent, mirror: GitRepository | None) -> bool:
    """Whether the host must be asked before the event can be judged."""
    return mirror is not None and event.type in _OPEN_TO_ALL


def judge(event: TriggerEvent, mirror: GitRepository | None) -> tuple[TriggerEvent, str]:
    """The event with its trust and the present facts of its pull request, and why.

    Whatever cannot be asked is not trusted: such runs wait for a person.
    """
    if event.type not in _OPEN_TO_ALL:
        return event, ""
    if mirror is None or mirror.credential is None:
        why = "nobody can be asked for the sender's permission"
        return dataclasses.replace(event, is_trusted=False), why
    repository = _repository_of(event, mirror)
    try:
        with connected_to(mirror) as client:
            event = _refreshed(event, repository, client)
            permission = client.permission_of(repository, _name_of(event, mirror))
    except NotFoundOnHost:
        permission = "none"
    except NotSupported as error:
        return dataclasses.replace(event, is_trusted=False), str(error)
    except (HostError, DomainError) as error:
        return dataclasses.replace(event, is_trusted=False), f"the host was not asked: {error}"
    is_trusted = permission in _TRUSTED and not event.is_from_fork
    why = (
        ""
        if is_trusted
        else f"{event.actor or 'the sender'} has permission {permission!r}"
        + (", and the change comes from a fork" if event.is_from_fork else "")
    )
    return dataclasses.replace(event, is_trusted=is_trusted), why


def _refreshed(event: TriggerEvent, repository: str, client: HostClient) -> TriggerEvent:
    """The pull request as it is now: deliveries come late and in any order."""
    facts = event.pull_request
    if facts is None:
        return event
    now = client.get_pull_request(repository, facts.number)
    fresh = dataclasses.replace(
        facts, title=now.title, body=now.body, state=now.state, is_merged=now.is_merged,
        is_draft=now.is_draft, author=now.author, author_id=now.author_id, head_ref=now.head_ref,
        head_sha=now.head_sha, base_ref=now.base_ref, labels=now.labels,
        head_repository=now.head_repository or facts.head_repository,
    )  # fmt: skip
    is_from_fork = event.is_from_fork
    if fresh.head_repository:
        is_from_fork = fresh.head_repository != repository
    if event.type != "pull_request":
        # A comment's or review's own delivery may not say where the change comes from.
        return dataclasses.replace(event, pull_request=fresh, is_from_fork=is_from_fork)
    if event.action in _OUTDATED_BY_ITS_END and now.state == "closed":
        return dataclasses.replace(event, pull_request=fresh, action="outdated")
    key = event.key
    if event.action in {"opened", "synchronize"}:
        # One run per head, whichever delivery of it is read first.
        key = f"pull_request:{facts.number}:head:{now.head_sha}"
    return dataclasses.replace(
        event, pull_request=fresh, sha=now.head_sha, branch=now.head_ref,
        base_branch=now.base_ref, is_from_fork=is_from_fork or event.is_from_fork, key=key,
        commit=dataclasses.replace(event.commit, sha=now.head_sha),
    )  # fmt: skip


def _repository_of(event: TriggerEvent, mirror: GitRepository) -> str:
    """The name under which the host knows it now: a rename shows in a delivery first."""
    if event.repository_full_name and event.repository_id == mirror.external_id:
        return event.repository_full_name
    return mirror.full_name


def _name_of(event: TriggerEvent, mirror: GitRepository) -> str:
    """How the host wants its user named; Bitbucket's nicknames are not unique."""
    kind = mirror.credential.provider.provider_type if mirror.credential else ""
    return event.actor_id if kind == ProviderType.BITBUCKET else event.actor
