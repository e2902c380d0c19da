"""A running container's output into its owner's log, to the last byte and once."""

import time
from dataclasses import dataclass, field

from django.conf import settings

from containers.clients.docker.engine import Engine
from containers.clients.docker.errors import EngineError, EngineUnreachable
from containers.clients.docker.streams import StreamBroken
from containers.models import ContainerInstance
from containers.operations import instances
from containers.operations.watching import Watch
from devops.connections import release_connection
from devops.errors import Fenced
from devops.failpoints import failpoint

# Seconds between two looks at whether the command must end.
POLL_SECONDS = 0.2
# After so long without output the Engine is asked whether the command runs: a connection whose far
# end is gone without a word stays silent for ever.
LOOK_SECONDS = 15.0
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
    `known` is the container's last known state; `ended_unseen` tells that the command ended while
    the Engine did not answer.
    """

    engine: Engine
    instance: ContainerInstance
    fence: int
    watch: Watch
    seen: int = 0
    is_begun: bool = False
    known: dict[str, object] = field(default_factory=dict)
    ended_unseen: bool = False

    def follow(self) -> str:
        """Start the command unless it runs, and copy until it ends; why it must end, or empty.

        Raises:
            EngineUnreachable: the Engine was silent for too long.
            Fenced: another process watches it now.
        """
        shown = self.watch.log_known - (self.instance.log_offset or 0)
        if self.instance.attachments and shown > 0:
            self.watch.log.skip(shown)
        patience = settings.POWERNODE_ENGINE_SILENCE_SECONDS
        silent_since = 0.0
        is_away = False
        while True:
            try:
                end = self._copy_all()
                if end is not None:
                    self.ended_unseen = is_away
                    return end
                silent_since, is_away = 0.0, False
            except (EngineUnreachable, StreamBroken) as error:
                is_away = is_away or isinstance(error, EngineUnreachable)
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > patience:
                    raise EngineUnreachable(
                        self.engine.name,
                        f"The Docker Engine was away for {patience:g} s; how the command ended is"
                        f" unknown. {_said(error)} What is left there is removed once it answers.",
                    ) from error
            stop = self._pause(1.0 if silent_since else 0.05)
            if stop:
                return stop

    def end(self, grace: float, *, with_rest: bool = True) -> None:
        """TERM, some seconds, KILL; what it says meanwhile is in the log, too."""
        if grace:
            self._signal("SIGTERM", grace)
        self._signal("SIGKILL", settings.POWERNODE_ENGINE_SILENCE_SECONDS)
        if with_rest:
            self._copy(is_over=True)

    def state(self) -> dict[str, object]:
        """What the Engine says of the container's state."""
        self.known = dict(self.engine.inspect(self.instance.container_id)["State"])
        return self.known

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

    def _begin(self) -> None:
        """Start the command unless that was done; an Engine that went away meanwhile is asked."""
        if not self.is_begun and self.state().get("Status") == "created":
            self.engine.start(self.instance.container_id)
            failpoint("containers.start.after")
        self.is_begun = True

    def _copy_all(self) -> str | None:
        """Copy until the command is over or must end (why); nothing if it goes on in silence."""
        self._begin()
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
        woke = heard = time.monotonic()
        try:
            while not reader.is_over:
                wait = log.tick()
                pieces = reader.take(POLL_SECONDS if wait is None else min(wait, POLL_SECONDS))
                if time.monotonic() - woke > PAUSE_SECONDS:
                    self._check_lease()
                woke = time.monotonic()
                if pieces:
                    heard = woke
                elif woke - heard > LOOK_SECONDS:
                    if self.state().get("Status") not in _RUNNING:
                        return ""
                    woke = heard = time.monotonic()
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


def _said(error: Exception) -> str:
    text = error.said if isinstance(error, EngineError) else str(error)
    return text if text.endswith(".") else f"{text}."
