"""Mail that could not be delivered, as an operator lists it, sends it again (one by one, or many at once), or puts it
aside."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import col

from models import Attempt, Message
from rasti.errors import BadInput, NotFound, Refused
from rasti.ledger.book import MESSAGES, Book, Tx
from rasti.ledger.mail_trouble import FIRST_DUE, came_back, first_due, is_late, is_state
from rasti.rules.bodies import utc
from rasti.rules.kinds import Channel, Event, MessageKind, MessageState, Trouble

_BOUNCED = came_back()
_BATCH = 200  # messages a transaction: relays claim between two


def undelivered_within(tx: Tx, trouble: Trouble) -> ColumnElement[bool]:
    """Condition on a message: it could not be delivered."""
    match trouble:
        case Trouble.WAITING:
            return and_(*is_late(tx))
        case Trouble.DEAD:
            return is_state(MessageState.DEAD)
        case Trouble.BOUNCED:
            return _BOUNCED


def count_undelivered(tx: Tx, trouble: Trouble, *, channel: Channel = Channel.MAIL) -> tuple[int, datetime | None]:
    """How many could not be delivered, and when the oldest was first due."""
    where = (undelivered_within(tx, trouble), col(Message.channel) == channel)
    found = select(func.count(), func.min(FIRST_DUE)).where(*where)
    count, oldest = tx.session.execute(found).one()
    return count, oldest


def list_undelivered(
    book: Book, *, trouble: Trouble | None = None, kind: MessageKind | None = None
) -> list[dict[str, Any]]:
    """The mails that could not be delivered, the oldest first, as `rasti messages list --json` prints them."""
    with book.read() as tx:
        found = [
            message
            for which in ([trouble] if trouble else Trouble)
            for message in tx.all(
                select(Message)
                .where(undelivered_within(tx, which), col(Message.channel) == Channel.MAIL, *_of(kind))
                .order_by(col(Message.id))
            )
        ]
        return [_view(message) for message in sorted(found, key=lambda message: message.id)]


def show_message(book: Book, message_id: int) -> dict[str, Any]:
    """One message, delivered or not. Raises NotFound."""
    with book.read() as tx:
        return _view(_get(tx, message_id))


def resend(
    book: Book, ids: Collection[int] | None = None, *, kind: MessageKind | None = None, since: datetime | None = None
) -> list[int]:
    """Make what was given up, or waits for its next try, due at once; the ids of what was, in order.

    `ids` None: all such mail, of a kind, first due at `since` or later. One that came back is sent again by its id
    only: somebody has to have corrected its address. The mail of leads comes first, in many transactions: what broke
    off half-way goes on when it is asked for again. Raises NotFound: there is no message of an id; then none is sent.
    """
    with book.read() as tx:
        if ids is None:
            asked = [col(Message.channel) == Channel.MAIL, *_of(kind)]
            asked += [since <= FIRST_DUE] if since else []
        else:
            asked = [col(Message.id).in_([_get(tx, message_id).id for message_id in sorted(set(ids))])]
        leads_first = (col(Message.kind) != MessageKind.LEAD, col(Message.id))
        found = tx.all(
            select(MESSAGES.c.id).where(_to_resend(tx, bounced=ids is not None), *asked).order_by(*leads_first)
        )
    again: list[int] = []
    for start in range(0, len(found), _BATCH):
        with book.write() as tx:
            again += _resend(tx, found[start : start + _BATCH], bounced=ids is not None)
    return sorted(again)


def _to_resend(tx: Tx, *, bounced: bool) -> ColumnElement[bool]:
    """Condition on a message: it was given up, waits for its next try, or came back."""
    # One that a relay has in its hands is being sent at this moment.
    free = or_(col(Message.claimed_until).is_(None), col(Message.claimed_until) <= tx.now)
    waiting = and_(*is_late(tx), col(Message.error).is_not(None), free)
    return or_(is_state(MessageState.DEAD), waiting, *([_BOUNCED] if bounced else []))


def _resend(tx: Tx, ids: list[int], *, bounced: bool) -> list[int]:
    """The ids of those that were still to be sent again."""
    found = tx.all(
        select(Message)
        .where(col(Message.id).in_(ids), _to_resend(tx, bounced=bounced))
        .order_by(col(Message.id))
        .with_for_update()
    )
    over = [message for message in found if message.state is not MessageState.PENDING]
    # One that was given up, or came back, begins anew; of one that waits it stays known since when.
    of_before = ("error", "first_due_at", "failed_at", "sent_at", "external_id", "bounced_at", "bounce")
    anew: dict[str, Any] = dict.fromkeys(of_before)
    for messages, values in ((over, anew), ([message for message in found if message not in over], {})):
        tx.session.execute(
            update(MESSAGES)
            .where(MESSAGES.c.id.in_([message.id for message in messages]))
            .values(
                state=MessageState.PENDING,
                not_before=tx.now,
                tries=0,
                postponed=0,
                claimed_by=None,
                claimed_until=None,
                **values,
            )
        )
    for message in found:
        event = Event.MESSAGE_REVIVED if message in over else Event.MESSAGE_HASTENED
        tx.audit(event, lead_id=message.lead_id, message=message.id, kind=message.kind.value)
    tx.sent.extend(message.id for message in found)
    tx.wakes_relays = bool(found)
    return [message.id for message in found]


def dismiss(book: Book, message_id: int, *, reason: str) -> bool:
    """Put aside a mail that was given up, or came back: nobody sends it again or looks for it; False: it was already.

    Raises NotFound; Refused: it is neither, or a lead has not reached its partner.
    """
    with book.write() as tx:
        message = tx.session.execute(
            select(Message).where(col(Message.id) == message_id).with_for_update()
        ).scalar_one_or_none()
        if message is None:
            raise NotFound("There is no message {id}.", id=message_id)
        if message.state is MessageState.VOID:
            return False
        if message.state is not MessageState.DEAD and not _is_back(message):
            raise Refused("Message {id} was not given up and did not come back: nothing to put aside.", id=message_id)
        if message.kind is MessageKind.LEAD:
            attempt = tx.session.get(Attempt, message.attempt_id)
            if attempt is not None and attempt.ended_at is None and attempt.received_at is None:
                raise Refused(
                    "Lead {lead} has not reached its partner: send message {id} again, or assign the lead.",
                    lead=message.lead_id,
                    id=message_id,
                )
        message.state, message.sent_at = MessageState.VOID, None
        about: dict[str, Any] = {"message": message.id, "kind": message.kind.value, "reason": reason}
        if message.bounce is not None:
            about["bounce"] = message.bounce
        partner = message.partner_code
        tx.audit(Event.MESSAGE_DISMISSED, lead_id=message.lead_id, partner_code=partner, **about)
        return True


def parse_kind(word: str) -> MessageKind:
    """A kind of mail. Raises BadInput that names those there are."""
    kinds = [kind for kind in MessageKind if not kind.startswith("run_")]
    if word not in kinds:
        raise BadInput(
            "There is no kind of message {kind}: choose one of {kinds}.",
            field="kind",
            kind=word,
            kinds=", ".join(kinds),
        )
    return MessageKind(word)


def _of(kind: MessageKind | None) -> list[ColumnElement[bool]]:
    return [] if kind is None else [col(Message.kind) == kind]


def _get(tx: Tx, message_id: int) -> Message:
    message = tx.session.get(Message, message_id)
    if message is None:
        raise NotFound("There is no message {id}.", id=message_id)
    return message


def _is_back(message: Message) -> bool:
    """The same as `came_back`, of one that was read."""
    return message.bounced_at is not None and message.state is MessageState.SENT


def _view(message: Message) -> dict[str, Any]:
    return {
        "message": message.id,
        "kind": message.kind.value,
        "state": Trouble.BOUNCED.value if _is_back(message) else message.state.value,
        "lead": message.lead_id,
        "attempt": message.attempt_id,
        "partner": message.partner_code,
        "due_at": utc(first_due(message)),
        "next_try_at": utc(message.not_before) if message.state is MessageState.PENDING else None,
        "sent_at": utc(message.sent_at) if message.sent_at else None,
        "tries": message.tries + message.postponed,
        "reason": message.error,
        "bounced_at": utc(message.bounced_at) if message.bounced_at else None,
        "bounce": message.bounce,
    }
