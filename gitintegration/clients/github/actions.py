"""GitHub Actions: workflows, runs, jobs, logs, runners.

Source: GitHub REST API, "Workflows", "Workflow runs", "Workflow jobs", "Self-hosted runners".
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from django.utils import timezone

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import AlreadyExists, NotFoundOnHost, RefusedByHost
from gitintegration.clients.github import reading
from gitintegration.clients.github.connection import Connection, repo_path, segment
from gitintegration.clients.members import Members

# How often a started run is looked for on servers that do not tell its id, a second apart.
LOOKS = 3


class Actions(Connection):
    """The runs that GitHub's own CI makes."""

    def list_workflows(self, repository: str) -> Sequence[s.WorkflowDefinition]:
        path = repo_path(repository, "actions", "workflows")
        return self.whole(path, reading.workflow, member="workflows")

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
        path = repo_path(repository, "actions", "runs")
        return self.page(
            path, reading.run, page, per_page, member="workflow_runs",
            branch=branch, status=status, event=event,
        )  # fmt: skip

    def get_workflow_run(self, repository: str, run_id: str) -> s.WorkflowRun:
        return self.one("GET", self._run(repository, run_id), reading.run)

    def list_workflow_jobs(self, repository: str, run_id: str) -> Sequence[s.WorkflowJob]:
        path = self._run(repository, run_id, "jobs")
        return self.whole(path, reading.job, member="jobs")

    def get_job_log(
        self,
        repository: str,
        run_id: str,  # noqa: ARG002 - GitHub's jobs are numbered through
        job_id: str,
        offset: int = 0,
    ) -> bytes:
        path = repo_path(repository, "actions", "jobs", segment(job_id), "logs")
        try:
            found = self.raw(path, "application/vnd.github+json")
            if 300 <= found.status_code < 400:
                return self.session.download(found.headers.get("location", ""), start=offset)
        except NotFoundOnHost:
            # While a job runs there is no log; for a job that is not there neither.
            return b""
        return found.content[offset:]

    def trigger_workflow(
        self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]
    ) -> str:
        path = repo_path(repository, "actions", "workflows", segment(workflow))
        # A minute: the clocks of two machines.
        since = timezone.now() - timedelta(minutes=1)
        known = {run.id for run in self._dispatched(path, ref, since.isoformat())}
        body: dict[str, Any] = {"ref": ref, "inputs": dict(inputs), "return_run_details": True}
        try:
            _, value = self.call("POST", f"{path}/dispatches", body=body)
        except RefusedByHost as error:
            # Older Enterprise servers know no such wish.
            if "return_run_details" not in error.body:
                raise
            del body["return_run_details"]
            _, value = self.call("POST", f"{path}/dispatches", body=body)
        if isinstance(value, dict) and value.get("workflow_run_id"):
            return str(value["workflow_run_id"])
        for _ in range(LOOKS):
            fresh = [
                run for run in self._dispatched(path, ref, since.isoformat()) if run.id not in known
            ]
            if fresh:
                return fresh[0].id
            self.sleep(1.0)
        return ""

    def cancel_workflow_run(self, repository: str, run_id: str) -> None:
        try:
            self.call("POST", self._run(repository, run_id, "cancel"))
        except AlreadyExists as error:
            # 409: it has ended.
            raise RefusedByHost(
                error.host, str(error), http_status=error.http_status,
                remedy="Nothing is left to cancel; read the run again.",
            ) from error  # fmt: skip

    def approve_workflow_run(self, repository: str, run_id: str) -> None:
        self.call("POST", self._run(repository, run_id, "approve"))

    def rerun_workflow(self, repository: str, run_id: str, *, failed_only: bool = False) -> str:
        what = "rerun-failed-jobs" if failed_only else "rerun"
        self.call("POST", self._run(repository, run_id, what))
        return run_id

    def _dispatched(self, path: str, ref: str, since: str) -> Sequence[s.WorkflowRun]:
        branch = ref.removeprefix("refs/heads/")
        found = self.page(
            f"{path}/runs", reading.run, "", 20, member="workflow_runs",
            event="workflow_dispatch", branch=branch, created=f">={since[:19]}Z",
        )  # fmt: skip
        return found.items

    def _run(self, repository: str, run_id: str, *rest: str) -> str:
        return repo_path(repository, "actions", "runs", segment(run_id), *rest)


class Runners(Connection):
    """The machines that GitHub's CI runs on; a scope is a repository, organization, enterprise."""

    def list_runners(self, scope: s.Scope) -> Sequence[s.HostRunner]:
        return self.whole(_path(scope), reading.runner, member="runners")

    def get_runner(self, scope: s.Scope, runner_id: str) -> s.HostRunner:
        return self.one("GET", _path(scope, segment(runner_id)), reading.runner)

    def delete_runner(self, scope: s.Scope, runner_id: str) -> None:
        self.call("DELETE", _path(scope, segment(runner_id)))

    def set_runner_labels(
        self, scope: s.Scope, runner_id: str, labels: Sequence[str]
    ) -> Sequence[str]:
        path = _path(scope, segment(runner_id), "labels")
        return self.one("PUT", path, reading.labels, {"labels": list(labels)})

    def runner_registration_token(self, scope: s.Scope) -> s.RunnerToken:
        found = self.one("POST", _path(scope, "registration-token"), _token)
        place = f"enterprises/{scope.name}" if scope.kind == "enterprise" else scope.name
        where = f"{self.access.web_url}/{place}"
        command = f"./config.sh --url {where} --token {found.token}"
        return s.RunnerToken(found.token, found.expires_at, command)

    def runner_removal_token(self, scope: s.Scope) -> s.RunnerToken:
        found = self.one("POST", _path(scope, "remove-token"), _token)
        command = f"./config.sh remove --token {found.token}"
        return s.RunnerToken(found.token, found.expires_at, command)


def _token(told: Members) -> s.RunnerToken:
    return s.RunnerToken(told.needed("token"), told.moment("expires_at"))


def _path(scope: s.Scope, *rest: str) -> str:
    if scope.kind == "repository":
        return repo_path(scope.name, "actions", "runners", *rest)
    kind = "orgs" if scope.kind == "organization" else "enterprises"
    return "/".join([f"/{kind}", segment(scope.name), "actions", "runners", *rest])
