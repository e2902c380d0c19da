"""GitLab for the contract suite."""

from collections.abc import Callable

from gitintegration.clients.gitlab.client import GitLabClient
from gitintegration.clients.gitlab.fake.app import create_app
from gitintegration.clients.host import HostAccess, HostClient
from tests.gitintegration.hosts.rig import Rig


def make_client(
    access: HostAccess, sleep: Callable[[float], None], total_seconds: float
) -> HostClient:
    return GitLabClient(access, sleep=sleep, total_seconds=total_seconds)


RIG = Rig(
    name="GitLab",
    create_app=create_app,
    make_client=make_client,
    api_path="/api/v4",
    shares_numbers=False,
    not_in_fake={"list_workflows": "GitLab has one definition per project; see test_gitlab.py"},
    unsupported=frozenset(
        {"get_commit_patch", "create_check_run", "update_check_run", "runner_removal_token"}
    ),
)
