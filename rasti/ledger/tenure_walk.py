"""Who holds the leads: finding the holder, ending a tenure, walking to the next. Steps of other transactions.

All of them need Lock.TENURE; whoever only reads the holder may share it.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, true
from sqlmodel import col, or_, select

from models import Attempt, Decline, Partner, Ranking, RankingEntry, Tenure, Violation, Walk
from rasti.errors import NotFound
from rasti.ledger.book import Tx
from rasti.ledger.order import occurred_at
from rasti.rules.fallback import Skip, WalkResult, walk_down
from rasti.rules.kinds import Event, MessageKind, Skipped, TenureEnd
from rasti.rules.month import Month

if TYPE_CHECKING:
    from collections.abc import Callable


def get_partner(tx: Tx, code: str) -> Partner:
    """A partner of our list. Raises NotFound."""
    partner = tx.session.get(Partner, code)
    if partner is None:
        raise NotFound("There is no partner {code} in the partner list.", code=code)
    return partner


def open_tenure(tx: Tx) -> Tenure | None:
    """The tenure that is open now; none after the last lead month, also before somebody has written that down (D8)."""
    tenure = tx.session.execute(select(Tenure).where(col(Tenure.ended_at).is_(None))).scalar_one_or_none()
    ends_at = tx.programme.ends_at
    return None if tenure is not None and ends_at is not None and tx.now >= ends_at else tenure


def cannot_hold(tx: Tx, partner: Partner, *, at: datetime | None = None) -> Skipped | None:
    """Why a partner can hold no lead at all: the regulation is not accepted (on the day of `at`), or they are suspended
    (R9)."""
    today = (at or tx.now).astimezone(tx.programme.zone).date()
    if partner.regulation_accepted_on is None or partner.regulation_accepted_on > today:
        return Skipped.NOT_READY
    return Skipped.SUSPENDED if partner.suspended_at is not None else None


def end_tenure(tx: Tx, tenure: Tenure, reason: TenureEnd, *, ended_at: datetime | None = None) -> None:
    """End an open tenure; leads in work stay where they are (D10)."""
    # A sandbox clock may run backwards; a tenure may not.
    tenure.ended_at = max(ended_at or tx.now, tenure.started_at)
    tenure.end_reason = reason
    tx.session.flush()  # before the next one opens: at most one is open (D8)
    tx.audit(Event.TENURE_ENDED, partner_code=tenure.partner_code, tenure=tenure.id, reason=reason)
    tx.send(MessageKind.TENURE_ENDED, f"{tenure.id}", partner_code=tenure.partner_code, tenure=tenure.id, reason=reason)


def start_tenure(tx: Tx, partner_code: str, lead_month: Month, ranking_id: int, place: int | None) -> Tenure:
    """Open a tenure now; should the clock have been set back, then when the last one ended: they never overlap."""
    last_end = tx.session.execute(select(func.max(col(Tenure.ended_at)))).scalar_one()
    started_at = max(tx.now, last_end or tx.now)
    tenure = Tenure(
        partner_code=partner_code, lead_month=lead_month, ranking_id=ranking_id, place=place, started_at=started_at
    )
    tx.session.add(tenure)
    tx.session.flush()
    tx.audit(
        Event.TENURE_STARTED,
        partner_code=partner_code,
        tenure=tenure.id,
        lead_month=str(lead_month),
        ranking=ranking_id,
        place=place,
    )
    tx.send(MessageKind.TENURE_STARTED, f"{tenure.id}", partner_code=partner_code, tenure=tenure.id)
    return tenure


def take_version(tx: Tx, tenure: Tenure, ranking: Ranking, found: WalkResult, *, reason: str | None) -> bool:
    """An open tenure goes on by another version, in which its holder came out too (D9). False: it has that one."""
    if tenure.ranking_id == ranking.id:
        return False
    tenure.ranking_id, tenure.place = ranking.id, found.place
    tx.session.flush()
    tx.audit(
        Event.TENURE_VERSION_TAKEN,
        partner_code=tenure.partner_code,
        tenure=tenure.id,
        ranking=ranking.id,
        version=ranking.version,
        place=found.place,
        skipped=[{"partner": skip.partner, "reason": skip.reason.value} for skip in found.skipped],
        reason=reason,
    )
    return True


def find_holder(tx: Tx, lead_month: Month, ranking_id: int, *, below: int, at: datetime | None = None) -> WalkResult:
    """Walk a version down from below a place (0: from the top), also past the announced places (D9).

    `at`: when the violation occurred for which it is done; those after it are not looked at (D13).
    """
    places = tx.session.execute(
        select(col(RankingEntry.place), col(RankingEntry.partner_code)).where(
            col(RankingEntry.ranking_id) == ranking_id, col(RankingEntry.place).is_not(None)
        )
    ).all()
    return walk_down([(place, partner) for place, partner in places], below, _obstacles(tx, lead_month, at))


def _obstacles(tx: Tx, lead_month: Month, at: datetime | None) -> "Callable[[str], Skipped | None]":
    declined = set(tx.all(select(Decline.partner_code).where(col(Decline.lead_month) == lead_month)))
    zone = tx.programme.zone
    of_its_tenures = select(Attempt.id).join(Tenure).where(col(Tenure.lead_month) == lead_month)
    in_the_month = (occurred_at >= lead_month.starts_at(zone)) & (occurred_at < lead_month.ends_at(zone))
    # At one instant the order is that in which they are acted on.
    before = (occurred_at < at) | ((occurred_at == at) & col(Violation.acted_at).is_not(None)) if at else true()
    violated = set(
        tx.all(
            select(Violation.partner_code).where(
                col(Violation.reversed_at).is_(None),
                before,
                or_(in_the_month, col(Violation.attempt_id).in_(of_its_tenures)),
            )
        )
    )

    def obstacle(code: str) -> Skipped | None:
        if code in declined:
            return Skipped.DECLINED
        return cannot_hold(tx, get_partner(tx, code), at=at) or (Skipped.VIOLATED if code in violated else None)

    return obstacle


def record_walk(
    tx: Tx, lead_month: Month, ranking_id: int, found: WalkResult, *, cause: str, reason: str | None = None
) -> Walk:
    """Write down how a holder was looked for; nobody found: operators are alerted."""
    walk = Walk(
        lead_month=lead_month,
        ranking_id=ranking_id,
        cause=cause,
        walked_at=tx.now,
        walked_by=tx.book.actor,
        holder=found.partner,
        skipped=[{"partner": skip.partner, "reason": skip.reason.value} for skip in found.skipped],
        reason=reason,
    )
    tx.session.add(walk)
    tx.session.flush()
    if found.partner is None:
        tx.audit(Event.LEADS_EXHAUSTED, lead_month=str(lead_month), ranking=ranking_id, walk=walk.id)
        tx.send(MessageKind.ALERT_EXHAUSTED, f"{walk.id}", walk=walk.id, lead_month=str(lead_month))
    return walk


def tell_nobody_holds(tx: Tx) -> None:
    """A lead waits now. If nobody holds the leads and no walk has said so, the operators are told, once a day."""
    if open_tenure(tx) is not None:
        return
    walk = tx.session.execute(select(Walk).order_by(col(Walk.id).desc()).limit(1)).scalar_one_or_none()
    ends_at = tx.programme.ends_at
    over = ends_at is not None and tx.now >= ends_at
    if walk is None or over:
        why, day = "over" if over else "not_activated", tx.now.astimezone(tx.programme.zone).date()
        tx.send(MessageKind.ALERT_EXHAUSTED, f"{why}:{day}", why=why, lead_month=str(tx.programme.month_at(tx.now)))


def skips_of(walk: Walk | None) -> tuple[Skip, ...]:
    """Who was passed in a walk, as values."""
    return tuple(Skip(skip["partner"], Skipped(skip["reason"])) for skip in walk.skipped) if walk else ()


def place_to_leave(tx: Tx, tenure: Tenure) -> int:
    """The place below which a fallback from a tenure goes on: the holder's; of one without a place the lowest that held
    by this version (D9). If nobody did yet, those who held by former versions count with their places in this one: who
    had the leads taken from them does not get them back by it."""
    if tenure.place is not None:
        return tenure.place
    in_the_month = col(Tenure.lead_month) == tenure.lead_month
    held = tx.all(
        select(Tenure.place).where(
            in_the_month, col(Tenure.ranking_id) == tenure.ranking_id, col(Tenure.place).is_not(None)
        )
    ) or tx.all(
        select(RankingEntry.place).where(
            col(RankingEntry.ranking_id) == tenure.ranking_id,
            col(RankingEntry.place).is_not(None),
            col(RankingEntry.partner_code).in_(select(Tenure.partner_code).where(in_the_month)),
        )
    )
    return max(held, default=0)


def move_on(
    tx: Tx, tenure: Tenure, why: TenureEnd, *, reason: str | None = None, at: datetime | None = None
) -> str | None:
    """End the open tenure and give the leads to the next, strictly below the place of the one who lost them (R13, D9).

    `at`: when the violation occurred for which this is done. The new holder, or None.
    """
    below = place_to_leave(tx, tenure)
    end_tenure(tx, tenure, why)
    found = find_holder(tx, tenure.lead_month, tenure.ranking_id, below=below, at=at)
    record_walk(tx, tenure.lead_month, tenure.ranking_id, found, cause=why, reason=reason)
    if found.partner is not None:
        start_tenure(tx, found.partner, tenure.lead_month, tenure.ranking_id, found.place)
    return found.partner
