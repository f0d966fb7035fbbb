"""The story of most end-to-end tests: a lead reached its partner, nobody called, and its first hour is over."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from models import AuditEvent, Checkpoint, Message, Tenure, Violation
from rasti.ledger.book import Book
from rasti.ledger.fallback import violations_to_act_on
from rasti.ledger.leads import receive_lead
from rasti.ledger.tenures import activate, switch_holder
from rasti.ledger.verdicts import due_checkpoints
from rasti.rules.bodies import parse_lead
from rasti.rules.kinds import Event, MessageKind, MessageState
from rasti.steward.relay import deliver
from rasti.steward.runs import create_runs
from tests.builders import CAST, SECOND, WINNER, add_cast, lead_data, open_attempt, publish_places
from tests.e2e.conftest import LAST_MONTH, Rasti
from tests.e2e.prefect_server import PrefectServer


def winner_holds(rasti: Rasti) -> None:
    """The winner holds the leads, since long enough."""
    book = rasti.earlier(hours=3)
    add_cast(book)
    publish_places(book, LAST_MONTH, CAST[:3])
    activate(book, LAST_MONTH)


def long_ago(rasti: Rasti) -> None:
    """Move the tenures of the stories before into the past, where the next one begins: they never overlap (D8)."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with rasti.book.write() as tx:
        ended = update(Tenure).where(col(Tenure.ended_at).is_not(None))
        tx.session.execute(ended.values(started_at=yesterday, ended_at=yesterday))
        tx.session.execute(update(Tenure).where(col(Tenure.ended_at).is_(None)).values(started_at=yesterday))


def neglected_lead(rasti: Rasti, number: int, *, due_in: float = -1, **client: str) -> int:
    """A lead that reached its partner so long ago that its first hour is over in `due_in` seconds; nobody called."""
    long_ago(rasti)
    switch_holder(rasti.earlier(hours=2), WINNER, reason="another story begins")
    book = rasti.earlier(hours=1, seconds=-due_in)
    with book.read() as tx:
        body = lead_data(number, client=client, requested_at=tx.now.isoformat())
    lead_id = receive_lead(book, parse_lead(body)).lead_id
    deliver(book, rasti.settings)
    return lead_id


def first_checkpoint(book: Book, lead_id: int) -> Checkpoint:
    with book.read() as tx:
        return tx.all(
            select(Checkpoint)
            .join(Message, col(Message.attempt_id) == col(Checkpoint.attempt_id))
            .where(col(Message.lead_id) == lead_id)
            .order_by(col(Checkpoint.id))
            .limit(1)
        )[0]


def run_of(book: Book, checkpoint_id: int) -> str:
    with book.read() as tx:
        key = f"{MessageKind.RUN_CHECKPOINT}:{checkpoint_id}"
        return str(tx.all(select(Message.external_id).where(col(Message.dedupe_key) == key))[0])


def create_checkpoint_runs(rasti: Rasti, prefect: PrefectServer) -> None:
    """Create the runs that are wanted but those that hand over: what they do is done."""
    with rasti.book.write() as tx:
        handed_over = (col(Message.kind) == MessageKind.RUN_LEAD, col(Message.state) == MessageState.PENDING)
        tx.session.execute(update(Message).where(*handed_over).values(state=MessageState.VOID))
    while create_runs(rasti.book, prefect.api):
        pass


@dataclass(frozen=True)
class Outcome:
    """What became of a neglected lead, counted in the audit trail and in the tables."""

    verdicts: int
    violations: int
    fallbacks: int
    switches: int
    holder: str | None
    left_undone: list[int]


ONCE = Outcome(verdicts=1, violations=1, fallbacks=1, switches=1, holder=SECOND, left_undone=[])


def outcome(book: Book, lead_id: int) -> Outcome:
    """How often everything happened that had to happen once, and what is overdue at this very moment."""
    first = first_checkpoint(book, lead_id).id
    with book.read() as tx:
        of_lead = select(AuditEvent.data, AuditEvent.event).where(col(AuditEvent.lead_id) == lead_id)
        events = [(event, data) for data, event in tx.session.execute(of_lead).all()]
        violations = tx.all(select(Violation.id).where(col(Violation.checkpoint_id) == first))
    acted = [data for event, data in events if event == Event.VIOLATION_ACTED_ON and data["violation"] in violations]
    attempt = open_attempt(book, lead_id)
    return Outcome(
        verdicts=sum(event == Event.CHECKPOINT_JUDGED and data["checkpoint"] == first for event, data in events),
        violations=len(violations),
        fallbacks=len(acted),
        switches=sum(data["switched"] for data in acted),
        holder=attempt.partner_code if attempt else None,
        left_undone=due_checkpoints(book) + violations_to_act_on(book),
    )
