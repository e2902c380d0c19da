"""The jobs of a workflow, one after the other, as one list of steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.documents.github_import.containers import place_containers
from pipelines.documents.github_import.matrices import read_matrix
from pipelines.documents.github_import.steps import Steps
from pipelines.documents.github_import.translation import Roots, Translation
from pipelines.documents.github_import.words import (
    HOSTED,
    minutes_of,
    needs_of,
    run_defaults,
    secrets_of,
)
from pipelines.documents.matrix import member_names
from pipelines.documents.vocabulary import LONGEST_RUN_MINUTES

# What the condition of a job may read.
_OF_JOBS: Roots = frozenset({"trigger", "repository", "run", "pipeline", "inputs"})
_NOT_TAKEN_OVER = ("permissions", "uses")
Job = Mapping[str, Any]


@dataclass(slots=True)
class Jobs:
    """What the jobs of a workflow say together.

    `environment` is what the workflow sets for all steps and a pipeline cannot: by job, then.
    """

    words: Translation
    steps: Steps
    environment: Mapping[str, Any]

    def convert(self) -> list[dict[str, Any]]:
        """The steps of all jobs, each job after those that it needs."""
        return [step for name, job in self._ordered() for step in self._job(name, job)]

    def labels(self) -> list[str]:
        """The labels of machines of one's own; any worker stands for a hosted machine."""
        wanted: list[str] = []
        for name, label in self._machines():
            if HOSTED.fullmatch(label):
                text = f"{label} is a hosted machine; any worker takes it."
                self.words.report.changed(f"/jobs/{name}/runs-on", text)
            elif label and "${{" not in label and label != "self-hosted":
                wanted.append(label)
        return list(dict.fromkeys(wanted))

    def limit(self) -> float | None:
        """Minutes of all jobs together, where each has a limit."""
        limits = [minutes_of(job) for _, job in self._all()]
        numbers = [limit for limit in limits if limit is not None]
        is_complete = bool(numbers) and len(numbers) == len(limits)
        return min(LONGEST_RUN_MINUTES, sum(numbers)) if is_complete else None

    def _machines(self) -> Iterator[tuple[str, str]]:
        for name, job in self._all():
            labels = job.get("runs-on")
            for label in labels if isinstance(labels, list) else [labels]:
                if isinstance(label, str):
                    yield name, label

    def _all(self) -> list[tuple[str, Job]]:
        jobs = self.words.workflow["jobs"]
        return [(str(name), job) for name, job in jobs.items() if isinstance(job, Mapping)]

    def _ordered(self) -> list[tuple[str, Job]]:
        """Every job after those that it needs; a circle stays in the order of the file."""
        left, done = dict(self._all()), list[tuple[str, Job]]()
        while left:
            ready = [name for name, job in left.items() if not set(needs_of(job)) & set(left)]
            done += [(name, left.pop(name)) for name in ready or [*left]]
        if len(done) > 1:
            text = "The jobs become one list of steps, which share a workspace."
            self.words.report.changed("/jobs", text)
        return done

    def _job(self, name: str, job: Job) -> list[dict[str, Any]]:
        self.words.job, pointer = name, f"/jobs/{name}"
        for key in _NOT_TAKEN_OVER:
            if key in job:
                text = f"`{key}` of a job is not taken over."
                self.words.report.left_out(f"{pointer}/{key}", text)
        defaults = {**run_defaults(self.words.workflow), **run_defaults(job)}
        matrix = read_matrix(job.get("strategy"), f"{pointer}/strategy", self.words)
        members = member_names(matrix)
        self.words.matrix = None if members is None else frozenset(members)
        written = self._written(job, pointer, defaults)
        if written:
            self._share(job, written, pointer, matrix)
        for made in written:
            self._name_secrets(made)
        return written

    def _written(self, job: Job, pointer: str, defaults: Job) -> list[dict[str, Any]]:
        """The steps of a job as they stand there, without what the job says for all of them."""
        written: list[dict[str, Any]] = []
        cache: dict[str, Any] = {}
        for index, step in enumerate(job["steps"] if isinstance(job.get("steps"), list) else ()):
            here = f"{pointer}/steps/{index}"
            if isinstance(step, Mapping) and str(step.get("uses")).startswith("actions/cache@"):
                cache = self.steps.cache(step, here)
                continue
            made = self.steps.convert(step, here, defaults) if isinstance(step, Mapping) else None
            if made is None:
                continue
            if cache and made["uses"] == "run_command":
                made["cache"], cache = cache, {}
            written.append(made)
        return written

    def _name_secrets(self, step: dict[str, Any]) -> None:
        names = sorted(secrets_of({**step, "if": f"${{{{ {step.get('if', '')} }}}}"}))
        if names:
            step["secrets"] = names
            self.steps.secrets.update(names)

    def _share(
        self, job: Job, steps: list[dict[str, Any]], pointer: str, matrix: Mapping[str, Any]
    ) -> None:
        """What a job says for all its steps: condition, environment, matrix, reviewers."""
        if job.get("if") is not None:
            condition = self.words.condition(str(job["if"]), f"{pointer}/if", roots=_OF_JOBS)
            for step in steps:
                step["if"] = f"({condition}) && ({step['if']})" if step.get("if") else condition
        commands = [step for step in steps if step["uses"] == "run_command"]
        environment = self.words.environment(self.environment, "/env")
        environment |= self.words.environment(job.get("env"), f"{pointer}/env")
        for step in commands if environment else ():
            step["env"] = {**environment, **step.get("env", {})}
        place_containers(job, steps, pointer, self.words)
        if matrix:
            text = "The matrix of the job is that of each of its commands."
            self.words.report.changed(f"{pointer}/strategy", text)
        for step in steps if matrix else ():
            if step in commands or "matrix." in str(step):
                step["matrix"] = dict(matrix)
        if job.get("environment"):
            text = (
                "Its reviewers are not known here: administrators are asked before its first step."
            )
            self.words.report.changed(f"{pointer}/environment", text)
            steps[0]["approval"] = {"recipients": ["role:admin"]}
