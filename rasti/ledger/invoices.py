"""Invoices and their revisions in the ledger, in bulk; steps of `ingest_register`, inside its transaction (D1)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple, TypeVar

from sqlalchemy import ColumnElement, or_, select, update
from sqlmodel import col

from models import Invoice, InvoiceLine, InvoiceRevision
from models.bulk import among, insert_rows, new_ids
from rasti.clients.register import Line, Progress, ReadInvoice
from rasti.ledger.book import Tx
from rasti.ledger.kept_digests import Changes
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month
from rasti.rules.spelling import APART, padded_number, spelling_key

Key = tuple[str, str, int]  # issuer and number as they are compared, year
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
    "left_out",
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An invoice in the ledger, as it was first spelled, and its current revision."""

    invoice_id: int
    issuer: str
    number: str
    revision_id: int
    revision: int
    month: Month
    status: InvoiceStatus
    digest: str
    left_out: bool

    def is_as(self, invoice: ReadInvoice) -> bool:
        """Whether a file says nothing new about it; what is left out is cancelled here and posted there."""
        status = InvoiceStatus.CANCELLED if self.left_out else invoice.status
        said = invoice.status is InvoiceStatus.POSTED or not self.left_out
        return said and self.digest == invoice.digest(self.issuer, self.number, status)


@dataclass(frozen=True, slots=True)
class Revised:
    """An invoice in the ledger that is to be as `invoice` says from now on; `left_out`: by an operator's word."""

    invoice: ReadInvoice
    stored: Stored
    left_out: bool = False


class Revision(NamedTuple):
    """A revision that is to be current."""

    invoice: ReadInvoice
    digest: str
    invoice_id: int
    number: int
    left_out: bool


@dataclass(frozen=True, slots=True)
class News:
    """What a file says that the ledger does not know: new invoices, changed ones."""

    new: list[ReadInvoice]
    changed: list[Revised]


def stored_invoices(tx: Tx, keys: Collection[Key]) -> dict[Key, Stored]:
    """Those of the named invoices that the ledger has."""
    by_issuer_year: dict[tuple[str, int], list[str]] = {}
    for issuer, number, year in keys:
        by_issuer_year.setdefault((issuer, year), []).append(number)
    found: dict[Key, Stored] = {}
    for (issuer, year), all_numbers in sorted(by_issuer_year.items()):
        for numbers in batches(all_numbers, _INVOICES):
            rows = tx.session.execute(
                select(
                    col(Invoice.number_key),
                    col(Invoice.id),
                    col(Invoice.issuer),
                    col(Invoice.number),
                    col(InvoiceRevision.id),
                    col(InvoiceRevision.number),
                    col(InvoiceRevision.month),
                    col(InvoiceRevision.status),
                    col(InvoiceRevision.digest),
                    col(InvoiceRevision.left_out),
                )
                .join(InvoiceRevision, col(InvoiceRevision.invoice_id) == col(Invoice.id))
                .where(
                    col(InvoiceRevision.is_current),
                    col(Invoice.issuer_key) == issuer,
                    col(Invoice.year) == year,
                    among(tx.session, col(Invoice.number_key), numbers),
                )
            )
            for number, *invoice in rows:
                found[issuer, number, year] = Stored(*invoice)
    return found


def give_keys(tx: Tx) -> list[int]:
    """Give keys to the invoices that an older program, beside this one, has stored without; their ids.

    One whose identity is there in another spelling gets a key that no file can have, and is a probable double.
    """
    given = []
    for invoice in tx.all(select(Invoice).where(col(Invoice.issuer_key).is_(None)).order_by(col(Invoice.id))):
        invoice.issuer_key, number = spelling_key(invoice.issuer), spelling_key(invoice.number)
        taken = select(col(Invoice.id)).where(
            col(Invoice.issuer_key) == invoice.issuer_key,
            col(Invoice.number_key) == number,
            col(Invoice.year) == invoice.year,
        )
        with tx.session.no_autoflush:
            is_taken = tx.session.execute(taken).first() is not None
        invoice.number_key = f"{number}{APART}{invoice.id}" if is_taken else number
        invoice.bare_number = padded_number(invoice.number_key)
        tx.session.add(invoice)
        tx.session.flush()
        given.append(invoice.id)
    return given


def news_of(invoices: Iterable[ReadInvoice], stored: dict[Key, Stored]) -> News:
    """What of a file's invoices is to be stored."""
    news = News([], [])
    for invoice in invoices:
        known = stored.get(invoice.key)
        if known is None:
            news.new.append(invoice)
        elif not known.is_as(invoice):
            news.changed.append(Revised(invoice, known))
    return news


def take(tx: Tx, batch_id: int, news: News, changes: Changes, progress: Progress | None = None) -> None:
    """Store what is new or changed; a changed invoice replaces its former revision, which is kept.

    What equals an older revision but not the current one is a revision again.
    """
    total, done = len(news.new) + len(news.changed), 0
    for some in batches(news.new, _INVOICES):
        ids = new_ids(tx.session, Invoice, len(some))
        columns = ("id", "issuer", "number", "year", "issuer_key", "number_key", "bare_number")
        insert_rows(tx.session, Invoice, columns, _invoice_rows(ids, some))
        first = [
            Revision(invoice, invoice.digest(), invoice_id, 1, left_out=False)
            for invoice_id, invoice in zip(ids, some, strict=True)
        ]
        _add_revisions(tx, batch_id, first, changes)
        done = _report(progress, done + len(some), total)
    for more in batches(news.changed, _INVOICES):
        revise(tx, batch_id, more, changes)
        done = _report(progress, done + len(more), total)


def revise(tx: Tx, batch_id: int, revised: Sequence[Revised], changes: Changes) -> None:
    """Make new revisions current; the former ones are kept."""
    _supersede(tx, [it.stored.revision_id for it in revised])
    changes.went((it.stored.month, it.stored.status, it.stored.digest) for it in revised)
    revisions = [
        Revision(
            it.invoice,
            it.invoice.digest(it.stored.issuer, it.stored.number),
            it.stored.invoice_id,
            it.stored.revision + 1,
            it.left_out,
        )
        for it in revised
    ]
    _add_revisions(tx, batch_id, revisions, changes)


def cancel_missing(
    tx: Tx, batch_id: int, issuer: str, month: Month, present: Collection[Key], changes: Changes
) -> list[int]:
    """Cancel the issuer's posted invoices of a month that are not `present`: a revision of the same lines (D1).

    Their ids; what is left out is posted in its file, and may be missing now.
    """
    current = current_invoices(
        tx,
        col(Invoice.issuer_key) == spelling_key(issuer),
        col(InvoiceRevision.month) == month,
        or_(col(InvoiceRevision.status) == InvoiceStatus.POSTED, col(InvoiceRevision.left_out)),
    )
    missing = [(invoice, stored) for invoice, stored in current if invoice.key not in present]
    add_lines(tx, missing)
    revise(
        tx,
        batch_id,
        [Revised(replace(invoice, status=InvoiceStatus.CANCELLED), stored) for invoice, stored in missing],
        changes,
    )
    return [stored.invoice_id for _invoice, stored in missing]


def current_invoices(tx: Tx, *where: ColumnElement[bool]) -> list[tuple[ReadInvoice, Stored]]:
    """Invoices as they stand, the oldest first; their lines are still to be added."""
    rows = tx.session.execute(
        select(InvoiceRevision, Invoice)
        .join(Invoice, col(InvoiceRevision.invoice_id) == col(Invoice.id))
        .where(col(InvoiceRevision.is_current), *where)
        .order_by(col(Invoice.id))
        .execution_options(populate_existing=True)
    )
    return [
        (
            ReadInvoice(
                (invoice.issuer_key or "", invoice.number_key or "", invoice.year),
                invoice.issuer,
                invoice.number,
                revision.issued_on,
                revision.month,
                revision.partner_code,
                revision.partner_name,
                revision.status,
                first_row=0,
            ),
            Stored(
                invoice.id,
                invoice.issuer,
                invoice.number,
                revision.id,
                revision.number,
                revision.month,
                revision.status,
                revision.digest,
                revision.left_out,
            ),
        )
        for revision, invoice in rows
    ]


def add_lines(tx: Tx, invoices: Iterable[tuple[ReadInvoice, Stored]]) -> None:
    """Read the lines of invoices as they stand."""
    by_revision = {stored.revision_id: invoice for invoice, stored in invoices}
    for ids in batches(list(by_revision)):
        of_revisions = select(InvoiceLine).where(col(InvoiceLine.revision_id).in_(ids)).order_by(col(InvoiceLine.id))
        for line in tx.all(of_revisions):
            by_revision[line.revision_id].lines.append(
                Line(line.product_code, line.product, line.quantity, int(line.amount.scaleb(2)))
            )


def _supersede(tx: Tx, revision_ids: list[int]) -> None:
    for ids in batches(revision_ids):
        tx.session.execute(
            update(InvoiceRevision)
            .where(col(InvoiceRevision.id).in_(ids))
            .values(is_current=False)
            .execution_options(synchronize_session=False)
        )


def _add_revisions(tx: Tx, batch_id: int, revisions: Sequence[Revision], changes: Changes) -> None:
    """Add current revisions with their lines."""
    ids = new_ids(tx.session, InvoiceRevision, len(revisions))
    insert_rows(tx.session, InvoiceRevision, _REVISION, _revision_rows(batch_id, ids, revisions))
    insert_rows(
        tx.session,
        InvoiceLine,
        ("revision_id", "product_code", "product", "quantity", "amount"),
        (
            (revision_id, line.product_code, line.product, line.quantity, line.kopecks)
            for revision_id, revision in zip(ids, revisions, strict=True)
            for line in revision.invoice.lines
        ),
    )
    changes.came((it.invoice.month, it.invoice.status, it.digest) for it in revisions)


def _invoice_rows(ids: Sequence[int], invoices: Sequence[ReadInvoice]) -> Iterator[tuple[object, ...]]:
    """As the columns of an invoice."""
    for invoice_id, invoice in zip(ids, invoices, strict=True):
        issuer_key, number_key, year = invoice.key
        yield invoice_id, invoice.issuer, invoice.number, year, issuer_key, number_key, padded_number(number_key)


def _revision_rows(batch_id: int, ids: Sequence[int], revisions: Sequence[Revision]) -> Iterator[tuple[object, ...]]:
    """As the columns of `_REVISION`."""
    for revision_id, (invoice, digest, invoice_id, number, left_out) in zip(ids, revisions, strict=True):
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
            left_out,
        )


def _report(progress: Progress | None, done: int, total: int) -> int:
    if progress is not None:
        progress("store", done, total)
    return done


def batches(items: Iterable[T], size: int = _BATCH) -> Iterator[list[T]]:
    """The items in lists of at most so many; by default as many as one statement takes."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
