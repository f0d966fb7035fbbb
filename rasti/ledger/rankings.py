"""Versions of a month's ranking: compute, publish, compare; none of it changes who holds the leads (D5)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import col

from models import Message, Partner, Publication, Ranking
from rasti.errors import Refused
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.months import describe_missing, note_incomplete
from rasti.ledger.versions import (
    RankingView,
    decimal_text,
    entries_of,
    find_or_compute,
    find_version,
    rules_differ,
    view_of,
)
from rasti.rules.difference import Move, moves
from rasti.rules.kinds import Channel, Event, MessageKind, MessageState
from rasti.rules.month import Month
from rasti.rules.ranking import Standing

__all__ = [
    "Difference",
    "PublicationView",
    "RankingView",
    "describe_missing",
    "difference",
    "note_incomplete",
    "publish",
    "published_ranking",
    "rank",
]


@dataclass(frozen=True)
class PublicationView:
    """What was announced: the best of a version (R4); `published_now`: it was not the public one before."""

    month: Month
    version: int
    places: list[Standing]
    published_now: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "month": str(self.month),
            "version": self.version,
            # D7: the public sees no amounts.
            "places": [
                {
                    "place": entry.place,
                    "partner": entry.partner,
                    "growth_percent": decimal_text(entry.growth),
                    "kits_sold": entry.kits_sold,
                }
                for entry in self.places
            ],
        }


@dataclass(frozen=True)
class Difference:
    """Who moved between two versions, because of what; `inputs`: the parts of what was read that differ."""

    month: Month
    before: int
    after: int
    moved: list[Move]
    inputs: list[str]

    def as_json(self) -> dict[str, Any]:
        return {
            "month": str(self.month),
            "from": self.before,
            "to": self.after,
            "moved": [
                {
                    "partner": move.partner,
                    "from": move.before,
                    "to": move.after,
                    "because": [str(cause) for cause in move.because],
                }
                for move in self.moved
            ],
        }


def rank(book: Book, month: Month, *, progress: Callable[[str, int, int], None] | None = None) -> RankingView:
    """The version of what the ledger holds now: the one with the same digest, or a new one (D5).

    Raises Refused: a month outside the programme, or not ended (D4).
    """
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        return find_or_compute(tx, month, progress)


def publish(
    book: Book, month: Month, *, version: int | None = None, allow_incomplete: bool = False, reason: str | None = None
) -> PublicationView:
    """Make a version the public one: what ranking finds now, unless a version is named (D5, R4).

    A named version keeps the completeness it was ranked with. Publishing the public version again changes nothing.
    Raises Refused: outside the programme or not ended (D4), incomplete without an operator's reason (D6); NotFound.
    """
    reason = (reason or "").strip() or None
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        tx.programme.check_reporting_month(month, tx.now)
        view = find_or_compute(tx, month) if version is None else view_of(tx, find_version(tx, month, version))
        current = published_ranking(tx, month)
        published_now = current is None or current.id != view.ranking_id
        if published_now:
            _check_complete(view, allow_incomplete, reason)
            tx.session.add(Publication(ranking_id=view.ranking_id, month=month, published_at=tx.now, reason=reason))
            tx.audit(
                Event.RANKING_PUBLISHED,
                month=str(month),
                version=view.version,
                complete=view.complete,
                reason=reason,
            )
        places = announced(tx, view)
        if published_now and places:
            _announce(tx, view.ranking_id)
        return PublicationView(month, view.version, places, published_now)


def published_ranking(tx: Tx, month: Month) -> Ranking | None:
    """The version of the month's newest publication."""
    found: Ranking | None = tx.session.execute(
        select(Ranking)
        .join(Publication, col(Publication.ranking_id) == col(Ranking.id))
        .where(col(Publication.month) == month)
        .order_by(col(Publication.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    return found


def difference(book: Book, month: Month, before: int, after: int) -> Difference:
    """Who moved between two versions, because of what (D5). Raises NotFound."""
    with book.read() as tx:
        old, new = find_version(tx, month, before), find_version(tx, month, after)
        rules_changed = rules_differ(old, new)
        inputs = [
            name
            for name in new.inputs
            if (rules_changed if name == "rules" else new.inputs[name] != old.inputs.get(name))
        ]
        moved = moves(entries_of(tx, old.id), entries_of(tx, new.id), rules_changed=rules_changed)
        return Difference(month, before, after, moved, inputs)


def announced(tx: Tx, view: RankingView) -> list[Standing]:
    """The best of a version, as many as the rules announce (R4)."""
    limit = tx.programme.rules_for(view.month).announced_places
    return [entry for entry in view.entries if entry.place is not None and entry.place <= limit]


def _check_complete(view: RankingView, allow_incomplete: bool, reason: str | None) -> None:
    if view.complete:
        return
    if not allow_incomplete:
        raise Refused(
            "{month} is incomplete: {missing}. Publish it with --allow-incomplete --reason TEXT, or complete it first.",
            month=view.month,
            missing="; ".join(describe_missing(item) for item in view.missing),
        )
    if reason is None:
        raise Refused("Publishing an incomplete month needs a reason: --reason TEXT.")


def _announce(tx: Tx, ranking_id: int) -> None:
    """The announcement to every partner who is not suspended, in bulk: one message a partner and version (R4)."""
    partners = set(tx.all(select(col(Partner.code)).where(col(Partner.suspended_at).is_(None))))
    prefix = f"{MessageKind.TOP_THREE}:{ranking_id}:"
    sent_before = set(tx.all(select(col(Message.dedupe_key)).where(col(Message.dedupe_key).startswith(prefix))))
    rows = [
        {
            "channel": Channel.MAIL,
            "kind": MessageKind.TOP_THREE,
            "dedupe_key": f"{prefix}{code}",
            "partner_code": code,
            "data": {"ranking": ranking_id},
            "created_at": tx.now,
            "not_before": tx.now,
            "state": MessageState.PENDING,
            "tries": 0,
        }
        for code in sorted(partners)
        if f"{prefix}{code}" not in sent_before
    ]
    if rows:
        statement = insert(Message).returning(col(Message.id))
        tx.sent.extend(tx.session.connection().execute(statement, rows).scalars())
        tx.wakes_relays = True
