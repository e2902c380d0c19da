"""Resource limits of started processes."""

import contextlib
import dataclasses
import resource
from collections.abc import Iterator


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Resource limits of a child and everything it starts; ``None`` leaves one as it is.

    ``processes`` counts every process of the user, so it means nothing for root and must leave
    room for the worker's own threads.
    """

    cpu_seconds: int | None = None
    memory_bytes: int | None = None
    file_bytes: int | None = None
    open_files: int | None = None
    processes: int | None = None
    core_bytes: int | None = 0

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield (``resource.RLIMIT_*``, value) for every limit that is set."""
        for kind, value in (
            (resource.RLIMIT_CPU, self.cpu_seconds),
            (resource.RLIMIT_AS, self.memory_bytes),
            (resource.RLIMIT_FSIZE, self.file_bytes),
            (resource.RLIMIT_NOFILE, self.open_files),
            (resource.RLIMIT_NPROC, self.processes),
            (resource.RLIMIT_CORE, self.core_bytes),
        ):
            if value is not None:
                yield kind, value


def apply(pid: int, limits: Limits) -> None:
    """Set the limits of a process that was just started; one that has ended is fine."""
    # Set from outside, a moment after the exec: a wrapper would cost a millisecond per step, and
    # whatever the command manages to start in that moment is still in its group and its deadline.
    with contextlib.suppress(ProcessLookupError):
        for kind, value in limits.pairs():
            _, hard = resource.prlimit(pid, kind)
            ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(pid, kind, (ceiling, ceiling))
