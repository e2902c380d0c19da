"""The client of Bitbucket Cloud."""

from gitintegration.clients.bitbucket.ci import Ci
from gitintegration.clients.bitbucket.commits import Commits
from gitintegration.clients.bitbucket.hooks import HOOK_EVENTS, Hooks
from gitintegration.clients.bitbucket.pulls import Pulls
from gitintegration.clients.bitbucket.rules import Rules


class BitbucketClient(Commits, Pulls, Hooks, Ci, Rules):
    """Every operation of `HostClient` on Bitbucket Cloud.

    A repository's full name is `workspace/slug`; ids of repositories, users, hooks, pipelines,
    steps and runners are UUIDs in braces.
    """

    HOOK_EVENTS = HOOK_EVENTS
