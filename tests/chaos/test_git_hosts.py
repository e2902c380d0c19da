"""F20 and deaths in between: a host that is cut off, a worker that is killed while it imports."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from gitintegration.clients.exchange import forget_hosts
from tests.e2e.test_git_hosts import Platform
from tests.gitintegration.hosts.rig import World, load, world_of
from tests.stack import ROOT, Stack

pytestmark = pytest.mark.chaos
PASSWORD = "correct horse battery 9"
CUT_SECONDS = 60.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    forget_hosts()
    with world_of(load("tests.gitintegration.hosts.gitea_rig"), tmp_path / "host") as made:
        yield made


@contextlib.contextmanager
def cut_off(world: World) -> Iterator[None]:
    """Nobody hears from the host; it hears, and tells, as before.

    Its packets are dropped where we may do that; elsewhere it takes connections and says nothing.
    """
    port = str(urlsplit(world.host.url).port)
    rule = ["OUTPUT", "-o", "lo", "-p", "tcp", "--dport", port, "-j", "DROP"]
    if os.geteuid() == 0 and shutil.which("iptables") and _iptables("-I", *rule):
        try:
            yield
        finally:
            assert _iptables("-D", *rule)
        return
    with world.state.lock:
        yield


def _iptables(*arguments: str) -> bool:
    done = subprocess.run(["iptables", *arguments], check=False, capture_output=True, timeout=10)
    return done.returncode == 0


class Person:
    """Somebody with a session, as far as reading pages goes."""

    def __init__(self, stack: Stack) -> None:
        self._url = f"http://127.0.0.1:{stack.port}"
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        email = stack.sql("SELECT email FROM devops_user")[0][0]
        subprocess.run(
            [sys.executable, "-m", "powernode", "user", "password", email, "--password-stdin"],
            cwd=ROOT, env=stack.environment, check=True, capture_output=True, timeout=60,
            input=PASSWORD, text=True,
        )  # fmt: skip
        form = self.read("/accounts/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token is not None
        typed = {"csrfmiddlewaretoken": token[1], "login": email, "password": PASSWORD}
        self.read("/accounts/login/", urlencode(typed).encode())

    def read(self, path: str, typed: bytes | None = None) -> str:
        """A page's text; with `typed` it is a form that is sent."""
        headers = {"Referer": self._url + path}
        request = urllib.request.Request(self._url + path, typed, headers)  # noqa: S310
        with self._browser.open(request, timeout=30) as answer:
            return str(answer.read().decode())


def _attached(platform: Platform, repository_id: str, command: str) -> None:
    """A pipeline that a push starts."""
    steps = [
        {"name": "Work", "step_type": "run_command", "configuration": {"command": command}},
    ]
    body = {"name": "CI", "slug": "ci", "triggers": {"push": {}}, "steps": steps,
            "allow_concurrent": True}  # fmt: skip
    made = platform.call("POST", "devops/pipelines", body)
    path = f"devops/repositories/{repository_id}/attach_pipeline"
    platform.call("POST", path, {"pipeline_id": made["id"]})


def _push(world: World, number: int) -> str:
    return world.state.push_file(
        world.widgets, "main", "n.txt", str(number), message=f"Change {number}", user=world.ada
    )


def test_a_host_that_is_cut_off_for_a_minute_is_told_everything_once(
    stack: Stack, world: World
) -> None:
    gadgets = world.state.add_repository("acme/gadgets", files={"a": "b"})
    platform, person = Platform(stack), Person(stack)
    mirror = platform.connect(world)
    _attached(platform, mirror["repository_id"], "sleep 3")
    shas = [_push(world, 0)]
    running = platform.until(
        lambda: platform.call("GET", "devops/pipeline_runs")["results"],
        lambda rows: rows and rows[0]["status"] == "running",
    )[0]
    base = f"git/providers/{platform.call('GET', 'git/providers')['results'][0]['id']}"
    path = f"{base}/credentials/{mirror['credential_id']}/import_repositories"

    with cut_off(world):
        until = time.monotonic() + CUT_SECONDS
        shas += [_push(world, number) for number in (1, 2, 3)]
        sync = platform.call("POST", path, {"external_ids": [str(gadgets.id)]})
        # What we do ourselves goes on: the run ends while its host hears nothing of it.
        platform.until(
            lambda: platform.call("GET", f"devops/pipeline_runs/{running['id']}"),
            lambda run: run["status"] == "success",
        )
        progress = platform.until(
            lambda: person.read(f"/git/syncs/{sync['id']}"), lambda page: "Next try" in page
        )
        assert "Our Gitea" in progress
        hosts = platform.until(lambda: person.read("/git"), lambda page: "Next try" in page)
        assert "Our Gitea could not be reached" in hosts or "The last call failed" in hosts
        time.sleep(max(0.0, until - time.monotonic()))

    over = platform.until(
        lambda: platform.call("GET", "devops/pipeline_runs")["results"],
        lambda rows: len(rows) == 4 and all(row["completed_at"] for row in rows),
        240,
    )
    assert Counter(row["commit_sha"] for row in over) == Counter(shas)
    assert {row["status"] for row in over} == {"success"}
    done = platform.until(
        lambda: platform.call("GET", f"git/syncs/{sync['id']}"),
        lambda found: found["status"] in {"completed", "failed"},
        240,
    )
    assert (done["status"], done["imported_count"], done["error_count"]) == ("completed", 1, 0)
    _was_told_once(stack, world, shas)
    (credential,) = platform.call("GET", f"{base}/credentials")["results"]
    assert (credential["is_active"], credential["last_error"]) == (True, "")


def _was_told_once(stack: Stack, world: World, shas: list[str]) -> None:
    """Every change of every commit stands at the host, none twice, and the last says success."""
    waiting = "SELECT count(*) FROM gitintegration_hostwrite WHERE status='pending'"
    stack.wait(lambda: stack.sql(waiting) == [[0]], 240)
    told = Counter(
        (status.sha, status.context, status.state, status.description)
        for status in world.widgets.statuses
    )
    assert [what for what, count in told.items() if count > 1] == []
    for sha in shas:
        newest = {s.context: s.state for s in world.widgets.statuses if s.sha == sha}
        assert newest == {"powernode": "success", "powernode/ci": "success"}


def test_a_worker_killed_in_the_midst_of_an_import_imports_every_repository_once(
    stack: Stack, world: World
) -> None:
    repos = world.fill(1000)
    platform = Platform(stack)
    mirror = platform.connect(world)
    base = f"git/providers/{platform.call('GET', 'git/providers')['results'][0]['id']}"
    path = f"{base}/credentials/{mirror['credential_id']}/import_repositories"
    worker, known = stack.child("powernode worker"), _pages(world)

    sync = platform.call("POST", path, {"external_ids": [str(repo.id) for repo in repos]})
    stack.wait(lambda: _pages(world) > known + 4)
    # The host keeps the next page back, so that the worker dies between two of them.
    with world.state.lock:
        os.kill(worker, signal.SIGKILL)
        half_way = platform.call("GET", f"git/syncs/{sync['id']}")
    assert 0 < half_way["done_count"] < len(repos)
    assert half_way["status"] == "running"

    done = platform.until(
        lambda: platform.call("GET", f"git/syncs/{sync['id']}"),
        lambda found: found["status"] in {"completed", "failed"},
        150,
    )
    assert done["status"] == "completed", done
    assert (done["imported_count"], done["done_count"], done["error_count"]) == (1000, 1000, 0)
    for table in ("gitintegration_gitrepository", "devops_repository"):
        names = stack.sql(
            f"SELECT full_name, count(*) FROM {table} WHERE full_name LIKE %s"  # noqa: S608
            " GROUP BY full_name",
            "acme/r%",
        )
        assert (len(names), {count for _, count in names}) == (1000, {1})
    attempts = "SELECT attempts FROM gitintegration_gitsync ORDER BY created_at DESC LIMIT 1"
    assert stack.sql(attempts) == [[2]]


def test_pushes_whose_deliveries_were_lost_are_built_once_each(stack: Stack, world: World) -> None:
    """F12: every fifth delivery never comes, and this host has no list of them."""
    platform = Platform(stack)
    mirror = platform.connect(world)
    _attached(platform, mirror["repository_id"], "true")
    told = itertools.count(1)
    world.state.courier.drops = lambda _hook, message: (
        message.event == "push" and next(told) % 5 == 0
    )
    shas = [
        world.state.push_file(world.widgets, f"topic-{number:02}", "n.txt", str(number))
        for number in range(50)
    ]
    stack.finish(40, 60)
    assert stack.counts() == {"success": 40}, stack.last_lines()

    code = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'powernode.settings';"
        "django.setup(); from gitintegration.jobs import RECONCILE; RECONCILE.send_now()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=stack.environment, check=True)
    stack.finish(50, 60)

    built = stack.sql("SELECT commit_sha FROM pipelines_pipelinerun")
    assert Counter(sha for (sha,) in built) == Counter(shas), stack.last_lines()
    waiting = "SELECT count(*) FROM gitintegration_hostwrite WHERE status='pending'"
    stack.wait(lambda: stack.sql(waiting) == [[0]], 60)
    checks = {s.sha: s.state for s in world.widgets.statuses if s.context == "powernode"}
    assert checks == dict.fromkeys(shas, "success")


def _pages(world: World) -> int:
    """How many pages of its list the host has given."""
    return sum(seen.path.endswith("/user/repos") for seen in list(world.host.requests))
