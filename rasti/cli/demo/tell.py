"""Tells the demo's story while it happens, from the audit trail."""

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from models import AuditEvent, Lead, Walk
from rasti.cli.demo.cast import SOURCE, Role, describe
from rasti.i18n import _
from rasti.ledger.book import Book, Tx
from rasti.rules.kinds import CheckpointKind, ContactEffect, Event, MessageKind, Outcome, Skipped, Verdict


class Teller:
    """Reads what is new in the audit trail and says it in a person's words."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._zone = ZoneInfo(book.programme.timezone)
        self._last = 0

    def news(self) -> Iterator[str]:
        """A line for everything worth telling since the last call."""
        with self._book.read() as tx:
            events = tx.all(select(AuditEvent).where(col(AuditEvent.id) > self._last).order_by(col(AuditEvent.id)))
            for event in events:
                self._last = event.id
                say = _SAY.get(Event(event.event))
                text = say(tx, event) if say else None
                if text:
                    yield f"{event.at.astimezone(self._zone):%H:%M:%S}  {text}"


def _lead(event: AuditEvent) -> str:
    return _("lead {id}").format(id=event.lead_id)


def _kind(event: AuditEvent) -> str:
    return {
        CheckpointKind.FIRST_HOUR: _("1 hour"),
        CheckpointKind.THREE_DAYS: _("3 days"),
        CheckpointKind.TWO_WEEKS: _("2 weeks"),
    }[CheckpointKind(event.data["kind"])]


def _judge(event: AuditEvent) -> str:
    if event.actor.startswith("flow-run:"):
        return _("by a Prefect run")
    return _("by the guard") if event.actor == "guard" else _("at the contact")


def _ingested(_tx: Tx, _event: AuditEvent) -> str:
    return _("The invoice register has been read.")


def _ranked(_tx: Tx, event: AuditEvent) -> str:
    return _("{month} is ranked: version {version}, {ranked} partners have a place.").format(**event.data)


def _published(_tx: Tx, event: AuditEvent) -> str:
    return _("The ranking of {month} is published.").format(**event.data)


def _tenure_started(tx: Tx, event: AuditEvent) -> str:
    walk = tx.session.execute(select(Walk).order_by(col(Walk.id).desc()).limit(1)).scalar_one_or_none()
    reasons = {
        Skipped.DECLINED: _("declined"),
        Skipped.NOT_READY: _("has not accepted the regulation"),
        Skipped.SUSPENDED: _("is suspended"),
        Skipped.VIOLATED: _("violated the regulation"),
    }
    passed = [f"{skip['partner']} {reasons[Skipped(skip['reason'])]}" for skip in walk.skipped] if walk else []
    text = _("{partner} (place {place}) holds the leads of {lead_month} now.").format(
        partner=event.partner_code, **event.data
    )
    return text + (" " + _("Passed: {partners}.").format(partners="; ".join(passed)) if passed else "")


def _tenure_ended(_tx: Tx, event: AuditEvent) -> str:
    return _("{partner} has lost the leads.").format(partner=event.partner_code)


def _arrived(tx: Tx, event: AuditEvent) -> str | None:
    lead = tx.session.get(Lead, event.lead_id)
    if lead is None or lead.source != SOURCE:
        return None  # not of this story
    return _("A client asks: {lead} ({role}).").format(lead=_lead(event), role=describe(Role(lead.source_id)))


def _handed_over(_tx: Tx, event: AuditEvent) -> str:
    text = _("{partner} gets {lead}.") if event.data["number"] == 1 else _("{partner} gets {lead}: handed over again.")
    return text.format(partner=event.partner_code, lead=_lead(event))


def _received(_tx: Tx, event: AuditEvent) -> str:
    return _("The mail has reached {partner}: the clock of {lead} starts.").format(
        partner=event.partner_code, lead=_lead(event)
    )


def _contact(_tx: Tx, event: AuditEvent) -> str:
    if event.data["effect"] == ContactEffect.AFTER_END:
        text = _("{partner} calls the client of {lead}: too late, the lead has been taken.")
    elif event.data["outcome"] == Outcome.REFUSED:
        text = _("{partner} calls the client of {lead}: the client refuses.")
    else:
        text = _("{partner} calls the client of {lead}: reached.")
    return text.format(partner=event.partner_code, lead=_lead(event))


def _judged(_tx: Tx, event: AuditEvent) -> str | None:
    texts = {
        Verdict.MET: _("{lead}, {kind}: met (judged {judge})."),
        Verdict.VIOLATED: _("{lead}, {kind}: VIOLATED by {partner} (judged {judge})."),
    }
    text = texts.get(Verdict(event.data["verdict"]))
    return text and text.format(
        lead=_lead(event).capitalize(), kind=_kind(event), partner=event.partner_code, judge=_judge(event)
    )


def _moved(_tx: Tx, event: AuditEvent) -> str:
    return _("{lead} is taken from {partner}.").format(lead=_lead(event).capitalize(), partner=event.partner_code)


def _closed(_tx: Tx, event: AuditEvent) -> str:
    return _("{lead} is closed.").format(lead=_lead(event).capitalize())


def _sent(_tx: Tx, event: AuditEvent) -> str | None:
    kind = MessageKind(event.data["kind"])
    if kind is MessageKind.WELCOME:
        return _("The welcome mail to the client of {lead} is sent.").format(lead=_lead(event))
    return _("A reminder is sent: {lead}.").format(lead=_lead(event)) if kind is MessageKind.REMINDER else None


_SAY: dict[Event, Callable[[Tx, Any], str | None]] = {
    Event.REGISTER_INGESTED: _ingested,
    Event.RANKING_COMPUTED: _ranked,
    Event.RANKING_PUBLISHED: _published,
    Event.TENURE_STARTED: _tenure_started,
    Event.TENURE_ENDED: _tenure_ended,
    Event.LEAD_ARRIVED: _arrived,
    Event.LEAD_HANDED_OVER: _handed_over,
    Event.LEAD_RECEIVED: _received,
    Event.CONTACT_LOGGED: _contact,
    Event.CHECKPOINT_JUDGED: _judged,
    Event.LEAD_MOVED: _moved,
    Event.LEAD_CLOSED: _closed,
    Event.MESSAGE_SENT: _sent,
}
