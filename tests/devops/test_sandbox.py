"""A sandboxed command sees its workspace, its environment and nothing of the worker."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from devops.safety import processes, sandbox

BASE = {"PATH": "/usr/local/bin:/usr/bin:/bin"}

pytestmark = pytest.mark.skipif(
    sandbox.available().kind == "none", reason=f"no sandbox: {sandbox.available().reason}"
)


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def children() -> Iterator[list[processes.Child]]:
    started: list[processes.Child] = []
    yield started
    for child in started:
        child.terminate(0)
        child.close()


def run_inside(
    workdir: Path,
    argv: Sequence[str],
    *,
    network: bool = False,
    writable: Sequence[str] = (),
    **env: str,
) -> processes.Completed:
    with sandbox.wrap(
        argv, workdir=workdir, network=network, writable=writable, env={**BASE, **env}
    ) as wrapped:
        return processes.run(wrapped.argv, env=wrapped.env, timeout=30, pass_fds=wrapped.pass_fds)


def test_only_the_workspace_is_writable(workdir: Path, tmp_path: Path) -> None:
    script = f"touch mine /tmp/t && pwd && ! touch /usr/x && ! ls {tmp_path}/secret"
    (tmp_path / "secret").write_text("x")
    done = run_inside(workdir, ["sh", "-c", script])
    assert (done.returncode, done.stdout.decode()) == (0, f"{workdir}\n"), done.stderr
    assert (workdir / "mine").exists()


def test_pid_one_inside_carries_no_environment_of_the_worker(workdir: Path) -> None:
    done = run_inside(
        workdir, ["sh", "-c", "cat /proc/1/environ; cat /proc/*/cmdline"], TOKEN="c4n4ry"
    )
    assert done.returncode == 0, done.stderr
    assert b"c4n4ry" not in done.stdout


def test_values_of_the_environment_stand_in_no_argument(workdir: Path) -> None:
    with sandbox.wrap(["true"], workdir=workdir, network=False, env={"TOKEN": "c4n4ry"}) as wrapped:
        assert not any("c4n4ry" in part for part in wrapped.argv)
        assert dict(wrapped.env) == {}


def test_the_command_gets_exactly_its_environment(workdir: Path) -> None:
    done = run_inside(workdir, ["env"], GREETING="hello world\n=x")
    names = {line.partition("=")[0] for line in done.stdout.decode().splitlines()}
    assert "GREETING=hello world\n=x\n" in done.stdout.decode()
    assert names - {""} == {"HOME", "TMPDIR", "PATH", "PWD", "GREETING"}


def test_a_hostile_environment_does_not_reach_the_sandbox_program(workdir: Path) -> None:
    done = run_inside(workdir, ["true"], LD_DEBUG="files", LD_PRELOAD=str(workdir / "evil.so"))
    assert b"bwrap" not in done.stderr


def test_processes_of_the_machine_are_invisible(workdir: Path) -> None:
    done = run_inside(workdir, ["sh", "-c", "ls -d /proc/[0-9]* | wc -l"])
    assert int(done.stdout) < 6


def test_without_network_there_is_only_loopback(workdir: Path) -> None:
    done = run_inside(workdir, ["sh", "-c", "tail -n +3 /proc/net/dev | cut -d: -f1"])
    assert done.stdout.split() == [b"lo"]


def test_capabilities_are_dropped(workdir: Path) -> None:
    done = run_inside(workdir, ["grep", "CapEff", "/proc/self/status"])
    assert done.stdout.split()[1].strip(b"0") == b""


def test_the_interpreter_of_the_worker_runs_inside(workdir: Path) -> None:
    python = f"{sys.base_prefix}/bin/python3"
    done = run_inside(workdir, [python, "-c", "import ssl; print('ok')"])
    assert done.stdout == b"ok\n", done.stderr


def test_tmpdir_in_the_workspace_is_also_slash_tmp(workdir: Path) -> None:
    scratch = workdir / "tmp"
    scratch.mkdir()
    done = run_inside(workdir, ["sh", "-c", "touch /tmp/here"], TMPDIR=str(scratch))
    assert done.returncode == 0, done.stderr
    assert (scratch / "here").exists()


def test_what_is_shown_below_slash_tmp_is_there(workdir: Path, tmp_path: Path) -> None:
    shown = tmp_path / "tools"
    shown.mkdir()
    (shown / "program").write_text("x")
    with sandbox.wrap(
        ["cat", f"{shown}/program"], workdir=workdir, network=False, readonly=[str(shown)], env=BASE
    ) as wrapped:
        done = processes.run(wrapped.argv, env=wrapped.env, timeout=30, pass_fds=wrapped.pass_fds)
    assert done.stdout == b"x", done.stderr


def test_an_extra_folder_can_be_writable(workdir: Path, tmp_path: Path) -> None:
    extra = tmp_path / "cache"
    extra.mkdir()
    done = run_inside(workdir, ["touch", f"{extra}/f"], writable=[str(extra)])
    assert done.returncode == 0, done.stderr
    assert (extra / "f").exists()


def test_exit_codes_come_through(workdir: Path) -> None:
    assert run_inside(workdir, ["sh", "-c", "exit 42"]).returncode == 42


def test_a_cancelled_command_inside_may_clean_up(
    workdir: Path, children: list[processes.Child]
) -> None:
    script = "trap 'echo cleaned; exit 7' TERM; echo ready; while :; do sleep 0.2; done"
    with sandbox.wrap(["sh", "-c", script], workdir=workdir, network=False, env=BASE) as wrapped:
        child = processes.spawn(
            wrapped.argv, cwd=workdir, env=wrapped.env, pass_fds=wrapped.pass_fds
        )
    children.append(child)
    os.set_blocking(child.stdout_fd, True)
    assert os.read(child.stdout_fd, 6) == b"ready\n"
    assert child.terminate(20) == 7
    assert b"cleaned" in os.read(child.stdout_fd, 1000)


def test_the_operator_can_switch_it_off() -> None:
    info = sandbox.available("none")
    assert (info.kind, info.reason) == ("none", "switched off by the operator")


def test_a_machine_that_is_too_busy_to_answer_is_not_taken_for_one_without(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)

    assert sandbox.probe(str(program), seconds=0.1) is None
    program.write_text("#!/bin/sh\necho no namespaces here >&2; exit 1\n")
    info = sandbox.probe(str(program))
    assert info is not None
    assert (info.kind, info.reason) == ("none", "no namespaces here")
