"""What a restored database says was not sent, beside the local mailbox, which says what was."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from models import Message
from rasti.clients.mailbox import Letter, read_mailbox
from rasti.ledger.book import Book
from rasti.ledger.restored import Gap, note_restored
from rasti.settings import Settings
from rasti.steward.mails import message_id


@dataclass(frozen=True)
class MaybeAgain:
    """A mail that waits; `in_mailbox`: the local mailbox has it already (a real mail server keeps its own log)."""

    message: int
    kind: str
    lead: int | None
    partner: str | None
    message_id: str
    in_mailbox: bool


@dataclass(frozen=True)
class Aftermath:
    """What the restore of a backup leaves to be looked at; ids only."""

    gap: Gap
    again: list[MaybeAgain]
    unknown: list[Letter]  # sent, and this database knows nothing of it

    def as_json(self) -> dict[str, Any]:
        return {
            "made_at": self.gap.made_at.isoformat(),
            "restored_at": self.gap.restored_at.isoformat(),
            "again": [dict(vars(mail)) for mail in self.again],
            "unknown": [
                {
                    "message": letter.number,
                    "kind": letter.kind,
                    "lead": letter.lead_id,
                    "recipient": letter.recipient,
                    "message_id": letter.message_id,
                }
                for letter in self.unknown
            ],
            "checkpoints": [
                {
                    "checkpoint": touched.checkpoint,
                    "lead": touched.lead,
                    "partner": touched.partner,
                    "kind": touched.kind.value,
                    "due_at": touched.due_at.isoformat(),
                }
                for touched in self.gap.checkpoints
            ],
        }


def take_over(book: Book, settings: Settings, made_at: datetime) -> Aftermath:
    """Make a restored database ready to go on: raise the alarm, and list what may be done twice. Raises Unavailable."""
    letters = {letter.message_id: letter for letter in read_mailbox(settings.mailbox) if letter.number}
    unknown = _unknown(book, settings, letters)
    gap = note_restored(book, made_at, unknown=[letter.number for letter in unknown])
    with book.read() as tx:
        again = [
            MaybeAgain(
                message.id,
                message.kind.value,
                message.lead_id,
                message.partner_code,
                message_id(message, settings.mail_from),
                message_id(message, settings.mail_from) in letters,
            )
            for message in tx.all(select(Message).order_by(col(Message.id)).where(col(Message.id).in_(gap.again)))
        ]
    return Aftermath(gap, again, unknown)


def _unknown(book: Book, settings: Settings, letters: dict[str, Letter]) -> list[Letter]:
    """A number begins anew after a restore, a Message-ID does not."""
    with book.read() as tx:
        unknown = []
        for letter in letters.values():
            message = tx.session.get(Message, letter.number)
            if message is None or message_id(message, settings.mail_from) != letter.message_id:
                unknown.append(letter)
        return unknown
