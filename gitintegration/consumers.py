"""The socket of the hosts' own job logs."""

import uuid

from devops.access import memberships_of
from devops.errors import NotFound
from devops.following import in_database
from devops.ids import parse_uuid
from devops.models import Membership
from devops.streams import ReplayConsumer
from gitintegration import selectors
from gitintegration.feeds import JobLogFeed
from gitintegration.models import GitPipelineJob
from gitintegration.operations.job_logs import watch_log


class GitJobLogsConsumer(ReplayConsumer):
    """`/ws/git/jobs/<id>/logs` (GitJobLogsChannel): one job's log from a byte on, then live.

    `repository_id` and `pipeline_id` must be the job's own. A client may say `refresh`.
    """

    async def open(self) -> JobLogFeed:
        job_id = parse_uuid(self.scope["url_route"]["kwargs"]["job_id"])
        pipeline_id = parse_uuid(self.query("pipeline_id"))
        repository_id = parse_uuid(self.query("repository_id"))
        await self._act_in_account_of(job_id)
        job = await in_database(self._find)(job_id, pipeline_id, repository_id)
        return JobLogFeed(self.actor, job.pk, self.number("after"))

    async def receive_json(self, content: object, **more: object) -> None:
        """`refresh` has the host asked again."""
        if isinstance(content, dict) and content.get("type") == "refresh":
            job_id = parse_uuid(self.scope["url_route"]["kwargs"]["job_id"])
            await in_database(watch_log)(self.actor, job_id)
            return
        await super().receive_json(content, **more)

    def _find(
        self, job_id: uuid.UUID, pipeline_id: uuid.UUID, repository_id: uuid.UUID
    ) -> GitPipelineJob:
        job = selectors.git_jobs_for_logs(self.actor).filter(pk=job_id).first()
        if (
            job is None
            or job.pipeline_id != pipeline_id
            or job.pipeline.repository_id != repository_id
        ):
            raise NotFound("The pipeline has no such job.")
        return job

    async def _act_in_account_of(self, job_id: uuid.UUID) -> None:
        """A person may be a member of several accounts; the job says which one is meant."""
        user = self.scope.get("user")
        if self.actor.kind != "user" or user is None:
            return

        def membership() -> Membership | None:
            owner = selectors.account_of_job(job_id)
            if owner is None:
                return None
            rows = memberships_of(user).filter(account_id=owner)
            return rows.select_related("user", "account").first()

        await self.actor_for(membership)
