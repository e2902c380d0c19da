"""Writers of several connections and processes queue for SQLite's write lock."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import TransactionManagementError

from devops.sqlite3.base import DatabaseWrapper

# Only because any connection wants it: these have databases of their own.
pytestmark = pytest.mark.django_db

SETTINGS = {
    "ENGINE": "devops.sqlite3", "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": False, "TIME_ZONE": None, "USER": "", "PASSWORD": "", "HOST": "",
    "PORT": "", "TEST": {},
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queued.sqlite3"


@pytest.fixture
def one(path: Path) -> Iterator[DatabaseWrapper]:
    wrapper = connect(path)
    wrapper.cursor().execute("CREATE TABLE t (n INTEGER)")
    wrapper.cursor().execute("INSERT INTO t VALUES (0)")
    yield wrapper
    wrapper.close()


def connect(path: Path, timeout: float = 20.0) -> DatabaseWrapper:
    options = {
        "transaction_mode": "IMMEDIATE", "timeout": timeout,
        "init_command": "PRAGMA journal_mode=WAL;",
    }  # fmt: skip
    return DatabaseWrapper({**SETTINGS, "NAME": str(path), "OPTIONS": options}, "queued")


def begin(wrapper: BaseDatabaseWrapper) -> None:
    wrapper.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def end(wrapper: BaseDatabaseWrapper, *, commit: bool = True) -> None:
    if commit:
        wrapper.commit()
    else:
        wrapper.rollback()
    wrapper.set_autocommit(True)


def count(wrapper: BaseDatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT n FROM t")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("commit", [True, False])
def test_the_turn_is_given_back_at_the_end(
    one: DatabaseWrapper, path: Path, *, commit: bool
) -> None:
    other = connect(path, timeout=0.05)
    begin(one)
    with pytest.raises(OperationalError, match="database is locked"):
        begin(other)
    other.close()
    end(one, commit=commit)
    begin(other)
    other.cursor().execute("UPDATE t SET n = n + 1")
    end(other)
    assert count(one) == 1
    other.close()


def test_a_closed_connection_gives_its_turn_back(one: DatabaseWrapper, path: Path) -> None:
    other = connect(path, timeout=0.05)
    begin(one)
    one.close()
    begin(other)
    end(other)
    other.close()


def test_a_dead_process_gives_its_turn_back(one: DatabaseWrapper, path: Path) -> None:
    script = (
        "import sys, fcntl, os, time\n"
        "f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)\n"
        "fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, f"{path}-queue"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    impatient = connect(path, timeout=0.05)
    with pytest.raises(OperationalError, match="database is locked"):
        begin(impatient)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    begin(one)
    end(one)
    impatient.close()


def test_no_write_of_many_threads_is_lost(one: DatabaseWrapper, path: Path) -> None:
    failures: list[BaseException] = []

    def write() -> None:
        wrapper = connect(path)
        wrapper.inc_thread_sharing()
        try:
            for _ in range(25):
                begin(wrapper)
                value = count(wrapper)
                wrapper.cursor().execute("UPDATE t SET n = %s", [value + 1])
                end(wrapper)
        except (OperationalError, TransactionManagementError) as error:
            failures.append(error)
        finally:
            wrapper.close()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count(one) == 200
    assert (Path(f"{path}-queue").stat().st_mode & 0o777) == 0o600
