"""A lead arrives: the same one again, another request of a client we know, or a new lead (R10, R11, D8, D17)."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlmodel import col, func, or_, select

from models import Client, Lead
from rasti.errors import Conflict, NotFound
from rasti.ledger.attempts import open_attempt, start_attempt
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.idempotency import KeyedRequest, earlier_result, keep_result
from rasti.ledger.repeats import is_doubtful
from rasti.ledger.tenure_walk import open_tenure, tell_nobody_holds
from rasti.rules.addresses import email_key
from rasti.rules.bodies import LeadBody
from rasti.rules.kinds import AttemptOrigin, Channel, Event, LeadState, MessageKind
from rasti.rules.phones import phone_key

_IN_HAND = (LeadState.WAITING, LeadState.IN_WORK, LeadState.PAUSED)


@dataclass(frozen=True)
class Arrival:
    """What became of a lead that came in; an attached one has its own id."""

    lead_id: int
    created: bool
    attached_to: int | None


def receive_lead(book: Book, body: LeadBody, *, request: KeyedRequest | None = None) -> Arrival:
    """Take in a lead and, if somebody holds the leads, hand it over at once, at any hour (R7, D16).

    `request`: the same one again gets the same answer. Raises Conflict: the same id was sent before with another body
    (D17), or the request's key with another request.
    """
    phone, email = phone_key(body.client.phone), email_key(body.client.email)
    with book.write() as tx:
        # Two requests of one client at the same moment are one lead, also on PostgreSQL.
        tx.lock(Lock.CLIENT, f"lead:{body.source}\n{body.source_id}", f"phone:{phone}", f"email:{email}")
        tx.lock(Lock.TENURE, shared=True)
        earlier = earlier_result(tx, request)
        if earlier is not None:
            return Arrival(**earlier)
        known = _same_lead(tx, body)
        if known is not None:
            keep_result(tx, request, asdict(known))
            return known
        root = _lead_in_hand(tx, leads_of_client(tx, phone, email))
        ends_at = tx.programme.ends_at
        lead = Lead(
            source=body.source,
            source_id=body.source_id,
            body_digest=body.digest(),
            requested_at=body.requested_at,
            arrived_at=tx.now,
            product=body.product,
            configuration_url=body.configuration_url,
            workplaces=body.workplaces,
            state=LeadState.WAITING,
        )
        if ends_at is not None and tx.now >= ends_at:
            lead.state = LeadState.OUT_OF_PROGRAMME
        elif root is not None:
            lead.state, lead.attached_to = LeadState.ATTACHED, root.id
        arrived_as = lead.state  # written once: a lead that somebody can have is in work from the first
        tenure = open_tenure(tx) if lead.state is LeadState.WAITING else None
        if tenure is not None:
            lead.state = LeadState.IN_WORK
        tx.session.add(lead)
        tx.session.flush()
        tx.session.add(
            Client(
                lead_id=lead.id,
                **body.client.model_dump(),
                comment=body.comment,
                phone_key=phone,
                email_key=email,
            )
        )
        tx.session.flush()
        tx.audit(Event.LEAD_ARRIVED, lead_id=lead.id, state=arrived_as)
        _welcome(tx, lead)
        if lead.state is LeadState.ATTACHED:
            assert root is not None
            tell_attached(tx, lead, root)
            # Two people behind one switchboard look like that, too: then an operator decides.
            if is_doubtful(tx, root.id, lead.id):
                lead.doubted_at = tx.now
                tx.send(MessageKind.ALERT_TWO_CLIENTS, f"{lead.id}", lead_id=lead.id, attached_to=root.id)
        elif arrived_as is LeadState.WAITING:
            if tenure is not None:
                start_attempt(
                    tx,
                    lead,
                    tenure.partner_code,
                    tenure=tenure,
                    rules_month=tenure.lead_month,
                    origin=AttemptOrigin.NEW,
                )
            else:
                tell_nobody_holds(tx)
            tx.send(MessageKind.RUN_LEAD, f"{lead.id}", channel=Channel.RUN, lead_id=lead.id)
        arrival = Arrival(lead.id, True, lead.attached_to)
        keep_result(tx, request, asdict(arrival))
        return arrival


def _same_lead(tx: Tx, body: LeadBody) -> Arrival | None:
    known = tx.session.execute(
        select(Lead).where(col(Lead.source) == body.source, col(Lead.source_id) == body.source_id)
    ).scalar_one_or_none()
    if known is None:
        return None
    if known.body_digest != body.digest():
        raise Conflict(
            "Lead {source_id} of {source} was sent before with another content (it is lead {id}): "
            "send a change under a new source_id.",
            source_id=body.source_id,
            source=body.source,
            id=known.id,
        )
    return Arrival(known.id, False, known.attached_to)


def leads_of_client(tx: Tx, phone: str, email: str) -> list[int]:
    """The leads that requests by this phone or mail address belong to, in order; some may be closed, or old."""
    root = func.coalesce(col(Lead.attached_to), col(Lead.id))
    return tx.all(
        select(root)
        .distinct()
        .join(Client, col(Client.lead_id) == col(Lead.id))
        .where(
            or_(col(Client.phone_key) == phone, col(Client.email_key) == email),
            col(Lead.state).in_([*_IN_HAND, LeadState.ATTACHED]),
        )
        .order_by(root)
    )


def _lead_in_hand(tx: Tx, lead_ids: list[int]) -> Lead | None:
    """The lead that a request which arrives now belongs to, locked (D17)."""
    # Locked in the order of their ids, before the clock is read: none of them is closed while we attach to it.
    roots = [root for root in (tx.lock_lead(lead_id) for lead_id in lead_ids) if root is not None]
    return next((root for root in roots if takes_repeats(tx, root, tx.now)), None)


def takes_repeats(tx: Tx, root: Lead, arrived_at: datetime) -> bool:
    """Whether a locked lead takes its client's request that arrived then: it is not closed, and recent (D17).

    Whatever is attached to it keeps it recent, also what came by another phone and mail address.
    """
    if root.state not in _IN_HAND:
        return False
    since = arrived_at - timedelta(days=tx.programme.rules_for(tx.programme.month_at(arrived_at)).duplicate_days)
    if root.arrived_at >= since:
        return True
    repeats = select(col(Lead.id)).where(col(Lead.attached_to) == root.id, col(Lead.arrived_at) >= since)
    return tx.session.execute(repeats.limit(1)).first() is not None


def _welcome(tx: Tx, lead: Lead) -> None:
    alerts = tx.programme.rules_for(tx.programme.month_at(tx.now)).alerts
    late = max(tx.now, min(tx.now, lead.requested_at) + alerts.welcome)  # also when the sender's clock is ahead
    tx.send_all(
        [
            tx.message(MessageKind.WELCOME, f"{lead.id}", lead_id=lead.id),
            tx.message(MessageKind.ALERT_WELCOME_LATE, f"{lead.id}", lead_id=lead.id, not_before=late),
        ]
    )


def tell_attached(tx: Tx, lead: Lead, root: Lead) -> None:
    """The client asked again: whoever has the lead is told, it is not handed over a second time."""
    attempt = open_attempt(tx, root.id)
    partner = attempt.partner_code if attempt else None
    tx.audit(Event.LEAD_ATTACHED, lead_id=lead.id, partner_code=partner, attached_to=root.id)
    kind = MessageKind.LEAD_REPEATED if attempt else MessageKind.ALERT_REPEATED
    tx.send(kind, f"{lead.id}:{root.id}", partner_code=partner, lead_id=root.id, repeat=lead.id)


def get_lead(tx: Tx, lead_id: int) -> Lead:
    """A lead. Raises NotFound."""
    lead = tx.session.get(Lead, lead_id)
    if lead is None:
        raise NotFound("There is no lead {id}.", id=lead_id)
    return lead


def lock_lead(tx: Tx, lead_id: int) -> Lead:
    """A lead with its row locked. Raises NotFound."""
    lead = tx.lock_lead(lead_id)
    if lead is None:
        raise NotFound("There is no lead {id}.", id=lead_id)
    return lead
