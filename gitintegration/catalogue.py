"""What is known of each kind of host before anybody connected one.

Sources: the hosts' own API documentation; the addresses are those of their hosted services.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitintegration.choices import ProviderType


@dataclass(frozen=True, slots=True)
class HostKind:
    """The defaults of one kind of host.

    Attributes:
        api_base_url: empty where there is no hosted service.
        api_path: what a self-hosted API address ends with; added to the web address.
        oauth_scopes: what the product needs, in the host's words.
        token_hint: where a person makes a token, and which rights it needs.
    """

    name: str
    api_base_url: str
    web_base_url: str
    api_path: str
    capabilities: tuple[str, ...]
    oauth_scopes: tuple[str, ...]
    token_hint: str
    token_path: str
    supports_devops: bool = True
    priority_order: int = 1000
    devops_config: Mapping[str, Any] = field(default_factory=dict)


_COMMON = ("repos", "branches", "commits", "pull_requests", "issues", "webhooks")

HOST_KINDS: Mapping[str, HostKind] = {
    ProviderType.GITHUB: HostKind(
        "GitHub", "https://api.github.com", "https://github.com", "/api/v3",
        (*_COMMON, "devops"), ("repo", "read:org", "admin:repo_hook", "workflow"),
        "Settings → Developer settings → Personal access tokens. A classic token needs repo, "
        "read:org, admin:repo_hook and workflow; a fine-grained one read and write for contents, "
        "pull requests, commit statuses, webhooks and actions.",
        "/settings/tokens", priority_order=1,
        devops_config={"runner_type": "github_actions", "supports_workflow_dispatch": True},
    ),
    ProviderType.GITLAB: HostKind(
        "GitLab", "https://gitlab.com/api/v4", "https://gitlab.com", "/api/v4",
        ("repos", "branches", "commits", "merge_requests", "issues", "webhooks", "devops"),
        ("api", "read_api", "read_repository", "write_repository"),
        "Preferences → Access tokens, with the scopes api and write_repository.",
        "/-/user_settings/personal_access_tokens", priority_order=2,
        devops_config={"runner_type": "gitlab_runner", "supports_workflow_dispatch": False},
    ),
    ProviderType.GITEA: HostKind(
        "Gitea or Forgejo", "", "", "/api/v1", (*_COMMON, "devops", "act_runner"),
        ("read:user", "write:repository", "write:issue"),
        "Settings → Applications → Generate new token, with write for repository and issue and "
        "read for user.",
        "/user/settings/applications", priority_order=3,
        devops_config={
            "runner_type": "act_runner", "supports_workflow_dispatch": True,
            "supports_job_logs": True,
        },
    ),
    ProviderType.BITBUCKET: HostKind(
        "Bitbucket Cloud", "https://api.bitbucket.org/2.0", "https://bitbucket.org", "",
        (*_COMMON, "pipelines"),
        ("account", "repository:write", "pullrequest:write", "webhook", "pipeline:write"),
        "Repository or workspace settings → Access tokens, or an API token of your account with "
        "your e-mail address as the user name; it needs write for repositories and pull requests, "
        "webhooks and pipelines.",
        "/account/settings/", priority_order=4,
    ),
}  # fmt: skip
