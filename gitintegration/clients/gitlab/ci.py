"""GitLab's own CI: one definition per project, pipelines and their jobs."""

from collections.abc import Mapping, Sequence
from typing import Literal

from devops.safety import egress
from gitintegration.clients import shapes as s
from gitintegration.clients.errors import RefusedByHost
from gitintegration.clients.exchange import MAX_BODY_BYTES, Reply
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.gitlab.words import RUN_STATES
from gitintegration.clients.members import Members

# A server that does not send parts of a log is asked for the whole, up to here.
MAX_LOG_BYTES = 64 * 1024 * 1024
_PARTIAL, _BEYOND = 206, 416


class Ci(Connection):
    """The runs that the host's own CI makes."""

    def list_workflows(self, repository: str) -> Sequence[s.WorkflowDefinition]:
        """The one definition that a project has."""

        def read(told: Members) -> s.WorkflowDefinition:
            path = told.text("ci_config_path") or ".gitlab-ci.yml"
            is_active = told.text("builds_access_level") != "disabled"
            return s.WorkflowDefinition(path, "GitLab CI/CD", path, is_active=is_active)

        return (self.read(self.project(repository), read),)

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
        """Pipelines, newest first."""
        return self.page(
            self.project(repository, "pipelines"), convert.run, page, per_page,
            ref=branch or None, status=RUN_STATES[status] if status else None,
            source=event or None, order_by="id", sort="desc",
        )  # fmt: skip

    def get_workflow_run(self, repository: str, run_id: str) -> s.WorkflowRun:
        """One pipeline."""
        return self.read(self.project(repository, "pipelines", run_id), convert.run)

    def list_workflow_jobs(self, repository: str, run_id: str) -> Sequence[s.WorkflowJob]:
        """The jobs of a pipeline, in the order of their making; retried ones are left out."""
        found = self.all(self.project(repository, "pipelines", run_id, "jobs"), convert.job)
        return tuple(sorted(found, key=lambda job: int(job.id)))

    def get_job_log(
        self,
        repository: str,
        run_id: str,  # noqa: ARG002 - the shape of the protocol
        job_id: str,
        offset: int = 0,
    ) -> bytes:
        """The log's bytes from an offset, at most 10 MB.

        A part is asked for; a server that sends the whole log is fine.
        """
        url = self.access.api_url + self.project(repository, "jobs", job_id, "trace")
        token = self.access.token
        headers = (
            {"PRIVATE-TOKEN": token}
            if self.access.scheme == "token"
            else {"Authorization": f"Bearer {token}"}
        )
        if offset:
            headers["Range"] = f"bytes={offset}-"

        def send(more: Mapping[str, str]) -> Reply:
            try:
                answer = egress.request(
                    "GET", url, headers={**headers, **more}, max_bytes=MAX_LOG_BYTES,
                    total_seconds=self.total_seconds,
                )  # fmt: skip
            except egress.AnswerTooLarge as error:
                raise RefusedByHost(self.access.name, str(error)) from error
            lowered = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, lowered, answer.body)

        try:
            reply = self.exchange.call("GET", url, send, wants_json=False, key=f"from {offset}")
        except RefusedByHost as error:
            if error.http_status == _BEYOND:
                return b""
            raise
        if 300 <= reply.status < 400:
            # Logs in object storage may be fetched from there, without our token.
            return self.download(reply.headers.get("location", ""))[offset:]
        start = 0 if reply.status == _PARTIAL else offset
        return reply.body[start : start + MAX_BODY_BYTES]

    def trigger_workflow(
        self,
        repository: str,
        workflow: str,  # noqa: ARG002 - a project has one definition only
        ref: str,
        inputs: Mapping[str, str],
    ) -> str:
        """Start a pipeline; the inputs are its variables."""
        variables = [{"key": key, "value": value} for key, value in inputs.items()]
        body = {"ref": ref.removeprefix("refs/heads/").removeprefix("refs/tags/")}
        return self.send(
            "post", self.project(repository, "pipeline"), {**body, "variables": variables},
            lambda told: told.needed("id"),
        )  # fmt: skip

    def cancel_workflow_run(self, repository: str, run_id: str) -> None:
        """Cancel the jobs of a pipeline that have not ended."""
        self.call("post", self.project(repository, "pipelines", run_id, "cancel"), {})

    def approve_workflow_run(self, repository: str, run_id: str) -> None:
        """Play the jobs of a pipeline that wait for a person."""
        waiting = [
            job
            for job in self.list_workflow_jobs(repository, run_id)
            if job.conclusion == "action_required"
        ]
        if not waiting:
            raise RefusedByHost(self.access.name, "no job of the pipeline waits for a person.")
        for job in waiting:
            self.call("post", self.project(repository, "jobs", job.id, "play"), {})

    def rerun_workflow(self, repository: str, run_id: str, *, failed_only: bool = False) -> str:
        """Run again what failed or was cancelled, in the same pipeline.

        A pipeline that succeeded has nothing to retry: a new one of the same branch is started.
        """
        run = self.get_workflow_run(repository, run_id)
        if run.conclusion == "success" and not failed_only:
            return self.trigger_workflow(repository, "", run.ref, {})
        path = self.project(repository, "pipelines", run_id, "retry")
        return self.send("post", path, None, lambda told: told.needed("id"))
