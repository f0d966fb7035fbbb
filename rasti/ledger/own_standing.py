"""A partner's place in each published month, and the invoices behind it: amounts only for that partner (D7)."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

from sqlalchemy import select
from sqlmodel import col

from models import Invoice, InvoiceLine, InvoiceRevision, Publication, Ranking, RankingEntry
from rasti.errors import NotFound
from rasti.ledger.book import Book, Tx
from rasti.ledger.rankings import published_ranking
from rasti.ledger.versions import entries_of, rules_differ
from rasti.rules.difference import Move, moves
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month
from rasti.rules.programme import Rules
from rasti.rules.ranking import Standing


@dataclass(frozen=True)
class OwnMonth:
    """A partner's standing in the public version of a month; none: no invoices in it and the month before."""

    month: Month
    version: int
    published_at: datetime
    corrected: bool
    standing: Standing | None
    ranked: int  # partners with a place


@dataclass(frozen=True)
class Change:
    """What a corrected version changed about the partner's place."""

    before: int
    after: int
    published_at: datetime
    move: Move | None  # none: the same place


@dataclass(frozen=True)
class OwnLine:
    """A line of one of the partner's invoices; `counts`: it is billed for the programme, `is_kit`: a support kit."""

    issuer: str
    number: str
    issued_on: date
    product: str
    quantity: int
    amount: Decimal
    counts: bool
    is_kit: bool


@dataclass(frozen=True)
class Billed:
    """The partner's invoices of a month as the ledger has them now, and what the public version took from them."""

    month: Month
    lines: list[OwnLine]
    total: Decimal
    in_version: Decimal

    @property
    def changed_since(self) -> bool:
        """Whether invoices changed after the version was computed."""
        return self.total != self.in_version


@dataclass(frozen=True)
class OwnMonthInDetail:
    """A month with its versions and invoices."""

    own: OwnMonth
    changes: list[Change]
    billed: list[Billed]  # the month before, then the month itself


def own_months(book: Book, partner: str) -> list[OwnMonth]:
    """A partner's standing in every published month, the newest first."""
    with book.read() as tx:
        months = tx.all(select(col(Publication.month)).distinct().order_by(col(Publication.month).desc()))
        return [_own(tx, month, partner) for month in months]


def own_month(book: Book, month: Month, partner: str) -> OwnMonthInDetail:
    """A partner's standing in a month with what it was computed from. Raises NotFound: it is not published."""
    with book.read() as tx:
        if published_ranking(tx, month) is None:
            raise NotFound("The ranking of {month} is not published.", month=month)
        own = _own(tx, month, partner)
        rules = tx.programme.rules_for(month)
        nothing = Decimal("0.00")
        taken = (own.standing.previous_billed, own.standing.billed) if own.standing else (nothing, nothing)
        billed = [
            _billed(tx, billed_month, partner, rules, in_version)
            for billed_month, in_version in zip((month.previous, month), taken, strict=True)
        ]
        return OwnMonthInDetail(own, _changes(tx, month, partner), billed)


def _own(tx: Tx, month: Month, partner: str) -> OwnMonth:
    publications = tx.all(select(Publication).where(col(Publication.month) == month).order_by(col(Publication.id)))
    newest = publications[-1]
    ranking = tx.session.get_one(Ranking, newest.ranking_id)
    entry = tx.session.get(RankingEntry, (ranking.id, partner))
    ranked = tx.all(
        select(col(RankingEntry.place))
        .where(col(RankingEntry.ranking_id) == ranking.id, col(RankingEntry.place).is_not(None))
        .order_by(col(RankingEntry.place).desc())
        .limit(1)
    )
    return OwnMonth(
        month,
        ranking.version,
        newest.published_at,
        len(publications) > 1,
        _standing(entry) if entry else None,
        ranked[0] if ranked else 0,
    )


def _standing(entry: RankingEntry) -> Standing:
    growth = None if entry.growth_percent is None else Decimal(entry.growth_percent)
    return Standing(
        entry.partner_code,
        entry.place,
        growth,
        entry.previous_billed,
        entry.billed,
        entry.kits_sold,
        entry.reason,
    )


def _changes(tx: Tx, month: Month, partner: str) -> list[Change]:
    """From publication to publication, the newest first."""
    rows = tx.session.execute(
        select(Publication, Ranking)
        .join(Ranking, col(Ranking.id) == col(Publication.ranking_id))
        .where(col(Publication.month) == month)
        .order_by(col(Publication.id))
    ).all()
    changes = []
    for (_earlier, old), (publication, new) in pairwise(rows):
        moved = moves(entries_of(tx, old.id), entries_of(tx, new.id), rules_changed=rules_differ(old, new))
        own = next((move for move in moved if move.partner == partner), None)
        changes.append(Change(old.version, new.version, publication.published_at, own))
    return changes[::-1]


def _billed(tx: Tx, month: Month, partner: str, rules: Rules, in_version: Decimal) -> Billed:
    rows = tx.session.execute(
        select(Invoice, InvoiceRevision, InvoiceLine)
        .join(InvoiceRevision, col(InvoiceRevision.invoice_id) == col(Invoice.id))
        .join(InvoiceLine, col(InvoiceLine.revision_id) == col(InvoiceRevision.id))
        .where(
            col(InvoiceRevision.is_current),
            col(InvoiceRevision.month) == month,
            col(InvoiceRevision.status) == InvoiceStatus.POSTED,
            col(InvoiceRevision.partner_code) == partner,
        )
        .order_by(col(InvoiceRevision.issued_on), col(Invoice.issuer), col(Invoice.number), col(InvoiceLine.id))
    )
    lines = [
        OwnLine(
            invoice.issuer,
            invoice.number,
            revision.issued_on,
            line.product,
            line.quantity,
            line.amount,
            counts=rules.counted_products == "all" or line.product_code in rules.counted_products,
            is_kit=line.product_code == rules.support_kit,
        )
        for invoice, revision, line in rows
    ]
    total = sum((line.amount for line in lines if line.counts), Decimal("0.00"))
    return Billed(month, lines, total, in_version)
