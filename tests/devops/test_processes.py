"""Commands start clean, stay bounded and end as a whole group."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devops.safety import process_groups, processes

PATH = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def children() -> Iterator[list[processes.Child]]:
    started: list[processes.Child] = []
    yield started
    for child in started:
        child.terminate(0)
        child.close()


def read_all(child: processes.Child) -> bytes:
    os.set_blocking(child.stdout_fd, True)
    blocks = []
    while block := os.read(child.stdout_fd, 65536):
        blocks.append(block)
    return b"".join(blocks)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    """Return when a process that is not our child has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert process_groups.ended(fd, 10), f"{pid} is still running"
    finally:
        os.close(fd)


def test_run_returns_output_and_code_without_raising() -> None:
    done = processes.run(["sh", "-c", "echo out; echo err >&2; exit 3"], env=PATH, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert not done.timed_out
    assert not done.truncated


def test_run_gives_the_command_only_the_environment_it_is_told() -> None:
    done = processes.run(["env"], env={**PATH, "ONLY": "this"}, timeout=20)
    assert sorted(done.stdout.decode().split()) == ["ONLY=this", "PATH=/usr/bin:/bin"]


def test_run_feeds_input_larger_than_a_pipe() -> None:
    feed = b"x" * 3_000_000
    done = processes.run(["cat"], env=PATH, timeout=60, input=feed, max_output_bytes=4_000_000)
    assert done.stdout == feed


def test_input_that_the_command_does_not_read_is_no_error() -> None:
    done = processes.run(["true"], env=PATH, timeout=20, input=b"x" * 1_000_000)
    assert done.returncode == 0


def test_output_beyond_the_bound_is_dropped_and_said() -> None:
    done = processes.run(
        ["head", "-c", "5000000", "/dev/zero"], env=PATH, timeout=60, max_output_bytes=1000
    )
    assert (len(done.stdout), done.truncated, done.returncode) == (1000, True, 0)


def test_the_deadline_ends_the_command_and_its_descendants(tmp_path: Path) -> None:
    script = f"trap '' TERM; sleep 300 & echo $! > {tmp_path}/pid; wait"
    done = processes.run(["sh", "-c", script], env=PATH, timeout=0.5)
    assert done.timed_out
    assert done.returncode < 0
    wait_until_gone(int((tmp_path / "pid").read_text()))


def test_run_does_not_wait_for_a_daemon_that_keeps_the_pipe_open() -> None:
    done = processes.run(["sh", "-c", "setsid sleep 5 & echo done"], env=PATH, timeout=4)
    assert done.stdout == b"done\n"
    assert not done.timed_out


def test_a_missing_program_is_named() -> None:
    with pytest.raises(processes.CommandNotFoundError, match="no-such-program"):
        processes.run(["no-such-program"], env=PATH, timeout=1)


def test_an_argument_is_never_read_by_a_shell(tmp_path: Path) -> None:
    done = processes.run(["echo", f"$(touch {tmp_path}/pwned); `id`"], env=PATH, timeout=20)
    assert b"$(touch" in done.stdout
    assert not (tmp_path / "pwned").exists()


def test_spawn_merges_both_outputs_in_order(
    tmp_path: Path, children: list[processes.Child]
) -> None:
    child = processes.spawn(
        ["sh", "-c", "echo one; echo two >&2; echo three; pwd"], cwd=tmp_path, env=PATH
    )
    children.append(child)
    assert read_all(child) == f"one\ntwo\nthree\n{tmp_path}\n".encode()
    assert child.wait(20) == 0
    assert child.poll() == 0


def test_wait_returns_none_at_its_timeout(tmp_path: Path, children: list[processes.Child]) -> None:
    child = processes.spawn(["sleep", "300"], cwd=tmp_path, env=PATH)
    children.append(child)
    assert child.wait(0.01) is None
    assert child.poll() is None
    assert processes.start_time_of(child.pid) == child.start_time
    assert child.start_time > 0


def test_terminate_lets_the_command_clean_up(
    tmp_path: Path, children: list[processes.Child]
) -> None:
    script = "trap 'echo cleaned; exit 7' TERM; echo ready; while :; do sleep 1; done"
    child = processes.spawn(["sh", "-c", script], cwd=tmp_path, env=PATH)
    children.append(child)
    os.set_blocking(child.stdout_fd, True)
    assert os.read(child.stdout_fd, 6) == b"ready\n"
    assert child.terminate(20) == 7
    assert b"cleaned" in os.read(child.stdout_fd, 100)


def test_terminate_kills_what_ignores_it(tmp_path: Path, children: list[processes.Child]) -> None:
    child = processes.spawn(
        ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], cwd=tmp_path, env=PATH
    )
    children.append(child)
    os.set_blocking(child.stdout_fd, True)
    os.read(child.stdout_fd, 6)
    assert child.terminate(0.1) == -signal.SIGKILL


def test_what_a_command_leaves_in_its_group_ends_with_it(
    tmp_path: Path, children: list[processes.Child]
) -> None:
    child = processes.spawn(["sh", "-c", "sleep 300 & echo $!"], cwd=tmp_path, env=PATH)
    children.append(child)
    os.set_blocking(child.stdout_fd, True)
    grandchild = int(os.read(child.stdout_fd, 100))
    assert child.wait(20) == 0
    wait_until_gone(grandchild)


def test_limits_hold_for_the_child(tmp_path: Path, children: list[processes.Child]) -> None:
    limits = processes.Limits(open_files=64, file_bytes=1_048_576)
    child = processes.spawn(
        ["sh", "-c", "read _ < go; ulimit -n; ulimit -f; ulimit -c"],
        cwd=tmp_path,
        env=PATH,
        limits=_with_gate(tmp_path, limits),
    )
    children.append(child)
    (tmp_path / "go").write_text("now\n")
    assert read_all(child).split() == [b"64", b"2048", b"0"]


def _with_gate(folder: Path, limits: processes.Limits) -> processes.Limits:
    os.mkfifo(folder / "go")
    return limits


def test_an_orphaned_group_is_killed_by_pid_and_start_time(
    tmp_path: Path, children: list[processes.Child]
) -> None:
    child = processes.spawn(["sh", "-c", "sleep 300 & echo $!; wait"], cwd=tmp_path, env=PATH)
    children.append(child)
    os.set_blocking(child.stdout_fd, True)
    grandchild = int(os.read(child.stdout_fd, 100))
    assert not processes.kill_group(child.pid, child.start_time + 1)
    assert child.poll() is None
    assert processes.kill_group(child.pid, child.start_time)
    wait_until_gone(grandchild)
    assert child.wait(20) == -signal.SIGKILL
    assert not processes.kill_group(child.pid, child.start_time)


def test_a_group_whose_leader_is_gone_is_still_found(
    tmp_path: Path, children: list[processes.Child]
) -> None:
    code = (
        "import os,sys; sys.path.insert(0, sys.argv[1])\n"
        "from devops.safety import processes\n"
        "argv = ['sh', '-c', 'sleep 300 & echo $!; wait']\n"
        "c = processes.spawn(argv, cwd='/', env={'PATH': '/bin'})\n"
        "os.set_blocking(c.stdout_fd, True)\n"
        "g = int(os.read(c.stdout_fd, 100))\n"
        "print(c.pid, c.start_time, g, flush=True)\n"
        "os._exit(0)\n"
    )
    root = str(Path(__file__).parents[2])
    # The worker that dies must be a process of its own.
    worker = subprocess.run(
        [sys.executable, "-c", code, root], capture_output=True, check=True, timeout=60
    )
    pid, start_time, grandchild = (int(word) for word in worker.stdout.split())
    wait_until_gone(pid)
    assert is_running(grandchild)
    assert not processes.kill_group(pid, start_time + 10**9)
    assert processes.kill_group(pid, start_time)
    wait_until_gone(grandchild)


def test_a_command_dies_with_the_thread_that_started_it(
    tmp_path: Path, children: list[processes.Child]
) -> None:
    def start() -> None:
        child = processes.spawn(["sh", "-c", "echo ready; exec sleep 300"], cwd=tmp_path, env=PATH)
        children.append(child)
        os.set_blocking(child.stdout_fd, True)
        os.read(child.stdout_fd, 6)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert children[0].wait(20) == -signal.SIGKILL
