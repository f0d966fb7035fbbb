"""Invoices and their revisions in the ledger, in bulk; steps of `ingest_register`, inside its transaction (D1)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import select, update
from sqlmodel import col

from models import Invoice, InvoiceLine, InvoiceRevision
from models.bulk import among, insert_rows, new_ids
from rasti.clients.register import Line, Progress, ReadInvoice
from rasti.ledger.book import Tx
from rasti.ledger.kept_digests import Changes
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month

Key = tuple[str, str, int]  # issuer, number, year
T = TypeVar("T")

_BATCH = 5_000  # bound parameters in one statement, far below what both databases take
_INVOICES = 20_000  # asked for or stored at once, between two reports of progress
_REVISION = (
    "id",
    "invoice_id",
    "number",
    "is_current",
    "month",
    "issued_on",
    "partner_code",
    "partner_name",
    "status",
    "digest",
    "batch_id",
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An invoice in the ledger and its current revision."""

    invoice_id: int
    revision_id: int
    revision: int
    month: Month
    status: InvoiceStatus
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
        for numbers in _batches(all_numbers, _INVOICES):
            rows = tx.session.execute(
                select(
                    col(Invoice.id),
                    col(Invoice.number),
                    col(InvoiceRevision.id),
                    col(InvoiceRevision.number),
                    col(InvoiceRevision.month),
                    col(InvoiceRevision.status),
                    col(InvoiceRevision.digest),
                )
                .join(InvoiceRevision, col(InvoiceRevision.invoice_id) == col(Invoice.id))
                .where(
                    col(InvoiceRevision.is_current),
                    col(Invoice.issuer) == issuer,
                    col(Invoice.year) == year,
                    among(tx.session, col(Invoice.number), numbers),
                )
            )
            for invoice_id, number, *revision in rows:
                found[issuer, number, year] = Stored(invoice_id, *revision)
    return found


def take(
    tx: Tx,
    batch_id: int,
    invoices: Sequence[ReadInvoice],
    stored: dict[Key, Stored],
    changes: Changes,
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
    changes.went((known.month, known.status, known.digest) for _invoice, _digest, known in changed)
    total, done = len(new) + len(changed), 0
    _supersede(tx, [known.revision_id for _invoice, _digest, known in changed])
    for some in _batches(new, _INVOICES):
        ids = new_ids(tx.session, Invoice, len(some))
        keys = ((invoice_id, *invoice.key) for invoice_id, (invoice, _digest) in zip(ids, some, strict=True))
        insert_rows(tx.session, Invoice, ("id", "issuer", "number", "year"), keys)
        first = [(invoice, digest, invoice_id, 1) for (invoice, digest), invoice_id in zip(some, ids, strict=True)]
        _add_revisions(tx, batch_id, first, changes)
        done = _report(progress, done + len(some), total)
    for more in _batches(changed, _INVOICES):
        next_ones = [(invoice, digest, known.invoice_id, known.revision + 1) for invoice, digest, known in more]
        _add_revisions(tx, batch_id, next_ones, changes)
        done = _report(progress, done + len(more), total)
    return Taken(len(new), len(invoices) - total, len(changed))


def cancel_missing(tx: Tx, batch_id: int, issuer: str, month: Month, present: Collection[Key], changes: Changes) -> int:
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
    changes.went((revision.month, revision.status, revision.digest) for revision, _invoice in missing)
    cancelled = []
    for revision, invoice in missing:
        read = ReadInvoice(
            (invoice.issuer, invoice.number, invoice.year),
            revision.issued_on,
            revision.month,
            revision.partner_code,
            revision.partner_name,
            InvoiceStatus.CANCELLED,
            first_row=0,
            lines=lines[revision.id],
        )
        cancelled.append((read, read.digest(), invoice.id, revision.number + 1))
    _add_revisions(tx, batch_id, cancelled, changes)
    return len(cancelled)


def _supersede(tx: Tx, revision_ids: list[int]) -> None:
    for ids in _batches(revision_ids):
        tx.session.execute(
            update(InvoiceRevision)
            .where(col(InvoiceRevision.id).in_(ids))
            .values(is_current=False)
            .execution_options(synchronize_session=False)
        )


def _add_revisions(
    tx: Tx, batch_id: int, revisions: Sequence[tuple[ReadInvoice, str, int, int]], changes: Changes
) -> None:
    """Add current revisions with their lines: (invoice, digest, invoice id, revision number)."""
    ids = new_ids(tx.session, InvoiceRevision, len(revisions))
    insert_rows(tx.session, InvoiceRevision, _REVISION, _revision_rows(batch_id, ids, revisions))
    insert_rows(
        tx.session,
        InvoiceLine,
        ("revision_id", "product_code", "product", "quantity", "amount"),
        (
            (revision_id, line.product_code, line.product, line.quantity, line.kopecks)
            for revision_id, (invoice, _digest, _id, _number) in zip(ids, revisions, strict=True)
            for line in invoice.lines
        ),
    )
    changes.came((invoice.month, invoice.status, digest) for invoice, digest, _id, _number in revisions)


def _revision_rows(
    batch_id: int, ids: Sequence[int], revisions: Sequence[tuple[ReadInvoice, str, int, int]]
) -> Iterator[tuple[object, ...]]:
    """As the columns of `_REVISION`."""
    for revision_id, (invoice, digest, invoice_id, number) in zip(ids, revisions, strict=True):
        yield (
            revision_id,
            invoice_id,
            number,
            True,
            str(invoice.month),
            invoice.issued_on.isoformat(),
            invoice.partner_code,
            invoice.partner_name,
            invoice.status.value,
            digest,
            batch_id,
        )


def _report(progress: Progress | None, done: int, total: int) -> int:
    if progress is not None:
        progress("store", done, total)
    return done


def _batches(items: Sequence[T], size: int = _BATCH) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
