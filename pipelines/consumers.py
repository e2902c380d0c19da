"""The sockets of live runs and live logs."""

import uuid

from devops.access import memberships_of
from devops.errors import NotFound
from devops.following import in_database
from devops.ids import parse_uuid
from devops.models import Membership
from devops.streams import ReplayConsumer
from pipelines import selectors
from pipelines.feeds import EventFeed, LogFeed
from pipelines.models import StepExecution


class RunConsumer(ReplayConsumer):
    """The base of streams that may name a run: its account is the one to act in."""

    async def act_in_account_of(self, run_id: uuid.UUID) -> None:
        """A person may be a member of several accounts; the run says which one is meant.

        Raises:
            NotFound: the person is no member of the run's account, or there is no such run.
        """
        user = self.scope.get("user")
        if self.actor.kind != "user" or user is None:
            return

        def membership() -> Membership | None:
            owner = selectors.account_of_run(run_id)
            if owner is None:
                return None
            rows = memberships_of(user).filter(account_id=owner)
            return rows.select_related("user", "account").first()

        await self.actor_for(membership)


class PipelineConsumer(RunConsumer):
    """`/ws/devops/pipelines`: what happens to runs of an account, of a pipeline, or to one run."""

    async def open(self) -> EventFeed:
        after = self.number("after") if self.query("after") else None
        if self.query("run"):
            run_id = parse_uuid(self.query("run"))
            await self.act_in_account_of(run_id)
            await in_database(selectors.run)(self.actor, run_id)
            return EventFeed(self.actor, run_id=run_id, after=after)
        pipeline_id = None
        if self.query("pipeline"):
            pipeline_id = parse_uuid(self.query("pipeline"))
            await in_database(selectors.pipeline)(self.actor, pipeline_id)
        if self.query("account") and parse_uuid(self.query("account")) != self.actor.account_id:
            raise NotFound("No such account.")
        return EventFeed(self.actor, pipeline_id=pipeline_id, after=after)


class RunLogConsumer(RunConsumer):
    """`/ws/runs/<id>/logs`: the bytes of one attempt's log from an offset on, then live."""

    async def open(self) -> LogFeed:
        run_id = parse_uuid(self.scope["url_route"]["kwargs"]["run_id"])
        execution_id = parse_uuid(self.query("step_execution_id"))
        await self.act_in_account_of(run_id)
        execution = await in_database(self._find)(execution_id, run_id)
        return LogFeed(execution.log_id, self.number("after"))

    def _find(self, execution_id: uuid.UUID, run_id: uuid.UUID) -> StepExecution:
        execution = selectors.step_execution(self.actor, execution_id)
        if execution.run_id != run_id:
            raise NotFound("The run has no such attempt.")
        return execution
