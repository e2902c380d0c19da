"""Bitbucket Cloud in the contract suite."""

from gitintegration.clients.bitbucket.client import BitbucketClient
from gitintegration.clients.bitbucket.fake.app import create_app
from tests.gitintegration.hosts.rig import Rig

RIG = Rig(
    name="Bitbucket",
    create_app=create_app,
    make_client=lambda access, sleep, seconds: BitbucketClient(
        access, sleep=sleep, total_seconds=seconds
    ),
    api_path="/2.0",
    scheme="bearer",
    shares_numbers=False,
    unsupported=frozenset(
        {"languages", "list_hook_deliveries", "redeliver", "create_check_run", "update_check_run",
         "list_workflows", "runner_removal_token", "approve_workflow_run"}
    ),
    not_in_fake={
        "permission_of": "Bitbucket knows users by UUID; test_bitbucket.py asks by it",
        "rerun_workflow": "Bitbucket starts a new pipeline; test_bitbucket.py does",
    },
)  # fmt: skip
