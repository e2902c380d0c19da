"""Questions to people: the inbox, answers by members, answers by the link of a mail."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.access import Actor
from devops.api.serializers import StrictSerializer
from devops.api.throttles import LinkThrottle
from devops.api.views import ActorView, ActorViewSet
from devops.models import User
from pipelines import inbox, links, selectors
from pipelines.choices import Answer
from pipelines.inbox_filters import ApprovalFilter
from pipelines.models import ApprovalGate, StepExecution
from pipelines.operations import approvals as operations
from pipelines.operations.approvals import Said
from pipelines.operations.approvers import RESPOND
from pipelines.rest.serializers import approvals as s


class ApprovalViewSet(mixins.ListModelMixin, ActorViewSet[ApprovalGate]):
    """What waits for people, and what they said: newest first."""

    model = ApprovalGate
    serializer_class = s.ApprovalSerializer
    filterset_class = ApprovalFilter
    permissions = {"list": selectors.READ_RUNS}

    def rows(self) -> QuerySet[ApprovalGate]:
        return inbox.gates(self.actor)

    def get_serializer_context(self) -> dict[str, Any]:
        """The serializer says whose word counts."""
        return {**super().get_serializer_context(), "actor": getattr(self.request, "auth", None)}


class StepApprovalViewSet(ActorViewSet[ApprovalGate]):
    """Answers to the gate of one step."""

    model = ApprovalGate
    serializer_class = s.ApprovalSerializer
    permissions = {"approve": RESPOND, "reject": RESPOND, "delegate": RESPOND}

    @extend_schema(request=s.ApproveBody, responses=s.ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, _request: Request, **_path: object) -> Response:
        """Let the step begin; 403 for the run's own starter, 409 once it is settled."""
        execution = self._execution()
        values = self.parse(s.ApproveBody)
        said = Said(Answer.APPROVE, values["comment"], values["decision"])
        return self._shown(operations.decide(self.actor, execution, said))

    @extend_schema(request=s.ResponseBody, responses=s.ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, _request: Request, **_path: object) -> Response:
        """Stop the step, with the reason in `comment`; one rejection always decides."""
        execution = self._execution()
        values = self.parse(s.ResponseBody)
        said = Said(Answer.REJECT, values["comment"])
        return self._shown(operations.decide(self.actor, execution, said))

    @extend_schema(request=s.DelegateBody, responses=s.ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def delegate(self, _request: Request, **_path: object) -> Response:
        """Have another member answer instead; they are mailed."""
        execution = self._execution()
        values = self.parse(s.DelegateBody)
        gate = operations.delegate(
            self.actor, execution, user_id=values["user_id"], comment=values["comment"]
        )
        return self._shown(gate)

    def _execution(self) -> StepExecution:
        return inbox.step_of_gate(self.actor, self.kwargs["pk"])

    def _shown(self, gate: ApprovalGate) -> Response:
        return self.render(s.ApprovalSerializer, inbox.gates(self.actor).get(pk=gate.pk))


class ApprovalTokenView(ActorView):
    """`approval_tokens/<token>`: what is asked. Reading it decides nothing."""

    public = "the token of the mail is the key"
    throttle_classes = [LinkThrottle]

    @extend_schema(responses=s.ApprovalTokenSerializer)
    def get(self, _request: Request, token: str) -> Response:
        """404 for an unknown token, 409 for one that is spent, 410 for an expired one."""
        return _private(Response(s.ApprovalTokenSerializer(links.question(token)).data))


class ApprovalTokenAnswer(ActorView):
    """`approval_tokens/<token>/approve` and `/reject`."""

    public = "the token of the mail is the key"
    throttle_classes = [LinkThrottle]
    answer = Answer.APPROVE

    @extend_schema(request=s.ResponseBody, responses=s.TokenAnswerSerializer)
    def post(self, request: Request, token: str) -> Response:
        """Answer once; whoever is signed in must be the mail's recipient."""
        actor: Any = request.auth
        visitor = None
        if isinstance(actor, Actor) and isinstance(request.user, User):
            visitor = request.user
        values = _values(request)
        said = Said(self.answer, values["comment"])
        seen = links.link_actor(token, request.META.get("REMOTE_ADDR"),
                                request.headers.get("User-Agent", ""))  # fmt: skip
        gate = operations.decide_by_token(token, said, visitor=visitor, actor=seen)
        words = {"status": gate.status, "message": links.outcome_words(gate, self.answer)}
        return _private(Response(s.TokenAnswerSerializer(words).data))


def _values(request: Request) -> dict[str, Any]:
    serializer: StrictSerializer = s.ResponseBody(data=request.data)
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def _private(response: Response) -> Response:
    """The address itself is the secret: it must not travel on."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
