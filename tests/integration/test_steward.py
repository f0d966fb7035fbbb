"""The steward's loops: woken by a commit, waiting for a lost database, stopped cleanly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session

from models.engine import open_engine
from models.wake import outbox_alarm
from rasti.clients.mailbox import KIND_HEADER
from rasti.errors import Unavailable
from rasti.ledger.book import Book
from rasti.rules.kinds import Channel, MessageKind
from rasti.settings import Settings
from rasti.steward.process import run_loops
from tests.builders import add_cast, arrive, open_attempt, won_month
from tests.clock import MovableClock
from tests.post_office import smtp_server
from tests.waiting import eventually

PATIENCE = 30.0  # seconds; only a broken steward takes that long


class Inbox:
    """A mail server's handler that tells when a kind of mail has come."""

    def __init__(self) -> None:
        self.came: dict[str, threading.Event] = {kind.value: threading.Event() for kind in MessageKind}

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        headers = envelope.content.decode("utf-8", "replace")
        kind = next(line.partition(": ")[2] for line in headers.splitlines() if line.startswith(KIND_HEADER))
        self.came[kind].set()
        return "250 OK"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def settings(inbox: Inbox, tmp_path: Path) -> Iterator[Settings]:
    with smtp_server(inbox) as port:
        yield Settings(home=tmp_path, smtp_url=f"smtp://127.0.0.1:{port}", guard_grace=0)


@contextmanager
def steward(book: Book, settings: Settings) -> Iterator[None]:
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=run_loops, args=(book, settings, stop), kwargs={"ready": ready})
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the steward stops when told to"


def test_a_lead_is_in_the_mail_right_after_its_commit(book: Book, settings: Settings, inbox: Inbox) -> None:
    won_month(book)
    with steward(book, settings):
        assert inbox.came["tenure_started"].wait(PATIENCE)
        arrive(book)
        assert inbox.came["lead"].wait(PATIENCE)
        assert inbox.came["welcome"].wait(PATIENCE)


def test_a_neglected_lead_moves_by_itself(book: Book, settings: Settings, inbox: Inbox, clock: MovableClock) -> None:
    won_month(book)
    with steward(book, settings):
        arrive(book)
        assert inbox.came["lead"].wait(PATIENCE)
        inbox.came["lead"].clear()
        eventually(lambda: is_received(book), seconds=PATIENCE)
        clock.advance(hours=1, seconds=1)
        assert inbox.came["lead"].wait(PATIENCE), "the next partner has it"
        assert inbox.came["lead_taken"].wait(PATIENCE)


def is_received(book: Book) -> bool:
    attempt = open_attempt(book, 1)
    return attempt is not None and attempt.received_at is not None


def test_a_database_that_was_away_is_waited_for(book: Book, settings: Settings, inbox: Inbox) -> None:
    away, noticed = threading.Event(), threading.Event()

    def clock(_session: Session) -> datetime:
        if away.is_set():
            noticed.set()
            raise Unavailable("The database cannot be used now.")
        return datetime.now(UTC)

    flaky = replace(book, clock=clock)
    with steward(flaky, settings):
        away.set()
        assert noticed.wait(PATIENCE)
        away.clear()
        arrive(replace(book, clock=lambda _session: datetime.now(UTC)))
        assert inbox.came["welcome"].wait(PATIENCE)


def test_a_database_that_is_away_at_the_start_is_waited_for(
    book: Book, settings: Settings, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_engine(book.engine.url.render_as_string(hide_password=False))
    tried, away = threading.Event(), [True]

    @event.listens_for(engine, "do_connect")
    def _refuse(*_arguments: object) -> None:
        if away[0]:
            tried.set()
            raise engine.dialect.loaded_dbapi.OperationalError("nobody answers")

    won_month(book)
    arrive(book)
    stop = threading.Event()
    thread = threading.Thread(target=run_loops, args=(replace(book, engine=engine), settings, stop))
    thread.start()
    try:
        assert tried.wait(PATIENCE)
        away[0] = False
        assert inbox.came["lead"].wait(PATIENCE), "it went on when the database came"
    finally:
        stop.set()
        thread.join(PATIENCE)
        engine.dispose()
    assert "steward.waits_for_database" in [record.message for record in caplog.records]


def test_a_steward_that_waits_for_its_database_stops_when_told_to(book: Book, settings: Settings) -> None:
    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    stop = threading.Event()
    stop.set()
    run_loops(replace(book, engine=engine), settings, stop)
    engine.dispose()


@pytest.mark.parametrize("backend", ["sqlite", "postgres"], indirect=True)
def test_without_tables_the_steward_says_what_to_do(empty_database_url: str, book: Book, settings: Settings) -> None:
    engine = open_engine(empty_database_url)
    with pytest.raises(Unavailable, match="rasti db upgrade"):
        run_loops(replace(book, engine=engine), settings, threading.Event())
    engine.dispose()


def test_the_alarm_hears_a_commit_of_another_connection(book: Book, engine: Engine) -> None:
    add_cast(book)
    alarm = outbox_alarm(engine)
    heard, stop = threading.Event(), threading.Event()

    def listen() -> None:
        alarm.wait(stop, PATIENCE)
        heard.set()

    listener = threading.Thread(target=listen)
    listener.start()
    arrive(book)
    assert heard.wait(PATIENCE / 2)
    listener.join()
    alarm.close()


def test_only_mail_that_is_due_wakes_the_relays(book: Book) -> None:
    def wakes(channel: Channel, *, after: timedelta) -> bool:
        with book.write() as tx:
            tx.send(MessageKind.REMINDER, f"{channel} {after}", channel=channel, not_before=tx.now + after)
            return tx.wakes_relays

    assert wakes(Channel.MAIL, after=timedelta(0))
    assert not wakes(Channel.MAIL, after=timedelta(minutes=1))
    assert not wakes(Channel.RUN, after=timedelta(0))


def test_the_alarm_stops_listening_when_told_to(engine: Engine) -> None:
    alarm = outbox_alarm(engine)
    stop = threading.Event()
    stop.set()
    alarm.wait(stop, PATIENCE)
    alarm.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_steward_says_which_loops_it_runs_and_why_not_the_one_for_prefect(
    book: Book, settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", logger="rasti")
    with steward(book, settings):
        pass
    said = {record.message: getattr(record, "fields", {}) for record in caplog.records}
    assert said["steward.started"] == {"loops": "relay,guard"}
    assert "PREFECT_API_URL is not set" in said["steward.without_prefect"]["why"]

    caplog.clear()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with steward(book, Settings(**settings.model_dump())):
        pass
    said = {record.message: getattr(record, "fields", {}) for record in caplog.records}
    assert said["steward.started"] == {"loops": "relay,guard,runs"}
    assert "steward.without_prefect" not in said
