"""What waits for people: the inbox, the answers, and the page behind the link of a mail."""

import uuid
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views import View

from devops.access import Actor
from devops.api.throttles import LinkThrottle
from devops.errors import Conflict, DomainError
from devops.ids import parse_uuid
from devops.models import User
from devops.pages.base import Page, cursor_page, one_of
from gitintegration import public as git
from pipelines import inbox, links, selectors
from pipelines.choices import Answer, GateKind, GateStatus
from pipelines.models import ApprovalGate
from pipelines.operations import approvals as operations
from pipelines.operations.approvals import Said
from pipelines.operations.runs import cancel_run
from pipelines.operations.trust import allow_run
from pipelines.pages.gate_rows import gate_detail, gate_row, other_approvers

TABS = ("mine", "pending", "past")
HOSTS_SHOWN = 20
DETAILED = 10


class ApprovalInbox(Page):
    """`/approvals`: what waits for me, for anybody, and what was said."""

    nav_area = "approvals"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(request)

    def show(
        self, request: HttpRequest, *, asked: uuid.UUID | None = None, problem: str = ""
    ) -> HttpResponse:
        """The list; after a refused answer with its dialog open again."""
        tab = request.GET.get("tab", "mine")
        tab = tab if tab in TABS else "mine"
        rows = inbox.gates(self.actor)
        pending = rows.filter(status=GateStatus.PENDING)
        mine = inbox.for_actor(self.actor, rows)
        shown = {"mine": mine, "pending": pending, "past": rows.exclude(status=GateStatus.PENDING)}
        found, page = cursor_page(request, shown[tab])
        # What came since the last approval is asked of git: for as many as one looks at.
        detailed = DETAILED if tab != "past" else 0
        shown_gates = [
            (gate_detail if number < detailed else gate_row)(self.actor, row)
            for number, row in enumerate(found)
        ]
        hosts = list(git.pending_approvals(self.actor)[:HOSTS_SHOWN]) if tab != "past" else []
        return self.render(
            "approvals/list.html",
            {
                "gates": [{**row, "is_asked": row["id"] == asked} for row in shown_gates],
                "tab": tab,
                "mine_count": mine.count(),
                "pending_count": pending.count(),
                "hosts": [git.approval_row(self.actor, row) for row in hosts],
                "members": other_approvers(self.actor),
                "problem": problem,
                "typed": request.POST.get("comment", "")[:10_000],
                "page": page,
                "live_seq": selectors.newest_stream_seq(self.actor),
            },
            status=422 if problem else 200,
        )


class GateAnswer(ApprovalInbox):
    """`POST /approvals/<id>/approve`, `/reject` and `/delegate`; `next` is where to go on."""

    http_method_names = ["post"]
    answer = Answer.APPROVE

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        gate = one_of(inbox.gates(self.actor), pk)
        self.actor.require(inbox.RESPOND)
        back = gate.run.url if request.POST.get("next") == "run" else "/approvals"
        try:
            words = self.do(request, gate)
        except DomainError as error:
            if back == "/approvals" and error.status == 400:
                return self.show(request, asked=pk, problem=error.detail)
            return self.refuse(error, back)
        self.note(words)
        return redirect(back)

    def do(self, request: HttpRequest, gate: ApprovalGate) -> str:
        """Answer, and say what follows."""
        comment = request.POST.get("comment", "")
        if gate.kind == GateKind.TRUST or gate.step_execution_id is None:
            return self._trust(gate)
        said = Said(self.answer, comment, request.POST.get("decision", ""))
        execution = inbox.step_of_gate(self.actor, gate.step_execution_id)
        done = operations.decide(self.actor, execution, said)
        return links.outcome_words(done, self.answer)

    def _trust(self, gate: ApprovalGate) -> str:
        if self.answer == Answer.APPROVE:
            allow_run(self.actor, gate.run)
            return f"{gate.run} may start; it gets no secrets."
        cancel_run(self.actor, gate.run)
        return f"{gate.run} is cancelled."


class GateDelegate(GateAnswer):
    """`POST /approvals/<id>/delegate`: another member answers instead."""

    def do(self, request: HttpRequest, gate: ApprovalGate) -> str:
        """Ask the other one."""
        if gate.step_execution_id is None:
            raise Conflict("Only the question about a step can be handed over.")
        execution = inbox.step_of_gate(self.actor, gate.step_execution_id)
        user_id = parse_uuid(request.POST.get("user", ""))
        comment = request.POST.get("comment", "")
        operations.delegate(self.actor, execution, user_id=user_id, comment=comment)
        return f"{gate} is asked of somebody else, too; they get a mail."


class ApprovalLink(View):
    """`/approve/<token>`: what is asked, for whoever holds the link; only a press decides.

    Mail scanners open links, and some press what they see: whoever is not signed in types a word.
    """

    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The answer, which nobody may index, keep or name as where they came from."""
        address = str(request.META.get("REMOTE_ADDR", ""))
        if LinkThrottle().has_room(address):
            response = super().dispatch(request, *args, **kwargs)
        else:
            response = render(request, "approvals/link.html", {"is_throttled": True}, status=429)
        # No other site learns the address. `no-referrer` would hide from ourselves as well where
        # the form comes from: browsers send `Origin: null` then, which is refused as forged.
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Cache-Control"] = "no-store"
        return response

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            question = links.question(token)
        except DomainError as error:
            return _ended(request, error)
        answer = request.GET.get("answer", "")
        return self._ask(request, question, answer if answer in Answer.values else "")

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        answer = request.POST.get("answer", "")
        comment = request.POST.get("comment", "")
        visitor = request.user if isinstance(request.user, User) else None
        try:
            question = links.question(token)
            if answer not in Answer.values:
                return self._ask(request, question, "", "Choose one of the two.", comment)
            if visitor is None and request.POST.get("confirm", "").strip().lower() != answer:
                problem = f"Type {answer} to confirm, so that no machine answers for you."
                return self._ask(request, question, answer, problem, comment)
            gate = operations.decide_by_token(
                token, Said(answer, comment), visitor=visitor, actor=_holder(request, token)
            )
        except DomainError as error:
            if error.status == 400:
                return self._ask(request, question, answer, error.detail, comment)
            return _ended(request, error)
        return render(
            request, "approvals/link.html",
            {"done": links.outcome_words(gate, answer), "answer": answer},
        )  # fmt: skip

    def _ask(
        self,
        request: HttpRequest,
        question: links.Question,
        answer: str,
        problem: str = "",
        comment: str = "",
    ) -> HttpResponse:
        context = {
            "question": question,
            "answer": answer,
            "problem": problem,
            "comment": comment[:10_000],
            "confirm": request.POST.get("confirm", "")[:40],
            "must_confirm": isinstance(request.user, AnonymousUser),
        }
        return render(request, "approvals/link.html", context, status=422 if problem else 200)


def _ended(request: HttpRequest, error: DomainError) -> HttpResponse:
    context = {"refusal": error.detail, "remedy": error.remedy, "code": error.code}
    return render(request, "approvals/link.html", context, status=error.status)


def _holder(request: HttpRequest, token: str) -> Actor:
    address = request.META.get("REMOTE_ADDR") or None
    return links.link_actor(token, address, request.headers.get("User-Agent", ""))
