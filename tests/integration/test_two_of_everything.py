"""Two of everything at the same moment, on both databases: one activation, verdict, violation, switch and mail each."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select, update

from models import (
    Attempt,
    AuditEvent,
    Checkpoint,
    Heartbeat,
    IngestBatch,
    Installation,
    Message,
    Publication,
    Ranking,
    Tenure,
    Violation,
)
from models.engine import open_engine
from rasti.clients.inbox import Source, registers_in
from rasti.clients.mailbox import KIND_HEADER, NUMBER_HEADER
from rasti.ledger.book import Book
from rasti.ledger.heartbeats import beat, heartbeats
from rasti.ledger.messages import claim as claim_messages
from rasti.ledger.messages import complete
from rasti.ledger.rankings import publish, rank
from rasti.ledger.tenures import activate
from rasti.ledger.views import status_view
from rasti.rules.kinds import Channel, Event, MessageState, Verdict
from rasti.settings import Settings
from rasti.steward.guard import sweep
from rasti.steward.process import run_loops
from rasti.steward.relay import deliver
from tasks.invoices import ingest_file
from tests.builders import MONTH, SECOND, WINNER, add_cast, arrive, growing_register, receive, won_month
from tests.clock import MovableClock
from tests.integration.test_races import at_once
from tests.post_office import smtp_server

ROOT = Path(__file__).parents[2]
LEADS = 6
PATIENCE = 60.0  # seconds; only something broken takes that long


class CountingOffice:
    """A postman, and a handler of a mail server: how often it took each outbox message (its number and kind)."""

    def __init__(self) -> None:
        self.taken: Counter[tuple[str, str]] = Counter()

    def send(self, mail: EmailMessage) -> None:
        self.taken[mail[NUMBER_HEADER], mail[KIND_HEADER]] += 1

    def close(self) -> None:
        """Nothing is kept open."""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        mail = BytesParser().parsebytes(envelope.content, headersonly=True)
        self.taken[mail[NUMBER_HEADER], mail[KIND_HEADER]] += 1
        return "250 OK"

    def kinds(self) -> Counter[str]:
        return Counter(kind for _number, kind in self.taken)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(home=tmp_path, database_url=database_url, guard_grace=0)


@pytest.fixture
def twins(book: Book, database_url: str) -> Iterator[list[Book]]:
    """Two ledgers over the same database, each with connections of its own, as two processes have them."""
    books = [replace(book, engine=open_engine(database_url), written=[]) for _ in range(2)]
    yield books
    for twin in books:
        twin.engine.dispose()


@pytest.fixture
def neglected(book: Book, clock: MovableClock) -> list[int]:
    """Leads of the winner, received and not called; their hour is over."""
    won_month(book)
    leads = [arrive(book, number) for number in range(1, LEADS + 1)]
    for lead in leads:
        receive(book, lead)
    clock.advance(hours=1, seconds=1)
    return leads


def events(book: Book, event: Event) -> int:
    with book.read() as tx:
        return len(tx.all(select(AuditEvent.id).where(col(AuditEvent.event) == event)))


def is_done_once(book: Book, leads: list[int], office: CountingOffice) -> bool:
    """One verdict and one violation a lead, one switch for all of them, each lead moved once, each mail sent once."""
    with book.read() as tx:
        judged = tx.all(select(Checkpoint).where(col(Checkpoint.due_at) < tx.now, col(Checkpoint.kind) == "1h"))
        violations = tx.all(select(Violation.checkpoint_id))
        tenures = tx.all(select(Tenure.partner_code).order_by(col(Tenure.id)))
        attempts = Counter(tx.all(select(Attempt.lead_id)))
        mails = tx.all(select(Message).where(col(Message.channel) == Channel.MAIL, col(Message.not_before) <= tx.now))
    assert Counter(point.verdict for point in judged) == {Verdict.VIOLATED: LEADS}
    assert events(book, Event.CHECKPOINT_JUDGED) - _void(book) == LEADS
    assert sorted(violations) == sorted(point.id for point in judged)
    assert events(book, Event.VIOLATION_RECORDED) == events(book, Event.VIOLATION_ACTED_ON) == LEADS
    assert tenures == [WINNER, SECOND]
    assert attempts == dict.fromkeys(leads, 2)
    assert {message.state for message in mails} <= {MessageState.SENT, MessageState.VOID}
    sent = {str(message.id) for message in mails if message.state is MessageState.SENT}
    # A lead's mail may be on its way in the very moment in which the lead is taken away.
    void = {str(message.id) for message in mails if message.state is MessageState.VOID}
    assert sent <= {number for number, _kind in office.taken} <= sent | void
    assert set(office.taken.values()) == {1}, "no mail twice"
    assert events(book, Event.MESSAGE_SENT) == len(sent)
    return True


def _void(book: Book) -> int:
    with book.read() as tx:
        judged = tx.all(select(AuditEvent.data).where(col(AuditEvent.event) == Event.CHECKPOINT_JUDGED))
    return sum(data["verdict"] != Verdict.VIOLATED for data in judged)


def test_two_monthly_runs_rank_publish_and_activate_once(
    book: Book, twins: list[Book], settings: Settings, clock: MovableClock
) -> None:
    """Also without Prefect's lock on the flow, as when two people do it by hand."""
    add_cast(book)
    inbox = settings.home / "inbox"
    inbox.mkdir()
    (inbox / "2019.csv").write_text(growing_register(), "utf-8")
    office = CountingOffice()

    def run(own: Book) -> tuple[int, str | None]:
        source = Source(inbox, is_folder=True)
        for path in registers_in(source):
            ingest_file(own, source, path)
        version = rank(own, MONTH).version
        publish(own, MONTH, version=version)
        holder = activate(own, MONTH).holder
        deliver(own, settings, postman=office)
        return version, holder

    assert at_once(*[lambda own=own: run(own) for own in twins]) == [(1, WINNER)] * 2
    deliver(book, settings, postman=office)  # what one relay left to the other, which had gone already
    with book.read() as tx:
        assert len(tx.all(select(Ranking))) == len(tx.all(select(Publication))) == len(tx.all(select(Tenure))) == 1
        assert len(tx.all(select(IngestBatch))) == 1
    for event in (Event.RANKING_COMPUTED, Event.RANKING_PUBLISHED, Event.TENURE_STARTED, Event.REGISTER_INGESTED):
        assert events(book, event) == 1, event
    assert [path.name for path in sorted((inbox / "done").iterdir())] == ["2019.csv", "2019.csv.report.json"]
    assert set(office.taken.values()) == {1}
    assert office.kinds()["tenure_started"] == 1


def test_two_sweeps_do_everything_once(book: Book, twins: list[Book], settings: Settings, neglected: list[int]) -> None:
    office = CountingOffice()
    reports = at_once(*[lambda own=own: sweep(own, settings, grace=timedelta(0), postman=office) for own in twins])
    sweep(book, settings, grace=timedelta(0), postman=office)
    assert sum(report.violations for report in reports) == LEADS  # type: ignore[attr-defined]
    assert sum(report.switches for report in reports) == 1  # type: ignore[attr-defined]
    assert is_done_once(book, neglected, office)


def test_two_stewards_do_everything_once(
    book: Book, twins: list[Book], settings: Settings, neglected: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    office, stop = CountingOffice(), threading.Event()
    with smtp_server(office) as port:
        settings = settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{port}"})
        stewards = [threading.Thread(target=run_loops, args=(twin, settings, stop)) for twin in twins]
        for steward in stewards:
            steward.start()
        try:
            _until(lambda: is_calm(book))
        finally:
            stop.set()
            for steward in stewards:
                steward.join(PATIENCE)
    assert [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
    assert is_done_once(book, neglected, office)


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_the_first_beats_of_two_stewards_are_one_row(book: Book) -> None:
    with ThreadPoolExecutor(1) as other:
        with book.write() as tx:
            tx.session.add(Heartbeat(loop="guard", seen_at=tx.now))
            tx.session.flush()
            second = other.submit(beat, book, "guard")
            _until(lambda: _somebody_waits(book))
        second.result(PATIENCE)
    assert list(heartbeats(book)) == ["guard"]


def _somebody_waits(book: Book) -> bool:
    with book.read() as tx:
        database = book.engine.url.database
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :database AND wait_event_type = 'Lock'")
        return bool(tx.session.execute(waiting, {"database": database}).scalar_one())


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_a_mail_of_a_locked_lead_is_completed_all_the_same(book: Book) -> None:
    """Its event points to the lead: to wait for the lead, holding the message, would be a deadlock with a fallback."""
    won_month(book)
    lead = arrive(book)
    claims = [claim for claim in claim_messages(book, "relay", limit=10) if claim.kind == "welcome"]
    with book.write() as tx:
        tx.lock_lead(lead)
        completed = ThreadPoolExecutor(1).submit(complete, book, claims[0])
        assert completed.result(timeout=PATIENCE) is True


def test_two_sweeps_as_processes_do_everything_once(
    book: Book, settings: Settings, neglected: list[int], clock: MovableClock, database_url: str
) -> None:
    with book.write() as tx:
        tx.session.execute(update(Installation).values(sandbox=True))
    office = CountingOffice()
    with smtp_server(office) as port:
        own = {
            "RASTI_HOME": str(settings.home),
            "RASTI_DATABASE_URL": database_url,
            "RASTI_PROGRAMME": str(ROOT / "programme.yaml"),
            "RASTI_SMTP_URL": f"smtp://127.0.0.1:{port}",
        }
        command = [sys.executable, "-m", "rasti.cli.main", "--at", clock.now.isoformat(), "sweep"]
        sweeps = [
            subprocess.Popen(command, env=os.environ | own, cwd=settings.home, stdout=subprocess.DEVNULL)
            for _ in range(2)
        ]
        assert [sweep_.wait(PATIENCE) for sweep_ in sweeps] == [0, 0]
        assert subprocess.run(command, env=os.environ | own, cwd=settings.home, check=False).returncode == 0
    assert is_done_once(book, neglected, office)


def is_calm(book: Book) -> bool:
    """The next partner has all the leads, and no mail is waiting."""
    view: Any = status_view(book)
    with book.read() as tx:
        received = tx.all(
            select(Attempt.id).where(col(Attempt.partner_code) == SECOND, col(Attempt.received_at).is_not(None))
        )
    return view["holder"] == SECOND and len(received) == LEADS and view["messages"]["pending"] == 0


def _until(holds: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not holds():
        assert time.monotonic() < deadline
        pause.wait(0.02)
