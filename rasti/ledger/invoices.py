"""Invoices and their revisions in the ledger, in bulk; steps of `ingest_register`, inside its transaction (D1)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlmodel import SQLModel, col

from models import Invoice, InvoiceLine, InvoiceRevision
from rasti.clients.register import Line, Progress, ReadInvoice
from rasti.ledger.book import Tx
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month

Key = tuple[str, str, int]  # issuer, number, year
T = TypeVar("T")

_BATCH = 5_000  # bound parameters in one statement, far below what both databases take


@dataclass(frozen=True, slots=True)
class Stored:
    """An invoice in the ledger and its current revision."""

    invoice_id: int
    revision_id: int
    revision: int
    month: Month
    digest: str


@dataclass(frozen=True, slots=True)
class Taken:
    """How many invoices were new, the same, changed."""

    accepted: int
    unchanged: int
    revised: int


def stored_invoices(tx: Tx, keys: Collection[Key]) -> dict[Key, Stored]:
    """Those of the named invoices that the ledger has."""
    by_issuer_year: dict[tuple[str, int], list[str]] = {}
    for issuer, number, year in keys:
        by_issuer_year.setdefault((issuer, year), []).append(number)
    found: dict[Key, Stored] = {}
    for (issuer, year), all_numbers in sorted(by_issuer_year.items()):
        for numbers in _batches(all_numbers):
            rows = tx.session.execute(
                select(
                    col(Invoice.id),
                    col(Invoice.number),
                    col(InvoiceRevision.id),
                    col(InvoiceRevision.number),
                    col(InvoiceRevision.month),
                    col(InvoiceRevision.digest),
                )
                .join(InvoiceRevision, col(InvoiceRevision.invoice_id) == col(Invoice.id))
                .where(
                    col(InvoiceRevision.is_current),
                    col(Invoice.issuer) == issuer,
                    col(Invoice.year) == year,
                    col(Invoice.number).in_(numbers),
                )
            )
            for invoice_id, number, revision_id, revision, month, digest in rows:
                found[issuer, number, year] = Stored(invoice_id, revision_id, revision, month, digest)
    return found


def take(
    tx: Tx,
    batch_id: int,
    invoices: Sequence[ReadInvoice],
    stored: dict[Key, Stored],
    progress: Progress | None = None,
) -> Taken:
    """Store what is new or changed; a changed invoice replaces its former revision, which is kept.

    What equals an older revision but not the current one is a revision again.
    """
    new: list[tuple[ReadInvoice, str]] = []
    changed: list[tuple[ReadInvoice, str, Stored]] = []
    for invoice in invoices:
        digest, known = invoice.digest(), stored.get(invoice.key)
        if known is None:
            new.append((invoice, digest))
        elif known.digest != digest:
            changed.append((invoice, digest, known))
    total, done = len(new) + len(changed), 0
    _supersede(tx, [known.revision_id for _invoice, _digest, known in changed])
    for some in _batches(new):
        ids = _insert(tx, Invoice, [dict(zip(("issuer", "number", "year"), inv.key, strict=True)) for inv, _d in some])
        _add_revisions(tx, batch_id, [(inv, digest, ids[i], 1) for i, (inv, digest) in enumerate(some)])
        done = _report(progress, done + len(some), total)
    for more in _batches(changed):
        _add_revisions(
            tx, batch_id, [(inv, digest, known.invoice_id, known.revision + 1) for inv, digest, known in more]
        )
        done = _report(progress, done + len(more), total)
    return Taken(len(new), len(invoices) - total, len(changed))


def cancel_missing(tx: Tx, batch_id: int, issuer: str, month: Month, present: Collection[Key]) -> int:
    """Cancel the issuer's posted invoices of a month that are not `present`: a revision of the same lines (D1)."""
    rows = tx.session.execute(
        select(InvoiceRevision, Invoice)
        .join(Invoice, col(InvoiceRevision.invoice_id) == col(Invoice.id))
        .where(
            col(InvoiceRevision.is_current),
            col(InvoiceRevision.month) == month,
            col(InvoiceRevision.status) == InvoiceStatus.POSTED,
            col(Invoice.issuer) == issuer,
        )
        .order_by(col(Invoice.id))
    ).all()
    missing = [row for row in rows if (row[1].issuer, row[1].number, row[1].year) not in present]
    lines: dict[int, list[Line]] = {revision.id: [] for revision, _invoice in missing}
    for ids in _batches(list(lines)):
        of_revisions = select(InvoiceLine).where(col(InvoiceLine.revision_id).in_(ids)).order_by(col(InvoiceLine.id))
        for line in tx.all(of_revisions):
            lines[line.revision_id].append(
                Line(line.product_code, line.product, line.quantity, int(line.amount.scaleb(2)))
            )
    _supersede(tx, list(lines))
    cancelled = []
    for revision, invoice in missing:
        read = ReadInvoice(
            invoice.issuer,
            invoice.number,
            revision.issued_on,
            revision.month,
            revision.partner_code,
            revision.partner_name,
            InvoiceStatus.CANCELLED,
            first_row=0,
            lines=lines[revision.id],
        )
        cancelled.append((read, read.digest(), invoice.id, revision.number + 1))
    _add_revisions(tx, batch_id, cancelled)
    return len(cancelled)


def _supersede(tx: Tx, revision_ids: list[int]) -> None:
    for ids in _batches(revision_ids):
        tx.session.execute(
            update(InvoiceRevision)
            .where(col(InvoiceRevision.id).in_(ids))
            .values(is_current=False)
            .execution_options(synchronize_session=False)
        )


def _add_revisions(tx: Tx, batch_id: int, revisions: Iterable[tuple[ReadInvoice, str, int, int]]) -> None:
    """Add current revisions with their lines: (invoice, digest, invoice id, revision number)."""
    revisions = list(revisions)
    ids = _insert(
        tx,
        InvoiceRevision,
        [
            {
                "invoice_id": invoice_id,
                "number": number,
                "is_current": True,
                "month": invoice.month,
                "issued_on": invoice.issued_on,
                "partner_code": invoice.partner_code,
                "partner_name": invoice.partner_name,
                "status": invoice.status,
                "digest": digest,
                "batch_id": batch_id,
            }
            for invoice, digest, invoice_id, number in revisions
        ],
    )
    lines = [
        {
            "revision_id": revision_id,
            "product_code": line.product_code,
            "product": line.product,
            "quantity": line.quantity,
            "amount": Decimal(line.kopecks).scaleb(-2),
        }
        for revision_id, (invoice, _digest, _id, _number) in zip(ids, revisions, strict=True)
        for line in invoice.lines
    ]
    if lines:
        tx.session.connection().execute(insert(InvoiceLine), lines)


def _insert(tx: Tx, table: type[SQLModel], rows: list[dict[str, Any]]) -> list[int]:
    """Insert rows; their ids in the same order."""
    if not rows:
        return []
    statement = insert(table).returning(table.id, sort_by_parameter_order=True)  # type: ignore[attr-defined]
    return list(tx.session.connection().execute(statement, rows).scalars())


def _report(progress: Progress | None, done: int, total: int) -> int:
    if progress is not None:
        progress("store", done, total)
    return done


def _batches(items: Sequence[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
