"""The person behind a lead: an operator corrects how they can be reached."""

from sqlalchemy import func
from sqlmodel import col, select

from models import Client, Message
from rasti.ledger.attempts import open_attempt
from rasti.ledger.book import Book, Tx
from rasti.ledger.leads import get_lead
from rasti.rules.addresses import email_key
from rasti.rules.bodies import ContactsBody
from rasti.rules.kinds import Event, MessageKind
from rasti.rules.phones import phone_key


def correct_client(book: Book, lead_id: int, contacts: ContactsBody, *, reason: str) -> list[str]:
    """Correct a client's name, phone or mail address; the names of the fields that changed (none: nothing did).

    Later requests are compared with the corrected ones (D17). The partner who has the lead (that of a repeated request
    is the one it is attached to) is told; a later one gets them with the lead. The audit trail gets no value.
    Raises NotFound.
    """
    with book.write() as tx:
        root_id = get_lead(tx, lead_id).attached_to or lead_id
        locked = {lead.id: lead for lead in tx.lock_leads({lead_id, root_id})}
        lead = locked[lead_id]
        client = tx.session.get_one(Client, lead.id)
        given = contacts.model_dump()
        changed = [name for name, value in given.items() if value != getattr(client, name)]
        if not changed:
            return []
        for name in changed:
            setattr(client, name, given[name])
        client.phone_key, client.email_key = phone_key(client.phone), email_key(client.email)
        tx.session.flush()
        tx.audit(Event.CLIENT_CORRECTED, lead_id=lead.id, fields=changed, reason=reason)
        _tell_partner(tx, lead.attached_to or lead.id, lead.id)
        return changed


def _tell_partner(tx: Tx, lead_id: int, corrected: int) -> None:
    attempt = open_attempt(tx, lead_id)
    if attempt is None:
        return
    told = select(func.count()).where(col(Message.kind) == MessageKind.CONTACTS_CORRECTED)
    number = tx.session.execute(told.where(col(Message.lead_id) == lead_id)).scalar_one() + 1
    tx.send(
        MessageKind.CONTACTS_CORRECTED,
        f"{lead_id}:{number}",
        partner_code=attempt.partner_code,
        lead_id=lead_id,
        corrected=corrected,
    )
