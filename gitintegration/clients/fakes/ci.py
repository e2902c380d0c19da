"""A fake host's own CI: workflows, runs, jobs with growing logs, runners."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.utils import timezone

from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.fakes.model import Job, Repo, Run, Runner, Step, User, Workflow

if TYPE_CHECKING:
    from gitintegration.clients.fakes.state import HostState

Scope = tuple[str, str]


class Ci:
    """Nothing runs here: tests and the demonstration say how a run goes on."""

    def __init__(self, state: "HostState") -> None:
        self._state = state
        # ("repository" | "organization" | "enterprise", name) → its runners.
        self.runners: dict[Scope, list[Runner]] = {}

    def add_workflow(self, repo: Repo, path: str, name: str = "") -> Workflow:
        """A workflow file that the host knows."""
        with self._state.lock:
            made = Workflow(self._state.next_id(), name or path.rsplit("/", 1)[-1], path)
            repo.workflows[made.id] = made
            return made

    def start_run(  # noqa: PLR0913 - each is a separate fact of a run
        self,
        repo: Repo,
        *,
        ref: str = "",
        event: str = "push",
        jobs: Sequence[str] = ("build",),
        name: str = "CI",
        workflow: Workflow | None = None,
        user: User | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> Run:
        """A queued run of a branch."""
        with self._state.lock:
            branch = ref.removeprefix("refs/heads/") or repo.default_branch
            actor = user or self._state.owner_of(repo)
            run = Run(
                self._state.next_id(), len(repo.runs) + 1, name, workflow, event, branch,
                repo.store.resolve(branch), actor,
                jobs=[
                    Job(self._state.next_id(), job, steps=[Step(1, "Set up job"), Step(2, "Run")])
                    for job in jobs
                ],
                inputs=dict(inputs or {}),
            )  # fmt: skip
            repo.runs[run.id] = run
            self._state.emit(Happening("run", repo, actor, "requested", run))
            for job in run.jobs:
                self._job(repo, run, job, "queued")
            return run

    def advance_run(self, repo: Repo, run: Run, conclusion: str = "success") -> None:
        """One stage on: queued → in_progress → completed with a conclusion, all jobs with it."""
        with self._state.lock:
            if run.status == "completed":
                return
            run.status = "in_progress" if run.status == "queued" else "completed"
            now = timezone.now()
            run.updated_at = now
            if run.status == "completed":
                run.conclusion, run.completed_at = conclusion, now
            else:
                run.started_at = now
            for job in run.jobs:
                self.set_job(repo, run, job, run.status, run.conclusion)
            self._state.emit(Happening("run", repo, run.actor, run.status, run))

    def set_job(self, repo: Repo, run: Run, job: Job, status: str, conclusion: str = "") -> None:
        """Move one job and its steps; a job that has ended stays as it is."""
        with self._state.lock:
            if job.status == "completed":
                return
            job.status, job.conclusion = status, conclusion
            job.started_at = job.started_at or timezone.now()
            job.completed_at = timezone.now() if status == "completed" else None
            for step in job.steps:
                step.status, step.conclusion = status, conclusion
            self._job(repo, run, job, status)

    def cancel_run(self, repo: Repo, run: Run) -> bool:
        """End it as cancelled; False when it has ended already."""
        with self._state.lock:
            if run.status == "completed":
                return False
            run.status = "in_progress"
            self.advance_run(repo, run, "cancelled")
            return True

    def hold_run(self, repo: Repo, run: Run) -> None:
        """Have it wait for a person, all jobs with it."""
        with self._state.lock:
            run.status, run.conclusion = "completed", "action_required"
            for job in run.jobs:
                job.status, job.conclusion = "completed", "action_required"
            run.updated_at = timezone.now()
            self._state.emit(Happening("run", repo, run.actor, "completed", run))

    def approve_run(self, repo: Repo, run: Run) -> bool:
        """Let it go on; False when it does not wait."""
        with self._state.lock:
            if run.conclusion != "action_required":
                return False
            run.status, run.conclusion = "queued", ""
            for job in run.jobs:
                job.status, job.conclusion = "queued", ""
            run.updated_at = timezone.now()
            self._state.emit(Happening("run", repo, run.actor, "requested", run))
            return True

    def rerun(self, repo: Repo, run: Run, *, failed_only: bool = False) -> None:
        """Queue the run's next attempt under the same id."""
        with self._state.lock:
            run.attempt += 1
            run.status, run.conclusion = "queued", ""
            run.started_at = run.completed_at = None
            run.updated_at = timezone.now()
            run.jobs = [
                job
                if failed_only and job.conclusion == "success"
                else Job(self._state.next_id(), job.name, steps=[Step(1, "Set up job")])
                for job in run.jobs
            ]
            self._state.emit(Happening("run", repo, run.actor, "requested", run))

    def append_log(self, job: Job, text: str | bytes) -> None:
        """Let a job write."""
        with self._state.lock:
            job.log += text.encode() if isinstance(text, str) else text

    def add_runner(
        self, scope: Scope, name: str, labels: Sequence[str] = ("self-hosted", "linux")
    ) -> Runner:
        """A runner of a repository, an organization or the whole host."""
        with self._state.lock:
            made = Runner(self._state.next_id(), name, list(labels))
            self.runners.setdefault(scope, []).append(made)
            return made

    def runners_of(self, scope: Scope) -> list[Runner]:
        """The runners of a scope."""
        with self._state.lock:
            return list(self.runners.get(scope, ()))

    def runner(self, runner_id: int) -> tuple[Scope, Runner] | None:
        """A runner by its id, with its scope."""
        with self._state.lock:
            for scope, runners in self.runners.items():
                for runner in runners:
                    if runner.id == runner_id:
                        return scope, runner
        return None

    def remove_runner(self, runner_id: int) -> bool:
        """Take it away; False when there is none."""
        with self._state.lock:
            found = self.runner(runner_id)
            if found is None:
                return False
            self.runners[found[0]].remove(found[1])
            return True

    def _job(self, repo: Repo, run: Run, job: Job, action: str) -> None:
        self._state.emit(Happening("job", repo, run.actor, action, job, {"run": run}))
