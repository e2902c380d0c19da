"""Receivers of git events with their deliveries, and workflow triggers."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet
from gitintegration import selectors
from gitintegration.choices import EVENT_GROUPS
from gitintegration.filters import ReceiverFilter
from gitintegration.models import AccountGitWebhookConfig, GitWorkflowTrigger
from gitintegration.operations import account_webhooks, trigger_tests, workflow_triggers
from gitintegration.rest.serializers import outgoing as s


class AccountWebhookViewSet(mixins.ListModelMixin, ActorViewSet[AccountGitWebhookConfig]):
    """Receivers of the account's git events."""

    model = AccountGitWebhookConfig
    serializer_class = s.AccountWebhookSerializer
    filterset_class = ReceiverFilter
    permissions = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "destroy", "available_events", "test",
         "toggle_status", "regenerate_secret", "deliveries", "resend"),
        account_webhooks.MANAGE,
    )  # fmt: skip
    paged = frozenset({"list", "deliveries"})

    def rows(self) -> QuerySet[AccountGitWebhookConfig]:
        return selectors.account_webhooks(self.actor)

    @extend_schema(responses=s.AccountWebhookDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One receiver; of its secret only the ends."""
        return self.render(s.AccountWebhookDetailSerializer, self.get_object())

    @extend_schema(
        request=s.AccountWebhookChanges, responses={201: s.AccountWebhookSecretsSerializer}
    )
    def create(self, _request: Request) -> Response:
        """Add a receiver; its secrets are shown this once."""
        row = account_webhooks.create_account_webhook(
            self.actor, self.parse(s.AccountWebhookChanges)
        )
        return self.render(s.AccountWebhookSecretsSerializer, row, 201)

    @extend_schema(request=s.AccountWebhookChanges, responses=s.AccountWebhookDetailSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a receiver."""
        row = account_webhooks.update_account_webhook(
            self.actor, self.get_object(), self.parse(s.AccountWebhookChanges)
        )
        return self.render(s.AccountWebhookDetailSerializer, row)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a receiver; what is on its way is given up."""
        account_webhooks.delete_account_webhook(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(responses=s.EventGroupSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"])
    def available_events(self, _request: Request) -> Response:
        """The events that a receiver may ask for, by subject."""
        groups = [{"group": name, "events": list(events)} for name, events in EVENT_GROUPS.items()]
        return Response(s.EventGroupSerializer(groups, many=True).data)

    @extend_schema(request=None, responses={202: s.DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, _request: Request, **_path: object) -> Response:
        """Send a test event; its delivery says how that went."""
        self.parse(NoBody)
        delivery = account_webhooks.send_test(self.actor, self.get_object())
        return self.render(s.DeliverySerializer, delivery, 202)

    @extend_schema(request=None, responses=s.AccountWebhookDetailSerializer)
    @action(detail=True, methods=["post"])
    def toggle_status(self, _request: Request, **_path: object) -> Response:
        """Switch a receiver on or off; on forgives its failures."""
        self.parse(NoBody)
        row = self.get_object()
        changed = account_webhooks.update_account_webhook(
            self.actor, row, {"is_active": not row.is_active}
        )
        return self.render(s.AccountWebhookDetailSerializer, changed)

    @extend_schema(request=None, responses=s.ReceiverSecretSerializer)
    @action(detail=True, methods=["post"])
    def regenerate_secret(self, _request: Request, **_path: object) -> Response:
        """Make a new secret, shown this once; the old one signs beside it for a day."""
        self.parse(NoBody)
        row = self.get_object()
        secret = account_webhooks.regenerate_secret(self.actor, row)
        body = {"secret_key": secret, "previous_secret_until": row.previous_secret_until}
        return Response(s.ReceiverSecretSerializer(body).data)

    @extend_schema(responses=s.DeliverySerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def deliveries(self, _request: Request, **_path: object) -> Response:
        """What was sent to a receiver, newest first."""
        rows = selectors.deliveries_of(self.actor, self.get_object())
        return self.page(rows, s.DeliverySerializer)

    @extend_schema(request=None, responses={202: s.DeliverySerializer})
    @action(detail=True, methods=["post"])
    def resend(self, _request: Request, **path: str) -> Response:
        """Send an ended delivery again under its own id; 409 while it is on its way."""
        self.parse(NoBody)
        config = self.get_object()
        rows = selectors.deliveries_of(self.actor, config)
        delivery = get_object_or_404(rows, pk=path["delivery_id"])
        account_webhooks.resend(self.actor, config, delivery)
        return self.render(s.DeliverySerializer, delivery, 202)


class WorkflowTriggerViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[GitWorkflowTrigger]
):
    """Rules that call an automation when something happens in a repository."""

    model = GitWorkflowTrigger
    serializer_class = s.WorkflowTriggerSerializer
    filterset_fields = ("repository_id", "event_type", "is_active", "status")
    permissions = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "destroy", "test"),
        workflow_triggers.MANAGE,
    )

    def rows(self) -> QuerySet[GitWorkflowTrigger]:
        return selectors.workflow_triggers(self.actor)

    @extend_schema(request=s.WorkflowTriggerChanges, responses={201: s.WorkflowTriggerSerializer})
    def create(self, _request: Request) -> Response:
        """Add a rule."""
        row = workflow_triggers.create_trigger(self.actor, self.parse(s.WorkflowTriggerChanges))
        return self.render(s.WorkflowTriggerSerializer, row, 201)

    @extend_schema(request=s.WorkflowTriggerChanges, responses=s.WorkflowTriggerSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a rule."""
        row = workflow_triggers.update_trigger(
            self.actor, self.get_object(), self.parse(s.WorkflowTriggerChanges)
        )
        return self.render(s.WorkflowTriggerSerializer, row)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a rule."""
        workflow_triggers.delete_trigger(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=s.SamplePayload, responses=s.TriggerTestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, _request: Request, **_path: object) -> Response:
        """Say whether a body, or a usual one, would fire the rule; nothing is called."""
        payload = self.parse(s.SamplePayload).get("sample_payload")
        found = trigger_tests.try_trigger(self.actor, self.get_object(), payload)
        return Response(s.TriggerTestSerializer(found).data)
