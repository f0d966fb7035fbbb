"""When a month is complete: who closed it, and what is in quarantine (D6)."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from models import IngestBatch, Invoice, MonthClose, QuarantinedRow
from rasti.errors import NotFound, Refused
from rasti.i18n import _
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.doubles import doubts_of
from rasti.ledger.issuers import UnknownIssuer, unknown_issuers
from rasti.rules.kinds import Event, MessageKind
from rasti.rules.month import Month
from rasti.rules.spelling import spelling_key


@dataclass(frozen=True)
class Closed:
    """An issuer's month that is complete; `closed_now`: it was not closed before."""

    issuer: str
    month: Month
    closed_now: bool

    def as_json(self) -> dict[str, Any]:
        return {"issuer": self.issuer, "month": str(self.month), "closed_now": self.closed_now}


@dataclass(frozen=True)
class Quarantined:
    """A row in quarantine and the months it keeps incomplete."""

    id: int
    row: int
    reason: str
    issuer: str | None
    number: str | None
    months: tuple[str, ...]
    file_name: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "row": self.row,
            "reason": self.reason,
            "issuer": self.issuer,
            "number": self.number,
            "months": list(self.months),
        }


def close_month(book: Book, issuer: str, month: Month) -> Closed:
    """Take an issuer's word that its month is complete (D6). Raises Refused: an unknown issuer."""
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        return close_within(tx, issuer, month)


def close_within(tx: Tx, issuer: str, month: Month) -> Closed:
    """Close an issuer's month inside an open transaction that holds the billing lock."""
    check_issuer(tx, issuer)
    if spelling_key(issuer) in _closed(tx, month):
        return Closed(issuer, month, closed_now=False)
    tx.session.add(MonthClose(issuer=issuer, month=month, closed_at=tx.now))
    tx.audit(Event.MONTH_CLOSED, issuer=issuer, month=str(month))
    return Closed(issuer, month, closed_now=True)


def _closed(tx: Tx, month: Month) -> set[str]:
    """Who has closed a month, as issuers are compared; few rows, so that no key is stored."""
    return set(map(spelling_key, tx.all(select(MonthClose.issuer).where(col(MonthClose.month) == month))))


def check_issuer(tx: Tx, issuer: str) -> None:
    """Where the programme names its issuers, one that it neither names nor has invoices of is a slip of the pen.

    Raises Refused.
    """
    key = spelling_key(issuer)
    if not key:
        raise Refused("An issuer is needed.")
    known = tx.programme.issuer_keys
    if not known or key in known:
        return
    if tx.session.execute(select(Invoice.id).where(col(Invoice.issuer_key) == key).limit(1)).first() is None:
        raise Refused(
            "{issuer!r} is not an issuer of this programme: it waits for {known}.",
            issuer=issuer,
            known=", ".join(tx.programme.issuers),
        )


def list_quarantine(book: Book) -> list[Quarantined]:
    """Every row that is in quarantine, the oldest first."""
    with book.read() as tx:
        rows = tx.session.execute(
            select(QuarantinedRow, IngestBatch.file_name)
            .join(IngestBatch, col(QuarantinedRow.batch_id) == col(IngestBatch.id))
            .where(col(QuarantinedRow.resolved_at).is_(None))
            .order_by(col(QuarantinedRow.id))
        )
        return [
            Quarantined(row.id, row.row, row.reason, row.issuer, row.number, tuple(row.months), file_name)
            for row, file_name in rows
        ]


def resolve_quarantined(book: Book, row_id: int, *, reason: str) -> None:
    """Let a row go by an operator's word: its months wait for it no longer.

    Raises NotFound: no such row; Refused: it left the quarantine before, or the reason is blank.
    """
    if not reason.strip():
        raise Refused("A reason is needed.")
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        resolved = tx.session.execute(
            update(QuarantinedRow)
            .where(col(QuarantinedRow.id) == row_id, col(QuarantinedRow.resolved_at).is_(None))
            .values(resolved_at=tx.now, resolution=reason.strip())
            .returning(col(QuarantinedRow.id))
        ).scalar_one_or_none()
        if resolved is None:
            if tx.session.get(QuarantinedRow, row_id) is None:
                raise NotFound("There is no quarantined row {row}: see `rasti quarantine list`.", row=row_id)
            raise Refused("Row {row} has left the quarantine already.", row=row_id)
        tx.audit(Event.QUARANTINE_RESOLVED, row=row_id, reason=reason.strip())


def missing_for(
    tx: Tx, month: Month, *, has_invoices: bool, unknown: Collection[UnknownIssuer] | None = None
) -> list[dict[str, Any]]:
    """What keeps a reporting month incomplete, in a fixed order; empty: it is complete (D6).

    `has_invoices`: the month has at least one counted invoice; `unknown`: the unknown issuers of all months, if they
    were asked for already.
    """
    closed, read = _closed(tx, month), (month.previous, month)
    missing: list[dict[str, Any]] = [
        {"what": "not_closed", "issuer": issuer, "month": str(month)}
        for issuer in sorted(issuer for key, issuer in tx.programme.issuer_keys.items() if key not in closed)
    ]
    strangers = unknown_issuers(tx, read) if unknown is None else [it for it in unknown if it.month in read]
    missing += [{"what": "unknown_issuer"} | stranger.as_json() for stranger in strangers]
    waiting: Counter[str] = Counter()
    for months in tx.all(select(QuarantinedRow.months).where(col(QuarantinedRow.resolved_at).is_(None))):
        waiting.update(set(months) & {str(month), str(month.previous)})
    missing += [{"what": "quarantine", "month": name, "rows": waiting[name]} for name in sorted(waiting)]
    doubts = doubts_of(tx, read)
    missing += [{"what": "doubles", "month": str(name), "pairs": doubts[name]} for name in sorted(doubts)]
    if not has_invoices:
        missing.append({"what": "no_invoices", "month": str(month)})
    return missing


def describe_missing(item: dict[str, Any]) -> str:
    """One thing that a month waits for, in words of the installation's language."""
    words = {
        "not_closed": _("{issuer} has not closed {month}"),
        "unknown_issuer": _("{issuer} has invoices in {month} and is none of the programme's issuers"),
        "quarantine": _("rows of {month} in quarantine: {rows}"),
        "doubles": _("invoices of {month} that are probably there twice: {pairs}"),
        "no_invoices": _("{month} has no counted invoice"),
    }
    return words[item["what"]].format(**item)


def note_incomplete(book: Book, month: Month, missing: list[dict[str, Any]]) -> bool:
    """Tell the operators what a month waits for, at most once a day a month (D6). False: they were told today."""
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        day = tx.now.astimezone(tx.programme.zone).date()
        tx.send(MessageKind.ALERT_INCOMPLETE, f"{month}:{day}", month=str(month), missing=missing)
        told = tx.write_messages() > 0
        if told:
            tx.audit(Event.MONTH_INCOMPLETE, month=str(month), missing=missing)
        return told
