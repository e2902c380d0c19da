"""A running container's output into its owner's log, to the last byte and once."""

import time
from dataclasses import dataclass

from django.conf import settings

from containers.clients.docker.engine import Engine
from containers.clients.docker.errors import EngineUnreachable
from containers.clients.docker.streams import StreamBroken
from containers.models import ContainerInstance
from containers.operations import instances
from containers.operations.watching import Watch
from devops.connections import release_connection
from devops.errors import Fenced
from devops.failpoints import failpoint

# Seconds between two looks at whether the command must end.
POLL_SECONDS = 0.2
# How long an Engine may be silent in the middle of a command.
SILENCE_SECONDS = 60.0
# After a pause of so long the lease is looked at before anything is written.
PAUSE_SECONDS = 3.0
OUTPUT_LIMIT = "output_limit"
# What the Engine's own log file takes for each line beside its text.
_LINE_BYTES = 80
_RUNNING = frozenset({"created", "running", "restarting", "paused"})


@dataclass(slots=True)
class Follower:
    """Reads a container's output from its beginning, and writes what the log does not have.

    The Engine keeps the output; `seen` counts its bytes. What an earlier watcher showed is known
    by the length of the log itself, so a death between two writes loses and repeats nothing.
    """

    engine: Engine
    instance: ContainerInstance
    fence: int
    watch: Watch
    seen: int = 0

    def follow(self) -> str:
        """Start the command unless it runs, and copy until it ends; why it must end, or empty.

        Raises:
            EngineUnreachable: the Engine was silent for too long.
            Fenced: another process watches it now.
        """
        shown = self.watch.log_known - (self.instance.log_offset or 0)
        if self.instance.attachments and shown > 0:
            self.watch.log.skip(shown)
        if self.state().get("Status") == "created":
            self.engine.start(self.instance.container_id)
            failpoint("containers.start.after")
        silent_since = 0.0
        while True:
            try:
                end = self._copy_all()
                if end is not None:
                    return end
                silent_since = 0.0
            except (EngineUnreachable, StreamBroken) as error:
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > SILENCE_SECONDS:
                    raise EngineUnreachable(
                        self.engine.name,
                        f"The Docker Engine has been silent for {SILENCE_SECONDS:.0f} s: {error}",
                    ) from error
            stop = self._pause(1.0 if silent_since else 0.05)
            if stop:
                return stop

    def end(self, grace: float, *, with_rest: bool = True) -> None:
        """TERM, some seconds, KILL; what it says meanwhile is in the log, too."""
        if grace:
            self._signal("SIGTERM", grace)
        self._signal("SIGKILL", SILENCE_SECONDS)
        if with_rest:
            self._copy(is_over=True)

    def state(self) -> dict[str, object]:
        """What the Engine says of the container's state."""
        return dict(self.engine.inspect(self.instance.container_id)["State"])

    def _signal(self, name: str, seconds: float) -> None:
        """Send a signal and wait for the end; an Engine that is busy is asked again."""
        until = time.monotonic() + seconds
        is_sent = False
        while True:
            try:
                if self.state().get("Status") not in _RUNNING:
                    return
                if not is_sent:
                    self.engine.signal(self.instance.container_id, name)
                    is_sent = True
            except EngineUnreachable:
                if time.monotonic() > until:
                    raise
            if time.monotonic() > until:
                return
            self.watch.log.tick()
            time.sleep(POLL_SECONDS / 4)

    def _copy_all(self) -> str | None:
        """Copy until the command is over or must end (why); nothing if it goes on in silence."""
        stop = self._copy()
        if stop:
            return stop
        if self.state().get("Status") in _RUNNING:
            return None
        # Engines leave a last line without its end out of what they stream (moby #43860); what
        # they keep is whole once the command is over.
        self._copy(is_over=True)
        return ""

    def _copy(self, *, is_over: bool = False) -> str:
        """Copy what is beyond `seen` until the output ends; why the command must end, or empty."""
        log = self.watch.log
        reader = self.engine.follow(self.instance.container_id)
        passed = weight = 0
        woke = time.monotonic()
        try:
            while not reader.is_over:
                wait = log.tick()
                pieces = reader.take(POLL_SECONDS if wait is None else min(wait, POLL_SECONDS))
                if time.monotonic() - woke > PAUSE_SECONDS:
                    self._check_lease()
                woke = time.monotonic()
                block = b"".join(pieces)
                weight += len(block) + _LINE_BYTES * block.count(b"\n")
                fresh = block[max(0, self.seen - passed) :]
                passed += len(block)
                self.seen = max(self.seen, passed)
                if fresh:
                    log.write(fresh)
                is_too_much = weight > settings.POWERNODE_CONTAINER_LOG_BYTES
                stop = self.watch.should_stop() or (OUTPUT_LIMIT if is_too_much else "")
                if stop and not is_over:
                    return stop
        finally:
            reader.close()
        return ""

    def _check_lease(self) -> None:
        """A process that slept may have been given up; then it must not write."""
        is_held = instances.is_held(self.instance, self.fence)
        release_connection()
        if not is_held:
            raise Fenced("Another worker has taken this container over.")

    def _pause(self, seconds: float) -> str:
        """Wait a moment for the Engine; why that is of no use any more, or empty."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            stop = self.watch.should_stop()
            if stop:
                return stop
            time.sleep(POLL_SECONDS / 4)
        return ""
