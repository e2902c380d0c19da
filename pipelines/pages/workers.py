"""Workers: who executes runs, what they can do, how busy they are."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.pages.base import Page
from pipelines import selectors
from pipelines.operations.workers import WRITE_WORKERS, drain_worker


class WorkerList(Page):
    """`/workers`."""

    nav_area = "workers"

    def get(self, _request: HttpRequest) -> HttpResponse:
        workers = list(selectors.workers(self.actor)[:200])
        for worker in workers:
            worker.running = worker.busy  # type: ignore[attr-defined]
        context = {"workers": workers, "can_write": self._may_drain()}
        return self.render("workers/list.html", context)

    def _may_drain(self) -> bool:
        """Workers serve every account: only operators take one out."""
        return bool(self.actor.may(WRITE_WORKERS) and self.request.user.is_staff)


class WorkerDrain(WorkerList):
    """`POST /workers/<id>/drain`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        drain_worker(self.actor, pk)
        self.note("The worker takes no more runs and finishes those it has.")
        return redirect("/workers")
