"""Who holds the leads of a month: activation, declining, suspension, the operator's switch (R5, R8, R9, D8-D10)."""

from dataclasses import dataclass

from sqlmodel import col, select

from models import Decline, Lead, RankingEntry, Tenure, Walk
from rasti.errors import Refused
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.fallback import once_settled
from rasti.ledger.order import check_settled
from rasti.ledger.rankings import published_ranking
from rasti.ledger.tenure_walk import (
    cannot_hold,
    end_tenure,
    find_holder,
    get_partner,
    move_on,
    open_tenure,
    record_walk,
    skips_of,
    start_tenure,
    take_version,
    tell_nobody_holds,
)
from rasti.rules.fallback import Skip, WalkResult
from rasti.rules.kinds import Event, LeadState, TenureEnd
from rasti.rules.month import Month


@dataclass(frozen=True)
class Activation:
    """Who holds the leads of a lead month, and who was passed on the way."""

    month: Month
    lead_month: Month
    holder: str | None
    skipped: tuple[Skip, ...]
    activated_now: bool
    version_taken: int | None = None  # the present holder stays; later fallbacks go by this version

    def as_json(self) -> dict[str, object]:
        """The JSON of `rasti activate`."""
        return {
            "month": str(self.month),
            "lead_month": str(self.lead_month),
            "holder": self.holder,
            "skipped": [{"partner": skip.partner, "reason": skip.reason.value} for skip in self.skipped],
        }


@once_settled
def activate(book: Book, month: Month, *, switch: bool = False, reason: str | None = None) -> Activation:
    """Give the leads of the month after `month` to the winner, or the next who can take them (R8, D9).

    Done before, it changes nothing, unless `switch` (with a reason) walks the published version anew; if that finds the
    present holder, their tenure goes on, and later fallbacks go by the new version.
    Raises Refused: the month cannot be ranked, is not published, or its lead month is past.
    """
    reason = (reason or "").strip() or None
    if switch and reason is None:
        raise Refused("A switch needs a reason: --switch --reason TEXT.")
    with book.write() as tx:
        tx.lock(Lock.BILLING, shared=True)
        tx.lock(Lock.TENURE)
        tx.programme.check_reporting_month(month, tx.now)
        lead_month = month.next
        _check_not_past(tx, lead_month)
        ranking = published_ranking(tx, month)
        if ranking is None:
            raise Refused("The ranking of {month} is not published: `rasti publish {month}` first.", month=month)
        _end_programme_within(tx)
        tenure = open_tenure(tx)
        holder = tenure.partner_code if tenure is not None and tenure.lead_month == lead_month else None
        walked = _last_walk(tx, lead_month)
        if walked is not None and not switch:
            return Activation(month, lead_month, holder, skips_of(_last_walk(tx, lead_month, from_top=True)), False)
        check_settled(tx)
        found = find_holder(tx, lead_month, ranking.id, below=0)
        if tenure is not None and holder is not None and found.partner == holder:
            taken = take_version(tx, tenure, ranking, found, reason=reason)
            version = ranking.version if taken else None
            return Activation(month, lead_month, holder, found.skipped, False, version_taken=version)
        if tenure is not None:
            end_tenure(tx, tenure, TenureEnd.SWITCHED if walked else TenureEnd.NEXT_MONTH)
        record_walk(tx, lead_month, ranking.id, found, cause="switch" if walked else "activate", reason=reason)
        if found.partner is not None:
            start_tenure(tx, found.partner, lead_month, ranking.id, found.place)
        return Activation(month, lead_month, found.partner, found.skipped, True)


def already_activated(book: Book, month: Month) -> bool:
    """Whether the lead month after `month` had a tenure or was found exhausted."""
    with book.read() as tx:
        return _last_walk(tx, month.next) is not None


def _last_walk(tx: Tx, lead_month: Month, *, from_top: bool = False) -> Walk | None:
    """The newest walk for a lead month; `from_top`: the newest that began at place 1."""
    statement = select(Walk).where(col(Walk.lead_month) == lead_month)
    if from_top:
        statement = statement.where(col(Walk.cause).in_(["activate", "switch"]))
    return tx.session.execute(statement.order_by(col(Walk.id).desc()).limit(1)).scalar_one_or_none()


def _check_not_past(tx: Tx, lead_month: Month) -> None:
    if tx.now >= lead_month.ends_at(tx.programme.zone):
        raise Refused(
            "Lead month {lead_month} is past: who held the leads then cannot be changed.", lead_month=lead_month
        )


@once_settled
def decline(book: Book, month: Month, partner: str, *, reason: str) -> str | None:
    """A partner does not want the leads of the month after `month`; if they hold them, the next does (R8, D10).

    The holder afterwards. Raises NotFound, Refused: the lead month is past, or the month outside the programme.
    """
    with book.write() as tx:
        tx.lock(Lock.TENURE)
        get_partner(tx, partner)
        tx.programme.check_in_programme(month)
        lead_month = month.next
        _check_not_past(tx, lead_month)
        check_settled(tx)
        declined = select(Decline).where(col(Decline.lead_month) == lead_month, col(Decline.partner_code) == partner)
        if not tx.all(declined):
            tx.session.add(Decline(lead_month=lead_month, partner_code=partner, declined_at=tx.now, reason=reason))
            tx.session.flush()
            tx.audit(Event.PARTNER_DECLINED, partner_code=partner, lead_month=str(lead_month), reason=reason)
        tenure = open_tenure(tx)
        if tenure is not None and tenure.partner_code == partner and tenure.lead_month == lead_month:
            return move_on(tx, tenure, TenureEnd.DECLINED, reason=reason)
        return tenure.partner_code if tenure else None


@once_settled
def suspend(book: Book, partner: str, *, reason: str) -> str | None:
    """Suspend a partner: no ranking, no leads; if they hold them, the next does (D3, D10). The holder afterwards.

    Leads already in work stay. Suspended before: nothing changes. Raises NotFound.
    """
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        tx.lock(Lock.TENURE)
        suspended = get_partner(tx, partner)
        check_settled(tx)
        if suspended.suspended_at is None:
            suspended.suspended_at, suspended.suspended_reason = tx.now, reason
            tx.session.flush()
            tx.audit(Event.PARTNER_SUSPENDED, partner_code=partner, reason=reason)
        tenure = open_tenure(tx)
        if tenure is not None and tenure.partner_code == partner:
            return move_on(tx, tenure, TenureEnd.SUSPENDED, reason=reason)
        return tenure.partner_code if tenure else None


@once_settled
def resume(book: Book, partner: str, *, reason: str) -> bool:
    """End a suspension; leads lost meanwhile stay lost. False: there was none. Raises NotFound."""
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        tx.lock(Lock.TENURE)
        suspended = get_partner(tx, partner)
        check_settled(tx)
        if suspended.suspended_at is None:
            return False
        suspended.suspended_at = suspended.suspended_reason = None
        tx.session.flush()
        tx.audit(Event.PARTNER_RESUMED, partner_code=partner, reason=reason)
        return True


@once_settled
def switch_holder(book: Book, partner: str, *, reason: str) -> bool:
    """Give the leads to a partner the operator names, also one who declined or violated (D9).

    It goes by the published version, as `activate --switch` does: so do later fallbacks. The present holder keeps the
    tenure and takes that version. Open attempts stay where they are. False: they hold them already, by that version.
    Raises NotFound, Refused: suspended, not ready, or no month was ever activated.
    """
    with book.write() as tx:
        tx.lock(Lock.BILLING, shared=True)
        tx.lock(Lock.TENURE)
        named = get_partner(tx, partner)
        obstacle = cannot_hold(tx, named)
        if obstacle is not None:
            raise Refused("{partner} cannot get the leads: {obstacle}.", partner=partner, obstacle=obstacle)
        _end_programme_within(tx)
        tenure = open_tenure(tx)
        lead_month = _present_month(tx, tenure)
        check_settled(tx)
        ranking = published_ranking(tx, lead_month.previous)
        assert ranking is not None  # of a month that was activated
        place = tx.session.execute(
            select(RankingEntry.place).where(
                col(RankingEntry.ranking_id) == ranking.id, col(RankingEntry.partner_code) == partner
            )
        ).scalar_one_or_none()
        found = WalkResult(partner, place, ())
        if tenure is not None and tenure.partner_code == partner:
            return take_version(tx, tenure, ranking, found, reason=reason)
        if tenure is not None:
            end_tenure(tx, tenure, TenureEnd.SWITCHED)
        record_walk(tx, lead_month, ranking.id, found, cause="named", reason=reason)
        start_tenure(tx, partner, lead_month, ranking.id, place)
        return True


def _present_month(tx: Tx, tenure: Tenure | None) -> Month:
    """The lead month whose leads are given now."""
    if tenure is not None:
        return tenure.lead_month
    ends_at = tx.programme.ends_at
    walk = tx.session.execute(select(Walk).order_by(col(Walk.id).desc()).limit(1)).scalar_one_or_none()
    if walk is None or (ends_at is not None and tx.now >= ends_at):
        raise Refused("No lead month is activated: `rasti activate MONTH` first.")
    lead_month: Month = walk.lead_month
    return lead_month


def end_programme(book: Book) -> bool:
    """End the last tenure with the last lead month (D8); False: nothing to end."""
    with book.read() as tx:
        if not _is_over(tx):
            return False
    with book.write() as tx:
        tx.lock(Lock.TENURE)
        return _end_programme_within(tx)


def _is_over(tx: Tx) -> bool:
    ends_at = tx.programme.ends_at
    if ends_at is None or tx.now < ends_at:
        return False
    return bool(tx.all(select(Tenure.id).where(col(Tenure.ended_at).is_(None))))


def _end_programme_within(tx: Tx) -> bool:
    if not _is_over(tx):
        return False
    for tenure in tx.all(select(Tenure).where(col(Tenure.ended_at).is_(None))):
        end_tenure(tx, tenure, TenureEnd.PROGRAMME_ENDED, ended_at=tx.programme.ends_at)
    if tx.all(select(Lead.id).where(col(Lead.state) == LeadState.WAITING).limit(1)):
        tell_nobody_holds(tx)
    return True
