"""Questions about runs of the hosts' own CI: what waits for somebody, and what was said."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError
from devops.pages.base import Page, cursor_page, one_of
from devops.selectors import newest_stream_seq
from gitintegration import selectors
from gitintegration.approval_words import approval_row
from gitintegration.choices import ApprovalStatus
from gitintegration.operations import approvals

TABS = ("pending", "past")


class ApprovalList(Page):
    """`/ci/approvals`: pending ones first to expire, or the past ones."""

    nav_area = "approvals"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(request)

    def show(
        self, request: HttpRequest, *, asked: uuid.UUID | None = None, problem: str = ""
    ) -> HttpResponse:
        """The list; after a refused answer with its dialog open again."""
        tab = request.GET.get("tab", "pending")
        rows = selectors.git_approvals(self.actor)
        pending = rows.filter(status=ApprovalStatus.PENDING)
        is_past = tab == "past"
        found, page = cursor_page(
            request, rows.exclude(status=ApprovalStatus.PENDING) if is_past else pending
        )
        return self.render(
            "git/approvals/list.html",
            {
                "approvals": [
                    {**approval_row(self.actor, row), "is_asked": row.pk == asked} for row in found
                ],
                "tab": tab if tab in TABS else "pending",
                "pending_count": pending.count(),
                "can_answer": self.actor.may(approvals.MANAGE),
                "problem": problem,
                "typed": request.POST.get("comment", "")[:10_000],
                "page": page,
                "live_seq": newest_stream_seq(self.actor),
            },
            status=422 if problem else 200,
        )


class ApprovalAnswer(ApprovalList):
    """`POST /ci/approvals/<id>/approve` and `/reject`: with a comment; a no needs its reason."""

    http_method_names = ["post"]
    is_yes = True

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        approval = one_of(selectors.git_approvals(self.actor), pk)
        comment = request.POST.get("comment", "").strip()
        if not self.is_yes and not comment:
            return self.show(request, asked=pk, problem="Say why: whoever asked reads it.")
        try:
            approvals.respond(self.actor, approval, approve=self.is_yes, comment=comment)
        except DomainError as error:
            return self.refuse(error, "/ci/approvals")
        self.note(f"{approval.gate_name} is {'approved' if self.is_yes else 'rejected'}.")
        return redirect("/ci/approvals")
