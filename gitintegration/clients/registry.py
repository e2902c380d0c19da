"""Which module reads the deliveries of which dialect."""

from collections.abc import Mapping
from typing import Any, Protocol

from gitintegration.choices import Dialect
from gitintegration.clients.bitbucket import webhooks as bitbucket_webhooks
from gitintegration.clients.git import webhooks as git_webhooks
from gitintegration.clients.gitea import webhooks as gitea_webhooks
from gitintegration.clients.github import webhooks as github_webhooks
from gitintegration.clients.gitlab import webhooks as gitlab_webhooks
from gitintegration.clients.protocol import TriggerEvent


class DialectModule(Protocol):
    """What a host's `webhooks.py` offers."""

    EVENTS: frozenset[str]

    def delivery_id(self, headers: Mapping[str, str], /) -> str: ...

    def event_name(self, headers: Mapping[str, str], payload: Mapping[str, Any], /) -> str: ...

    def is_authentic(self, secret: str, headers: Mapping[str, str], body: bytes, /) -> bool: ...

    def to_event(self, name: str, payload: Mapping[str, Any], /) -> TriggerEvent: ...


_DIALECTS: dict[str, DialectModule] = {
    Dialect.GIT: git_webhooks,
    Dialect.GITHUB: github_webhooks,
    Dialect.GITLAB: gitlab_webhooks,
    Dialect.GITEA: gitea_webhooks,
    Dialect.BITBUCKET: bitbucket_webhooks,
}


def dialect_module(dialect: str) -> DialectModule:
    """The module for a dialect."""
    return _DIALECTS[dialect]
