"""Two at once on a real PostgreSQL: the locks decide, and nothing is done twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlmodel import col, func, select

from models import Attempt, AuditEvent, Checkpoint, Lead, Message, Tenure, Violation
from rasti.errors import RastiError
from rasti.ledger.book import Book
from rasti.ledger.contacts import log_contact
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.leads import receive_lead
from rasti.ledger.tenures import activate, decline
from rasti.ledger.verdicts import judge_checkpoint
from rasti.ledger.views import lead_view, status_view
from rasti.rules.bodies import parse_contact, parse_lead
from rasti.rules.kinds import Event
from tests.builders import (
    MONTH,
    SECOND,
    WINNER,
    add_cast,
    arrive,
    contact_data,
    lead_data,
    publish_places,
    receive,
    won_month,
)
from tests.clock import MovableClock

pytestmark = [pytest.mark.parametrize("backend", ["sqlite", "postgres"], indirect=True), pytest.mark.postgres]


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run all calls at the same moment; what each returned, or the error of ours it raised."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except RastiError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def count(book: Book, model: type, *where: object) -> int:
    with book.read() as tx:
        return int(tx.session.execute(select(func.count()).select_from(model).where(*where)).scalar_one())  # type: ignore[arg-type]


def test_the_same_lead_sent_by_eight_at_once_is_one_lead(book: Book) -> None:
    won_month(book)
    body = parse_lead(lead_data())
    arrivals = at_once(*[lambda: receive_lead(book, body)] * 8)
    assert sorted(arrival.created for arrival in arrivals) == [False] * 7 + [True]  # type: ignore[attr-defined]
    assert (count(book, Lead), count(book, Attempt)) == (1, 1)


def test_one_client_asking_twice_at_once_is_handed_over_once(book: Book) -> None:
    """D17."""
    won_month(book)
    bodies = [parse_lead(lead_data(number, client={"phone": "+7 495 000-00-01"})) for number in range(1, 7)]
    at_once(*[lambda body=body: receive_lead(book, body) for body in bodies])
    assert (count(book, Lead), count(book, Attempt)) == (6, 1)


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_contact_and_a_verdict_at_the_due_time_agree(book: Book, clock: MovableClock, seconds: int) -> None:
    """D12: a contact in time cannot lose to a verdict, a late one cannot win."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    with book.read() as tx:
        checkpoint = tx.all(select(Checkpoint.id).order_by(col(Checkpoint.due_at)))[0]
    clock.advance(timedelta(hours=1), seconds=seconds)
    contact = parse_contact(contact_data(happened_at=clock.now.isoformat()))
    at_once(lambda: log_contact(book, lead, contact), *[lambda: judge_checkpoint(book, checkpoint)] * 3)
    clock.advance(seconds=1)
    judge_checkpoint(book, checkpoint)
    attempt = lead_view(book, lead)["attempts"][0]  # type: ignore[index]
    expected = ("met", "counted") if seconds == 0 else ("violated", "after_end")
    assert (attempt["checkpoints"][0]["verdict"], attempt["contacts"][0]["effect"]) == expected
    assert count(book, AuditEvent, col(AuditEvent.event) == Event.CHECKPOINT_JUDGED) == 1
    assert count(book, Violation) == seconds


def test_five_violations_acted_on_at_once_make_one_switch(book: Book, clock: MovableClock) -> None:
    """D13."""
    won_month(book)
    for number in range(1, 6):
        receive(book, arrive(book, number))
    clock.advance(hours=1, seconds=1)
    with book.read() as tx:
        points = tx.all(select(Checkpoint.id).where(col(Checkpoint.due_at) < clock.now))
    at_once(*[lambda point=point: judge_checkpoint(book, point) for point in points + points])
    violations = violations_to_act_on(book)
    assert len(violations) == 5
    at_once(*[lambda violation=violation: fall_back(book, violation) for violation in violations + violations])
    assert status_view(book)["holder"] == SECOND
    assert count(book, Tenure) == 2


def test_drains_at_once_do_not_exceed_the_rolling_hour(book: Book) -> None:
    """D16."""
    add_cast(book)
    leads = [arrive(book, number) for number in range(1, 15)]
    won_month(book)
    handed = at_once(*[lambda: hand_over_waiting(book)] * 4)
    assert sorted(lead for drain in handed for lead in drain) == leads[:10]  # type: ignore[attr-defined]
    assert count(book, Attempt) == 10


def test_activated_by_four_at_once_there_is_one_tenure(book: Book) -> None:
    add_cast(book)
    publish_places(book)
    activations = at_once(*[lambda: activate(book, MONTH)] * 4)
    assert [activation.holder for activation in activations] == [WINNER] * 4  # type: ignore[attr-defined]
    assert count(book, Tenure) == 1


def test_a_lead_that_arrives_during_a_switch_has_one_holder(book: Book) -> None:
    won_month(book)
    bodies = [parse_lead(lead_data(number)) for number in range(1, 7)]
    at_once(
        *[lambda body=body: receive_lead(book, body) for body in bodies],
        lambda: decline(book, MONTH, WINNER, reason="busy"),
    )
    assert count(book, Attempt, col(Attempt.ended_at).is_(None)) == 6
    assert count(book, Message, col(Message.kind) == "lead") == 6
    assert count(book, Tenure, col(Tenure.ended_at).is_(None)) == 1
