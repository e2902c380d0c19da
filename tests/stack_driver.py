"""Speaks to the rows of a running platform on behalf of a test: one JSON command per line.

A process of its own, because the test's process has another database.
"""

import json
import os
import sys
import uuid
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "powernode.settings")

import django

django.setup()

from django.db import connection, transaction

from devops.access import Actor, member_actor
from devops.choices import Role
from devops.models import Account, ApiToken, Membership, Repository, User
from devops.tokens import digest, new_token_text
from gitintegration.operations.endpoints import configure_webhook, reveal_endpoint
from pipelines import selectors
from pipelines.models import PipelineRepository, PipelineRun
from pipelines.operations.definitions import create_pipeline
from pipelines.operations.runs import cancel_run, trigger_run, wake_step


class Driver:
    """The commands, by name."""

    actor: Actor
    user: User
    repository: Repository

    def setup(self) -> dict[str, str]:
        """A person, an account, a token, a repository with a webhook."""
        word = uuid.uuid4().hex[:8]
        self.user = user = User.objects.create_user(f"{word}@example.org", None, name=word)
        account = Account.objects.create(name=word, slug=word)
        self.actor = member_actor(
            Membership.objects.create(account=account, user=user, role=Role.OWNER)
        )
        token = new_token_text()
        ApiToken.objects.create(
            account=account, user=user, name="t", prefix=token[:8], digest=digest(token),
            scopes=["*"],
        )  # fmt: skip
        self.repository = Repository.objects.create(
            account=account, name="r", full_name="o/r", clone_url="/none"
        )
        hook = reveal_endpoint(self.actor, configure_webhook(self.actor, self.repository))
        path = "/" + hook.url.split("/", 3)[3]
        return {"token": token, "hook": path, "secret": hook.secret, "account": str(account.pk)}

    def pipeline(self, definition: dict[str, Any], *, linked: bool = False) -> str:
        """A pipeline, attached to the repository when it shall hear its pushes."""
        row = create_pipeline(self.actor, definition)
        if linked:
            PipelineRepository.objects.create(pipeline=row, repository=self.repository)
        return str(row.pk)

    def trigger(self, pipeline: str, count: int = 1) -> list[str]:
        """Runs, one after the other."""
        row = selectors.pipeline(self.actor, pipeline)
        return [str(trigger_run(self.actor, row).pk) for _ in range(count)]

    def trigger_together(self, pipeline: str, count: int, threads: int) -> int:
        """So many runs, triggered by several threads as fast as they can."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        row = selectors.pipeline(self.actor, pipeline)

        def trigger(_: int) -> None:
            try:
                trigger_run(self.actor, row)
            finally:
                connection.close()

        with ThreadPoolExecutor(threads) as pool:
            return len(list(pool.map(trigger, range(count))))

    def cancel(self, run: str) -> str:
        """Ask a run to stop; the refusal's code when it is over."""
        from devops.errors import DomainError  # noqa: PLC0415

        try:
            return str(cancel_run(self.actor, PipelineRun.objects.get(pk=run)).status)
        except DomainError as error:
            return error.code

    def wake(self, execution: str) -> bool:
        """Let a parked step go on."""
        return wake_step(execution, {})

    def sql(self, statement: str, parameters: list[Any] | None = None) -> list[list[Any]]:
        """The rows of a statement."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, parameters or [])
            return [list(row) for row in cursor.fetchall()] if cursor.description else []

    def session(self) -> str:
        """The cookie of a browser in which the person is logged in."""
        from django.test import Client  # noqa: PLC0415

        browser = Client()
        browser.force_login(self.user, backend="django.contrib.auth.backends.ModelBackend")
        return "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())

    def load_runs(self, count: int) -> int:
        """So many finished runs of ninety days, copied in one statement from a real one."""
        from time import time  # noqa: PLC0415

        from pipelines.models import Pipeline  # noqa: PLC0415

        run = trigger_run(
            self.actor, selectors.pipeline(self.actor, Pipeline.objects.latest("id").pk)
        )
        columns = [str(field.column) for field in PipelineRun._meta.concrete_fields]
        span = 90 * 86_400_000
        ms = f"({round(time() * 1000) - span} + n * {span} / {count})"
        moment = (
            f"strftime('%Y-%m-%d %H:%M:%f', {ms} / 1000.0, 'unixepoch')"
            if connection.vendor == "sqlite"
            else f"to_timestamp({ms} / 1000.0)"
        )
        fresh = {
            # In order, as the product's own keys are: a million random ones would take an hour.
            "id": f"printf('%012x70008%015x', {ms}, n)" if connection.vendor == "sqlite"
            else f"(lpad(to_hex({ms}), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid",
            **dict.fromkeys(
                ("created_at", "updated_at", "queued_at", "started_at", "completed_at"), moment
            ),
            "duration_ms": "1000 + n - 5000 * (n / 5000)", "waiting_for": "''",
            "run_number": "n + 1",
            "status": "CASE WHEN n - 1000 * (n / 1000) = 0 THEN 'failure' ELSE 'success' END",
            "worker_id": "NULL", "concurrency_key": "NULL", "snapshot": "'{\"name\": \"listed\"}'",
        }  # fmt: skip
        if connection.vendor == "sqlite":
            numbers = (
                f"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t WHERE n<{count})"
            )
            source = "t"
        else:
            numbers, source = "", f"generate_series(1, {count}) AS t(n)"
        wanted = ", ".join(fresh.get(column, f"r.{column}") for column in columns)
        key = run.pk.hex if connection.vendor == "sqlite" else str(run.pk)
        self.sql(
            f"INSERT INTO pipelines_pipelinerun ({', '.join(columns)}) {numbers} SELECT {wanted}"
            f" FROM {source}, pipelines_pipelinerun r WHERE r.id='{key}'"
        )
        self.sql("ANALYZE")
        return count

    def schedules(self, count: int, after_seconds: float, spread_seconds: float) -> int:
        """So many schedules over all pipelines, each due once, evenly from a moment on."""
        from datetime import timedelta  # noqa: PLC0415

        from django.utils import timezone  # noqa: PLC0415

        from pipelines.models import Pipeline, Schedule  # noqa: PLC0415

        pipelines = list(Pipeline.objects.order_by("id"))
        Schedule.objects.all().update(is_active=False)
        begin, word = timezone.now() + timedelta(seconds=after_seconds), uuid.uuid4().hex[:8]
        rows = []
        for number in range(count):
            moment = begin + timedelta(seconds=spread_seconds * number / count)
            pipeline = pipelines[number % len(pipelines)]
            rows.append(
                Schedule(
                    account_id=pipeline.account_id,
                    pipeline=pipeline,
                    name=f"{word}-{number}",
                    cron_expression="0 0 1 1 *",
                    next_fire_at=moment,
                    next_run_at=moment,
                )
            )
        Schedule.objects.bulk_create(rows, batch_size=500)
        return count

    def member(self) -> str:
        """One more administrator of the account; the text of their token."""
        word = uuid.uuid4().hex[:8]
        user = User.objects.create_user(f"{word}@example.org", None, name=word)
        account_id = self.actor.account_id
        Membership.objects.create(account_id=account_id, user=user, role=Role.ADMIN)
        token = new_token_text()
        ApiToken.objects.create(
            account_id=account_id, user=user, name="t", prefix=token[:8], digest=digest(token),
            scopes=["*"],
        )  # fmt: skip
        return token

    def approve(self, run: str) -> bool:
        """Answer the question that a run waits with, as another member; false without one."""
        from pipelines.models import ApprovalGate  # noqa: PLC0415
        from pipelines.operations.approvals import Said, decide  # noqa: PLC0415

        gate = ApprovalGate.objects.filter(run__pk=run, status="pending").first()
        if gate is None or gate.step_execution is None:
            return False
        word = uuid.uuid4().hex[:8]
        user = User.objects.create_user(f"{word}@example.org", None, name=word)
        member = Membership.objects.create(
            account_id=self.actor.account_id, user=user, role=Role.ADMIN
        )
        decide(member_actor(member), gate.step_execution, Said("approve"))
        return True

    def mail(self, recipient: str) -> str:
        """A secret mail that waits to be sent."""
        from devops.deliveries import Mail, enqueue_mail  # noqa: PLC0415

        words = Mail("A question", "The link is /approve/secret.", "<p>secret</p>", is_secret=True)
        with transaction.atomic():
            made = enqueue_mail(self.actor.account_id, recipient, "test", words, key=recipient)
        assert made is not None
        return str(made.pk)

    def secret(self, name: str, value: str) -> None:
        """A secret of the account."""
        from containers.operations.secrets import create_secret  # noqa: PLC0415

        create_secret(self.actor, name, value)


def main() -> None:
    """Answer until the end of the input."""
    driver = Driver()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            result = {"result": getattr(driver, command["do"])(**command["with"])}
        except Exception as error:  # noqa: BLE001  (the test raises it)
            result = {"error": f"{type(error).__name__}: {error}"}
        finally:
            if connection.vendor == "postgresql":
                connection.close()
        sys.stdout.write(json.dumps(result, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
