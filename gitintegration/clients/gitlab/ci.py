"""GitLab's own CI: one definition per project, pipelines and their jobs."""

from collections.abc import Mapping, Sequence

from devops.safety import egress
from gitintegration.clients import shapes as s
from gitintegration.clients.errors import RefusedByHost
from gitintegration.clients.exchange import MAX_BODY_BYTES, Reply
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.members import Members

# A server that does not send parts of a log is asked for the whole, up to here.
MAX_LOG_BYTES = 64 * 1024 * 1024
_PARTIAL, _BEYOND = 206, 416


def list_workflows(host: Connection, repository: str) -> Sequence[s.WorkflowDefinition]:
    """The one definition that a project has."""

    def read(told: Members) -> s.WorkflowDefinition:
        path = told.text("ci_config_path") or ".gitlab-ci.yml"
        is_active = told.text("builds_access_level") != "disabled"
        return s.WorkflowDefinition(path, "GitLab CI/CD", path, is_active=is_active)

    return (host.read(host.project(repository), read),)


def list_workflow_runs(
    host: Connection, repository: str, *, branch: str = "", page: str = "", per_page: int = 30
) -> s.Page[s.WorkflowRun]:
    """Pipelines, newest first."""
    return host.page(
        host.project(repository, "pipelines"), convert.run, page, per_page,
        ref=branch or None, order_by="id", sort="desc",
    )  # fmt: skip


def get_workflow_run(host: Connection, repository: str, run_id: str) -> s.WorkflowRun:
    """One pipeline."""
    return host.read(host.project(repository, "pipelines", run_id), convert.run)


def list_workflow_jobs(host: Connection, repository: str, run_id: str) -> Sequence[s.WorkflowJob]:
    """The jobs of a pipeline, in the order of their making; retried ones are left out."""
    found = host.all(host.project(repository, "pipelines", run_id, "jobs"), convert.job)
    return tuple(sorted(found, key=lambda job: int(job.id)))


def get_job_log(
    host: Connection,
    repository: str,
    run_id: str,  # noqa: ARG001 - the shape of the protocol
    job_id: str,
    offset: int = 0,
) -> bytes:
    """The log's bytes from an offset, at most 10 MB.

    A part is asked for; a server that sends the whole log is fine.
    """
    url = host.access.api_url + host.project(repository, "jobs", job_id, "trace")
    token = host.access.token
    headers = (
        {"PRIVATE-TOKEN": token}
        if host.access.scheme == "token"
        else {"Authorization": f"Bearer {token}"}
    )
    if offset:
        headers["Range"] = f"bytes={offset}-"

    def send(more: Mapping[str, str]) -> Reply:
        try:
            answer = egress.request(
                "GET", url, headers={**headers, **more}, max_bytes=MAX_LOG_BYTES,
                total_seconds=host.total_seconds,
            )  # fmt: skip
        except egress.AnswerTooLarge as error:
            raise RefusedByHost(host.access.name, str(error)) from error
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, lowered, answer.body)

    try:
        reply = host.exchange.call("GET", url, send, wants_json=False, key=f"from {offset}")
    except RefusedByHost as error:
        if error.http_status == _BEYOND:
            return b""
        raise
    if 300 <= reply.status < 400:
        # Logs in object storage may be fetched from there, without our token.
        return host.download(reply.headers.get("location", ""))[offset:]
    start = 0 if reply.status == _PARTIAL else offset
    return reply.body[start : start + MAX_BODY_BYTES]


def trigger_workflow(
    host: Connection,
    repository: str,
    workflow: str,  # noqa: ARG001 - a project has one definition only
    ref: str,
    inputs: Mapping[str, str],
) -> str:
    """Start a pipeline; the inputs are its variables."""
    variables = [{"key": key, "value": value} for key, value in inputs.items()]
    body = {"ref": ref.removeprefix("refs/heads/").removeprefix("refs/tags/")}
    return host.send(
        "post", host.project(repository, "pipeline"), {**body, "variables": variables},
        lambda told: told.needed("id"),
    )  # fmt: skip


def cancel_workflow_run(host: Connection, repository: str, run_id: str) -> None:
    """Cancel the jobs of a pipeline that have not ended."""
    host.call("post", host.project(repository, "pipelines", run_id, "cancel"), {})


def approve_workflow_run(host: Connection, repository: str, run_id: str) -> None:
    """Play the jobs of a pipeline that wait for a person."""
    waiting = [
        job
        for job in list_workflow_jobs(host, repository, run_id)
        if job.conclusion == "action_required"
    ]
    if not waiting:
        raise RefusedByHost(host.access.name, "no job of the pipeline waits for a person.")
    for job in waiting:
        host.call("post", host.project(repository, "jobs", job.id, "play"), {})


def rerun_workflow(
    host: Connection, repository: str, run_id: str, *, failed_only: bool = False
) -> str:
    """Run again what failed or was cancelled, in the same pipeline.

    A pipeline that succeeded has nothing to retry: a new one of the same branch is started.
    """
    run = get_workflow_run(host, repository, run_id)
    if run.conclusion == "success" and not failed_only:
        return trigger_workflow(host, repository, "", run.ref, {})
    path = host.project(repository, "pipelines", run_id, "retry")
    return host.send("post", path, None, lambda told: told.needed("id"))
