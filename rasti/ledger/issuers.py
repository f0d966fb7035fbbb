"""Issuers whom the programme does not name: their invoices keep a month incomplete (D6)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from models import AcceptedIssuer, Invoice, InvoiceRevision
from rasti.errors import NotFound, Refused
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.invoices import batches
from rasti.rules.kinds import Event
from rasti.rules.month import Month
from rasti.rules.spelling import spelling_key


@dataclass(frozen=True)
class UnknownIssuer:
    """An issuer as its invoices spell it, and a month that has some."""

    issuer: str
    month: Month

    def as_json(self) -> dict[str, Any]:
        return {"issuer": self.issuer, "month": str(self.month)}


def unknown_issuers(tx: Tx, months: Collection[Month] | None = None) -> list[UnknownIssuer]:
    """Who has invoices in these months (None: in any), is not one of `issuers`, and was not accepted.

    A cancelled invoice is one of them: it may be meant for another's, which counts meanwhile. Nobody, where the
    programme names no issuers.
    """
    known = tx.programme.issuer_keys
    if not known:
        return []
    accepted = {
        (issuer, month)
        for issuer, month in tx.session.execute(select(col(AcceptedIssuer.issuer_key), col(AcceptedIssuer.month)))
    }
    found: list[UnknownIssuer] = []
    for keys in batches(key for key in _issuer_keys(tx) if key not in known):
        # One spelling of each, always the same one.
        spelled = (
            select(col(Invoice.issuer_key), col(InvoiceRevision.month), func.min(col(Invoice.issuer)))
            .join(InvoiceRevision, col(InvoiceRevision.invoice_id) == col(Invoice.id))
            .where(col(Invoice.issuer_key).in_(keys), col(InvoiceRevision.is_current))
            .group_by(col(Invoice.issuer_key), col(InvoiceRevision.month))
        )
        if months is not None:
            spelled = spelled.where(col(InvoiceRevision.month).in_(set(months)))
        found += [
            UnknownIssuer(issuer, month)
            for key, month, issuer in sorted(map(tuple, tx.session.execute(spelled)))
            if (key, month) not in accepted
        ]
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
