"""GitLab as one host among others."""

from gitintegration.clients.gitlab.ci import Ci
from gitintegration.clients.gitlab.commits import Commits
from gitintegration.clients.gitlab.discussions import Discussions
from gitintegration.clients.gitlab.files import Files
from gitintegration.clients.gitlab.hooks import HOOK_EVENTS, Hooks
from gitintegration.clients.gitlab.merge_requests import MergeRequests
from gitintegration.clients.gitlab.people import People
from gitintegration.clients.gitlab.repositories import Repositories
from gitintegration.clients.gitlab.rules import Rules
from gitintegration.clients.gitlab.runners import Runners
from gitintegration.clients.gitlab.statuses import Statuses


class GitLabClient(
    People,
    Repositories,
    Commits,
    Files,
    MergeRequests,
    Discussions,
    Hooks,
    Statuses,
    Ci,
    Rules,
    Runners,
):
    """Every operation of `HostClient`; what each does stands with the method."""

    HOOK_EVENTS = HOOK_EVENTS
