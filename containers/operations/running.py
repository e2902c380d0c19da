"""One container from its creation to its removal, watched by whoever holds its owner's lease.

The watcher can be replaced at any line: the row says what was asked for, the container's name
says which one it is, and the owner's log says how much of its output is known.
"""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from containers.choices import InstanceStatus
from containers.clients.docker import spec as forms
from containers.clients.docker.engine import Engine
from containers.clients.docker.errors import (
    EngineError,
    EngineUnreachable,
    ImageUnavailable,
    NotOnEngine,
)
from containers.clients.docker.spec import ContainerSpec
from containers.clients.docker.streams import StreamBroken
from containers.models import ContainerInstance, DockerHost
from containers.operations import instances
from containers.operations.docker_hosts import ask_host, endpoint_of
from containers.operations.folders import Folders
from containers.operations.following import OUTPUT_LIMIT, POLL_SECONDS, Follower
from containers.operations.instances import Owner
from containers.operations.services import Services
from containers.operations.watching import ContainerLost, Ended, Watch
from devops.connections import release_connection
from devops.errors import Fenced
from devops.failpoints import failpoint

logger = logging.getLogger(__name__)

# Exit statuses after TERM and KILL.
_SIGNALLED = frozenset({143, 137})
_STATUS = {
    "timed_out": InstanceStatus.TIMEOUT,
    "cancelled": InstanceStatus.CANCELLED,
    "force_cancelled": InstanceStatus.CANCELLED,
    "fail_fast": InstanceStatus.CANCELLED,
}


def run_container(
    host: DockerHost,
    spec: ContainerSpec,
    owner: Owner,
    ordinal: int,
    folders: Folders,
    watch: Watch,
) -> Ended:
    """Run a command in a container to its end, or go on watching the one that runs already.

    Raises:
        EngineError: the Engine refused, or was silent for too long.
        ServiceFailed: a container beside it did not come up; its last lines are in the log.
        ContainerLost: what an earlier watcher began is gone.
        Fenced: another process watches it now.
        ValueError: something in the form cannot be given to an Engine.
    """
    if host.cpu_count is None:
        # Limits must fit the host, and nobody asked it yet.
        ask_host(host)
    instance = instances.claim_instance(owner, ordinal, _digest(spec), spec, host)
    release_connection()
    if not instance.is_active:
        return _as_recorded(instance)
    with Engine(endpoint_of(instance.docker_host)) as engine:
        return _Run(engine, instance, spec, owner, folders, watch).perform()


def _digest(spec: ContainerSpec) -> str:
    # Not what may name the worker, which a successor is not: environment, command, services.
    said = spec.model_dump_json(include={"image", "working_directory"})
    return hashlib.sha256(said.encode()).hexdigest()


def _as_recorded(instance: ContainerInstance) -> Ended:
    """How an instance ended that is over already: it is told again, not repeated.

    Raises:
        ContainerLost: it never came to an end of its own.
    """
    words = {InstanceStatus.TIMEOUT: "timed_out", InstanceStatus.CANCELLED: "cancelled"}
    word = words.get(InstanceStatus(instance.status), "")
    if instance.exit_code is None:
        raise ContainerLost(instance.error_message or "The container was given up.")
    return Ended(instance.exit_code, word, instance.error_message)


@dataclass(slots=True)
class _Run:
    engine: Engine
    instance: ContainerInstance
    spec: ContainerSpec
    owner: Owner
    folders: Folders
    watch: Watch

    def perform(self) -> Ended:
        services = Services(self.engine, self.instance, self.spec, self._labels(), self.watch)
        try:
            if self.instance.status != InstanceStatus.RUNNING:
                stop = self._provision(services)
                if stop:
                    return self._stopped_early(services, stop)
            self._refuse_strange()
            return self._finish(services)
        except Fenced:
            raise
        except NotOnEngine as error:
            self._fail(services, f"The container is gone: {error.detail}")
            if not self.instance.attachments:
                # Nobody's death explains it; trying again would not mend it.
                raise
            raise ContainerLost(f"The container is gone: {error.detail}") from error
        except BaseException as error:
            # Whatever it was: nobody would watch the command any longer.
            self._fail(services, f"Its owner could not go on: {error}")
            raise

    def _refuse_strange(self) -> None:
        """What an earlier watcher began must be what this one would."""
        if self.instance.digest != _digest(self.spec):
            raise ContainerLost("The container was made for something else.")
        if self.folders.is_elsewhere(self.instance):
            place = self.instance.folder_host.partition(":")[0]
            raise ContainerLost(f"The container worked on folders of another machine, {place}.")

    def _labels(self) -> dict[str, str]:
        """What the host's own tools show of it, and how the reaper knows it."""
        said = {
            "host": str(self.instance.docker_host_id),
            "instance": str(self.instance.pk),
            "account": str(self.owner.account_id),
            "fence": str(self.owner.fence),
            **self.owner.labels,
        }
        return {f"{forms.LABEL}.{name}": value for name, value in said.items()}

    # Before the command.

    def _provision(self, services: Services) -> str:
        """Bring everything up to the start of the command; why that was broken off, or empty."""
        instance, fence = self.instance, self.owner.fence
        if instance.status == InstanceStatus.PENDING:
            instances.move_instance(instance, InstanceStatus.PROVISIONING, fence)
            release_connection()
        for image in dict.fromkeys([self.spec.image, *(s.image for s in self.spec.services)]):
            stop = self._ensure_image(image)
            if stop:
                return stop
        network = services.network(self.spec.has_network)
        stop = services.start(network)
        if stop:
            return stop
        failpoint("containers.create.before")
        container = self._create(network)
        failpoint("containers.create.after")
        instances.move_instance(
            instance, InstanceStatus.RUNNING, fence,
            container_id=container, started_at=timezone.now(),
            is_shared_folder=self.folders.is_shared, folder_host=self.folders.place,
            log_offset=self.watch.log.settle(),
        )  # fmt: skip
        release_connection()
        failpoint("containers.start.before")
        return ""

    def _ensure_image(self, image: str) -> str:
        if self.engine.has_image(image):
            return ""
        log, since = self.watch.log, time.monotonic()
        log.write(f"Pulling {image} ...\n".encode())
        reader = self.engine.pull(image)
        try:
            while not reader.is_over:
                for said in reader.take(POLL_SECONDS):
                    self.engine.pull_problem(image, said)
                log.tick()
                stop = self.watch.should_stop()
                if stop:
                    return stop
        except StreamBroken as error:
            if isinstance(error.__cause__, EngineError):
                raise error.__cause__ from None
            raise ImageUnavailable(
                self.engine.name, f"The image {image} could not be pulled: {error}"
            ) from error
        finally:
            reader.close()
        if not self.engine.has_image(image):
            raise ImageUnavailable(self.engine.name, f"The image {image} could not be pulled.")
        log.write(f"Pulled {image} in {time.monotonic() - since:.1f} s.\n".encode())
        return ""

    def _create(self, network: str) -> str:
        name = self.instance.container_name

        def create(*, shares_folders: bool) -> str:
            body = forms.command_body(
                self.spec, labels=self._labels(), user=self.folders.user(shares_folders),
                network=network, cpus=self.instance.docker_host.cpu_count,
                shares_folders=shares_folders, has_init=settings.POWERNODE_CONTAINER_INIT,
            )  # fmt: skip
            return self.engine.create(name, body)

        return self.folders.provide(self.engine, name, create)

    # The command, and its end.

    def _finish(self, services: Services) -> Ended:
        follower = Follower(self.engine, self.instance, self.owner.fence, self.watch)
        stop = follower.follow()
        if stop:
            grace = 0.0 if stop == OUTPUT_LIMIT else self.watch.grace(stop)
            if grace is None:
                raise Fenced("The lease of the container's owner was lost.")
            follower.end(grace, with_rest=stop != OUTPUT_LIMIT)
        # What was seen at the end holds, even where the Engine is gone right after it.
        state = follower.state() if stop else follower.known
        ended = _ended(state, stop, self.spec)
        if not stop and not ended.message and self._is_from_outside(follower, state):
            ended = _ended_from_outside(self.engine.name, ended.exit_code)
        self.folders.take_back(self.engine, self.instance.container_id, self.instance)
        services.tell_deaths()
        self.watch.log.settle()
        failpoint("containers.finish.before")
        self._record(ended)
        failpoint("containers.finish.after")
        self._clear(services)
        return ended

    def _is_from_outside(self, follower: Follower, state: Mapping[str, Any]) -> bool:
        """Whether the command failed because something ended it that is not of its own."""
        code = state.get("ExitCode")
        if follower.ended_unseen:
            return bool(code)
        try:
            return code in _SIGNALLED and self.engine.was_killed(self.instance.container_id, state)
        except EngineUnreachable:
            # An Engine that ends stops what it runs first.
            return True

    def _record(self, ended: Ended) -> None:
        is_done = ended.exit_code == 0 and not ended.stopped
        usual = InstanceStatus.COMPLETED if is_done else InstanceStatus.FAILED
        instances.move_instance(
            self.instance, _STATUS.get(ended.stopped, usual), self.owner.fence,
            exit_code=ended.exit_code, completed_at=timezone.now(), error_message=ended.message,
        )  # fmt: skip
        release_connection()

    def _stopped_early(self, services: Services, stop: str) -> Ended:
        if self.watch.grace(stop) is None:
            raise Fenced("The lease of the container's owner was lost.")
        ended = Ended(-1, stop)
        self._record(ended)
        self._clear(services)
        return ended

    def _fail(self, services: Services, message: str) -> None:
        if self.instance.is_active:
            instances.move_instance(
                self.instance, InstanceStatus.FAILED, self.owner.fence, error_message=message,
                completed_at=timezone.now(),
            )  # fmt: skip
            release_connection()
        self._clear(services)

    def _clear(self, services: Services) -> None:
        """Take the containers away; what a silent Engine keeps, the reaper removes."""
        try:
            self.engine.remove(self.instance.container_name)
            services.remove()
        except EngineError as error:
            logger.warning("%s is left to the reaper: %s", self.instance, error)
            return
        instances.note_on(self.instance, self.owner.fence, removed_at=timezone.now())
        release_connection()


def _ended(state: dict[str, object], stop: str, spec: ContainerSpec) -> Ended:
    """The Engine's last word on a container, as its owner hears it."""
    code = int(str(state.get("ExitCode", -1)))
    if stop == OUTPUT_LIMIT:
        most = settings.POWERNODE_CONTAINER_LOG_BYTES // 1024**2
        text = f"The command wrote more than {most} MB and was ended."
        return Ended(code, message=text, reason=OUTPUT_LIMIT)
    if state.get("OOMKilled") and code and not stop:
        text = f"The command used more than its {spec.limits.memory_mb} MB of memory and was killed"
        return Ended(code, message=f"{text} (exit status {code}).", reason="out_of_memory")
    return Ended(code, stop)


def _ended_from_outside(host: str, code: int) -> Ended:
    text = (
        f"The command was ended from outside (exit status {code}): its container was stopped on"
        f" {host}, or the Docker Engine there was. Run it again; with `live-restore` in its"
        " configuration commands outlive a restart of the Engine."
    )
    return Ended(code, message=text, reason="container")
