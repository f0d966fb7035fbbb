"""A desk at which registers are written and read into the ledger."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from models import Invoice, InvoiceRevision
from rasti.ledger.book import Book
from rasti.ledger.ingest import IngestReport, ingest_register
from rasti.ledger.rankings import rank
from rasti.rules.month import Month
from tests.builders import HEADER, MONTH, WINNER, add_cast, register


class Desk:
    """Writes a register and reads it into the ledger."""

    def __init__(self, book: Book, folder: Path) -> None:
        self.book = book
        self.folder = folder

    def ingest(self, *rows: str, header: str = HEADER, **options: Any) -> IngestReport:
        path = self.folder / "register.csv"
        path.write_text(register(*rows, header=header), encoding="utf-8")
        return ingest_register(self.book, path, **options)

    def counts(self, *rows: str, **options: Any) -> dict[str, object]:
        """What reading did, without what it did not."""
        counts = self.ingest(*rows, **options).counts()
        return {name: count for name, count in counts.items() if count and name not in ("rows", "invoices")}

    def size(self, table: Any) -> int:
        with self.book.read() as tx:
            return int(tx.session.execute(select(func.count()).select_from(table)).scalar_one())

    def billed(self, month: Month = MONTH) -> str | None:
        """What the winner was billed."""
        return next((f"{e.billed:f}" for e in rank(self.book, month).entries if e.partner == WINNER), None)

    def revisions(self, number: str = "B-1") -> list[tuple[int, bool, str]]:
        with self.book.read() as tx:
            rows = tx.session.execute(
                select(col(InvoiceRevision.number), col(InvoiceRevision.is_current), col(InvoiceRevision.status))
                .join(Invoice, col(Invoice.id) == col(InvoiceRevision.invoice_id))
                .where(col(Invoice.number) == number)
                .order_by(col(InvoiceRevision.number))
            )
            return [(number, current, status.value) for number, current, status in rows]


@pytest.fixture
def desk(book: Book, tmp_path: Path) -> Desk:
    add_cast(book)
    return Desk(book, tmp_path)
