"""The client of Gitea and Forgejo."""

from gitintegration.clients.gitea.ci import Ci
from gitintegration.clients.gitea.commits import Commits
from gitintegration.clients.gitea.files import Files
from gitintegration.clients.gitea.hooks import HOOK_EVENTS, Hooks
from gitintegration.clients.gitea.pulls import Pulls
from gitintegration.clients.gitea.rules import Rules


class GiteaClient(Files, Commits, Pulls, Hooks, Ci, Rules):
    """Every operation of `HostClient` on a Gitea or Forgejo of version 1.22 or later."""

    HOOK_EVENTS = HOOK_EVENTS
