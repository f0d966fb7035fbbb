"""What the ledger holds after an operator did something at the desk."""

from sqlmodel import col, select

from models import AuditEvent
from rasti.ledger.book import Book
from rasti.rules.kinds import Event
from tests.portal.conftest import OPERATOR

ACTOR = f"operator:{OPERATOR}"
WHY = "they asked for it & said <so>"


def events(book: Book, event: Event) -> list[AuditEvent]:
    """The events of a kind, the oldest first."""
    with book.read() as tx:
        return tx.all(select(AuditEvent).where(col(AuditEvent.event) == event.value).order_by(col(AuditEvent.id)))


def the_event(book: Book, event: Event) -> AuditEvent:
    """The one event of a kind; it is in the operator's name."""
    (found,) = events(book, event)
    assert found.actor == ACTOR
    return found
