"""Git hosts under load: deliveries sent thrice, many repositories, many events."""

import contextlib
import json
import os
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.deliveries import push
from tests.stack import Stack

DELIVERIES = 1000
COPIES = 3
# Requests, copies counted.
PER_SECOND = 100
REPOSITORIES = 1000
MANY = 10_000
_EVENTS = 3000


def replays(stack: Stack) -> dict[str, list[float]]:
    """Milliseconds to each answer, and how many events there are in the end."""
    taken: list[float] = []
    problems: list[str] = []
    lock = threading.Lock()
    # One delivery, three senders at once, as a host that lost its patience would.
    gates = [threading.Barrier(COPIES) for _ in range(DELIVERIES)]
    bodies = [push(stack, "refs/heads/other") for _ in range(DELIVERIES)]
    began = time.monotonic() + 0.5

    def sender() -> None:
        connection = HTTPConnection("127.0.0.1", stack.port, timeout=30)
        for number, (body, headers) in enumerate(bodies):
            moment = began + number * COPIES / PER_SECOND
            time.sleep(max(0.0, moment - time.monotonic()))
            gates[number].wait()
            sent = time.monotonic()
            connection.request("POST", stack.facts["hook"], body, headers)
            answer = connection.getresponse()
            answer.read()
            with lock:
                taken.append((time.monotonic() - sent) * 1000)
                if answer.status not in {200, 202}:
                    problems.append(str(answer.status))
        connection.close()

    threads = [threading.Thread(target=sender) for _ in range(COPIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise RuntimeError(f"{len(problems)} refused: {set(problems)}")
    events = stack.sql("SELECT count(*) FROM gitintegration_gitwebhookevent")[0][0]
    return {
        "thrice-sent delivery, answer": taken[PER_SECOND:],
        "events of 1,000 deliveries sent thrice": [float(events)],
    }


def imports(stack: Stack) -> dict[str, list[float]]:
    """Seconds from the request to the last of 1,000 mirrors, against a fake GitHub."""
    with _full_host(stack, REPOSITORIES) as (base, credential, wanted):
        path = f"{base}/{credential}/import_repositories"
        return {"import of 1,000 repositories": [_synced(stack, path, {"external_ids": wanted})]}


def many(stack: Stack) -> dict[str, list[float]]:
    """The same for 10,000; then all of them brought up to date; and the worker's growth in MB."""
    worker = stack.child("powernode worker")
    before = _peak(worker)
    with _full_host(stack, MANY) as (base, credential, wanted):
        path = f"{base}/{credential}/import_repositories"
        imported = _synced(stack, path, {"external_ids": wanted})
        refreshed = _synced(stack, "git/repositories/sync", {"credential_id": credential})
    return {
        "import of 10,000 repositories": [imported],
        "synchronisation of 10,000 repositories": [refreshed],
        "worker's growth by both": [_peak(worker) - before],
    }


@contextlib.contextmanager
def _full_host(stack: Stack, count: int) -> Iterator[tuple[str, str, list[str]]]:
    """A fake GitHub with so many repositories, connected: its credentials' path, one, and ids."""
    _set_up_django()
    from tests.gitintegration.hosts import rig  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="bench-host-") as folder:
        chosen = rig.load("tests.gitintegration.hosts.github_rig")
        with rig.world_of(chosen, Path(folder) / "host") as world:
            ids = [str(repo.id) for repo in world.fill(count)]
            host = _call(stack, "POST", "git/providers", {
                "name": "Bench", "provider_type": "github",
                "api_base_url": world.host.url + chosen.api_path,
            })  # fmt: skip
            base = f"git/providers/{host['id']}/credentials"
            secret = {"auth_type": "personal_access_token", "credentials": {"token": world.token}}
            yield base, _call(stack, "POST", base, secret)["id"], ids


def _synced(stack: Stack, path: str, body: Any) -> float:
    """Seconds from a request for many repositories to its end.

    Raises:
        RuntimeError: not all were taken over.
    """
    began = time.monotonic()
    sync = _call(stack, "POST", path, body)
    while sync["status"] not in {"completed", "failed"}:
        time.sleep(0.05)
        sync = _call(stack, "GET", f"git/syncs/{sync['id']}")
    seconds = time.monotonic() - began
    if sync["status"] != "completed" or sync["imported_count"] != sync["total"]:
        raise RuntimeError(f"not all were taken over: {sync}")
    return seconds


def _peak(pid: int) -> float:
    """The most memory that a process has held, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def normaliser(_stack: Stack) -> dict[str, list[float]]:
    """Deliveries per second that one core turns from bytes into our event, signature included."""
    from devops.safety.json_values import load_json  # noqa: PLC0415

    _set_up_django()
    from gitintegration.clients.github import webhooks  # noqa: PLC0415
    from tests.vendor import GITHUB_WEBHOOKS, vendor_file  # noqa: PLC0415

    examples = json.loads(vendor_file(GITHUB_WEBHOOKS).read_text())
    pushes = next(each["examples"] for each in examples if each["name"] == "push")
    body = json.dumps(next(each for each in pushes if not each["deleted"])).encode()
    rates = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(_EVENTS):
            webhooks.to_event("push", load_json(body, max_bytes=10**7))
        rates.append(_EVENTS / (time.perf_counter() - began))
    return {"deliveries normalised, one core": rates}


def _set_up_django() -> None:
    """For the clients and fakes in this process; the other measures need none of it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "powernode.settings")
    import django  # noqa: PLC0415

    django.setup()


def _call(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.port}/api/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={
            "Authorization": f"Bearer {stack.facts['token']}", "Content-Type": "application/json"
        },
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  (loopback)
        return json.load(answer)
