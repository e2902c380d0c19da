"""Which class speaks to which kind of host; imported on demand, because the SDKs are heavy."""

from importlib import import_module

from gitintegration.choices import ProviderType
from gitintegration.clients.host import HostAccess, HostClient

_CLASSES = {
    ProviderType.GITHUB: ("gitintegration.clients.github.client", "GithubClient"),
    ProviderType.GITLAB: ("gitintegration.clients.gitlab.client", "GitLabClient"),
    ProviderType.GITEA: ("gitintegration.clients.gitea.client", "GiteaClient"),
    ProviderType.BITBUCKET: ("gitintegration.clients.bitbucket.client", "BitbucketClient"),
}


def host_client(provider_type: str, access: HostAccess) -> HostClient:
    """A client for one host through one credential; close it after use."""
    module, name = _CLASSES[ProviderType(provider_type)]
    client: HostClient = getattr(import_module(module), name)(access)
    return client
