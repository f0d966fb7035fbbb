"""The invariants stand in the database: it refuses what a fault in our own code would try to write."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel

from models import (
    Attempt,
    AuditEvent,
    Checkpoint,
    Contact,
    Installation,
    Lead,
    Message,
    Publication,
    Ranking,
    RankingEntry,
    Tenure,
    Violation,
)
from rasti.ledger.book import Book
from rasti.rules.kinds import (
    AttemptEnd,
    AttemptOrigin,
    Channel,
    CheckpointKind,
    Event,
    LeadState,
    MessageKind,
    MessageState,
    NotRanked,
    PauseReason,
    TenureEnd,
    Verdict,
    ViolationSource,
)
from rasti.rules.month import Month
from tests.builders import SECOND, WINNER, add_cast, publish_places

NOW = datetime(2019, 9, 2, 7, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LEAD_MONTH = Month(2019, 9)


@pytest.fixture
def ranking(book: Book) -> int:
    """The cast and a published ranking; its id."""
    add_cast(book)
    return publish_places(book)


@pytest.fixture
def lead(book: Book, ranking: int) -> int:
    """A lead's id."""
    return _write(book, _lead())


def _write(book: Book, row: SQLModel) -> int:
    with book.write() as tx:
        tx.session.add(row)
        tx.session.flush()
        return int(row.id)  # type: ignore[attr-defined]


def _refused(book: Book, row: SQLModel, constraint: str) -> None:
    """The database refuses the row because of that constraint (SQLite names the columns of a unique index instead)."""
    with pytest.raises(IntegrityError) as caught:
        _write(book, row)
    message = str(caught.value.orig)
    if book.engine.dialect.name == "postgresql" or "CHECK" in message:
        assert constraint in message
    else:
        assert "UNIQUE constraint failed" in message


def _lead(number: int = 1, **changes: Any) -> Lead:
    values: dict[str, Any] = {
        "source": "site",
        "source_id": f"request-{number}",
        "body_digest": "0" * 64,
        "requested_at": NOW,
        "arrived_at": NOW,
        "product": "1С:ГРМ",
        "configuration_url": "https://cloud.example/1",
        "workplaces": 1,
        "state": LeadState.WAITING,
    }
    return Lead(**values | changes)


def _tenure(ranking: int, **changes: Any) -> Tenure:
    values: dict[str, Any] = {
        "partner_code": WINNER,
        "lead_month": LEAD_MONTH,
        "ranking_id": ranking,
        "place": 1,
        "started_at": NOW,
    }
    return Tenure(**values | changes)


def _attempt(lead: int, number: int = 1, **changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "lead_id": lead,
        "number": number,
        "partner_code": WINNER,
        "rules_month": LEAD_MONTH,
        "origin": AttemptOrigin.NEW,
        "started_at": NOW,
    }
    return Attempt(**values | changes)


def _checkpoint(attempt: int, **changes: Any) -> Checkpoint:
    values: dict[str, Any] = {
        "attempt_id": attempt,
        "kind": CheckpointKind.FIRST_HOUR,
        "opens_at": NOW,
        "due_at": LATER,
    }
    return Checkpoint(**values | changes)


def _violation(checkpoint: int, attempt: int, **changes: Any) -> Violation:
    values: dict[str, Any] = {
        "checkpoint_id": checkpoint,
        "attempt_id": attempt,
        "partner_code": WINNER,
        "source": ViolationSource.CHECKPOINT,
        "reason": "test",
        "recorded_at": NOW,
        "recorded_by": "test",
    }
    return Violation(**values | changes)


def _message(**changes: Any) -> Message:
    values: dict[str, Any] = {
        "channel": Channel.MAIL,
        "kind": MessageKind.WELCOME,
        "dedupe_key": "welcome:1",
        "created_at": NOW,
        "not_before": NOW,
    }
    return Message(**values | changes)


def test_a_second_open_tenure_is_refused(book: Book, ranking: int) -> None:
    first = _write(book, _tenure(ranking))
    _refused(book, _tenure(ranking, partner_code=SECOND, place=2), "uq_tenure_open")
    with book.write() as tx:
        tx.session.execute(
            update(Tenure).where(Tenure.id == first).values(ended_at=LATER, end_reason=TenureEnd.VIOLATED)  # type: ignore[arg-type]
        )
    _write(book, _tenure(ranking, partner_code=SECOND, place=2))


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"seat": 2}, "ck_tenure_one_seat"),
        ({"ended_at": LATER}, "ck_tenure_ended_with_reason"),
        ({"ended_at": NOW - timedelta(1), "end_reason": TenureEnd.VIOLATED}, "ck_tenure_ends_after_start"),
    ],
)
def test_a_tenure_that_makes_no_sense_is_refused(
    book: Book, ranking: int, changes: dict[str, Any], constraint: str
) -> None:
    _refused(book, _tenure(ranking, **changes), constraint)


def test_a_second_open_attempt_of_a_lead_is_refused(book: Book, lead: int) -> None:
    first = _write(book, _attempt(lead))
    _refused(book, _attempt(lead, 2), "uq_attempt_open")
    with book.write() as tx:
        tx.session.execute(
            update(Attempt).where(Attempt.id == first).values(ended_at=LATER, end_reason=AttemptEnd.MOVED)  # type: ignore[arg-type]
        )
    _refused(book, _attempt(lead, 1), "uq_attempt_lead_id")
    _write(book, _attempt(lead, 2))


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"ended_at": LATER}, "ck_attempt_ended_with_reason"),
        ({"received_at": NOW}, "ck_attempt_clock_needs_reception"),
    ],
)
def test_an_attempt_that_makes_no_sense_is_refused(
    book: Book, lead: int, changes: dict[str, Any], constraint: str
) -> None:
    _refused(book, _attempt(lead, **changes), constraint)


def test_a_second_checkpoint_of_a_kind_is_refused(book: Book, lead: int) -> None:
    attempt = _write(book, _attempt(lead))
    _write(book, _checkpoint(attempt))
    _refused(book, _checkpoint(attempt), "uq_checkpoint_attempt_id")
    _write(book, _checkpoint(attempt, kind=CheckpointKind.THREE_DAYS))


def test_a_verdict_without_time_or_judge_is_refused(book: Book, lead: int) -> None:
    attempt = _write(book, _attempt(lead))
    _refused(book, _checkpoint(attempt, verdict=Verdict.MET, judged_by="test"), "ck_checkpoint_verdict_has_time")
    _refused(book, _checkpoint(attempt, verdict=Verdict.MET, judged_at=NOW), "ck_checkpoint_verdict_has_judge")


def test_a_second_violation_of_a_checkpoint_is_refused(book: Book, lead: int) -> None:
    attempt = _write(book, _attempt(lead))
    checkpoint = _write(book, _checkpoint(attempt))
    _write(book, _violation(checkpoint, attempt, reversed_at=LATER, reversed_reason="a mistake"))
    _refused(book, _violation(checkpoint, attempt), "uq_violation_checkpoint_id")


def test_a_message_with_a_known_dedupe_key_is_refused(book: Book, lead: int) -> None:
    _write(book, _message(lead_id=lead))
    _refused(book, _message(lead_id=lead, kind=MessageKind.LEAD), "uq_message_dedupe_key")


def test_a_message_is_sent_exactly_when_it_has_a_time_of_sending(book: Book) -> None:
    _refused(book, _message(state=MessageState.SENT), "ck_message_sent_at_a_time")
    _refused(book, _message(sent_at=NOW), "ck_message_sent_at_a_time")


def test_a_message_that_came_back_has_the_time_and_the_status_of_it(book: Book) -> None:
    _refused(book, _message(bounced_at=NOW), "ck_message_bounced_at_a_time")
    _refused(book, _message(bounce="5.1.1"), "ck_message_bounced_at_a_time")


def test_a_redelivered_lead_is_refused_by_the_database_itself(book: Book, lead: int) -> None:
    _refused(book, _lead(), "uq_lead_source")


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"state": LeadState.ATTACHED}, "ck_lead_attached_to_a_lead"),
        ({"state": LeadState.PAUSED}, "ck_lead_paused_with_reason"),
        ({"pause_reason": PauseReason.WRONG_CONTACT}, "ck_lead_paused_with_reason"),
        ({"state": LeadState.CLOSED}, "ck_lead_closed_at_a_time"),
        ({"closed_at": NOW}, "ck_lead_closed_at_a_time"),
    ],
)
def test_a_lead_whose_state_contradicts_its_facts_is_refused(
    book: Book, changes: dict[str, Any], constraint: str
) -> None:
    _refused(book, _lead(**changes), constraint)


def test_a_contact_is_logged_whole_or_not_at_all(book: Book, lead: int) -> None:
    attempt = _write(book, _attempt(lead))
    _write(book, Contact(attempt_id=attempt, began_at=NOW, checklist=[]))
    _refused(book, Contact(attempt_id=attempt, began_at=NOW, logged_at=NOW, checklist=[]), "ck_contact_logged_with_")


def test_a_place_is_given_once_and_never_together_with_a_reason(book: Book, ranking: int) -> None:
    def entry(**changes: Any) -> RankingEntry:
        amounts = {"previous_billed": Decimal(1), "billed": Decimal(2)}
        return RankingEntry(ranking_id=ranking, partner_code="other", kits_sold=0, **amounts, **changes)

    for row, constraint in (
        (entry(place=1), "uq_ranking_entry_place"),
        (entry(), "ck_ranking_entry_place_or_reason"),
        (entry(place=9, reason=NotRanked.NO_GROWTH), "ck_ranking_entry_place_or_reason"),
    ):
        with pytest.raises(IntegrityError) as caught, book.write() as tx:
            tx.session.add(row)
        assert constraint in str(caught.value.orig) or "UNIQUE constraint failed" in str(caught.value.orig)


def test_a_version_and_its_inputs_are_unique_in_a_month(book: Book, ranking: int) -> None:
    with book.read() as tx:
        known = tx.session.get(Ranking, ranking)
    assert known is not None
    same = {name: getattr(known, name) for name in Ranking.model_fields if name != "id"}
    _refused(book, Ranking(**same | {"digest": "1" * 64}), "uq_ranking_month")
    _refused(book, Ranking(**same | {"version": 2}), "uq_ranking_month")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("lead", "state"),
        ("attempt", "origin"),
        ("tenure", "end_reason"),
        ("message", "state"),
        ("violation", "source"),
    ],
)
def test_a_word_that_the_programme_does_not_know_is_refused(book: Book, lead: int, table: str, column: str) -> None:
    with book.read() as tx:
        ranking = tx.session.execute(text("SELECT min(id) FROM ranking")).scalar_one()
    attempt = _write(book, _attempt(lead))
    _write(book, _violation(_write(book, _checkpoint(attempt)), attempt))
    _write(book, _tenure(ranking))
    _write(book, _message())
    with pytest.raises(IntegrityError, match=f"ck_{table}_{column}_word"), book.write() as tx:
        tx.session.execute(text(f"UPDATE {table} SET {column} = 'nonsense'"))


def test_rows_that_point_nowhere_are_refused(book: Book, ranking: int) -> None:
    for row in (_attempt(999), _tenure(999), Publication(ranking_id=999, month=LEAD_MONTH, published_at=NOW)):
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
            _write(book, row)
    assert ranking


def test_an_audit_event_can_be_neither_changed_nor_removed(book: Book) -> None:
    with book.write() as tx:
        tx.audit(Event.MONTH_CLOSED, issuer="vendor")
    statements = [update(AuditEvent).values(actor="somebody else"), delete(AuditEvent)]
    if book.engine.dialect.name == "postgresql":
        statements.append(text("TRUNCATE audit_event"))  # type: ignore[arg-type]
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), book.write() as tx:
            tx.session.execute(statement)
    with book.read() as tx:
        assert tx.session.execute(text("SELECT actor FROM audit_event")).scalars().all() == ["test"]


def test_an_installation_has_one_row(book: Book) -> None:
    _refused(book, Installation(id=2, created_at=NOW), "ck_installation_one_row")


def test_a_naive_instant_is_refused(book: Book, ranking: int) -> None:
    with pytest.raises(Exception, match="naive instant"):
        _write(book, _tenure(ranking, started_at=datetime(2019, 9, 2, 7, 0)))  # noqa: DTZ001
