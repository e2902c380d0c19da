"""What the pages of hosts share: how a kind of host looks, links that may be followed."""

from dataclasses import dataclass
from datetime import datetime

from devops.errors import DomainError
from gitintegration.choices import AuthType, ProviderType
from gitintegration.models import GitProvider

ICONS = {
    ProviderType.GITHUB.value: "brand-github",
    ProviderType.GITLAB.value: "brand-gitlab",
    ProviderType.GITEA.value: "cup",
    ProviderType.BITBUCKET.value: "brand-bitbucket",
}
AUTH_WORDS = {
    AuthType.OAUTH.value: "OAuth",
    AuthType.PERSONAL_ACCESS_TOKEN.value: "Token",
    AuthType.GITHUB_APP.value: "GitHub App",
    AuthType.SSH_KEY.value: "SSH key",
}


@dataclass(frozen=True, slots=True)
class HostProblem:
    """A host that did not give what a page wanted; the page stays and says so."""

    host: str
    detail: str
    remedy: str
    retry_at: datetime | None


def problem_of(provider: GitProvider | None, error: DomainError) -> HostProblem:
    """What a page says of an error: whose it is, what happened, when the next try makes sense."""
    retry_at = getattr(error, "retry_at", None)
    if retry_at is None and provider is not None and getattr(error, "is_transient", False):
        retry_at = provider.retry_at
    name = provider.name if provider is not None else getattr(error, "host", "The host")
    detail = error.detail.removeprefix(f"{name}: ")
    return HostProblem(name, detail, error.remedy, retry_at)
