"""Whether a message still says something true: read again at the moment of sending."""

from collections.abc import Callable

from sqlmodel import col, select

from models import Attempt, Checkpoint, Lead, Message, SignInLink
from rasti.ledger.attempts import who_knows_client
from rasti.ledger.book import Tx
from rasti.ledger.verdicts import is_satisfied
from rasti.rules.kinds import LeadState, MessageKind, MessageState


def still_holds(tx: Tx, message: Message) -> bool:
    """Whether `message` should still be sent; most kinds tell of a fact that stays one."""
    condition = _CONDITIONS.get(message.kind)
    return condition is None or condition(tx, message)


def _attempt_is_open(tx: Tx, message: Message) -> bool:
    return tx.session.get_one(Attempt, message.attempt_id).ended_at is None


def _is_undelivered(tx: Tx, message: Message) -> bool:
    attempt = tx.session.get_one(Attempt, message.attempt_id)
    return attempt.received_at is None and attempt.ended_at is None


def _is_still_to_do(tx: Tx, message: Message) -> bool:
    """A reminder: there is no verdict, the attempt is open, and no contact meets the checkpoint already."""
    checkpoint = tx.session.get_one(Checkpoint, message.data["checkpoint"])
    attempt = tx.session.get_one(Attempt, checkpoint.attempt_id)
    return checkpoint.verdict is None and attempt.ended_at is None and not is_satisfied(tx, checkpoint)


def _welcome_is_late(tx: Tx, message: Message) -> bool:
    """R11: the client has no welcome mail, or got it too late."""
    lead = tx.session.get_one(Lead, message.lead_id)
    welcome = tx.session.execute(
        select(Message).where(col(Message.lead_id) == lead.id, col(Message.kind) == MessageKind.WELCOME)
    ).scalar_one()
    allowed = tx.programme.rules_for(tx.programme.month_at(lead.arrived_at)).alerts.welcome
    on_time = welcome.sent_at is not None and welcome.sent_at <= lead.requested_at + allowed
    return not (welcome.state is MessageState.SENT and on_time)


def _lead_is_paused(tx: Tx, message: Message) -> bool:
    return tx.session.get_one(Lead, message.lead_id).state is LeadState.PAUSED


def _partner_knows_client(tx: Tx, message: Message) -> bool:
    """Contacts go to nobody whom the lead has left meanwhile; a later partner gets them with the lead."""
    return who_knows_client(tx, tx.session.get_one(Lead, message.lead_id)) == message.partner_code


def _partner_has_to_know_the_correction(tx: Tx, message: Message) -> bool:
    """Of a repeated request only while it is attached: once detached it is another client's, whom another may have."""
    corrected = tx.session.get_one(Lead, message.data["corrected"])
    belongs = message.lead_id in (corrected.id, corrected.attached_to)
    return belongs and _partner_knows_client(tx, message)


def _is_still_a_repeat(tx: Tx, message: Message) -> bool:
    return tx.session.get_one(Lead, message.data["repeat"]).attached_to == message.lead_id


def _partner_has_to_know_the_repeat(tx: Tx, message: Message) -> bool:
    return _is_still_a_repeat(tx, message) and _partner_knows_client(tx, message)


def _nobody_has_the_repeat(tx: Tx, message: Message) -> bool:
    """D17: it is attached, and the lead still waits; a partner who has got it since was told with the lead."""
    lead = tx.session.get_one(Lead, message.lead_id)
    return _is_still_a_repeat(tx, message) and lead.state in (LeadState.WAITING, LeadState.PAUSED)


def _is_doubted(tx: Tx, message: Message) -> bool:
    lead = tx.session.get_one(Lead, message.lead_id)
    return lead.state is LeadState.ATTACHED and lead.doubted_at is not None


def _has_bounced(tx: Tx, message: Message) -> bool:
    """What came back was neither sent again nor put aside meanwhile."""
    told = tx.session.get_one(Message, message.data["message"])
    return told.bounced_at is not None and told.state is MessageState.SENT


def _link_opens(tx: Tx, message: Message) -> bool:
    link = tx.session.get_one(SignInLink, message.data["link"])
    return link.used_at is None and link.expires_at > tx.now


_CONDITIONS: dict[MessageKind, Callable[[Tx, Message], bool]] = {
    MessageKind.LEAD: _attempt_is_open,
    MessageKind.LEAD_REPEATED: _partner_has_to_know_the_repeat,
    MessageKind.LEAD_DETACHED: _partner_knows_client,
    MessageKind.CONTACTS_CORRECTED: _partner_has_to_know_the_correction,
    MessageKind.REMINDER: _is_still_to_do,
    MessageKind.ALERT_UNDELIVERED: _is_undelivered,
    MessageKind.ALERT_WELCOME_LATE: _welcome_is_late,
    MessageKind.ALERT_PAUSED: _lead_is_paused,
    MessageKind.ALERT_REPEATED: _nobody_has_the_repeat,
    MessageKind.ALERT_TWO_CLIENTS: _is_doubted,
    MessageKind.ALERT_BOUNCED: _has_bounced,
    MessageKind.SIGN_IN: _link_opens,
}
