"""The mail that asks: through a real SMTP server, once, with links that only the recipient has."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller

from devops.deliveries import deliver_due
from devops.models import OutboxMessage, WebhookDelivery
from devops.tokens import digest
from pipelines.models import StepApprovalToken
from pipelines.operations.approvals import note_mail
from tests.pipelines.approvals.people import YES, email_of, gate_of, gated, member, say, waiting
from tests.pipelines.conftest import Workshop
from tests.pipelines.postbox import Postbox
from tests.stack import ROOT, Stack, free_port


def _note_all() -> None:
    for message in OutboxMessage.objects.filter(name="mail_ended", handled_at=None):
        note_mail(str(message.pk))


def test_each_recipient_gets_one_mail_with_links_of_their_own(
    workshop: Workshop, mailed: Postbox
) -> None:
    ana = member(workshop, "ana")
    run = waiting(
        workshop, gated(recipients=[email_of(ana), "boss@example.com"], timeout_hours=3),
        name="Shop", description="Builds & ships",
    )  # fmt: skip

    assert deliver_due() == 2
    assert deliver_due() == 0

    assert {mail["To"] for mail in mailed.mails} == {email_of(ana), "boss@example.com"}
    first = mailed.mails[0]
    assert first["Subject"] == "Action required: approve ship of Shop #1"
    text, html = mailed.words("plain")[0], mailed.words("html")[0]
    for word in ("Shop", "ship", "custom", "#1", "Builds & ships", "Manual"):
        assert word in text
    assert "Builds &amp; ships" in html
    for path in ("?answer=approve", "?answer=reject", f"/runs/{run.pk}"):
        assert path in text
        assert path in html
    links = {re.search(r"/approve/([\w-]+)", words).group(1) for words in mailed.words("plain")}  # type: ignore[union-attr]
    assert len(links) == 2
    kept = set(StepApprovalToken.objects.values_list("token_digest", flat=True))
    assert kept == {digest(token) for token in links}
    assert all(len(token) >= 43 for token in links)


def test_the_token_stands_nowhere_but_in_the_mail(workshop: Workshop, mailed: Postbox) -> None:
    waiting(workshop, gated(recipients=["boss@example.com"]))
    sealed = WebhookDelivery.objects.get(kind="email")

    deliver_due()

    found = re.search(r"/approve/([\w-]+)", mailed.words("plain")[0])
    assert found is not None
    assert found.group(1) not in str(sealed.payload) + sealed.encrypted_secret
    sent = WebhookDelivery.objects.get(pk=sealed.pk)
    assert (sent.status, sent.encrypted_secret) == ("delivered", "")


def test_how_each_mail_fared_is_kept_with_its_recipient(
    workshop: Workshop, mailed: Postbox
) -> None:
    mailed.refused = {"gone@example.com": "550 no such user"}
    run = waiting(workshop, gated(recipients=["boss@example.com", "gone@example.com"]))

    deliver_due()
    _note_all()

    tokens = {token.recipient_email: token for token in gate_of(run).tokens.all()}
    assert tokens["boss@example.com"].email_sent_at is not None
    assert tokens["gone@example.com"].email_sent_at is None
    assert "550 no such user" in tokens["gone@example.com"].email_error


def test_a_mail_server_that_is_away_is_tried_again(workshop: Workshop, mailed: Postbox) -> None:
    mailed.refused = {"boss@example.com": "451 come back later"}
    waiting(workshop, gated(recipients=["boss@example.com"]))

    assert deliver_due() == 0
    delivery = WebhookDelivery.objects.get(kind="email")
    assert (delivery.status, delivery.attempts) == ("pending", 1)
    assert "451" in delivery.last_error
    mailed.refused = {}
    WebhookDelivery.objects.update(next_attempt_at=delivery.created_at)
    assert deliver_due() == 1


def test_no_mail_goes_out_about_what_is_settled(workshop: Workshop, mailed: Postbox) -> None:
    ana = member(workshop)
    run = waiting(workshop, gated(recipients=[email_of(ana), "boss@example.com"]))

    say(ana, run, YES)

    assert deliver_due() == 1
    assert [mail["To"] for mail in mailed.mails] == [email_of(ana)]
    given_up = WebhookDelivery.objects.get(destination="boss@example.com")
    assert (given_up.status, given_up.encrypted_secret) == ("failed", "")


def test_a_pipeline_may_ask_without_mail(workshop: Workshop, mailed: Postbox) -> None:
    waiting(
        workshop, gated(recipients=["boss@example.com"]),
        notification_settings={"on_approval_required": False},
    )  # fmt: skip

    assert deliver_due() == 0
    assert mailed.mails == []
    assert StepApprovalToken.objects.count() == 1


SEND = "import django; django.setup(); from devops.deliveries import deliver_due; deliver_due()"


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Postbox]]:
    """A platform's database, and a mail server for the processes that die."""
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    environment = {
        "POWERNODE_EMAIL_URL": f"smtp://127.0.0.1:{controller.port}",
        "DJANGO_SETTINGS_MODULE": "powernode.settings",
    }
    stack = Stack(tmp_path_factory.mktemp("sender"), environment)
    stack.migrate()
    yield stack, box
    stack.down()
    controller.stop()


@pytest.mark.parametrize(
    ("place", "copies"),
    [
        ("deliveries.claim.before", 1),
        ("deliveries.claim.after", 1),
        # Between the server's OK and our record nobody can know: the copy says that it is one.
        ("deliveries.record.before", 2),
        ("deliveries.record.after", 1),
    ],
)
def test_a_process_that_dies_loses_no_mail_and_makes_no_second_one(
    sender: tuple[Stack, Postbox], place: str, copies: int
) -> None:
    stack, box = sender
    address = f"{place}@example.com"
    stack.do("mail", recipient=address)

    died = _send(stack, POWERNODE_FAILPOINTS=place)
    stack.sql("UPDATE devops_webhookdelivery SET next_attempt_at=created_at WHERE status='pending'")
    again = _send(stack)

    assert (died, again) == (-signal.SIGKILL, 0)
    mails = [mail for mail in box.mails if mail["To"] == address]
    assert len(mails) == copies
    assert len({mail["Message-ID"] for mail in mails}) == 1


def _send(stack: Stack, **more: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SEND],
        cwd=ROOT,
        env={**stack.environment, **more},
        check=False,
        timeout=60,
    )
    return done.returncode
