"""What the public may know: the best of each published month, and who holds the leads (R4, D7). Reading only."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func
from sqlmodel import col, select

from models import Partner, Publication, Ranking, RankingEntry
from rasti.ledger.book import Book, Tx
from rasti.ledger.tenure_walk import open_tenure
from rasti.rules.month import Month


@dataclass(frozen=True)
class Place:
    """An announced place; growth in percent, no amounts (D7)."""

    place: int
    partner: str
    name: str
    growth: Decimal
    kits_sold: int


@dataclass(frozen=True)
class Announcement:
    """The public version of a month; `announced_at` is when its first version was, `published_at` when this one was."""

    month: Month
    version: int
    announced_at: datetime
    published_at: datetime
    places: list[Place]

    @property
    def corrected(self) -> bool:
        """Whether another version of the month was announced before."""
        return self.published_at > self.announced_at


@dataclass(frozen=True)
class Holder:
    """Who holds the leads now."""

    partner: str
    name: str
    lead_month: Month
    month: Month  # the reporting month that earned them
    place: int | None
    since: datetime
    email: str  # for the holder's own pages and the demo; the public sees none


def announcements(book: Book) -> list[Announcement]:
    """All published months, the newest first."""
    with book.read() as tx:
        first_and_last = tx.session.execute(
            select(
                col(Publication.month),
                func.min(col(Publication.published_at)),
                func.max(col(Publication.id)),
            ).group_by(col(Publication.month))
        ).all()
        first = {month: at for month, at, _last in first_and_last}
        rows = tx.session.execute(
            select(Publication, Ranking)
            .join(Ranking, col(Publication.ranking_id) == col(Ranking.id))
            .where(col(Publication.id).in_([last for _month, _at, last in first_and_last]))
            .order_by(col(Publication.month).desc())
        ).all()
        return [
            Announcement(
                ranking.month,
                ranking.version,
                first[ranking.month],
                publication.published_at,
                _places(tx, ranking),
            )
            for publication, ranking in rows
        ]


def _places(tx: Tx, ranking: Ranking) -> list[Place]:
    limit = tx.programme.rules_for(ranking.month).announced_places
    rows = tx.session.execute(
        select(RankingEntry, col(Partner.name))
        .outerjoin(Partner, col(Partner.code) == col(RankingEntry.partner_code))
        .where(col(RankingEntry.ranking_id) == ranking.id, col(RankingEntry.place) <= limit)
        .order_by(col(RankingEntry.place))
    ).all()
    return [
        Place(
            entry.place or 0,
            entry.partner_code,
            name or entry.partner_code,
            Decimal(entry.growth_percent or 0),
            entry.kits_sold,
        )
        for entry, name in rows
    ]


def holder_now(book: Book) -> Holder | None:
    """Who holds the leads now, if anybody does."""
    with book.read() as tx:
        tenure = open_tenure(tx)
        if tenure is None:
            return None
        partner = tx.session.get_one(Partner, tenure.partner_code)
        month = tx.session.get_one(Ranking, tenure.ranking_id).month
        return Holder(
            partner.code, partner.name, tenure.lead_month, month, tenure.place, tenure.started_at, partner.email
        )
