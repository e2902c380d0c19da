"""From nothing to a pull request on every kind of host: real processes, real git, real webhooks."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.git_store import Author
from tests.gitintegration.hosts.rig import World, load, rigs, world_of
from tests.stack import Stack, running

pytestmark = pytest.mark.e2e

PIPELINE = """
name: Widgets
key: widgets
"on":
  push: {branches: [main]}
  pull_request: {actions: [opened, synchronize]}
features: {commit_status: true, pr_comment_summary: true}
steps:
  - {name: Check out, key: source, uses: checkout}
  - name: Build
    key: build
    uses: custom
    with: {command: "test ! -f generated.txt && echo made > generated.txt && ls src/app.py"}
    if: trigger.type == 'push'
  - name: Branch
    key: branch
    uses: create_branch
    with: {name: marks/latest}
    if: trigger.type == 'push'
  - name: Propose
    key: propose
    uses: create_pr
    with: {title: Add what was generated, branch: powernode/generated}
    if: trigger.type == 'push'
  - name: Say
    key: say
    uses: post_comment
    with: {issue_number: "${{ steps.propose.outputs.pr_number }}", body: "Built **it**."}
    if: trigger.type == 'push'
"""


class Platform:
    """A running platform as a client of its REST API sees it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.stack.port}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {self.stack.facts['token']}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:2000]!r}") from None

    def connect(self, world: World) -> dict[str, Any]:
        """A host, its credential, the imported repository with its hook."""
        rig = world.rig
        host = self.call("POST", "git/providers", {
            "name": f"Our {rig.name}", "provider_type": rig.name.lower(),
            "api_base_url": world.host.url + rig.api_path, "web_base_url": world.host.url,
        })  # fmt: skip
        secret = {"token": world.token}
        if rig.scheme == "basic":
            secret["username"] = "ada"
        credential = self.call("POST", f"git/providers/{host['id']}/credentials", {
            "auth_type": "personal_access_token", "credentials": secret,
        })  # fmt: skip
        assert credential["last_test_status"] == "success", credential
        base = f"git/providers/{host['id']}/credentials/{credential['id']}"
        listed = self.call("GET", f"{base}/available_repositories")["repositories"]
        (wanted,) = [each for each in listed if each["full_name"] == world.name]
        sync = self.call("POST", f"{base}/import_repositories", {
            "external_ids": [wanted["external_id"]],
        })  # fmt: skip
        done = self.until(
            lambda: self.call("GET", f"git/syncs/{sync['id']}"),
            lambda found: found["status"] in {"completed", "failed"},
        )
        assert (done["status"], done["imported_count"]) == ("completed", 1), done
        listed = self.call("GET", "git/repositories")["results"]
        (mirror,) = [each for each in listed if each["full_name"] == world.name]
        outcome = self.call("POST", f"git/repositories/{mirror['id']}/configure_webhook", {})
        assert outcome["success"], outcome
        return dict(mirror)

    def until(self, look: Any, holds: Any, seconds: float = 30.0) -> Any:
        """What `look` gives once it holds."""
        end = time.monotonic() + seconds
        while not holds(found := look()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {found}\n{self._told()}")
            time.sleep(0.05)
        return found

    def _told(self) -> str:
        events = self.call("GET", "git/webhook_events")["results"]
        rows = [
            (each["event_type"], each["action"], each["status"], each["result"],
             each["error_message"])
            for each in events
        ]  # fmt: skip
        return f"{rows}\n{self.stack.last_lines()}"

    def finished_run(self, trigger: str) -> dict[str, Any]:
        """The only run of a trigger, over."""
        rows = self.until(
            lambda: self.call("GET", f"devops/pipeline_runs?trigger_type={trigger}")["results"],
            lambda found: found and found[0]["completed_at"],
        )
        assert len(rows) == 1, rows
        return dict(self.call("GET", f"devops/pipeline_runs/{rows[0]['id']}"))


@pytest.fixture(params=rigs())
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    forget_hosts()
    with world_of(load(request.param), tmp_path / "host") as made:
        yield made


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    environment = {"POWERNODE_EGRESS_ALLOW": "127.0.0.1"}
    with running(tmp_path / "stack", environment) as stack:
        yield Platform(stack)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments],
        cwd=folder, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _push(world: World, folder: Path) -> str:
    """Clone, add the pipeline, push; all over the host's own git transport."""
    address = world.host.git_url.replace("http://", f"http://ada:{world.token}@")
    _git(folder, "clone", "--quiet", f"{address}/{world.name}.git", "work")
    work = folder / "work"
    (work / ".powernode").mkdir()
    (work / ".powernode" / "ci.yml").write_text(PIPELINE)
    _git(work, "add", ".")
    _git(work, "commit", "--quiet", "-m", "Add the pipeline")
    _git(work, "push", "--quiet", "origin", "HEAD:main")
    return _git(work, "rev-parse", "HEAD")


def test_a_push_becomes_a_run_a_status_a_comment_and_a_pull_request_once_each(
    world: World, platform: Platform, tmp_path: Path
) -> None:
    platform.connect(world)
    # Each of these is done by the host, and its answer never comes.
    for path in ("pull|merge_requests", "comments|notes", "status", "branches|git/refs"):
        world.state.faults.add("lost_reply", method="POST", path=path)

    sha = _push(world, tmp_path)
    run = platform.finished_run("push")

    steps = {step["step_key"]: step for step in run["step_executions"]}
    assert run["status"] == "success", steps
    assert run["commit_sha"] == sha
    repo = world.widgets
    assert repo.store.branches()["marks/latest"] == sha
    (pull,) = [each for each in repo.pulls.values() if each.title == "Add what was generated"]
    assert steps["propose"]["outputs"]["pr_number"] == pull.number
    ours = [each for each in pull.comments if "Built **it**." in each.body]
    assert len(ours) == 1
    assert str(steps["say"]["outputs"]["comment_id"]) == str(ours[0].id)

    asked = platform.finished_run("pull_request")
    assert asked["status"] == "success"
    for commit in (sha, asked["commit_sha"]):
        platform.until(
            lambda c=commit: _newest_state(world, c), lambda state: state.startswith("success")
        )
        platform.until(
            lambda c=commit: _newest_state(world, c, "powernode"),
            lambda state: state.startswith("success"),
        )
    summary = platform.until(
        lambda: [each for each in pull.comments if "| Step |" in each.body], len
    )
    assert len(summary) == 1
    told = [(each.sha, each.context, each.state, each.description) for each in repo.statuses]
    assert len(told) == len(set(told)), told
    assert world.host.violations == []


TRUST = """
name: Guarded
key: guarded
"on":
  pull_request: {actions: [opened]}
secrets: [DEPLOY_TOKEN]
steps:
  - {name: Check out, key: source, uses: checkout}
  - name: Look
    key: look
    uses: custom
    secrets: [DEPLOY_TOKEN]
    with:
      command: |
        echo "size=${#DEPLOY_TOKEN}" >> "$POWERNODE_OUTPUT"
        echo "file=$(cat intruder.txt)" >> "$POWERNODE_OUTPUT"
"""


def test_a_fork_with_a_forged_author_waits_for_a_member_and_never_sees_a_secret(
    world: World, platform: Platform
) -> None:
    state = world.state
    platform.connect(world)
    secret = {"name": "DEPLOY_TOKEN", "value": "s3cret-of-ours"}
    platform.call("POST", "devops/secret_references", secret)
    state.push_file(world.widgets, "main", ".powernode/ci.yml", TRUST, user=world.ada)
    fork = state.fork(world.widgets, world.bob)
    # The commit says that ada, who owns everything, made it; bob pushes it.
    owner = Author(world.ada.name, world.ada.email)
    evil = TRUST.replace("name: Guarded", "name: Stolen").replace("[opened]", "[opened, edited]")
    state.push_file(fork, "evil", ".powernode/ci.yml", evil, user=world.bob, author=owner)
    state.push_file(fork, "evil", "intruder.txt", "of bob", user=world.bob, author=owner)
    state.talk.open_pull(world.widgets, "evil", head=fork, user=world.bob, title="Innocent")

    (run,) = platform.until(
        lambda: platform.call("GET", "devops/pipeline_runs?trigger_type=pull_request")["results"],
        len,
    )
    assert (run["status"], run["waiting_for"]) == ("pending", "trust"), run
    assert run["pipeline_name"] == "Guarded"
    assert run["trust_level"] == "untrusted"

    platform.call("POST", f"devops/pipeline_runs/{run['id']}/allow", {})
    over = platform.finished_run("pull_request")

    steps = {step["step_key"]: step for step in over["step_executions"]}
    assert over["status"] == "success", steps
    outputs = steps["look"]["outputs"]
    assert (outputs["size"], outputs["file"]) == ("0", "of bob")


def _newest_state(world: World, sha: str, context: str = "powernode/widgets") -> str:
    found = [each for each in world.widgets.statuses if each.sha == sha]
    ours = [each for each in found if each.context == context]
    return ours[-1].state.lower() if ours else ""
