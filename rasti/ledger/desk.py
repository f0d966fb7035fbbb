"""What an operator decides about a single lead: assign it, close it (D14); detach it or keep it attached (D17)."""

from models import Client, Lead
from rasti.errors import Refused
from rasti.ledger.attempts import close_lead_within, end_attempt, open_attempt, start_attempt, who_knows_client
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.fallback import once_settled
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.leads import get_lead, leads_of_client, lock_lead, takes_repeats, tell_attached
from rasti.ledger.order import check_settled
from rasti.ledger.repeats import is_doubtful
from rasti.ledger.settle import change_settled
from rasti.ledger.tenure_walk import cannot_hold, get_partner, open_tenure, tell_nobody_holds
from rasti.rules.kinds import AttemptEnd, AttemptOrigin, Channel, Event, LeadState, MessageKind


@once_settled
def assign_lead(book: Book, lead_id: int, partner: str, *, reason: str) -> bool:
    """Put a lead into a partner's hands, also a paused, closed or waiting one (D14).

    A partner who is not the holder gets it outside any tenure. False: it is in their hands already.
    Raises NotFound, Refused: the partner is suspended or not ready, or the lead is attached to another.
    """

    def change(tx: Tx, lead: Lead) -> bool:
        named = get_partner(tx, partner)
        _check_own(lead)
        obstacle = cannot_hold(tx, named)
        if obstacle is not None:
            raise Refused("{partner} cannot get lead {id}: {obstacle}.", partner=partner, id=lead_id, obstacle=obstacle)
        former = open_attempt(tx, lead.id)
        if former is not None and former.partner_code == partner:
            return False
        check_settled(tx)  # whose tenure the attempt belongs to decides who loses the leads by it
        if former is not None:
            end_attempt(tx, former, AttemptEnd.ASSIGNED)
            tx.send(
                MessageKind.LEAD_TAKEN,
                f"{former.id}",
                partner_code=former.partner_code,
                lead_id=lead.id,
                reason=AttemptEnd.ASSIGNED.value,
            )
        tenure = open_tenure(tx)
        if tenure is not None and tenure.partner_code != partner:
            tenure = None
        month = tenure.lead_month if tenure else tx.programme.month_at(tx.now)
        origin = AttemptOrigin.ASSIGNED
        start_attempt(tx, lead, partner, tenure=tenure, rules_month=month, origin=origin, reason=reason)
        return True

    return change_settled(book, lead_id, change)


def close_lead(book: Book, lead_id: int, *, reason: str) -> bool:
    """Close a lead; its open attempt ends (D14). False: it was closed already. Raises NotFound, Refused: attached."""

    def change(tx: Tx, lead: Lead) -> bool:
        _check_own(lead)
        if lead.state is LeadState.CLOSED:
            return False
        close_lead_within(tx, lead, why="operator", reason=reason)
        return True

    return change_settled(book, lead_id, change)


def detach_lead(book: Book, lead_id: int, *, reason: str, root_id: int | None = None) -> bool:
    """Make an attached request a lead of its own: it waits, and is handed over like any other (D17).

    A client whose other request was detached before, and is in hand, is handed over once: this one is attached there.
    The partner who was told of it as a repeat is told that it was another client. After the last lead month it waits
    for nobody (D8). False: it is a lead of its own already, or attached to another lead than `root_id`, which was
    decided about. Raises NotFound.
    """
    with book.write() as tx:
        former_id = get_lead(tx, lead_id).attached_to
        client = tx.session.get_one(Client, lead_id)
        # What arrives of this client at the same moment is one lead with it.
        tx.lock(Lock.CLIENT, f"phone:{client.phone_key}", f"email:{client.email_key}")
        # Younger leads only: whoever is detached again and again comes to an end.
        others = [
            other for other in leads_of_client(tx, client.phone_key, client.email_key) if other > (former_id or 0)
        ]
        locked = {lead.id: lead for lead in tx.lock_leads({lead_id, former_id or lead_id, *others})}
        lead = locked[lead_id]
        if former_id is None or lead.attached_to != former_id or root_id not in (None, former_id):
            return False
        ends_at = tx.programme.ends_at
        is_over = ends_at is not None and tx.now >= ends_at
        root = None if is_over else _lead_of_same_client(tx, lead, [locked[other] for other in others])
        lead.doubted_at = None
        if root is not None:
            lead.attached_to = root.id
        else:
            lead.state, lead.attached_to = LeadState.OUT_OF_PROGRAMME if is_over else LeadState.WAITING, None
        tx.session.flush()
        tx.audit(Event.LEAD_DETACHED, lead_id=lead.id, attached_to=former_id, reason=reason)
        told = who_knows_client(tx, locked[former_id])
        if told is not None:
            about = {"partner_code": told, "lead_id": former_id, "repeat": lead.id}
            tx.send(MessageKind.LEAD_DETACHED, f"{lead.id}:{former_id}", **about)
        if root is not None:
            tell_attached(tx, lead, root)
        elif not is_over:
            tx.send(MessageKind.RUN_LEAD, f"{lead.id}", channel=Channel.RUN, lead_id=lead.id)
            tell_nobody_holds(tx)
    hand_over_waiting(book)
    return True


def _lead_of_same_client(tx: Tx, lead: Lead, others: list[Lead]) -> Lead | None:
    """The lead in hand that nobody doubts to be of the same client."""
    in_hand = (other for other in others if takes_repeats(tx, other, lead.arrived_at))
    return next((other for other in in_hand if not is_doubtful(tx, other.id, lead.id)), None)


def keep_attached(book: Book, lead_id: int, *, reason: str) -> bool:
    """An attached request is the same client's after all: nothing is left to decide (D17).

    False: nobody doubted it, or it was decided before. Raises NotFound.
    """
    with book.write() as tx:
        lead = lock_lead(tx, lead_id)
        if lead.state is not LeadState.ATTACHED or lead.doubted_at is None:
            return False
        lead.doubted_at = None
        tx.session.flush()
        tx.audit(Event.LEAD_KEPT, lead_id=lead.id, attached_to=lead.attached_to, reason=reason)
        return True


def _check_own(lead: Lead) -> None:
    if lead.state is LeadState.ATTACHED:
        raise Refused("Lead {id} is attached to lead {root}: decide about that one.", id=lead.id, root=lead.attached_to)
