"""The repositories that a credential sees at its host, as candidates for an import."""

from typing import Any

from devops.access import Actor
from gitintegration.clients.shapes import HostRepository
from gitintegration.models import GitProviderCredential, GitRepository
from gitintegration.operations.connections import connected
from gitintegration.operations.imports import usage

# A search reads so many pages of the host's list at most in one call.
_SEARCH_PAGES = 10


def available_repositories(
    actor: Actor,
    credential: GitProviderCredential,
    *,
    page: str = "",
    per_page: int = 100,
    search: str = "",
    include_forks: bool = False,
    include_archived: bool = False,
) -> dict[str, Any]:
    """One page of them: `repositories`, `next_page`, `usage`.

    A search goes on to further pages of the host until it has a page full, for ten at most.

    Raises:
        HostError: the host does not answer.
    """
    actor.require("git.repositories.read")
    words = search.strip().lower()
    found: list[HostRepository] = []
    with connected(credential) as client:
        for _ in range(_SEARCH_PAGES):
            listed = client.list_repositories(page, per_page)
            found += [
                each
                for each in listed.items
                if _is_wanted(each, words)
                and (include_forks or not each.is_fork)
                and (include_archived or not each.is_archived)
            ]
            page = listed.next_page
            if not page or len(found) >= per_page or not words:
                break
    known = set(
        GitRepository.objects.filter(
            account_id=actor.account_id, credential=credential,
            external_id__in=[each.id for each in found],
        ).values_list("external_id", flat=True)
    )  # fmt: skip
    return {
        "repositories": [_facts(each, is_known=each.id in known) for each in found],
        "next_page": page,
        "usage": usage(actor.account_id),
    }


def _is_wanted(each: HostRepository, words: str) -> bool:
    texts = (each.name, each.full_name, each.description)
    return not words or any(words in text.lower() for text in texts)


def _facts(each: HostRepository, *, is_known: bool) -> dict[str, Any]:
    return {
        "external_id": each.id,
        "name": each.name,
        "full_name": each.full_name,
        "owner": each.owner,
        "description": each.description,
        "default_branch": each.default_branch,
        "web_url": each.web_url,
        "is_private": each.is_private,
        "is_fork": each.is_fork,
        "is_archived": each.is_archived,
        "stars_count": each.stars_count,
        "primary_language": each.language,
        "already_imported": is_known,
    }
