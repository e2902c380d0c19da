"""Named places where a process can be made to die, so that tests can prove it does no harm.

`POWERNODE_FAILPOINTS=engine.advance.after:3` kills the process with SIGKILL the third time that
it comes by. Every commit of the engine has one before and one after it.
"""

import os
import signal
import threading
from pathlib import Path

from django.conf import settings

_counts: dict[str, int] = {}
_lock = threading.Lock()


def failpoint(name: str) -> None:
    """Die here if this place was selected; costs one comparison when none is."""
    selected = settings.POWERNODE_FAILPOINTS
    if not selected:
        return
    for part in selected.split(","):
        chosen, _, hit = part.partition(":")
        if chosen == name and _count(name) == int(hit or 1) and _first_life(name):
            os.kill(os.getpid(), signal.SIGKILL)


def _count(name: str) -> int:
    with _lock:
        _counts[name] = _counts.get(name, 0) + 1
        return _counts[name]


def _first_life(name: str) -> bool:
    """Whether no earlier process of this installation died here already."""
    marker = Path(settings.POWERNODE_VAR) / "failpoints" / name
    marker.parent.mkdir(parents=True, exist_ok=True)
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
