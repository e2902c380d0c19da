"""Signed webhook deliveries at a fixed rate, over kept connections."""

import base64
import hashlib
import hmac
import http.client
import json
import queue
import threading
import time
import uuid
from dataclasses import dataclass, field

from tests.stack import Stack

SENDERS = 8
# The planned moment and the ref; None ends a sender.
Work = queue.SimpleQueue[tuple[float, str] | None]


@dataclass
class Load:
    """What the senders saw: milliseconds from the planned moment to the answer, and refusals."""

    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, milliseconds: float, problem: str) -> None:
        """One answer; `problem` is empty when it was taken."""
        with self.lock:
            self.latencies.append(milliseconds)
            if problem:
                self.errors.append(problem)


def push(stack: Stack, ref: str) -> tuple[bytes, dict[str, str]]:
    """A signed push of about 7 KB."""
    sha = uuid.uuid4().hex + uuid.uuid4().hex[:8]
    commit = {"sha": sha, "author": "bench", "message": "A change\n\n" + "words " * 1100}
    event = {
        "event": "push", "ref": ref, "before": "0" * 40, "after": sha,
        "pusher": "bench", "commits": [commit], "changed_paths": None,
    }  # fmt: skip
    body = json.dumps(event).encode()
    number, moment = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
    key = base64.b64decode(stack.facts["secret"].removeprefix("whsec_"))
    mac = hmac.new(key, f"{number}.{moment}.".encode() + body, hashlib.sha256).digest()
    return body, {
        "Content-Type": "application/json", "webhook-id": number, "webhook-timestamp": moment,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }  # fmt: skip


def send(connection: http.client.HTTPConnection, stack: Stack, ref: str) -> int:
    """One delivery; the answer's status."""
    body, headers = push(stack, ref)
    connection.request("POST", stack.facts["hook"], body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _sender(stack: Stack, work: Work, load: Load) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=20)
    while (task := work.get()) is not None:
        planned, ref = task
        try:
            problem = _refusal(send(connection, stack, ref))
        except OSError as error:
            connection.close()
            problem = repr(error)
        load.note((time.monotonic() - planned) * 1000, problem)
    connection.close()


def _refusal(status: int) -> str:
    return "" if status == 202 else str(status)


def offer(stack: Stack, per_second: float, seconds: float, *, every: int = 50) -> Load:
    """Deliveries at a rate, whatever the answers take; each `every`th pushes the branch `main`."""
    work: Work = queue.SimpleQueue()
    load = Load()
    threads = [threading.Thread(target=_sender, args=(stack, work, load)) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for number in range(int(per_second * seconds)):
        moment = began + number / per_second
        time.sleep(max(0.0, moment - time.monotonic()))
        work.put((moment, "refs/heads/main" if number % every == 0 else "refs/heads/other"))
    for _ in threads:
        work.put(None)
    for thread in threads:
        thread.join()
    # The first second warms connections and code up.
    load.latencies = load.latencies[int(per_second) :]
    return load
