"""What is outside the process and survives it, kept in files: the mail server's log, Prefect's runs, what was told."""

import json
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from rasti.clients.mailbox import KIND_HEADER, LEAD_HEADER, NUMBER_HEADER, RECIPIENT_HEADER
from rasti.clients.smtp import Delayed, Rejected
from rasti.errors import Unavailable
from tests.durability.evidence import Journal, read_journal
from tests.fake_prefect import FakePrefect

# The first try of some mails fails, so that every end of a message is met.
_REFUSED = {
    ("welcome", 2): Delayed("451"),
    ("welcome", 3): Rejected("550"),
    ("lead", 4): Unavailable("421"),
    ("lead", 7): Rejected("550"),
}


class MailLog:
    """A mail server that writes down what it took; a postman for the relay."""

    def __init__(self, folder: Path) -> None:
        self.path, self.refused = folder / "mails.jsonl", folder / "refused.jsonl"

    def send(self, mail: EmailMessage) -> None:
        lead = mail.get(LEAD_HEADER)
        about = {"kind": mail[KIND_HEADER], "lead": None if lead is None else int(lead)}
        error = _REFUSED.get((about["kind"], about["lead"] or 0))
        if error is not None and about not in read_journal(self.refused):
            append(self.refused, about)
            raise error
        number, recipient = int(mail[NUMBER_HEADER]), mail[RECIPIENT_HEADER]
        identity = {"number": number, "message_id": mail["Message-ID"], "recipient": recipient, "answered": True}
        append(self.path, about | identity | {"at": time.time()})

    def close(self) -> None:
        """Nothing is kept open."""


class StoredPrefect(FakePrefect):
    """Prefect's server, whose runs are in a file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / "prefect.json"
        if self.path.exists():
            stored: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
            self.runs = {UUID(id): run for id, run in stored["runs"].items()}
            self._deployments = {name: UUID(id) for name, id in stored["deployments"].items()}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        response = super()._answer(request)
        stored = {
            "runs": {str(id): run for id, run in self.runs.items()},
            "deployments": {name: str(id) for name, id in self._deployments.items()},
        }
        self.path.write_text(json.dumps(stored), "utf-8")
        return response


def append(path: Path, line: dict[str, Any]) -> None:
    """Write a line into a witness's log, for good."""
    journal = Journal(path)
    journal.write(**line)
    journal.close()
