"""Versions of a month's ranking: found by the digest of everything they read, or computed and stored (D5)."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from models import Ranking, RankingEntry
from models.bulk import insert_rows
from rasti.errors import NotFound
from rasti.garbage import garbage_left_alone
from rasti.ledger.book import Tx
from rasti.ledger.ranking_facts import Facts, read_facts
from rasti.rules.kinds import Event
from rasti.rules.month import Month
from rasti.rules.ranking import Standing, rank_partners

Progress = Callable[[str, int, int], None]  # what is going on, how much of it is done, of how much


@dataclass(frozen=True)
class RankingView:
    """A version of a month's ranking; `computed_now`: it is new."""

    ranking_id: int
    month: Month
    version: int
    complete: bool
    missing: list[dict[str, Any]]
    entries: list[Standing]
    computed_now: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "month": str(self.month),
            "version": self.version,
            "complete": self.complete,
            "entries": [
                {
                    "partner": entry.partner,
                    "place": entry.place,
                    "growth_percent": decimal_text(entry.growth),
                    "previous_billed": decimal_text(entry.previous_billed),
                    "billed": decimal_text(entry.billed),
                    "kits_sold": entry.kits_sold,
                    "reason": entry.reason,
                }
                for entry in self.entries
            ],
        }


@garbage_left_alone()
def find_or_compute(tx: Tx, month: Month, progress: Progress | None = None) -> RankingView:
    """The version of what the ledger holds now: the one with the same digest, or a new one (D5).

    Needs the billing lock. Raises Refused: a month outside the programme, or not ended (D4).
    """
    tx.programme.check_reporting_month(month, tx.now)
    facts = read_facts(tx, month)
    found = tx.session.execute(
        select(Ranking).where(col(Ranking.month) == month, col(Ranking.digest) == facts.digest)
    ).scalar_one_or_none()
    if found is not None:
        return view_of(tx, found)
    entries = rank_partners(facts.bills, facts.eligibility, facts.rules)
    former = _with_former_identity(tx, month, facts, entries)
    if former is not None:
        former.digest, former.inputs = facts.digest, facts.parts
        tx.session.flush()
        return view_of(tx, former)
    last = tx.session.execute(select(func.max(col(Ranking.version))).where(col(Ranking.month) == month)).scalar_one()
    ranking = Ranking(
        month=month,
        version=(last or 0) + 1,
        digest=facts.digest,
        rules_digest=facts.rules.digest,
        complete=not facts.missing,
        missing=facts.missing,
        inputs=facts.parts,
        computed_at=tx.now,
    )
    tx.session.add(ranking)
    tx.session.flush()
    _store_entries(tx, ranking.id, entries)
    if progress is not None:
        progress("rank", len(entries), len(entries))
    tx.audit(
        Event.RANKING_COMPUTED,
        month=str(month),
        version=ranking.version,
        digest=ranking.digest,
        complete=ranking.complete,
        missing=ranking.missing,
        ranked=sum(entry.place is not None for entry in entries),
    )
    return RankingView(
        ranking.id, month, ranking.version, ranking.complete, ranking.missing, entries, computed_now=True
    )


def _with_former_identity(tx: Tx, month: Month, facts: Facts, entries: list[Standing]) -> Ranking | None:
    """The version of these facts, if it was ranked while all rules were part of its identity (docs/decisions/0023).

    Which of those rules ranking read cannot be told from their digest; the same entries from the same invoices,
    partners and holders are the same version. Of several the one of the same rules, else the newest.
    """
    stored = select(Ranking).where(col(Ranking.month) == month).order_by(col(Ranking.version).desc())
    others = {name: digest for name, digest in facts.parts.items() if name != "rules"}
    found = [
        ranking
        for ranking in tx.all(stored)
        if _has_former_identity(ranking)
        and others.items() <= ranking.inputs.items()
        and entries_of(tx, ranking.id) == entries
    ]
    return next((ranking for ranking in found if ranking.rules_digest == facts.rules.digest), next(iter(found), None))


def _has_former_identity(ranking: Ranking) -> bool:
    return ranking.inputs.get("rules") == ranking.rules_digest


def rules_differ(old: Ranking, new: Ranking) -> bool:
    """Whether two versions were ranked by different rules; of a former identity all rules count (D5)."""
    if _has_former_identity(old) or _has_former_identity(new):
        return old.rules_digest != new.rules_digest
    return old.inputs.get("rules") != new.inputs.get("rules")


def _store_entries(tx: Tx, ranking_id: int, entries: list[Standing]) -> None:
    columns = (
        "ranking_id", "partner_code", "place", "growth_percent", "previous_billed", "billed", "kits_sold", "reason",
    )  # fmt: skip
    insert_rows(
        tx.session,
        RankingEntry,
        columns,
        (
            (
                ranking_id,
                entry.partner,
                entry.place,
                decimal_text(entry.growth),
                int(entry.previous_billed.scaleb(2)),
                int(entry.billed.scaleb(2)),
                entry.kits_sold,
                entry.reason and entry.reason.value,
            )
            for entry in entries
        ),
    )


def view_of(tx: Tx, ranking: Ranking) -> RankingView:
    """A stored version with its entries."""
    return RankingView(
        ranking.id,
        ranking.month,
        ranking.version,
        ranking.complete,
        ranking.missing,
        entries_of(tx, ranking.id),
    )


def entries_of(tx: Tx, ranking_id: int) -> list[Standing]:
    """A version's standings as they were stored: ranked ones from place 1 on, then the others by code."""
    rows = tx.session.execute(
        select(
            col(RankingEntry.partner_code),
            col(RankingEntry.place),
            col(RankingEntry.growth_percent),
            col(RankingEntry.previous_billed),
            col(RankingEntry.billed),
            col(RankingEntry.kits_sold),
            col(RankingEntry.reason),
        ).where(col(RankingEntry.ranking_id) == ranking_id)
    )
    entries = [
        Standing(partner, place, None if growth is None else Decimal(growth), a, b, kits, reason)
        for partner, place, growth, a, b, kits, reason in rows
    ]
    return sorted(entries, key=lambda entry: (entry.place is None, entry.place or 0, entry.partner))


def find_version(tx: Tx, month: Month, version: int) -> Ranking:
    """A version by its number. Raises NotFound."""
    found: Ranking | None = tx.session.execute(
        select(Ranking).where(col(Ranking.month) == month, col(Ranking.version) == version)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("{month} has no version {version} of its ranking.", month=month, version=version)
    return found


def decimal_text(number: Decimal | None) -> str | None:
    """A number as it is published, without an exponent."""
    return None if number is None else f"{number:f}"
