"""Commands as child processes of this worker, inside bubblewrap where the machine has it."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from devops.safety import processes, sandbox
from devops.storage.logs import pump
from pipelines.engine.executors.allowed import require_executor
from pipelines.engine.executors.base import Executor, grace_of
from pipelines.steps.base import CommandResult, StepFailedError

# Seconds between two looks at whether the command must end.
POLL_SECONDS = 0.2
# The worker's own interpreter comes last: a machine whose only Python it is still has one.
_PATH = (
    f"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{Path(sys.base_prefix) / 'bin'}"
)
_LIMITS = processes.Limits(open_files=65536, core_bytes=0)


def describe() -> str:
    """How commands are isolated here, for the worker's row and the doctor."""
    info = isolation()
    if info.kind == "bwrap":
        return "process, isolated with bubblewrap"
    return f"process, not isolated ({info.reason})"


def isolation() -> sandbox.SandboxInfo:
    """What the operator's setting and this machine give."""
    return sandbox.available(settings.POWERNODE_SANDBOX)


@dataclass(slots=True)
class ProcessExecutor(Executor):
    """Runs one attempt's commands."""

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
        require_executor("process")
        stop = self.should_stop()
        if stop:
            return CommandResult(-1, stop)
        argv = _argv(command, shell)
        cwd = self.workspace.resolve(working_directory)
        child = self._spawn(argv, cwd, environment, network=network and self.is_trusted)
        try:
            self.workspace.note_child(child.pid, child.start_time)
            self.on_start()
            return self._follow(child)
        except BaseException:
            # The log could not be written: nobody would watch the command any longer.
            child.terminate(0)
            raise
        finally:
            child.close()
            self.workspace.forget_child(child.pid)

    def _follow(self, child: processes.Child) -> CommandResult:
        pump(
            child.stdout_fd,
            self.writer,
            should_stop=lambda: bool(self.should_stop()),
            exit_fd=child.exit_fd,
            poll_seconds=POLL_SECONDS,
        )
        # Without a stop the command has closed its output; it may still be working.
        while (exit_code := child.wait(0 if self.should_stop() else POLL_SECONDS)) is None:
            stop = self.should_stop()
            if stop:
                return self._end(child, stop)
        return CommandResult(exit_code)

    def _end(self, child: processes.Child, stop: str) -> CommandResult:
        exit_code = child.terminate(grace_of(stop))
        pump(child.stdout_fd, self.writer, should_stop=lambda: False, exit_fd=child.exit_fd)
        return CommandResult(exit_code, stop)

    def _spawn(
        self, argv: Sequence[str], cwd: Path, environment: Mapping[str, str], *, network: bool
    ) -> processes.Child:
        environment = {"PATH": _PATH, **environment}
        info = isolation()
        if info.kind == "none" and (settings.POWERNODE_SANDBOX == "bwrap" or not self.is_trusted):
            raise StepFailedError(
                f"This step must be isolated, and this worker cannot: {info.reason}",
                reason="sandbox_missing",
            )
        try:
            if info.kind == "bwrap":
                readonly = [*sandbox.DEFAULT_READONLY, *_shown(is_trusted=self.is_trusted)]
                wrapped = sandbox.wrap(
                    argv,
                    workdir=cwd,
                    network=network,
                    readonly=readonly,
                    writable=[*self.workspace.writable, str(self.files.folder)],
                    env=environment,
                )
                with wrapped:
                    return processes.spawn(
                        wrapped.argv,
                        cwd=cwd,
                        env=wrapped.env,
                        limits=_LIMITS,
                        pass_fds=wrapped.pass_fds,
                        die_with_parent=False,
                    )
            return processes.spawn(argv, cwd=cwd, env=environment, limits=_LIMITS)
        except processes.CommandNotFoundError as error:
            raise StepFailedError(
                f"The program {argv[0]!r} is not on this worker.", reason="program_missing"
            ) from error


def _shown(*, is_trusted: bool) -> Iterator[str]:
    """What the operator shows to commands; sockets, which lead outside, to trusted runs alone."""
    for path in settings.POWERNODE_SANDBOX_READONLY:
        if is_trusted or not Path(path).is_socket():
            yield path


def _argv(command: str | Sequence[str], shell: str) -> list[str]:
    if not isinstance(command, str):
        return list(command)
    if shell in {"", "bash"} and shutil.which("bash", path=_PATH):
        return ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
    if shell in {"", "sh"}:
        return ["sh", "-e", "-c", command]
    raise StepFailedError(f"This worker has no shell {shell!r}.", reason="program_missing")
