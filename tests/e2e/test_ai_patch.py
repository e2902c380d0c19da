"""A model proposes a patch, and a step that holds the credential makes a pull request of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from devops.clients.anthropic.fake import Say, Script, serving
from gitintegration.clients.exchange import forget_hosts
from tests.e2e.test_git_hosts import Platform
from tests.gitintegration.hosts.rig import World, load, world_of
from tests.stack import running

pytestmark = pytest.mark.e2e

PIPELINE = """
name: Mend
key: mend
"on":
  push: {branches: [main]}
steps:
  - {name: Check out, key: source, uses: checkout}
  - name: Judge
    key: judge
    uses: claude_execute
    with: {prompt: "Greet louder.", context: {files: ["src/*.py"]}, propose: {patch: 1}}
  - name: Propose
    key: propose
    uses: create_pr
    with: {patch_from: judge.patch, title: Greet louder, branch: powernode/louder}
"""
PATCH = "--- a/src/app.py\\n+++ b/src/app.py\\n@@ -1 +1 @@\\n-print('hello')\\n+print('HELLO')\\n"


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    with world_of(load("tests.gitintegration.hosts.github_rig"), tmp_path / "host") as made:
        yield made
    forget_hosts()


def test_a_proposed_patch_becomes_a_pull_request(world: World, tmp_path: Path) -> None:
    environment = {"POWERNODE_EGRESS_ALLOW": "127.0.0.1"}
    with running(tmp_path / "stack", environment) as stack, serving() as model:
        platform = Platform(stack)
        platform.connect(world)
        platform.call("POST", "devops/ai_configs", {
            "name": "Fake", "provider": "anthropic", "model": "claude-sonnet-5-5",
            "base_url": model.url, "api_key": model.api_key, "is_default": True,
            "monthly_budget_usd": "5.00",
        })  # fmt: skip
        model.brain.add(Script((Say(f'{{"patch": "{PATCH}"}}'),)))
        state = world.state
        sha = state.push_file(world.widgets, "main", ".powernode/ci.yml", PIPELINE, user=world.ada)
        run = platform.finished_run("push")

    steps = {step["step_key"]: step for step in run["step_executions"]}
    assert run["status"] == "success", steps
    assert "print('hello')" in model.requests[0]["messages"][0]["content"]
    assert model.violations == []
    (pull,) = world.widgets.pulls.values()
    assert (pull.title, pull.base_ref) == ("Greet louder", "main")
    outputs = steps["propose"]["outputs"]
    assert outputs["pr_number"] == pull.number
    commit = world.client.get_commit(world.name, outputs["sha"])
    assert [(each.filename, each.status) for each in commit.files] == [("src/app.py", "modified")]
    assert world.widgets.store.branches()["powernode/louder"] == outputs["sha"]
    # What runs next time was not the model's to change.
    assert world.widgets.store.branches()["main"] == sha
    assert world.host.violations == []
