"""Each line of the table: one function that gives raw samples by name."""

import http.client
import itertools
import json
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

from websockets.sync.client import connect

from benchmarks.deliveries import offer, send
from benchmarks.git_hosts import imports, many, normaliser, replays
from benchmarks.overlaps import overlaps
from benchmarks.reruns import reruns
from benchmarks.schedules import schedules
from tests.stack import Stack, children_of, command_line, definition

Samples = dict[str, list[float]]
MB = 1024 * 1024


def webhook_answers(stack: Stack) -> Samples:
    """Milliseconds to the answer at 50/s; errors and milliseconds at 100/s."""
    stack.do("pipeline", definition=definition("true", name="hooked"), linked=True)
    at_50 = offer(stack, 50, 60)
    at_100 = offer(stack, 100, 20)
    return {
        "webhook answer at 50/s": at_50.latencies,
        "webhook answer at 100/s": at_100.latencies,
        "webhook errors at 100/s": [float(len(at_50.errors) + len(at_100.errors))],
    }


def webhook_to_child(stack: Stack) -> Samples:
    """Milliseconds from the sending of a delivery to the first act of the step's shell."""
    commands = definition('echo "at=$(date +%s%N)" >> "$POWERNODE_OUTPUT"', name="stamp")
    pipeline = stack.do("pipeline", definition=commands, linked=True)
    connection = http.client.HTTPConnection("127.0.0.1", stack.port)
    taken = []
    for number in range(1, 26):
        sent = time.time_ns()
        send(connection, stack, "refs/heads/main")
        stack.finish(number, 10)
        rows = _query(stack, "SELECT outputs FROM pipelines_stepexecution ORDER BY id DESC LIMIT 1")
        taken.append((int(_json(rows[0][0])["at"]) - sent) / 1e6)
    assert pipeline
    return {"webhook received → first child": taken[3:]}


def _query(stack: Stack, statement: str) -> list[list[object]]:
    return stack.sql(statement)


def _json(value: object) -> dict[str, str]:
    found: dict[str, str] = json.loads(value) if isinstance(value, str) else value  # type: ignore[assignment]
    return found


def steps(stack: Stack) -> Samples:
    """Milliseconds from one no-op step's start to the next one's, 100 steps a run."""
    pipeline = stack.do("pipeline", definition=definition(*["true"] * 100, name="noop"))
    taken: list[float] = []
    for number in range(1, 4):
        stack.do("trigger", pipeline=pipeline)
        stack.finish(number, 60)
    for (run,) in stack.sql("SELECT id FROM pipelines_pipelinerun ORDER BY id"):
        moment = "SELECT started_at FROM pipelines_stepexecution WHERE run_id=%s ORDER BY position"
        starts = [_moment(row[0]) for row in stack.sql(moment, run)]
        taken += [(b - a) * 1000 for a, b in itertools.pairwise(starts)][5:]
    kind = stack.environment.get("POWERNODE_SANDBOX", "auto")
    return {f"no-op step, {'plain child' if kind == 'none' else 'bubblewrap'}": taken}


def _moment(text: str) -> float:
    from datetime import UTC, datetime  # noqa: PLC0415

    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def log_lines(stack: Stack) -> Samples:
    """Milliseconds from a line's writing to a websocket client's receipt, sparse and dense."""
    loop = "for i in $(seq {n}); do date +%s%N; sleep {pause}; done"
    sparse = stack.do("pipeline", definition=definition("sleep 1;" + loop.format(n=25, pause=0.3),
                                                        name="sparse"))  # fmt: skip
    dense = stack.do("pipeline", definition=definition("sleep 1;" + loop.format(n=500, pause=0.003),
                                                       name="dense"))  # fmt: skip
    return {
        "log line → websocket, sparse": _follow(stack, sparse),
        "log line → websocket, 200 lines/s": _follow(stack, dense),
    }


def _follow(stack: Stack, pipeline: str) -> list[float]:
    (run,) = stack.do("trigger", pipeline=pipeline)
    hexed = run.replace("-", "") if "sqlite" in _engine(stack) else run
    (row,) = stack.sql("SELECT id FROM pipelines_stepexecution WHERE run_id=%s", hexed)
    url = f"ws://127.0.0.1:{stack.port}/ws/runs/{run}/logs?step_execution_id={row[0]}"
    headers = {"Authorization": f"Bearer {stack.facts['token']}"}
    taken: list[float] = []
    with connect(url, additional_headers=headers) as socket:
        while True:
            frame = json.loads(socket.recv(timeout=20))
            now = time.time_ns()
            if frame["type"] == "complete":
                return taken[2:]
            if frame["type"] == "log":
                taken += [(now - int(line)) / 1e6 for line in frame["text"].split()]


def _engine(stack: Stack) -> str:
    return stack.environment.get("POWERNODE_DATABASE_URL", "sqlite")


def big_log(stack: Stack) -> Samples:
    """Megabytes a second of 100 MB through one step, masking on; growth of the worker's memory."""
    stack.do("secret", name="TOKEN", value="correct-horse-battery")
    line = "x" * 40 + " a line of a hundred bytes as compilers write them " + "y" * 8
    shell = f"{{ yes '{line}' || true; }} | head -c 104857600"
    whole = definition("true", shell, name="log", secret_refs=["TOKEN"])
    whole["steps"][1]["secret_refs"] = ["TOKEN"]
    pipeline = stack.do("pipeline", definition=whole)
    worker = stack.child("powernode worker")
    before, peak = _rss(worker), [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], _rss(worker))

    watcher = threading.Thread(target=watch)
    watcher.start()
    rates = []
    for number in range(1, 4):
        stack.do("trigger", pipeline=pipeline)
        stack.finish(number, 120)
    done.set()
    watcher.join()
    spent = "SELECT duration_ms FROM pipelines_stepexecution WHERE step_key='s2'"
    rates = [100 * 1000 / row[0] for row in stack.sql(spent)]
    sizes = stack.sql("SELECT max(size_bytes) FROM devops_logstream")
    assert sizes[0][0] >= 100 * MB, sizes
    return {"100 MB log": rates, "worker's growth meanwhile": [peak[0] - before]}


def _rss(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # it ended between two looks
    return 0.0


def burst(stack: Stack) -> Samples:
    """Seconds until 200 runs of `sleep 5` are over, and how many did not succeed."""
    pipeline = stack.do("pipeline", definition=definition("exec sleep 5", name="sleep"))
    began = time.monotonic()
    stack.do("trigger", pipeline=pipeline, count=200)
    counts = stack.finish(200, 90)
    return {
        "200 runs of `sleep 5`": [time.monotonic() - began],
        "runs not successful": [float(200 - counts.get("success", 0))],
    }


def idle(stack: Stack) -> Samples:
    """Megabytes (PSS) of web, worker and broker at rest, the supervisor aside and with it."""
    time.sleep(3)
    pids = children_of(stack.supervisor.pid)
    own = {command_line(pid).split()[0].rsplit("/", 1)[-1] + str(pid): _pss(pid) for pid in pids}
    return {"idle PSS": [sum(own.values()) + _pss(stack.supervisor.pid)]}


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def listing(stack: Stack, rows: int = 1_000_000) -> Samples:
    """Milliseconds for 50 of the runs, any status, and for pages, at so many runs of 90 days."""
    stack.do("pipeline", definition=definition("true", name="listed"))
    stack.do("load_runs", count=rows)
    connection = http.client.HTTPConnection("127.0.0.1", stack.port)
    headers = {"Authorization": f"Bearer {stack.facts['token']}"}
    taken = []
    path = "/api/v1/devops/pipeline_runs?limit=50"
    for number in range(120):
        query = ("", "&status=failure", "&status=running", "&status=success")[number % 4]
        began = time.monotonic()
        connection.request("GET", path + query, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        taken.append((time.monotonic() - began) * 1000)
    cookie = {"Cookie": stack.do("session")}
    pages = {"overview": "/", "page of runs": "/runs", "page of pipelines": "/pipelines"}
    shown = {name: _loaded(connection, path, cookie) for name, path in pages.items()}
    return {"list of 50 runs": taken[8:], **shown}


def _loaded(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
) -> list[float]:
    """Milliseconds of each answer but the first ones."""
    taken = []
    for _ in range(48):
        began = time.monotonic()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        taken.append((time.monotonic() - began) * 1000)
    return taken[8:]


def simulator(stack: Stack) -> Samples:
    """Milliseconds for the answer what an event would start of 1,000 pipelines; ten start."""
    for number in range(1000):
        branch = "main" if number % 100 == 0 else f"team-{number}/*"
        whole = definition("true", "make test", "make", name=f"p{number}")
        whole["triggers"] = {"push": {"branches": [branch], "paths": ["src/**", "!docs/**"]}}
        stack.do("pipeline", definition=whole)
    event = {"type": "push", "branch": "main", "ref": "refs/heads/main",
             "changed_paths": ["src/a.py", "docs/b.md"]}  # fmt: skip
    body = json.dumps({"event": event})
    headers = {"Authorization": f"Bearer {stack.facts['token']}",
               "Content-Type": "application/json"}  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", stack.port)
    taken = []
    for _ in range(60):
        began = time.monotonic()
        connection.request("POST", "/api/v1/devops/pipelines/simulate", body, headers)
        answer = json.loads(connection.getresponse().read())
        taken.append((time.monotonic() - began) * 1000)
    assert sum(each["would_start"] for each in answer["results"]) == 10
    assert len(answer["results"]) == 1000
    return {"simulator over 1,000 pipelines": taken[10:]}


def recovery(stack: Stack) -> Samples:
    """Seconds from kill -9 of the worker to the repeated step's first act, supervised."""
    shell = "echo $(date +%s%N) >> marks; test $(wc -l < marks) -gt 1 || exec sleep 100"
    pipeline = stack.do("pipeline", definition=definition(shell, name="kill"))
    # One death a platform: the supervisor restarts at once only what had lived for a while.
    return {"kill -9, supervised": [_killed(stack, pipeline)]}


def _killed(stack: Stack, pipeline: str) -> float:
    (run,) = stack.do("trigger", pipeline=pipeline)
    marks = stack.folder / "var" / "workspaces" / run.replace("-", "") / "work" / "marks"
    stack.wait(marks.exists)
    killed = time.time_ns()
    os.kill(stack.child("powernode worker"), signal.SIGKILL)
    stack.wait(lambda: not marks.exists() or len(marks.read_text().split()) > 1, 60)
    rows = stack.sql("SELECT max(started_at) FROM pipelines_stepexecution")
    return _moment(rows[0][0]) - killed / 1e9


def lease(stack: Stack) -> Samples:
    """As `recovery`, with nobody who saw the death: another worker and the lease alone."""
    shell = "echo $(date +%s%N) >> marks; test $(wc -l < marks) -gt 1 || exec sleep 100"
    pipeline = stack.do("pipeline", definition=definition(shell, name="lease"))
    os.kill(stack.supervisor.pid, signal.SIGSTOP)
    spare = stack.worker("spare", "--beat")
    taken = _killed(stack, pipeline) if spare.poll() is None else float("nan")
    os.kill(stack.supervisor.pid, signal.SIGCONT)
    return {"kill -9, by lease alone": [taken]}


MEASURES: dict[str, Callable[[Stack], Samples]] = {
    "replays": replays,
    "imports": imports,
    "many_imports": many,
    "normaliser": normaliser,
    "webhook_answers": webhook_answers, "webhook_to_child": webhook_to_child,
    "steps_plain": steps, "steps": steps, "log_lines": log_lines, "big_log": big_log,
    "schedules": schedules,
    "reruns": reruns,
    "overlaps": overlaps,
    "burst": burst, "simulator": simulator,
    "idle": idle, "listing": listing, "recovery": recovery, "lease": lease,
}  # fmt: skip


def percentile(values: list[float], share: float) -> float:
    """The value below which so large a share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def middle(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)
