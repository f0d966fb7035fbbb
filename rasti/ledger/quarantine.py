"""Rows that could not be read, set aside and cleared; steps of `ingest_register`, inside its transaction (D6)."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlmodel import col, select

from models import IngestBatch, QuarantinedRow
from rasti.clients.register import BadRow, ReadInvoice, Register, named
from rasti.ledger.book import Tx
from rasti.rules.month import Month
from rasti.rules.spelling import spelling_key

ACCEPTED = "accepted"
REPLACED = "replaced"


def set_aside(tx: Tx, batch_id: int, register: Register) -> None:
    """Put the file's bad rows into quarantine; one that is there already is not put there again."""
    waiting = {_mark(row, digest) for row, digest in _open(tx)}
    rows = [
        {
            "batch_id": batch_id,
            "row": bad.row,
            "reason": bad.reason,
            "issuer": bad.issuer,
            "number": bad.number,
            "year": bad.year,
            "months": _names(bad.months),
        }
        for bad in register.bad_rows
        if _mark(bad, register.digest) not in waiting
    ]
    if rows:
        tx.session.execute(insert(QuarantinedRow), rows)


def still_open(tx: Tx, bad_rows: Sequence[BadRow]) -> list[BadRow]:
    """Those of a file's bad rows that are still in quarantine."""
    if not bad_rows:
        return []
    waiting = {(row.row, row.reason, _invoice_of(row)) for row, _digest in _open(tx)}
    return [bad for bad in bad_rows if (bad.row, bad.reason, _invoice_of(bad)) in waiting]


def clear_accepted(tx: Tx, invoices: Iterable[ReadInvoice]) -> None:
    """What is accepted leaves the quarantine: an accepted revision says how the invoice stands.

    Of a row without a date the year is unknown: it is the invoice of that number in a year of the row's months.
    """
    waiting = _open(tx)
    if not waiting:
        return
    accepted: dict[tuple[str, str], list[ReadInvoice]] = {}
    for invoice in invoices:
        accepted.setdefault(invoice.key[:2], []).append(invoice)
    cleared = []
    for row, _digest in waiting:
        identity = named(row.issuer, row.number)
        for invoice in accepted.get(identity, ()) if identity else ():
            years = {int(name[:4]) for name in row.months} if row.year is None else {row.year}
            if invoice.issued_on.year in years or (row.year is None and invoice.month.year in years):
                cleared.append(row.id)
                break
    _resolve(tx, cleared, ACCEPTED)


def clear_replaced(tx: Tx, issuer: str, month: Month) -> None:
    """The issuer's whole month was read: its invoices no longer keep it incomplete (other months they still do).

    A row whose number cannot be read stays: only an operator can say what it was.
    """
    gone, narrowed = [], []
    issuer_key = spelling_key(issuer)
    for row, _digest in _open(tx):
        identity = named(row.issuer, row.number)
        if identity is not None and identity[0] == issuer_key and str(month) in row.months:
            rest = [name for name in row.months if name != str(month)]
            if rest:
                narrowed.append({"key": row.id, "months": rest})
            else:
                gone.append(row.id)
    _resolve(tx, gone, REPLACED)
    if narrowed:
        tx.session.connection().execute(
            update(QuarantinedRow).where(col(QuarantinedRow.id) == bindparam("key")).values(months=bindparam("months")),
            narrowed,
        )


def _open(tx: Tx) -> list[tuple[QuarantinedRow, str]]:
    """Rows in quarantine, with the digest of their file."""
    rows = tx.session.execute(
        select(QuarantinedRow, IngestBatch.digest)
        .join(IngestBatch, col(QuarantinedRow.batch_id) == col(IngestBatch.id))
        .where(col(QuarantinedRow.resolved_at).is_(None))
        .execution_options(populate_existing=True)
    )
    return [(row, digest) for row, digest in rows]


def _mark(row: QuarantinedRow | BadRow, digest: str) -> tuple[Any, ...]:
    """What makes two bad rows the same; where the invoice cannot be named, they must be of the same file."""
    is_named = named(row.issuer, row.number) is not None
    months = tuple(_names(row.months))
    return _invoice_of(row), row.year, row.row, row.reason, months, None if is_named else digest


def _invoice_of(row: QuarantinedRow | BadRow) -> tuple[str | None, str | None]:
    """Issuer and number as they are compared, or what of them can be read."""
    return named(row.issuer, row.number) or (row.issuer, row.number)


def _names(months: Iterable[Month | str]) -> list[str]:
    return sorted(map(str, months))


def _resolve(tx: Tx, row_ids: Sequence[int], resolution: str) -> None:
    if row_ids:
        tx.session.connection().execute(
            update(QuarantinedRow)
            .where(col(QuarantinedRow.id) == bindparam("key"))
            .values(resolved_at=tx.now, resolution=resolution),
            [{"key": row_id} for row_id in row_ids],
        )
