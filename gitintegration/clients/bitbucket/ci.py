"""Bitbucket Pipelines: runs, steps, logs."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gitintegration.clients import shapes as s
from gitintegration.clients.absent import absent
from gitintegration.clients.bitbucket import convert, words
from gitintegration.clients.bitbucket.connection import Connection, repo, segment
from gitintegration.clients.errors import NotFoundOnHost, NotSupported, RefusedByHost
from gitintegration.clients.host import every
from gitintegration.clients.members import Members

# A number that hooks tell is of one of the newest.
_MOST_SEARCHED = 300


class Ci(Connection):
    """The runs that the host's own CI makes."""

    list_workflows = absent(
        "it has one file, bitbucket-pipelines.yml; a custom pipeline of it is started by its name."
    )

    def list_workflow_runs(
        self,
        repository: str,
        *,
        branch: str = "",
        status: s.RunState | Literal[""] = "",
        event: str = "",
        page: str = "",
        per_page: int = 30,
    ) -> s.Page[s.WorkflowRun]:
        """Pipelines, newest first.

        Raises:
            NotSupported: skipped ones are asked for.
        """
        if status and status not in words.ASKED_STATES:
            raise NotSupported(
                self.access.name, "it cannot list skipped pipelines alone; list all and choose."
            )
        asked = {
            "target.branch": branch, "sort": "-created_on", "trigger_type": event.upper(),
            "status": words.ASKED_STATES[status] if status else "",
        }  # fmt: skip
        return self.page(
            repo(repository, "pipelines"), lambda told: _run(self, repository, told), page,
            per_page, **asked,
        )  # fmt: skip

    def get_workflow_run(self, repository: str, run_id: str) -> s.WorkflowRun:
        """One pipeline, by its UUID or by its number."""
        return self.one(_path(self, repository, run_id), lambda told: _run(self, repository, told))

    def list_workflow_jobs(self, repository: str, run_id: str) -> Sequence[s.WorkflowJob]:
        """The steps of a pipeline."""
        return self.all(_path(self, repository, run_id, "steps"), _job)

    def get_job_log(self, repository: str, run_id: str, job_id: str, offset: int = 0) -> bytes:
        """A step's log from an offset; empty while it has none."""
        try:
            path = _path(self, repository, run_id, "steps", segment(job_id), "log")
            return self.content(path, offset=offset)
        except NotFoundOnHost:
            return b""
        except RefusedByHost as error:
            # 416: the log has no byte at the offset yet.
            if error.http_status == 416:
                return b""
            raise

    def trigger_workflow(
        self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]
    ) -> str:
        """Start a pipeline of a branch, or its custom pipeline of that name."""
        tag = ref.startswith("refs/tags/")
        target: dict[str, Any] = {
            "type": "pipeline_ref_target",
            "ref_type": "tag" if tag else "branch",
            "ref_name": ref.removeprefix("refs/tags/" if tag else "refs/heads/"),
        }
        if workflow and workflow != "bitbucket-pipelines.yml":
            target["selector"] = {"type": "custom", "pattern": workflow}
        variables = [{"key": key, "value": value} for key, value in inputs.items()]
        body = {"target": target, **({"variables": variables} if variables else {})}
        return self.made("POST", repo(repository, "pipelines"), body, _uuid)

    def cancel_workflow_run(self, repository: str, run_id: str) -> None:
        """Stop a pipeline."""
        self.call("POST", _path(self, repository, run_id, "stopPipeline"))

    approve_workflow_run = absent("manual steps are started on the pipeline's page alone.")

    def rerun_workflow(self, repository: str, run_id: str, *, failed_only: bool = False) -> str:
        """Start a new pipeline of the same commit; returns its id."""
        if failed_only:
            raise NotSupported(
                self.access.name, "it cannot run failed steps alone; run the whole pipeline again."
            )
        body = {"target": self.one(_path(self, repository, run_id), _target)}
        return self.made("POST", repo(repository, "pipelines"), body, _uuid)


def _state(told: Members) -> tuple[str, str]:
    state = told.inner("state")
    return words.run_state(
        state.text("name"),
        state.inner("result").text("name"),
        state.inner("stage").text("name"),
    )


def _run(api: Connection, repository: str, told: Members) -> s.WorkflowRun:
    status, conclusion = _state(told)
    target, number = told.inner("target"), told.number("build_number")
    return s.WorkflowRun(
        id=told.needed("uuid"),
        name=target.inner("selector").text("pattern") or f"Pipeline #{number}",
        status=status,
        conclusion=conclusion,
        event=_event(told),
        ref=target.text("ref_name") or target.text("source"),
        sha=target.inner("commit").text("hash"),
        actor=convert.name_of(told.inner("creator")),
        actor_id=convert.id_of(told.inner("creator")),
        run_number=number or None,
        web_url=f"{api.access.web_url}/{repository}/pipelines/results/{number}",
        created_at=told.moment("created_on"),
        started_at=told.moment("created_on") if status != "queued" else None,
        completed_at=told.moment("completed_on"),
    )


def _event(told: Members) -> str:
    if told.inner("target").text("type") == "pipeline_pullrequest_target":
        return "pullrequest"
    return told.inner("trigger").text("name").lower()


def _path(api: Ci, repository: str, run_id: str, *more: str) -> str:
    """The address of a pipeline. Hooks name pipelines by number, the API by UUID.

    Raises:
        NotFoundOnHost: none of the newest pipelines has the number.
    """
    if run_id.isdigit():
        runs = every(
            lambda page: api.list_workflow_runs(repository, page=page, per_page=100),
            _MOST_SEARCHED,
        )
        run_id = next((one.id for one in runs if str(one.run_number) == run_id), run_id)
        if run_id.isdigit():
            raise NotFoundOnHost(
                api.access.name,
                f"none of the newest pipelines has the number {run_id}.",
                http_status=404,
            )
    return repo(repository, "pipelines", segment(run_id), *more)


def _job(told: Members) -> s.WorkflowJob:
    status, conclusion = _state(told)
    runner = told.inner("runner")
    return s.WorkflowJob(
        id=told.needed("uuid"),
        name=told.text("name") or "Step",
        status=status,
        conclusion=conclusion,
        runner_id=runner.text("uuid"),
        runner_name=runner.text("name"),
        started_at=told.moment("started_on"),
        completed_at=told.moment("completed_on"),
    )


def _uuid(told: Members) -> str:
    return told.needed("uuid")


def _target(told: Members) -> dict[str, Any]:
    target = told.needed_inner("target")
    again: dict[str, Any] = {"type": target.needed("type")}
    for name in ("ref_type", "ref_name", "source", "destination"):
        if name in target:
            again[name] = target.text(name)
    if "commit" in target:
        again["commit"] = {"type": "commit", "hash": target.inner("commit").needed("hash")}
    selector = target.inner("selector")
    if "pattern" in selector:
        again["selector"] = {
            "type": selector.text("type") or "custom", "pattern": selector.text("pattern"),
        }  # fmt: skip
    return again
