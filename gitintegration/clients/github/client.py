"""GitHub and GitHub Enterprise through one credential; the API address decides which."""

from gitintegration.clients.github.actions import Actions, Runners
from gitintegration.clients.github.commits import Commits
from gitintegration.clients.github.hooks import HOOK_EVENTS, Checks, Hooks, Rules
from gitintegration.clients.github.repositories import Repositories
from gitintegration.clients.github.talk import Talk


class GithubClient(Repositories, Commits, Talk, Hooks, Checks, Rules, Actions, Runners):
    """Every operation of `HostClient`; one client serves one thread at a time."""

    HOOK_EVENTS = HOOK_EVENTS
