import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from powernode.supervisor import Service, StartError, Supervisor, check_port
from tests.e2e.platform_process import wait_until

SLEEPER = [sys.executable, "-c", "import time; print('here I am', flush=True); time.sleep(600)"]


class Stage:
    """A supervisor whose services are small programs, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.supervisor = Supervisor(folder, self.said.append)
        self.thread = threading.Thread(target=self.supervisor.watch)

    def service(self, name: str, argv: list[str]) -> Service:
        log = self.supervisor.var / "log" / f"{name}.log"
        service = Service(name, argv, lambda: log.exists() and "here I am" in log.read_text())
        self.supervisor.start(service)
        return service

    def watch(self) -> None:
        self.thread.start()

    def stop(self) -> float:
        began = time.monotonic()
        self.supervisor.stop()
        if self.thread.is_alive():
            self.thread.join(10)
        return time.monotonic() - began


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.stop()


def pid_of(service: Service) -> int:
    return service.process.pid if service.process is not None else 0


def test_a_service_counts_as_started_once_it_is_ready(stage: Stage) -> None:
    service = stage.service("one", SLEEPER)
    assert "here I am" in (stage.supervisor.var / "log" / "one.log").read_text()
    assert service.process is not None
    assert service.process.poll() is None


def test_a_service_that_ends_at_once_is_told_with_its_last_words(stage: Stage) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no such thing as a port')"]
    with pytest.raises(StartError, match="no such thing as a port"):
        stage.service("broken", argv)


def test_a_dead_service_is_restarted_and_its_death_is_told(stage: Stage) -> None:
    service = stage.service("one", SLEEPER)
    stage.watch()
    first = pid_of(service)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: pid_of(service) not in {0, first}, 10, "a restart")
    assert stage.said == ["one ended with -9; restarting it"]


def test_a_service_that_keeps_dying_is_restarted_with_growing_pauses(stage: Stage) -> None:
    once = "import os; print('here I am', flush=True); os._exit(0) if os.path.exists({!r}) else 0"
    flag = stage.supervisor.var / "flag"
    argv = [sys.executable, "-c", once.format(str(flag)) + "; import time; time.sleep(600)"]
    service = stage.service("restless", argv)
    flag.touch()
    stage.watch()
    os.kill(pid_of(service), signal.SIGKILL)
    wait_until(lambda: service.restarts >= 2, 15, "it died twice")
    assert service.restart_at > time.monotonic() + 0.5
    flag.unlink()


def test_all_services_are_gone_after_a_stop(stage: Stage) -> None:
    services = [stage.service(name, SLEEPER) for name in ("broker", "worker", "web")]
    stage.watch()
    assert stage.stop() < 5
    assert [service.process and service.process.poll() for service in services] == [-15] * 3


def test_a_service_that_does_not_obey_is_killed_within_five_seconds(stage: Stage) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('here I am', flush=True); time.sleep(600)"
    )
    service = stage.service("stubborn", [sys.executable, "-c", stubborn])
    assert stage.stop() < 5.5
    assert service.process is not None
    assert service.process.poll() == -signal.SIGKILL


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    with (
        Supervisor(tmp_path, print).lock(),
        pytest.raises(StartError, match=rf"already runs .*{os.getpid()}"),
        Supervisor(tmp_path, print).lock(),
    ):
        pytest.fail("a second lock was given")


def test_the_lock_ends_with_its_supervisor(tmp_path: Path) -> None:
    for _ in range(2):
        with Supervisor(tmp_path, print).lock():
            assert (tmp_path / "supervisor.lock").read_text() == str(os.getpid())


def test_a_taken_port_is_refused_with_another_one_to_try() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"--port {port + 1}"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)
