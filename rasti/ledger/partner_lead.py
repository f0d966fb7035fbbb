"""One lead as the partner who has it, or had it, sees it (R10, D11, D12, D15). Reading only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlmodel import col

from models import Attempt, Checkpoint, Client, Contact, Lead, Message
from rasti.errors import NotFound
from rasti.ledger.attempts import checkpoints_of, rules_of, who_knows_client, windows_and_contacts
from rasti.ledger.book import Book, Tx
from rasti.ledger.repeats import NO_REPEATS, Repeats, repeats_of
from rasti.ledger.tenure_walk import open_tenure
from rasti.rules.kinds import (
    WORDS_OF_CAUTION,
    AttemptOrigin,
    ChecklistItem,
    CheckpointKind,
    ContactEffect,
    MessageKind,
    Outcome,
    Verdict,
)
from rasti.rules.programme import Rules
from rasti.rules.regulation import credit, is_still_open, missing_items
from rasti.rules.shortfall import CALL_ORDER, Shortfall, shortfall, tasks_of


@dataclass(frozen=True)
class Point:
    """A checkpoint with what is known of it; `met`: what is stored meets it already, the verdict comes when due."""

    kind: CheckpointKind
    opens_at: datetime
    due_at: datetime
    verdict: Verdict | None
    met: bool
    tasks: list[ChecklistItem]

    @property
    def pending(self) -> bool:
        """Whether the partner still has to do something for it."""
        return self.verdict is None and not self.met


@dataclass(frozen=True)
class PartnersLead:
    """A lead with the partner's last attempt; the client and the repeats only while this partner may see them."""

    lead: Lead
    attempt: Attempt
    rules: Rules
    client: Client | None
    repeats: Repeats
    points: list[Point]
    contacts: list[Contact]  # of this partner, the newest first
    begun_until: datetime | None  # a contact is begun: until when it may be completed
    still_missing: list[ChecklistItem]  # a log that followed lacked these, so that the begun contact is still open
    cautions: list[Contact]  # what former holders logged after their time that who has the lead should know (D15)
    lacks: Shortfall | None  # of the newest contact, if it did not count
    in_open_tenure: bool  # a violation switches the leads to the next partner (D13)
    last_automatic: bool  # a violated 1h leaves the lead to an operator (D14)
    bounced_welcomes: frozenset[int]  # of these requests the welcome mail came back

    @property
    def is_mine(self) -> bool:
        """Whether the lead is in this partner's hands now."""
        return self.attempt.ended_at is None

    @property
    def last_contact(self) -> Contact | None:
        """The contact that was logged last."""
        return max(self.contacts, key=_logged_last) if self.contacts else None

    @property
    def next_point(self) -> Point | None:
        """What the partner has to do next."""
        return next((point for point in self.points if point.pending), None)

    @property
    def checklist(self) -> Point | None:
        """The checkpoint whose checklist is of use: what is due next, else the last that was judged, else the first."""
        judged = [point for point in self.points if point.verdict in (Verdict.MET, Verdict.VIOLATED)]
        return self.next_point or next(iter(judged[-1:] or self.points), None)


def partners_lead(book: Book, lead_id: int, partner: str) -> PartnersLead:
    """A lead as this partner sees it. Raises NotFound: there is none, or they never held it."""
    with book.read() as tx:
        attempts = tx.all(
            select(Attempt)
            .where(col(Attempt.lead_id) == lead_id, col(Attempt.partner_code) == partner)
            .order_by(col(Attempt.number).desc())
        )
        if not attempts:
            raise NotFound("There is no lead {id}.", id=lead_id)
        lead, attempt = tx.session.get_one(Lead, lead_id), attempts[0]
        contacts = _contacts(tx, [attempt.id for attempt in attempts])
        rules = rules_of(tx, attempt)
        # In their hands, or closed there and nowhere since.
        visible = attempt.ended_at is None or who_knows_client(tx, lead) == partner
        begun_until = _begun_until(tx, attempt, contacts, rules)
        tenure = open_tenure(tx)
        return PartnersLead(
            lead,
            attempt,
            rules,
            tx.session.get(Client, lead_id) if visible else None,
            repeats_of(tx, [lead_id]).get(lead_id, NO_REPEATS) if visible else NO_REPEATS,
            _points(tx, attempt, rules),
            [contact for contact in contacts if contact.logged_at is not None],
            begun_until,
            _still_missing(tx, attempt, contacts, begun_until - rules.completion) if begun_until else [],
            cautions_of(tx, lead_id, but=partner) if attempt.ended_at is None else [],
            _lacks(tx, attempt, contacts, rules),
            tenure is not None and attempt.tenure_id == tenure.id,
            _automatic_attempts(tx, lead_id) >= rules.automatic_attempts,
            _bounced_welcomes(tx, lead_id) if visible else frozenset(),
        )


def _contacts(tx: Tx, attempt_ids: list[int]) -> list[Contact]:
    return tx.all(
        select(Contact)
        .where(col(Contact.attempt_id).in_(attempt_ids))
        .order_by(col(Contact.began_at).desc(), col(Contact.id).desc())
    )


def _bounced_welcomes(tx: Tx, lead_id: int) -> frozenset[int]:
    found = (
        select(col(Message.lead_id))
        .join(Lead, col(Lead.id) == col(Message.lead_id))
        .where(
            or_(col(Lead.id) == lead_id, col(Lead.attached_to) == lead_id),
            col(Message.kind) == MessageKind.WELCOME,
            col(Message.bounced_at).is_not(None),
        )
    )
    return frozenset(tx.all(found))


def _points(tx: Tx, attempt: Attempt, rules: Rules) -> list[Point]:
    met = credit(*windows_and_contacts(tx, attempt), rules)
    checkpoints: list[Checkpoint] = checkpoints_of(tx, attempt)
    return [
        Point(point.kind, point.opens_at, point.due_at, point.verdict, point.kind in met, tasks_of(point.kind))
        for point in checkpoints
    ]


def _begun_until(tx: Tx, attempt: Attempt, contacts: list[Contact], rules: Rules) -> datetime | None:
    if attempt.ended_at is not None:
        return None
    begun = [contact.began_at for contact in contacts if contact.attempt_id == attempt.id and not contact.logged_at]
    still_open = [began_at for began_at in begun if is_still_open(began_at, tx.now, rules.completion)]
    return max(still_open) + rules.completion if still_open else None


def _logged_last(contact: Contact) -> tuple[datetime, int]:
    assert contact.logged_at is not None
    return contact.logged_at, contact.id


def _still_missing(tx: Tx, attempt: Attempt, contacts: list[Contact], began_at: datetime) -> list[ChecklistItem]:
    """What the last log after a contact began lacked, if it left that contact open (D12)."""
    logged = [contact for contact in contacts if contact.logged_at is not None and contact.logged_at >= began_at]
    last = max(logged, key=_logged_last, default=None)
    if last is None or last.outcome is not Outcome.REACHED or last.attempt_id != attempt.id:
        return []
    windows, _facts = windows_and_contacts(tx, attempt)
    missing = missing_items(began_at, windows, {ChecklistItem(item) for item in last.checklist})
    return [item for item in CALL_ORDER if item in missing]


def cautions_of(tx: Tx, lead_id: int, *, but: str | None = None) -> list[Contact]:
    """What former holders (another than `but`) logged about the client after the lead had left them, the oldest first:
    not to be called, or a wrong contact (D15)."""
    return tx.all(
        select(Contact)
        .join(Attempt, col(Attempt.id) == col(Contact.attempt_id))
        .where(
            col(Attempt.lead_id) == lead_id,
            col(Attempt.partner_code).is_distinct_from(but),
            col(Contact.effect) == ContactEffect.AFTER_END,
            col(Contact.outcome).in_(WORDS_OF_CAUTION),
        )
        .order_by(col(Contact.id))
    )


def _lacks(tx: Tx, attempt: Attempt, contacts: list[Contact], rules: Rules) -> Shortfall | None:
    newest = max((contact for contact in contacts if contact.logged_at), key=_logged_last, default=None)
    if newest is None or newest.attempt_id != attempt.id or newest.effect is not ContactEffect.KEPT:
        return None
    windows, facts = windows_and_contacts(tx, attempt)
    return shortfall(next(fact for fact in facts if fact.id == newest.id), windows, facts, rules)


def _automatic_attempts(tx: Tx, lead_id: int) -> int:
    count: int = tx.session.execute(
        select(func.count())
        .select_from(Attempt)
        .where(col(Attempt.lead_id) == lead_id, col(Attempt.origin) != AttemptOrigin.ASSIGNED)
    ).scalar_one()
    return count
