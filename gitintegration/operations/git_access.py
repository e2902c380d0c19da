"""As whom git reads a repository: through the credential of its mirror."""

import uuid

from devops.errors import DomainError
from devops.models import Repository
from gitintegration.choices import AuthType
from gitintegration.clients.git.auth import NOBODY, TOKEN_USERS, GitAuth
from gitintegration.models import GitProviderCredential, GitRepository
from gitintegration.operations.connections import access_for
from gitintegration.operations.credentials import can_be_used, secret_of


def git_auth(repository_id: uuid.UUID | None) -> GitAuth:
    """The proof for a repository's clone URL; nobody's where it has no usable credential."""
    rows = GitRepository.objects.select_related("credential__provider", "repository")
    mirror = rows.filter(repository_id=repository_id).first() if repository_id else None
    if mirror is None or mirror.credential is None or mirror.repository is None:
        return NOBODY
    url, credential = mirror.repository.clone_url, mirror.credential
    if not url.startswith(("https://", "http://")):
        key = _ssh_key(credential)
        return GitAuth(url, private_key=key) if key else NOBODY
    if not can_be_used(credential) or credential.auth_type == AuthType.SSH_KEY:
        return NOBODY
    access = access_for(credential)
    user = access.username or TOKEN_USERS[credential.provider.provider_type]
    return GitAuth(url, user, access.token)


def try_git_auth(repository: Repository) -> GitAuth:
    """The same, and nobody's when the host does not renew its tokens just now."""
    if repository.provider_id is None:
        # Plain git has no host and no credential; most pushes come this way.
        return NOBODY
    try:
        return git_auth(repository.pk)
    except DomainError:
        return NOBODY


def _ssh_key(credential: GitProviderCredential) -> str:
    """The key of the host's own SSH credential, else the one the mirror was fetched with."""
    rows = GitProviderCredential.objects.filter(
        provider_id=credential.provider_id, auth_type=AuthType.SSH_KEY, is_active=True
    )
    found = rows.order_by("-is_default", "id").first()
    return str(secret_of(found)["private_key"]) if found is not None else ""
