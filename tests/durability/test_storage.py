"""The database cannot be written: nothing is acknowledged, nothing is half there, and it goes on by itself.

The faults are the database's own (`tests/durability/faults.py`); the clock is the test's.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel, func, select

from models.engine import open_engine
from rasti.ledger.book import Book
from rasti.ledger.messages import anything_due
from rasti.ledger.sessions import open_session_within
from rasti.ledger.tokens import add_token
from rasti.portal.app import create_app
from rasti.rules.kinds import Channel, Role, TokenScope
from rasti.settings import Settings
from rasti.steward.process import run_loops
from tests.builders import (
    FIRST_CALL,
    WINNER,
    arrive,
    contact_data,
    lead_data,
    lead_state,
    open_attempt,
    receive,
    won_month,
)
from tests.clock import MovableClock
from tests.durability.faults import BUSY, POSTGRES, SQLITE, Fault, small_disk
from tests.portal.programs import Program, is_problem
from tests.portal.visitors import ORIGIN, Browser

Befallen = Callable[[], AbstractContextManager[None]]

PATIENCE = 60.0  # seconds; only a broken steward takes that long
# More than fits into pages that are there already.
LONG = "Перезвоните после обеда. " * 400


def _cases(*without: str) -> list[Any]:
    cases = [(("sqlite", name), ()) for name in SQLITE] + [
        (("postgres", name), pytest.mark.postgres) for name in POSTGRES
    ]
    return [
        pytest.param(case, marks=mark, id="-".join(case).replace(" ", "-"))
        for case, mark in cases
        if case[1] not in without
    ]


@pytest.fixture(params=_cases())
def which(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The database and what befalls it."""
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def backend(which: tuple[str, str]) -> str:
    return which[0]


@pytest.fixture
def database_url(which: tuple[str, str], backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of this test's own; on a disk of its own if that will be full."""
    databases = request.getfixturevalue(f"{backend}_databases")
    if which[1] != "disk full":
        with databases.new() as url:
            yield url
        return
    with small_disk(tmp_path / "disk") as disk:
        shutil.copyfile(databases.template, disk / "rasti.sqlite3")
        yield f"sqlite:///{disk}/rasti.sqlite3"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """This test's own database; the application waits for SQLite's lock for a moment only."""
    engine = open_engine(database_url, busy_timeout=BUSY)
    yield engine
    engine.dispose()


@pytest.fixture
def befallen(which: tuple[str, str], engine: Engine) -> Befallen:
    """The fault, to be entered; leaving it is the repair."""
    fault: Fault = {"sqlite": SQLITE, "postgres": POSTGRES}[which[0]][which[1]]
    return lambda: fault(engine)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(home=tmp_path, database_url=database_url, portal_url=ORIGIN, guard_grace=0)


@pytest.fixture
def app(book: Book, settings: Settings) -> Any:
    won_month(book)
    return create_app(book, settings)


def counts(book: Book) -> dict[str, int]:
    """How many rows every table has."""
    with book.read() as tx:
        return {
            table.name: tx.session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in SQLModel.metadata.sorted_tables
        }


def is_said(answer: httpx.Response) -> bool:
    """503, when to come again, and not a word of where in the code it was."""
    text = answer.text
    return (
        answer.status_code == 503
        and int(answer.headers["retry-after"]) > 0
        and "Traceback" not in text
        and ".py" not in text
        and "sqlalchemy" not in text.lower()
    )


def test_a_lead_is_acknowledged_only_when_it_is_there(app: Any, book: Book, befallen: Befallen) -> None:
    site = Program(app, add_token(book, "site", TokenScope.LEADS_WRITE))
    before = counts(book)
    with befallen():
        answer = site.post("leads", lead_data(comment=LONG), idempotency_key="k")
        assert is_problem(answer, 503)
        assert is_said(answer)
    assert counts(book) == before, "nothing is half there"
    answer = site.post("leads", lead_data(comment=LONG), idempotency_key="k")
    assert (answer.status_code, answer.json()["created"]) == (202, True)
    assert lead_state(book, answer.json()["lead"]) == "in_work"


def test_a_contact_is_acknowledged_only_when_it_is_there(
    app: Any, book: Book, befallen: Befallen, clock: MovableClock
) -> None:
    lead = arrive(book)
    receive(book, lead)
    winner = Program(app, add_token(book, "winner", TokenScope.CONTACTS_WRITE, partner=WINNER))
    body = contact_data(happened_at=clock.now.isoformat(), note=LONG)
    before = counts(book)
    with befallen():
        answer = winner.post(f"contacts?lead={lead}", body)
        assert is_problem(answer, 503)
        assert is_said(answer)
    assert counts(book) == before
    answer = winner.post(f"contacts?lead={lead}", body)
    assert answer.json()["effect"] == "counted"


def test_a_partner_s_form_says_not_now_and_works_afterwards(app: Any, book: Book, befallen: Befallen) -> None:
    lead = arrive(book)
    receive(book, lead)
    with book.write() as tx:
        token = open_session_within(tx, Role.PARTNER, WINNER, former=None)
    partner = Browser(app).sign_in(token)
    form = {"csrf": partner.csrf(), "outcome": "reached", "kind": "call", "checklist": FIRST_CALL, "note": LONG}
    before = counts(book)
    with befallen():
        answer = partner.client.post(f"/leads/{lead}/contacts", data=form, headers=partner.headers)
        assert is_said(answer)
        assert "<h1>" in answer.text
        assert "text/html" in answer.headers["content-type"]
    assert counts(book) == before
    answer = partner.client.post(f"/leads/{lead}/contacts", data=form, headers=partner.headers)
    assert answer.status_code == 303
    assert counts(book)["contact"] == 1


def test_every_page_is_a_page_also_that_of_another_fault(
    app: Any,
    book: Book,
    befallen: Befallen,
    which: tuple[str, str],
    clock: MovableClock,
) -> None:
    """What only reads is shown as long as the database can be read; the rest says 503, never 500."""
    lead = arrive(book)
    with book.write() as tx:
        token = open_session_within(tx, Role.PARTNER, WINNER, former=None)
    partner = Browser(app).sign_in(token)
    partner.get("/")
    clock.advance(minutes=5)  # when the session was seen would be written now
    can_read = which[1] != "away"
    with befallen():
        for path in ("/", "/leads", "/standing", "/no/such/page", "/sign-in"):
            answer = partner.get(path)
            expected = {"/no/such/page": 404, "/sign-in": 303}.get(path, 200)
            assert answer.status_code == (expected if can_read else 503), path
            assert can_read or is_said(answer)
        foreign = partner.client.post(f"/leads/{lead}/calling", headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == (403 if can_read else 503)
        assert partner.get("/healthz").status_code == 200
        assert partner.get("/readyz").status_code == (200 if can_read else 503)
    assert partner.get("/leads").status_code == 200


# What a steward writes fits into pages that are there already.
@pytest.mark.parametrize("which", _cases("no page left"), indirect=True)
def test_the_steward_lives_through_it_and_goes_on_by_itself(
    book: Book,
    settings: Settings,
    befallen: Befallen,
    database_url: str,
    clock: MovableClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    won_month(book)
    elsewhere = replace(book, engine=open_engine(database_url), written=[])  # waits for the lock as long as it takes
    stop, ready = threading.Event(), threading.Event()
    caplog.set_level("INFO", logger="rasti")
    steward = threading.Thread(target=run_loops, args=(book, settings, stop), kwargs={"ready": ready})
    steward.start()
    try:
        assert ready.wait(PATIENCE)
        _until(lambda: is_quiet(book))
        lead = arrive(elsewhere)
        with befallen():
            _until(lambda: any(record.message == "steward.interrupted" for record in caplog.records))
            assert steward.is_alive()
        clock.advance(seconds=61)  # a claim from before the fault is over
        _until(lambda: is_received(elsewhere, lead))
    finally:
        stop.set()
        steward.join(PATIENCE)
        elsewhere.engine.dispose()
    assert not steward.is_alive()
    assert not [record for record in caplog.records if record.message in ("steward.failed", "message.failed")]


def is_quiet(book: Book) -> bool:
    return not anything_due(book, Channel.MAIL)


def is_received(book: Book, lead: int) -> bool:
    attempt = open_attempt(book, lead)
    return attempt is not None and attempt.received_at is not None


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline
        pause.wait(0.02)
