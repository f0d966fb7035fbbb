"""Everything that the ranking of a month reads, and the digest that is its identity (D5)."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, ColumnExpressionArgument, func, or_, select, true
from sqlmodel import col

from models import Attempt, InvoiceLine, InvoiceRevision, Partner, Publication, Ranking, Tenure
from rasti.ledger.book import Tx
from rasti.ledger.issuers import UnknownIssuer
from rasti.ledger.kept_digests import digests_now, kept_digests
from rasti.ledger.months import missing_for
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month
from rasti.rules.programme import Rules
from rasti.rules.ranking import Bill, Eligibility


@dataclass(frozen=True)
class Facts:
    """What a ranking reads, at one instant."""

    bills: list[Bill]
    eligibility: Eligibility
    rules: Rules
    missing: list[dict[str, Any]]  # what keeps the month incomplete (D6)
    invoices: str  # digest of the counted invoices of the month and the one before

    @cached_property
    def parts(self) -> dict[str, str]:
        """A digest of each part, so that a difference can say which changed; none depends on row ids or on time."""
        states = (
            f"{bill.partner}\x1f{bill.partner in self.eligibility.listed}\x1f"
            f"{bill.partner in self.eligibility.suspended}"
            for bill in self.bills
        )
        return {
            "invoices": self.invoices,
            "rules": self.rules.ranking_digest,
            "partners": _digest(states),
            "holders": _digest(self.eligibility.holders),
            "completeness": _digest(json.dumps(item, sort_keys=True) for item in self.missing),
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all parts."""
        return _digest(f"{name}={digest}" for name, digest in self.parts.items())


def read_facts(tx: Tx, month: Month) -> Facts:
    """Read everything the ranking of `month` depends on, under the billing lock."""
    rules = tx.programme.rules_for(month)
    bills = _bills(tx, month, rules)
    return Facts(
        bills=bills,
        eligibility=_eligibility(tx, month),
        rules=rules,
        missing=missing_now(tx, month),
        invoices=_digest(kept_digests(tx, (month.previous, month))),
    )


def missing_now(tx: Tx, month: Month, unknown: Collection[UnknownIssuer] | None = None) -> list[dict[str, Any]]:
    """What keeps a reporting month incomplete (D6); `unknown`: as in `missing_for`."""
    rules = tx.programme.rules_for(month)
    return missing_for(tx, month, has_invoices=_has_counted_invoice(tx, month, rules), unknown=unknown)


def changed_since_published(tx: Tx) -> list[Month]:
    """Published months whose invoices are others now: a new rank would be another version (D5).

    Only kept digests are compared. Not known until the next ranking, where an older program has read a register.
    """
    digests = digests_now(tx)
    if digests is None:
        return []
    newest = select(func.max(col(Publication.id))).group_by(col(Publication.month))
    published = tx.session.execute(
        select(col(Ranking.month), col(Ranking.inputs))
        .join(Publication, col(Publication.ranking_id) == col(Ranking.id))
        .where(col(Publication.id).in_(newest))
        .order_by(col(Ranking.month))
    )
    return [
        month
        for month, inputs in published
        if "invoices" in inputs and inputs["invoices"] != _digest(digests((month.previous, month)))
    ]


def _in_months(month: Month) -> tuple[ColumnExpressionArgument[bool], ...]:
    """Posted invoices of the month and the one before; a cancelled one does not count (D1)."""
    return (
        col(InvoiceRevision.is_current),  # as the partial index has it
        col(InvoiceRevision.month).in_([month.previous, month]),
        col(InvoiceRevision.status) == InvoiceStatus.POSTED,
    )


def _counts(rules: Rules) -> ColumnElement[bool]:
    """A line of a product that is billed for the programme (R2)."""
    if rules.counted_products == "all":
        return true()
    return col(InvoiceLine.product_code).in_(rules.counted_products)


def _bills(tx: Tx, month: Month, rules: Rules) -> list[Bill]:
    """Sums by partner, in kopecks and in the database: exact (D2). Entries are the partners with lines (D5)."""
    counted, is_kit = _counts(rules), col(InvoiceLine.product_code) == rules.support_kit
    of_month = col(InvoiceRevision.month) == month
    rows = tx.session.execute(
        select(
            col(InvoiceRevision.partner_code),
            func.sum(col(InvoiceLine.amount)).filter(~of_month, counted),
            func.sum(col(InvoiceLine.amount)).filter(of_month, counted),
            func.sum(col(InvoiceLine.quantity)).filter(of_month, is_kit),
        )
        .join(InvoiceLine, col(InvoiceLine.revision_id) == col(InvoiceRevision.id))
        .where(*_in_months(month), or_(counted, is_kit))
        .group_by(col(InvoiceRevision.partner_code))
    )
    nothing = Decimal("0.00")
    bills = [
        Bill(partner, nothing if a is None else a, nothing if b is None else b, int(kits or 0))
        for partner, a, b, kits in rows
    ]
    return sorted(bills, key=lambda bill: bill.partner)


def _has_counted_invoice(tx: Tx, month: Month, rules: Rules) -> bool:
    """Whether the month itself has at least one invoice that counts (D6)."""
    found = (
        select(col(InvoiceRevision.id))
        .join(InvoiceLine, col(InvoiceLine.revision_id) == col(InvoiceRevision.id))
        .where(*_in_months(month), col(InvoiceRevision.month) == month, _counts(rules))
        .limit(1)
    )
    return tx.session.execute(found).first() is not None


def _eligibility(tx: Tx, month: Month) -> Eligibility:
    partners = tx.session.execute(select(col(Partner.code), col(Partner.suspended_at))).all()
    zone = tx.programme.zone
    # R5, D3: handed at least one lead, during the month, in a tenure of that lead month.
    holders = tx.all(
        select(col(Attempt.partner_code))
        .join(Tenure, col(Attempt.tenure_id) == col(Tenure.id))
        .where(
            col(Tenure.lead_month) == month,
            col(Attempt.started_at) >= month.starts_at(zone),
            col(Attempt.started_at) < month.ends_at(zone),
        )
        .distinct()
    )
    return Eligibility(
        listed=frozenset(code for code, _suspended_at in partners),
        suspended=frozenset(code for code, suspended_at in partners if suspended_at is not None),
        holders=frozenset(holders),
    )


def _digest(texts: Iterable[str]) -> str:
    """SHA-256 of texts, whatever their order."""
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
