"""Contacts with the client: begun by one tap, logged, and what they did (D12, D15)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from models import Attempt, Contact, Lead
from rasti.errors import BadInput, Conflict, Forbidden, Reason, Refused
from rasti.ledger.attempts import (
    checkpoints_of,
    close_lead_within,
    pause_lead,
    receive_within,
    rules_of,
    set_verdict,
    windows_and_contacts,
)
from rasti.ledger.book import Book, Tx
from rasti.ledger.idempotency import KeyedRequest, amend_result, earlier_result, keep_result
from rasti.ledger.leads import get_lead
from rasti.ledger.settle import change_settled
from rasti.ledger.tenure_walk import get_partner
from rasti.ledger.verdicts import judge_overdue
from rasti.rules.bodies import ContactBody, utc
from rasti.rules.kinds import (
    FINAL_OUTCOMES,
    WORDS_OF_CAUTION,
    Channel,
    ChecklistItem,
    ContactEffect,
    Event,
    LeadState,
    MessageKind,
    Outcome,
    PauseReason,
    Verdict,
)
from rasti.rules.regulation import completes, credit, is_still_open, missing_items
from rasti.rules.shortfall import CALL_ORDER

# A partner's device may run a little ahead of the server; more than that is said.
_CLOCK_SKEW = timedelta(seconds=30)


@dataclass(frozen=True)
class Begun:
    """A contact that was begun; it is completed until `until`."""

    lead_id: int
    began_at: datetime
    until: datetime


@dataclass(frozen=True)
class Logged:
    """A contact that was logged.

    `open_until`: the begun call is still open, since the checklist lacks `missing`; the next complete log completes it.
    `in_future`: the partner says that it happens later than now; their clock or its zone may be wrong.
    """

    lead_id: int
    contact_id: int
    state: LeadState
    effect: ContactEffect
    missing: tuple[ChecklistItem, ...] = ()
    open_until: datetime | None = None
    in_future: bool = False

    def notice(self, zone: tzinfo, translate: Callable[[str], str] = str) -> str | None:
        """What its partner has to know beside the effect, in words; mostly nothing."""
        said = []
        if self.open_until is not None:
            until = f"{self.open_until.astimezone(zone):%H:%M:%S}"
            items = ", ".join(self.missing)
            said.append(
                Reason("The call is still open until {until}; add what is missing: {items}.", until=until, items=items)
            )
        if self.in_future:
            said.append(
                Reason("happened_at lies in the future: it is kept and decides nothing. Check your clock and its zone.")
            )
        return " ".join(reason.text(translate) for reason in said) or None

    def as_json(self, zone: tzinfo, translate: Callable[[str], str] = str) -> dict[str, Any]:
        """The JSON of `rasti contact` and of the API; what there is nothing to say of is left out."""
        answer: dict[str, Any] = {"lead": self.lead_id, "state": self.state.value, "effect": self.effect.value}
        if self.open_until is not None:
            answer |= {"open_until": utc(self.open_until), "missing": [item.value for item in self.missing]}
        notice = self.notice(zone, translate)
        return answer if notice is None else answer | {"notice": notice}


def begin_contact(book: Book, lead_id: int, partner: str) -> Begun:
    """ "Calling now": the contact begins, its partner completes it within the time for that (D12).

    A second one while one is open changes nothing. Raises NotFound, Forbidden: never held the lead, Refused: the lead
    is no longer theirs.
    """

    def change(tx: Tx, lead: Lead) -> Begun:
        last = _last_attempt_of(tx, lead, partner)
        if last.ended_at is not None:
            raise Refused("Lead {id} is no longer in the hands of {partner}.", id=lead_id, partner=partner)
        receive_within(tx, last.id)  # who calls has read it
        completion = rules_of(tx, last).completion
        contact = _begun(tx, last, completion)
        if contact is None:
            contact = Contact(attempt_id=last.id, began_at=tx.now)
            tx.session.add(contact)
            tx.session.flush()
            tx.audit(Event.CONTACT_BEGUN, lead_id=lead.id, partner_code=last.partner_code, contact=contact.id)
            _postpone_runs(tx, last, contact, completion)
        return Begun(lead_id, contact.began_at, contact.began_at + completion)

    return change_settled(book, lead_id, change)


def _postpone_runs(tx: Tx, attempt: Attempt, contact: Contact, completion: timedelta) -> None:
    """A verdict that has to wait for this contact needs a run after it."""
    until = contact.began_at + completion
    for checkpoint in checkpoints_of(tx, attempt):
        waits = checkpoint.opens_at <= contact.began_at <= checkpoint.due_at < until
        if checkpoint.verdict is None and waits:
            tx.send(
                MessageKind.RUN_CHECKPOINT,
                f"{checkpoint.id}:{contact.id}",
                channel=Channel.RUN,
                lead_id=attempt.lead_id,
                attempt_id=attempt.id,
                checkpoint=checkpoint.id,
                kind=checkpoint.kind.value,
                due=utc(until),
            )


def log_contact(
    book: Book, lead_id: int, body: ContactBody, *, request: KeyedRequest | None = None, seen: int | None = None
) -> Logged:
    """Log a contact: it completes the one that was begun, or begins and ends now (D12).

    One with an incomplete checklist is kept and leaves the begun contact open until its time is over: then only a
    complete log, a final word or a wrong contact completes it, and others stand beside it. After the attempt has ended
    it is kept without effect (D15). `request`: the same one again logs nothing more.
    `seen`: the newest contact (id, 0: none) that a form knew, so that a form sent twice is one contact.
    Raises NotFound, BadInput: an outcome without `reached`; Forbidden: the partner never held the lead, or is suspended
    and holds it no longer; Conflict: the request's key was used for another, or another contact was logged since
    `seen`.
    """

    def change(tx: Tx, lead: Lead) -> tuple[Logged, bool]:
        earlier = earlier_result(tx, request)
        if earlier is not None:
            return _logged(lead_id, earlier), False
        logged = replace(log(tx, lead), in_future=body.happened_at > tx.now + _CLOCK_SKEW)
        logged = replace(logged, state=lead.state)
        keep_result(tx, request, _result(logged))
        return logged, True

    def log(tx: Tx, lead: Lead) -> Logged:
        attempt = _last_attempt_of(tx, lead, body.partner)
        _check(body)
        _check_seen(tx, lead, body.partner, seen)
        if attempt.ended_at is not None:
            _check_may_add(tx, lead, body.partner)
            contact = _store(tx, attempt, body, None, ContactEffect.AFTER_END)
            _after_end(tx, lead, attempt, contact)
            return Logged(lead_id, contact.id, lead.state, ContactEffect.AFTER_END)
        receive_within(tx, attempt.id)
        completion = rules_of(tx, attempt).completion
        begun = _begun(tx, attempt, completion)
        missing: tuple[ChecklistItem, ...] = ()
        open_until = None
        if begun is not None:
            windows, facts = windows_and_contacts(tx, attempt)
            # What was logged since it began stands beside it, else it would not be open.
            left_open = any(fact.id > begun.id for fact in facts)
            if not completes(begun.began_at, windows, body.outcome, body.checklist, left_open=left_open):
                lacking = missing_items(begun.began_at, windows, body.checklist)
                missing = tuple(item for item in CALL_ORDER if item in lacking)
                open_until = begun.began_at + completion
        contact = _store(tx, attempt, body, None if open_until else begun, ContactEffect.KEPT)
        contact.effect = _effect(tx, attempt, contact)
        tx.audit(
            Event.CONTACT_LOGGED,
            lead_id=lead.id,
            partner_code=attempt.partner_code,
            contact=contact.id,
            outcome=body.outcome,
            effect=contact.effect,
        )
        _act_on_outcome(tx, lead, attempt, contact)
        return Logged(lead_id, contact.id, lead.state, contact.effect, missing, open_until)

    logged, is_new = change_settled(book, lead_id, change)
    if not is_new:
        return logged
    with book.read() as tx:
        settled = replace(logged, state=get_lead(tx, lead_id).state)
    if request is not None and settled != logged:  # a violation was acted on after it
        amend_result(book, request, _result(settled))
    return settled


def _result(logged: Logged) -> dict[str, Any]:
    """What is remembered of a request with a key, as JSON."""
    kept: dict[str, Any] = {"contact": logged.contact_id, "state": logged.state.value, "effect": logged.effect.value}
    if logged.open_until is not None:
        kept |= {"missing": [item.value for item in logged.missing], "open_until": utc(logged.open_until)}
    return kept | ({"in_future": True} if logged.in_future else {})


def _logged(lead_id: int, kept: dict[str, Any]) -> Logged:
    return Logged(
        lead_id,
        kept["contact"],
        LeadState(kept["state"]),
        ContactEffect(kept["effect"]),
        tuple(ChecklistItem(item) for item in kept.get("missing", [])),
        datetime.fromisoformat(kept["open_until"]) if "open_until" in kept else None,
        kept.get("in_future", False),
    )


def _check(body: ContactBody) -> None:
    if body.outcome in FINAL_OUTCOMES and ChecklistItem.REACHED not in body.checklist:
        raise BadInput(
            "Outcome {outcome} needs `reached` in the checklist: the client said it to somebody.",
            field="checklist",
            outcome=body.outcome,
        )


def _check_seen(tx: Tx, lead: Lead, partner: str, seen: int | None) -> None:
    if seen is None:
        return
    newest = tx.session.execute(
        select(col(Contact.id))
        .join(Attempt)
        .where(
            col(Attempt.lead_id) == lead.id, col(Attempt.partner_code) == partner, col(Contact.logged_at).is_not(None)
        )
        .order_by(col(Contact.logged_at).desc(), col(Contact.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if (newest or 0) != seen:
        raise Conflict("A contact was logged meanwhile: look at it first. If yours is another one, log it now.")


def _last_attempt_of(tx: Tx, lead: Lead, partner: str) -> Attempt:
    """The partner's open attempt of the lead, else their last one. Raises Forbidden: there was none."""
    get_partner(tx, partner)
    attempt: Attempt | None = tx.session.execute(
        select(Attempt)
        .where(col(Attempt.lead_id) == lead.id, col(Attempt.partner_code) == partner)
        .order_by(col(Attempt.number).desc())
        .limit(1)
    ).scalar_one_or_none()
    if attempt is None:
        raise Forbidden("{partner} has never held lead {id}.", partner=partner, id=lead.id)
    return attempt


def _check_may_add(tx: Tx, lead: Lead, partner: str) -> None:
    """Of a lead no longer in their hands a suspended partner adds nothing (D15); on those they have they work on."""
    if get_partner(tx, partner).suspended_at is not None:
        raise Forbidden(
            "{partner} is suspended, and lead {id} is no longer in their hands.", partner=partner, id=lead.id
        )


def _begun(tx: Tx, attempt: Attempt, completion: timedelta) -> Contact | None:
    """The contact of an attempt that was begun and can still be completed."""
    begun = tx.all(
        select(Contact)
        .where(col(Contact.attempt_id) == attempt.id, col(Contact.logged_at).is_(None))
        .order_by(col(Contact.began_at).desc())
    )
    return next((contact for contact in begun if is_still_open(contact.began_at, tx.now, completion)), None)


def _store(tx: Tx, attempt: Attempt, body: ContactBody, begun: Contact | None, effect: ContactEffect) -> Contact:
    contact = begun or Contact(attempt_id=attempt.id, began_at=tx.now)
    contact.logged_at = tx.now
    contact.happened_at = body.happened_at
    contact.kind = body.kind
    contact.outcome = body.outcome
    contact.checklist = sorted(body.checklist)
    contact.note = body.note
    contact.effect = effect
    tx.session.add(contact)
    tx.session.flush()
    return contact


def _effect(tx: Tx, attempt: Attempt, contact: Contact) -> ContactEffect:
    """Whether a logged contact is one of those that meet a checkpoint which is still open."""
    still_open = {point.kind for point in checkpoints_of(tx, attempt) if point.verdict is None}
    met = credit(*windows_and_contacts(tx, attempt), rules_of(tx, attempt))
    counted = any(contact.id in contacts for kind, contacts in met.items() if kind in still_open)
    return ContactEffect.COUNTED if counted else ContactEffect.KEPT


def _act_on_outcome(tx: Tx, lead: Lead, attempt: Attempt, contact: Contact) -> None:
    if contact.outcome is Outcome.WRONG_CONTACT:
        pause_lead(
            tx, lead, PauseReason.WRONG_CONTACT, attempt, wrong_contacts=_wrong_contacts(tx, attempt.partner_code)
        )
    elif contact.outcome in FINAL_OUTCOMES:
        for checkpoint in checkpoints_of(tx, attempt):
            if checkpoint.verdict is None and checkpoint.opens_at <= contact.began_at <= checkpoint.due_at:
                set_verdict(tx, attempt, checkpoint, Verdict.MET)
        close_lead_within(tx, lead, why=str(contact.outcome))
    else:
        judge_overdue(tx, lead)  # a contact that began in time and was completed after the due time


def _wrong_contacts(tx: Tx, partner_code: str) -> int:
    """How often this partner said that the contact is wrong (counted for each partner, D12)."""
    count: int = tx.session.execute(
        select(func.count())
        .select_from(Contact)
        .join(Attempt)
        .where(col(Attempt.partner_code) == partner_code, col(Contact.outcome) == Outcome.WRONG_CONTACT)
    ).scalar_one()
    return count


def _after_end(tx: Tx, lead: Lead, attempt: Attempt, contact: Contact) -> None:
    """A former holder's contact: kept without effect. "Do not call" or "wrong contact" is shown to whoever has the lead
    and at the desk; the operators are told once a lead and partner, and decide (D15)."""
    tx.audit(
        Event.CONTACT_LOGGED,
        lead_id=lead.id,
        partner_code=attempt.partner_code,
        contact=contact.id,
        outcome=contact.outcome,
        effect=ContactEffect.AFTER_END,
    )
    if contact.outcome in WORDS_OF_CAUTION:
        tx.send(
            MessageKind.ALERT_AFTER_END,
            f"{lead.id}:{attempt.partner_code}",
            lead_id=lead.id,
            contact=contact.id,
            outcome=contact.outcome,
        )
