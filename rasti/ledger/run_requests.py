"""Flow runs that an operator asked Prefect for: who, which, with what."""

from uuid import UUID

from rasti.ledger.book import Book
from rasti.rules.kinds import Event
from rasti.rules.month import Month


def note_run_requested(book: Book, run_id: UUID, month: Month, *, publish: bool, activate: bool) -> None:
    """Write down that a run of the month's ranking was started by hand."""
    with book.write() as tx:
        tx.audit(Event.RUN_REQUESTED, run=str(run_id), month=str(month), publish=publish, activate=activate)
