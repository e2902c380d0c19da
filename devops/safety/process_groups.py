"""Process groups as the kernel tells of them: who belongs to one, and how to end it."""

import contextlib
import dataclasses
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

_ENDED_STATES = ("Z", "X")


def start_time_of(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot, or None if there is none."""
    stat = _stat(pid)
    return None if stat is None else stat.start_time


def kill_group(pid: int, start_time: int) -> bool:
    """Kill what an earlier worker left of a command's group and say whether there was anything.

    The leader must have started at ``start_time``. A group whose leader is gone is recognised by
    its session: the kernel gives a pid away again only after the last member has left.
    """
    leader = _stat(pid)
    if leader is not None:
        if leader.start_time != start_time:
            return False
        # Found before the leader dies and they lose their parent; killed after it, so that it
        # cannot see them go and end as if all were well.
        members = descendants(pid)
    elif _is_leaderless_group_of_ours(pid, start_time):
        members = []
    else:
        return False
    was_there = signal_group(pid, signal.SIGKILL)
    for member in members:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member, signal.SIGKILL)
    return was_there


@dataclasses.dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    parent: int
    group: int
    session: int
    start_time: int


def ended(fd: int, timeout: float | None) -> bool:
    """Say whether the process of a pidfd ended within ``timeout`` seconds (None: for ever)."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(None if timeout is None else max(0, timeout) * 1000))


def signal_group(pid: int, number: signal.Signals) -> bool:
    """Signal every member of a group and say whether there was any."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in brackets and may itself hold brackets and spaces.
    fields = text.rpartition(")")[2].split()
    return _Stat(fields[0], int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def _all_stats() -> Iterator[tuple[int, _Stat]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = _stat(int(entry.name))
            if stat is not None:
                yield int(entry.name), stat


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children, and so on, as of now."""
    children: dict[int, list[int]] = {}
    for child, stat in _all_stats():
        children.setdefault(stat.parent, []).append(child)
    found: list[int] = []
    pending = [pid]
    while pending:
        for child in children.get(pending.pop(), ()):
            found.append(child)
            pending.append(child)
    return found


def _is_leaderless_group_of_ours(pid: int, start_time: int) -> bool:
    members = [
        (member, stat)
        for member, stat in _all_stats()
        if stat.group == pid and stat.state not in _ENDED_STATES
    ]
    try:
        return bool(members) and all(
            stat.session == pid
            and stat.start_time >= start_time
            and Path(f"/proc/{member}").stat().st_uid == os.getuid()
            for member, stat in members
        )
    except FileNotFoundError:
        return False
