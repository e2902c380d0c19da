"""A mail server of the tests: a real one, on a port of this machine."""

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.stack import free_port


@dataclass
class Postbox:
    """Keeps what it is given, and refuses whom it is told to."""

    mails: list[EmailMessage] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def words(self, kind: str) -> list[str]:
        """The bodies of a kind (`plain` or `html`), in order."""
        found = []
        for mail in self.mails:
            part = mail.get_body((kind,))
            assert part is not None
            found.append(part.get_content())
        return found


@contextmanager
def open_postbox() -> Iterator[tuple[Postbox, Controller]]:
    """A postbox and the server in front of it."""
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield box, controller
    finally:
        controller.stop()
