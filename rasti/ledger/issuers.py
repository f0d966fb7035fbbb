"""Issuers whom the programme does not name: their invoices keep a month incomplete (D6)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from models import AcceptedIssuer, Invoice, InvoiceRevision
from rasti.errors import NotFound, Refused
from rasti.ledger.book import Book, Lock, Tx
from rasti.rules.kinds import Event, InvoiceStatus
from rasti.rules.month import Month
from rasti.rules.spelling import spelling_key


@dataclass(frozen=True)
class UnknownIssuer:
    """An issuer as its invoices spell it, and a month that has some that count."""

    issuer: str
    month: Month

    def as_json(self) -> dict[str, Any]:
        return {"issuer": self.issuer, "month": str(self.month)}


def unknown_issuers(tx: Tx, months: Collection[Month] | None = None) -> list[UnknownIssuer]:
    """Who has posted invoices in these months (None: in any), is not one of `issuers`, and was not accepted.

    Nobody, where the programme names no issuers.
    """
    known = tx.programme.issuer_keys
    if not known:
        return []
    accepted = {
        (issuer, month)
        for issuer, month in tx.session.execute(select(col(AcceptedIssuer.issuer_key), col(AcceptedIssuer.month)))
    }
    found = []
    for key in _issuer_keys(tx):
        if key not in known:
            for month in sorted(_months_of(tx, key) if months is None else set(months)):
                issuer = None if (key, month) in accepted else _spelled(tx, key, month)
                if issuer is not None:
                    found.append(UnknownIssuer(issuer, month))
    return found


def list_unknown_issuers(book: Book) -> list[UnknownIssuer]:
    """All of them, by name and month."""
    with book.read() as tx:
        return unknown_issuers(tx)


def accept_issuer(book: Book, issuer: str, month: Month, *, reason: str) -> UnknownIssuer:
    """Let an unknown issuer's invoices of a month count by an operator's word; also those that are read later.

    Raises NotFound: no such issuer has invoices in the month, or it is not unknown; Refused: the reason is blank.
    """
    if not reason.strip():
        raise Refused("A reason is needed.")
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        key = spelling_key(issuer)
        found = next((it for it in unknown_issuers(tx, [month]) if spelling_key(it.issuer) == key), None)
        if found is None:
            raise NotFound(
                "{issuer!r} is no unknown issuer of {month}: see `rasti issuers list`.", issuer=issuer, month=month
            )
        tx.session.add(
            AcceptedIssuer(issuer=found.issuer, issuer_key=key, month=month, reason=reason.strip(), accepted_at=tx.now)
        )
        tx.audit(Event.ISSUER_ACCEPTED, issuer=found.issuer, month=str(month), reason=reason.strip())
        return found


def _issuer_keys(tx: Tx) -> list[str]:
    """Every issuer that has invoices: one step through the index for each, however many invoices there are."""
    key = col(Invoice.issuer_key)
    steps = select(func.min(key).label("key")).where(key.is_not(None)).cte("steps", recursive=True)
    after = select(func.min(key)).where(key > steps.c.key).scalar_subquery()
    steps = steps.union_all(select(after).where(steps.c.key.is_not(None)))
    return sorted(tx.all(select(steps.c.key).where(steps.c.key.is_not(None))))


def _months_of(tx: Tx, key: str) -> set[Month]:
    rows = select(col(InvoiceRevision.month)).join(Invoice, col(InvoiceRevision.invoice_id) == col(Invoice.id))
    return set(tx.all(rows.where(*_counting(key)).distinct()))


def _spelled(tx: Tx, key: str, month: Month) -> str | None:
    """As one of its invoices of the month spells it, always the same one; None: it has none that counts."""
    found: str | None = tx.session.execute(
        select(col(Invoice.issuer))
        .join(InvoiceRevision, col(InvoiceRevision.invoice_id) == col(Invoice.id))
        .where(*_counting(key), col(InvoiceRevision.month) == month)
        .order_by(col(Invoice.number_key), col(Invoice.year))
        .limit(1)
    ).scalar_one_or_none()
    return found


def _counting(key: str) -> tuple[Any, ...]:
    return (
        col(Invoice.issuer_key) == key,
        col(InvoiceRevision.is_current),
        col(InvoiceRevision.status) == InvoiceStatus.POSTED,
    )
