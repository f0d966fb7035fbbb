"""Whether a partner holds the leads, and which months they may decline (R8, R9, D8-D10). Reading only."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlmodel import col

from models import Decline, Partner, Publication, RankingEntry, Tenure, Walk
from rasti.errors import NotFound
from rasti.ledger.book import Book, Tx
from rasti.ledger.partners import regulation_in_force
from rasti.ledger.tenure_walk import get_partner, open_tenure
from rasti.rules.kinds import Skipped, TenureEnd
from rasti.rules.month import Month
from rasti.rules.programme import Rules


@dataclass(frozen=True)
class Offer:
    """A lead month that a partner holds, or may come to hold by their place; they may decline it."""

    month: Month  # the reporting month
    place: int | None  # none: the operator named them
    holds: bool
    in_line: bool  # it is to come to them, or does if those before them lose it
    declined: bool

    @property
    def lead_month(self) -> Month:
        return self.month.next


@dataclass(frozen=True)
class Held:
    """The partner's newest tenure."""

    lead_month: Month
    place: int | None
    started_at: datetime
    ended_at: datetime | None
    end_reason: TenureEnd | None


@dataclass(frozen=True)
class Holding:
    """How a partner stands with the leads now."""

    partner: Partner
    holds: bool
    held: Held | None
    offers: list[Offer]  # of lead months that are not past, the newest first
    regulation: Rules  # in force now
    today: date

    @property
    def obstacle(self) -> Skipped | None:
        """Why the partner can get no leads at all."""
        accepted_on = self.partner.regulation_accepted_on
        if accepted_on is None or accepted_on > self.today:
            return Skipped.NOT_READY
        return Skipped.SUSPENDED if self.partner.suspended_at is not None else None

    @property
    def regulation_changed(self) -> bool:
        """Whether another version of the regulation is in force than the one that was accepted."""
        accepted = self.partner.regulation_version
        return accepted is not None and accepted != self.regulation.regulation_version


def holding(book: Book, partner: str) -> Holding:
    """How a partner stands with the leads. Raises NotFound."""
    with book.read() as tx:
        tenure = open_tenure(tx)
        newest = tx.session.execute(
            select(Tenure).where(col(Tenure.partner_code) == partner).order_by(col(Tenure.id).desc()).limit(1)
        ).scalar_one_or_none()
        return Holding(
            get_partner(tx, partner),
            tenure is not None and tenure.partner_code == partner,
            _held(tx, newest) if newest else None,
            _offers(tx, partner, tenure),
            regulation_in_force(tx),
            tx.now.astimezone(tx.programme.zone).date(),
        )


def offer_of(book: Book, partner: str, month: Month) -> Offer:
    """What a partner may decline for a reporting month. Raises NotFound: they neither hold nor may get its leads."""
    found = next((offer for offer in holding(book, partner).offers if offer.month == month), None)
    if found is None:
        raise NotFound("There are no leads that you could decline for {month}.", month=month)
    return found


def _held(tx: Tx, tenure: Tenure) -> Held:
    ended_at, ends_at = tenure.ended_at, tx.programme.ends_at
    if ended_at is None and ends_at is not None and tx.now >= ends_at:
        ended_at = ends_at  # over, also before somebody has written that down (D8)
    return Held(tenure.lead_month, tenure.place, tenure.started_at, ended_at, tenure.end_reason)


def _offers(tx: Tx, partner: str, tenure: Tenure | None) -> list[Offer]:
    """The months, whose lead months go on or are to come, in which the partner has a place, and the held one."""
    this_month = tx.programme.month_at(tx.now)
    held = tenure if tenure is not None and tenure.partner_code == partner else None
    declined = set(tx.all(select(col(Decline.lead_month)).where(col(Decline.partner_code) == partner)))
    offers = []
    for month, (ranking_id, activated) in _rankings_of(tx, this_month.previous, tenure).items():
        place = _place(tx, ranking_id, partner)
        holds = held is not None and held.lead_month == month.next
        if holds and held is not None:
            place = held.place
        if place is None and not holds:
            continue
        in_line = not activated
        if activated and tenure is not None and tenure.lead_month == month.next and not holds:
            # A fallback goes strictly down (D9).
            in_line = place is not None and tenure.place is not None and place > tenure.place
        offers.append(Offer(month, place, holds, in_line, declined=month.next in declined))
    return sorted(offers, key=lambda offer: offer.month, reverse=True)


def _rankings_of(tx: Tx, since: Month, tenure: Tenure | None) -> dict[Month, tuple[int, bool]]:
    """The version by which the leads of a reporting month are given, and whether that month is activated (D5): a
    correction published later changes nothing of it, unless the open tenure took it (D9). Before that, the public
    version."""
    last = select(func.max(col(Publication.id))).where(col(Publication.month) >= since).group_by(col(Publication.month))
    published = tx.session.execute(
        select(col(Publication.month), col(Publication.ranking_id)).where(col(Publication.id).in_(last))
    )
    found = {month: (ranking_id, False) for month, ranking_id in published}
    walks = tx.session.execute(
        select(col(Walk.lead_month), col(Walk.ranking_id)).where(col(Walk.lead_month) > since).order_by(col(Walk.id))
    )
    found |= {lead_month.previous: (ranking_id, True) for lead_month, ranking_id in walks}
    if tenure is not None and tenure.lead_month > since:
        found[tenure.lead_month.previous] = tenure.ranking_id, True
    return found


def _place(tx: Tx, ranking_id: int, partner: str) -> int | None:
    entry = tx.session.get(RankingEntry, (ranking_id, partner))
    return entry.place if entry else None
