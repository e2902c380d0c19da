"""Members, gates and runs for the tests of approvals."""

import json
import uuid
from typing import Any

from devops.access import Actor, member_actor
from devops.choices import Role
from devops.models import Membership, User, WebhookDelivery
from devops.safety.encryption import Binding, decrypt
from pipelines.choices import Answer
from pipelines.models import ApprovalGate, PipelineRun
from pipelines.operations.approvals import Said, decide
from tests.pipelines.conftest import Workshop, last, step

YES, NO = Said(Answer.APPROVE), Said(Answer.REJECT, "not today")


def member(workshop: Workshop, name: str = "", role: str = Role.DEVELOPER) -> Actor:
    """One more person in the workshop's account."""
    word = name or uuid.uuid4().hex[:8]
    user = User.objects.create_user(f"{word}@example.org", None, name=word)
    account_id = workshop.actor.account_id
    return member_actor(Membership.objects.create(account_id=account_id, user=user, role=role))


def email_of(actor: Actor) -> str:
    """The address of a member."""
    assert actor.user_id is not None
    return User.objects.values_list("email", flat=True).get(pk=actor.user_id)


def gated(key: str = "ship", command: str = "echo shipped", **more: Any) -> dict[str, Any]:
    """A step that waits for an approval; keywords beside the step's own are its settings."""
    own = {name: more.pop(name) for name in ("phase", "continue_on_error", "secret_refs", "inputs",
                                             "condition") if name in more}  # fmt: skip
    return step(key, command, requires_approval=True, approval_settings=more, **own)


def waiting(workshop: Workshop, *steps: dict[str, Any], **definition: Any) -> PipelineRun:
    """A run that has come to its first gate."""
    run = workshop.run(*(steps or (step("build"), gated(), step("after"))), **definition)
    assert (run.status, run.waiting_for, run.worker_id) == ("running", "approval", None), (
        run.error_message, run.waiting_detail,
    )  # fmt: skip
    return run


def gate_of(run: PipelineRun, key: str = "ship") -> ApprovalGate:
    """The newest question about a step."""
    return ApprovalGate.objects.filter(run=run, step_key=key).latest("id")


def say(actor: Actor, run: PipelineRun, said: Said = YES, key: str = "ship") -> ApprovalGate:
    """Answer as a member."""
    return decide(actor, last(run, key), said)


def mail_of(address: str) -> dict[str, str]:
    """The words of the mail to an address while it waits to be sent, with its secret link."""
    delivery = WebhookDelivery.objects.filter(kind="email", destination=address).latest("id")
    binding = Binding(
        "devops_webhookdelivery", str(delivery.account_id), str(delivery.pk), "secret"
    )
    words: dict[str, str] = json.loads(decrypt(delivery.encrypted_secret, binding=binding))
    return {**words, "subject": delivery.payload["subject"]}


def link_token(address: str) -> str:
    """The token of the link in the mail to an address."""
    text = mail_of(address)["text"]
    return text.split("/approve/")[1].split("?")[0]
