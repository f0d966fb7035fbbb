"""What a step costs in counts that no machine changes: statements, commits, calls of Prefect's API, bytes on disk.

A number here is a ceiling. Lower it when a step becomes cheaper; a change that needs it higher has to say why.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from benchmarks.many_leads import add_checkpoints, add_leads, settle
from benchmarks.timers import size_of_checkpoints
from rasti.ledger import messages
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.leads import receive_lead
from rasti.ledger.messages import Fault
from rasti.ledger.rankings import rank
from rasti.rules.bodies import parse_lead
from rasti.rules.kinds import MessageKind
from rasti.rules.month import Month
from rasti.settings import Settings
from rasti.steward.guard import guard_round
from rasti.steward.relay import deliver
from rasti.steward.runs import create_runs
from tests.builders import HEADER, MONTH, THIRD, arrive, lead_data, log, receive, won_month
from tests.clock import MovableClock
from tests.fake_prefect import FakePrefect
from tests.post_office import FakePostman


@dataclass
class Counts:
    """What went to the database: statements, and the transactions that wrote."""

    statements: int = 0
    commits: int = 0


@contextmanager
def counted(engine: Engine) -> Iterator[Counts]:
    """Count what a step sends to the database."""
    counts = Counts()

    def statement(*_about: object) -> None:
        counts.statements += 1

    def commit(_connection: object) -> None:
        counts.commits += 1

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    try:
        yield counts
    finally:
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "commit", commit)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_lead_is_taken_in_with_few_statements(book: Book, backend: str) -> None:
    won_month(book)
    arrive(book, 1)
    body = parse_lead(lead_data(2))
    with counted(book.engine) as counts:
        receive_lead(book, body)
    assert counts.statements <= {"sqlite": 9, "postgres": 12}[backend]
    assert counts.commits == 1


def test_the_two_mails_of_a_lead_cost_few_statements(book: Book, backend: str, settings: Settings) -> None:
    won_month(book)
    deliver(book, settings, postman=FakePostman())
    arrive(book, 1)
    with counted(book.engine) as counts:
        assert deliver(book, settings, postman=FakePostman()) == 2
    assert counts.statements <= {"sqlite": 30, "postgres": 21}[backend]
    assert counts.commits == 3  # the claim, and one for each mail: what was sent is known before the next one goes


@pytest.mark.parametrize("leads", [5, 25])
def test_a_rush_of_overdue_checkpoints_costs_the_guard_little_more_than_one(
    book: Book, backend: str, clock: MovableClock, leads: int
) -> None:
    won_month(book)
    for number in range(leads):
        lead = arrive(book, number)
        receive(book, lead)
        log(book, lead)
    clock.advance(days=4)  # nobody asked again within three days
    with counted(book.engine) as counts:
        report = guard_round(book, grace=timedelta(0))
    assert (report.judged, report.violations, report.switches) == (2 * leads, leads, 1)
    assert counts.commits <= 3
    assert counts.statements <= {"sqlite": 120, "postgres": 95}[backend]


def test_a_register_is_stored_in_bulk(book: Book, tmp_path: Path) -> None:
    def statements(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        lines = [f"vendor;{rows}-{number};2019-08-05;p{number};P;w;W;1;100.00;RUB" for number in range(rows)]
        path.write_text("\n".join([HEADER, *lines]), "utf-8")
        with counted(book.engine) as counts:
            ingest_register(book, path)
        assert counts.commits == 1
        return counts.statements

    assert statements(2_000) <= statements(200) + 25


def test_a_ranking_asks_as_often_for_many_partners_as_for_few(book: Book, tmp_path: Path, clock: MovableClock) -> None:
    clock.set("2019-10-02 10:00")

    def statements(month: Month, partners: int) -> int:
        path = tmp_path / f"{month}.csv"
        lines = [
            f"vendor;{day}-{number};{day};p{number};P;w;W;1;{amount}.00;RUB"
            for day, amount in ((f"{month.previous}-03", 100), (f"{month}-03", 150))
            for number in range(partners)
        ]
        path.write_text("\n".join([HEADER, *lines]), "utf-8")
        ingest_register(book, path)
        with counted(book.engine) as counts:
            assert len(rank(book, month).entries) >= partners
        return counts.statements

    assert statements(MONTH.next, 1_000) <= statements(MONTH, 10) + 5


def test_the_runs_of_many_leads_take_few_calls_of_prefects_api(book: Book) -> None:
    won_month(book)
    for number in range(25):
        receive(book, arrive(book, number))
    prefect = FakePrefect()
    with prefect.opened() as api:
        while create_runs(book, api):
            pass
    assert len(prefect.runs) == 100
    assert len(prefect.calls) <= 12


def test_a_pending_checkpoint_takes_few_bytes(book: Book) -> None:
    won_month(book)
    ids = add_leads(book, 2_000, THIRD)
    settle(book.engine)
    before = size_of_checkpoints(book)
    add_checkpoints(book, ids)
    settle(book.engine)
    assert (size_of_checkpoints(book) - before) / (2 * len(ids)) < 300


def test_a_mail_put_off_costs_few_statements_however_many_were_put_off_alike(book: Book, clock: MovableClock) -> None:
    won_month(book)
    arrive(book)
    with book.write() as tx:
        for number in range(29):
            tx.send(MessageKind.ALERT_INCOMPLETE, f"{number}", month="2019-08", missing=[])
    claims = messages.claim(book, "relay", limit=100)
    claims.sort(key=lambda claim: claim.kind is MessageKind.LEAD)
    for claim in claims:
        if claim.kind in (MessageKind.ALERT_INCOMPLETE, MessageKind.LEAD):
            clock.advance(seconds=10 if claim.kind is MessageKind.LEAD else 0)  # the others are due again
            with counted(book.engine) as counts:
                messages.fail(book, claim, Fault.LATER, error="451 at RCPT TO")
    assert counts.statements <= 9
