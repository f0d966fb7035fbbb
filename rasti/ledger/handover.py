"""Handing leads over to the holder: those that waited, paced and inside the call window; reception (D11, D14, D16)."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func
from sqlmodel import col, select

from models import Attempt, Lead, Tenure
from rasti.errors import Forbidden
from rasti.ledger.attempts import open_attempt, pause_lead, receive_within, start_attempt
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.leads import get_lead, lock_lead
from rasti.ledger.tenure_walk import get_partner, open_tenure
from rasti.rules.call_window import CallWindow
from rasti.rules.kinds import AttemptEnd, AttemptOrigin, LeadState, PauseReason
from rasti.rules.programme import Rules

__all__ = ["HandOver", "hand_over", "hand_over_waiting", "open_lead", "receive_within"]


@dataclass(frozen=True)
class HandOver:
    """Where a lead stands, and whether it was handed over now."""

    lead_id: int
    state: LeadState
    attempt_id: int | None
    partner: str | None
    handed_over: bool


def hand_over(book: Book, lead_id: int) -> HandOver:
    """See to it that a lead is with the holder, if its turn has come (R7, D16). Raises NotFound.

    A lead that is handed over already is returned unchanged.
    """
    with book.read() as tx:
        waiting = get_lead(tx, lead_id).state is LeadState.WAITING
    handed_over = waiting and lead_id in hand_over_waiting(book)
    with book.read() as tx:
        lead, attempt = get_lead(tx, lead_id), open_attempt(tx, lead_id)
        partner = attempt.partner_code if attempt else None
        return HandOver(lead_id, lead.state, attempt.id if attempt else None, partner, handed_over)


def hand_over_waiting(book: Book, *, limit: int = 100) -> list[int]:
    """Hand waiting leads to the holder, each in its own transaction, while it may be done; their ids (D16)."""
    done: list[int] = []
    for _round in range(limit):
        with book.read() as tx:
            # Most rounds end here, without a lock.
            if _next_waiting(tx) is None or _holder_who_may_be_given(tx) is None:
                break
        handed = _hand_over_next(book)
        if handed is None:
            break
        if handed:
            done.append(handed)
    return done


def _hand_over_next(book: Book) -> int | None:
    """The next waiting lead: its id, 0 if it was paused instead, None if nothing may be handed over now."""
    with book.write() as tx:
        tx.lock(Lock.TENURE)  # not shared: pacing counts what others have just handed over
        lead_id = _next_waiting(tx)
        lead = None if lead_id is None else lock_lead(tx, lead_id)
        tenure = _holder_who_may_be_given(tx)
        if lead is None or tenure is None:
            return None
        if lead.state is not LeadState.WAITING:
            return 0  # taken between look and lock; look again
        obstacle = _why_not_again(tx, lead, tenure, tx.programme.rules_for(tenure.lead_month))
        if obstacle is not None:
            pause_lead(tx, lead, obstacle, None, holder=tenure.partner_code)
            return 0
        start_attempt(
            tx,
            lead,
            tenure.partner_code,
            tenure=tenure,
            rules_month=tenure.lead_month,
            origin=AttemptOrigin.WAITED,
        )
        return lead.id


def _next_waiting(tx: Tx) -> int | None:
    """The first in the queue: moved ones, then by the time of the request."""
    return tx.session.execute(
        select(Lead.id)
        .where(col(Lead.state) == LeadState.WAITING)
        .order_by(col(Lead.moved_at).is_(None), col(Lead.requested_at), col(Lead.id))
        .limit(1)
    ).scalar_one_or_none()


def _holder_who_may_be_given(tx: Tx) -> Tenure | None:
    """The open tenure, if the call window is open and its rolling hour is not used up."""
    tenure = open_tenure(tx)
    if tenure is None:
        return None
    rules = tx.programme.rules_for(tenure.lead_month)
    if not CallWindow.of(rules, tx.programme.zone).is_open(tx.now):
        return None
    in_last_hour = tx.session.execute(
        select(func.count())
        .select_from(Attempt)
        .where(
            col(Attempt.origin) == AttemptOrigin.WAITED,
            col(Attempt.started_at) > tx.now - timedelta(hours=1),
            col(Attempt.started_at) <= tx.now,
        )
    ).scalar_one()
    return tenure if in_last_hour < rules.drain_per_hour else None


def _why_not_again(tx: Tx, lead: Lead, tenure: Tenure, rules: Rules) -> PauseReason | None:
    """Why a waiting lead is left to an operator instead (D14); assignments do not count."""
    automatic = tx.all(
        select(Attempt).where(col(Attempt.lead_id) == lead.id, col(Attempt.origin) != AttemptOrigin.ASSIGNED)
    )
    if len(automatic) >= rules.automatic_attempts:
        return PauseReason.ATTEMPTS_USED
    moved_from = {attempt.partner_code for attempt in automatic if attempt.end_reason is AttemptEnd.MOVED}
    return PauseReason.WOULD_RETURN if tenure.partner_code in moved_from else None


def open_lead(book: Book, lead_id: int, partner: str) -> None:
    """The partner opened the lead in the cabinet: the clock starts, if the mail has not started it (D11).

    Raises NotFound, Forbidden: the lead is not in this partner's hands.
    """
    with book.write() as tx:
        lead = lock_lead(tx, lead_id)
        attempt = open_attempt(tx, lead.id)
        if attempt is None or attempt.partner_code != get_partner(tx, partner).code:
            raise Forbidden("Lead {id} is not in the hands of {partner}.", id=lead_id, partner=partner)
        receive_within(tx, attempt.id)
