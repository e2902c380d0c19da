"""Gitea in the contract suite."""

from gitintegration.clients.gitea.client import GiteaClient
from gitintegration.clients.gitea.fake.app import create_app
from tests.gitintegration.hosts.rig import Rig

RIG = Rig(
    name="Gitea",
    create_app=create_app,
    make_client=lambda access, sleep, seconds: GiteaClient(
        access, sleep=sleep, total_seconds=seconds
    ),
    api_path="/api/v1",
    unsupported=frozenset(
        {"list_hook_deliveries", "redeliver", "create_check_run", "update_check_run",
         "runner_removal_token", "approve_workflow_run"}
    ),
)  # fmt: skip
