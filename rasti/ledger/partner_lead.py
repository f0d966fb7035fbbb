"""One lead as the partner who has it, or had it, sees it (R10, D11, D12, D15). Reading only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlmodel import col

from models import Attempt, Checkpoint, Client, Contact, Lead, Message
from rasti.errors import NotFound
from rasti.ledger.attempts import checkpoints_of, rules_of, who_knows_client
from rasti.ledger.book import Book, Tx
from rasti.ledger.repeats import Repeat, repeats_of
from rasti.ledger.tenure_walk import open_tenure
from rasti.ledger.verdicts import windows_and_contacts
from rasti.rules.kinds import (
    AttemptOrigin,
    ChecklistItem,
    CheckpointKind,
    ContactEffect,
    MessageKind,
    Verdict,
)
from rasti.rules.programme import Rules
from rasti.rules.regulation import credit, is_still_open
from rasti.rules.shortfall import Shortfall, shortfall, tasks_of


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
    repeats: list[Repeat]  # the newest first
    points: list[Point]
    contacts: list[Contact]  # of this partner, the newest first
    begun_until: datetime | None  # a contact is begun: until when it may be completed
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
        """The newest contact that was logged."""
        return self.contacts[0] if self.contacts else None

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
        tenure = open_tenure(tx)
        return PartnersLead(
            lead,
            attempt,
            rules,
            tx.session.get(Client, lead_id) if visible else None,
            repeats_of(tx, [lead_id]).get(lead_id, []) if visible else [],
            _points(tx, attempt, rules),
            [contact for contact in contacts if contact.logged_at is not None],
            _begun_until(tx, attempt, contacts, rules),
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


def _lacks(tx: Tx, attempt: Attempt, contacts: list[Contact], rules: Rules) -> Shortfall | None:
    newest = next((contact for contact in contacts if contact.logged_at is not None), None)
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
