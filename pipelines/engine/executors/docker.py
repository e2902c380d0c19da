"""Commands in containers on a Docker host of the account, with services beside them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from containers import public as containers
from devops.errors import DomainError, Fenced
from pipelines.engine.executors.allowed import require_executor
from pipelines.engine.executors.base import Executor, grace_of
from pipelines.steps.base import CommandResult, StepFailedError

# bash where the image has it, as on a worker; what it runs comes as an argument, not as text.
_ANY_SHELL = (
    "if command -v bash >/dev/null 2>&1; then"
    ' exec bash --noprofile --norc -eo pipefail -c "$1"; else exec sh -e -c "$1"; fi'
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a step says of where its commands run, evaluated: the image, and what is beside it."""

    image: str
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class DockerExecutor(Executor):
    """Runs one attempt's commands, one container each, numbered in their order.

    A handler that is executed once more after its worker died asks for the same commands: what
    ended tells its end again, what runs is gone on with.

    Attributes:
        log_known: how much of the log was there when this worker came to the attempt.
    """

    machine: Machine
    owner: containers.Owner
    log_known: int = 0
    _count: int = 0

    def run(
        self,
        command: str | Sequence[str],
        *,
        environment: Mapping[str, str],
        working_directory: str = "",
        shell: str = "",
        network: bool = True,
    ) -> CommandResult:
        """Run to the end, a cancel, the deadline or the worker's stop, whichever is first."""
        require_executor("docker")
        self._count += 1
        stop = self.should_stop()
        if stop and containers.find_instance(self.owner.key, self._count) is None:
            return CommandResult(-1, stop)
        spec = self._spec(command, environment, working_directory, shell, network)
        try:
            self.on_start()
            host = containers.host_for(self.owner.account_id)
            ended = containers.run_container(
                host, spec, self.owner, self._count, self._folders(), self._watch()
            )
        except Fenced:
            raise
        except containers.ContainerLost as error:
            # Nothing is known of its end: the step begins anew, as after a worker's death.
            raise StepFailedError(error.detail, reason="worker_lost") from error
        except DomainError as error:
            text = _sentence(error.detail) + (f" {error.remedy}" if error.remedy else "")
            raise StepFailedError(text, reason=_REASONS.get(error.code, "container")) from error
        except ValueError as error:
            raise StepFailedError(str(error), reason="container") from error
        return CommandResult(
            ended.exit_code, ended.stopped, reason=ended.reason, message=self._words(ended)
        )

    def _spec(
        self,
        command: str | Sequence[str],
        environment: Mapping[str, str],
        working_directory: str,
        shell: str,
        network: bool,  # noqa: FBT001
    ) -> containers.ContainerSpec:
        try:
            return containers.ContainerSpec(
                image=self.machine.image,
                argv=_argv(command, shell),
                environment=dict(environment),
                working_directory=self._folder(working_directory),
                folders=tuple(str(path) for path in self._paths()),
                has_network=network and self.is_trusted,
                limits=containers.default_limits(),
                services=tuple(
                    _service(name, said) for name, said in self.machine.services.items()
                ),
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise StepFailedError(
                f"The container cannot be made: {where}: {first['msg']}", reason="configuration"
            ) from error

    def _folder(self, relative: str) -> str:
        # Checked as it is here, and named as the container knows it.
        self.workspace.resolve(relative)
        return os.path.normpath(self.workspace.work / relative)

    def _paths(self) -> tuple[Path, ...]:
        space = self.workspace
        return (space.work, space.home, space.temporary, self.files.folder)

    def _folders(self) -> containers.Folders:
        return containers.Folders(self._paths(), self.files.folder)

    def _watch(self) -> containers.Watch:
        return containers.Watch(
            self.writer,
            self.should_stop,
            lambda word: None if word == "lease_lost" else grace_of(word),
            self.log_known,
        )

    def _words(self, ended: containers.Ended) -> str:
        if ended.message or ended.exit_code != 127:
            return ended.message
        image = self.machine.image
        return f"A program of the command was not found in the image {image} (exit status 127)."


_REASONS = {
    "image-unavailable": "image",
    "image-program-missing": "program_missing",
    "service-failed": "service",
    "engine-unreachable": "engine_unreachable",
}


def _sentence(text: str) -> str:
    """Words of others, as a sentence."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _argv(command: str | Sequence[str], shell: str) -> tuple[str, ...]:
    if not isinstance(command, str):
        return tuple(command)
    if shell == "bash":
        return ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command)
    if shell == "sh":
        return ("sh", "-e", "-c", command)
    return ("sh", "-c", _ANY_SHELL, "sh", command)


def env_text(value: object) -> str:
    """A value of a document as a variable of the environment."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


_SERVICE_KEYS = frozenset({"image", "env", "command", "healthcheck"})


def _service(name: str, said: Mapping[str, Any]) -> containers.ServiceSpec:
    # What the form does not know is refused there, not left out here.
    strange = {key: value for key, value in said.items() if key not in _SERVICE_KEYS}
    check = dict(said.get("healthcheck") or {})
    wait = check.pop("wait_seconds", None)
    command = said.get("command") or ()
    return containers.ServiceSpec(
        name=name,
        image=said["image"],
        environment={key: env_text(value) for key, value in (said.get("env") or {}).items()},
        command=("sh", "-c", command) if isinstance(command, str) else tuple(command),
        healthcheck=containers.HealthCheck(**check) if check else None,
        **({"wait_seconds": wait} if wait else {}),
        **strange,
    )
