"""Naive instants are refused, others stored in UTC; a process whose own clock is wrong decides the same (D11, D12)."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlmodel import SQLModel, col, select

from models import Attempt, Checkpoint, Contact, Lead, Partner, Tenure
from models.engine import database_clock
from models.types import UtcDateTime
from rasti.ledger.book import Book
from rasti.ledger.contacts import begin_contact
from rasti.ledger.ingest import ingest_register
from rasti.ledger.tenures import activate
from rasti.rules.month import Month
from rasti.rules.programme import Programme, parse_programme
from rasti.settings import Settings
from rasti.steward.guard import guard_round
from rasti.steward.relay import deliver
from tests.builders import WINNER, add_cast, arrive, invoice_row, log, publish_places, receive, register, won_month
from tests.clock import MOSCOW, MovableClock
from tests.durability.test_clocks import every_zone

ROOT = Path(__file__).resolve().parents[2]
ON_POSTGRES = pytest.mark.parametrize("backend", ["postgres"], indirect=True)
AN_HOUR_OFF = pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)], ids=str)

instants = st.builds(
    lambda local, zone: local.replace(tzinfo=zone),
    st.datetimes(datetime(1900, 1, 2), datetime(2999, 12, 30)),  # noqa: DTZ001
    every_zone,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Mail goes into a mailbox of this test's own."""
    return Settings(home=tmp_path)


@pytest.fixture
def programme() -> Programme:
    """The programme as it is delivered, but without an end, and calls may be made at any hour."""
    rules = [{"from": "2019-08", "call_window": "00:00-24:00"}]
    data = {"timezone": "Europe/Moscow", "first_month": "2019-08", "last_month": None, "rules": rules}
    return parse_programme(data, source="test")


def hold(book: Book) -> None:
    """The winner holds the leads of this month."""
    with book.read() as tx:
        month = Month.at(tx.now, MOSCOW).previous
    add_cast(book)
    publish_places(book, month)
    activate(book, month)


def server_time(book: Book) -> datetime:
    with book.read() as tx:
        return tx.now


# --- Naive instants, and what is stored


def test_a_ledger_with_a_naive_clock_does_nothing(book: Book) -> None:
    def naive(_session: object) -> datetime:
        return datetime(2019, 9, 2, 10)  # noqa: DTZ001

    with pytest.raises(ValueError, match="naive instant"):
        add_cast(replace(book, clock=naive), suspended=(WINNER,))
    with book.read() as tx:
        assert tx.all(select(Partner.code)) == []


def test_every_instant_of_every_table_is_of_the_type_that_refuses_naive_ones() -> None:
    of_time = {"at", "until", "before"}
    kinds = {
        f"{table.name}.{column.name}": type(column.type)
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if column.name.rpartition("_")[2] in of_time or "DATETIME" in repr(column.type).upper()
    }
    assert len(kinds) > 30
    assert {name for name, kind in kinds.items() if kind is not UtcDateTime} == set()


@pytest.mark.parametrize("written", ["2019-08-15T10:00", "2019-08-15 10:00", "2019-08-15T10:00:00+03:00"])
def test_an_invoice_has_a_day_and_no_time(book: Book, tmp_path: Path, written: str) -> None:
    path = tmp_path / "register.csv"
    path.write_text(register(invoice_row(issued_on=written), invoice_row(number="B-2")), encoding="utf-8")
    (bad,) = ingest_register(book, path).quarantined
    assert written in str(bad.reason)


@given(instants)
def test_instants_are_stored_in_utc_and_come_back_the_same(instant: datetime) -> None:
    kind, dialect = UtcDateTime(), sqlite.dialect()
    text = kind.process_bind_param(instant, dialect)
    assert text.endswith("Z")
    assert kind.process_result_value(text, dialect) == instant.astimezone(UTC)


@given(st.lists(instants, min_size=2))
def test_stored_instants_sort_by_time_wherever_they_were_written(several: list[datetime]) -> None:
    kind, dialect = UtcDateTime(), sqlite.dialect()
    ordered = sorted(instant.astimezone(UTC) for instant in several)
    texts = [kind.process_bind_param(instant.astimezone(MOSCOW), dialect) for instant in ordered]
    assert all(one <= other for one, other in pairwise(texts))


@pytest.mark.parametrize("offset", ["+03:00", "-12:00", "+14:00", "Z"])
def test_a_request_is_stored_in_utc_whatever_its_offset(book: Book, clock: MovableClock, offset: str) -> None:
    written = f"2019-12-31T23:59:59{offset}"
    clock.set("2020-01-02T10:00:00+03:00")
    arrive(book, requested_at=written)
    with book.read() as tx:
        (lead,) = tx.all(select(Lead))
        raw: Any = tx.session.connection().exec_driver_sql("SELECT requested_at FROM lead").scalar_one()
    assert (lead.requested_at, lead.requested_at.tzinfo) == (datetime.fromisoformat(written), UTC)
    if isinstance(raw, str):  # SQLite has no type of its own for it
        assert raw == f"{datetime.fromisoformat(written).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


# --- A process whose clock is wrong


@contextmanager
def machine_clock(off: timedelta) -> Iterator[None]:
    """The clock of this process, and of nobody else, is off."""
    with time_machine.travel(datetime.now(UTC) + off, tick=True):
        yield


def test_the_ledger_and_the_rules_look_at_no_clock_of_their_own() -> None:
    """Time is read in one place, `database_clock`; everybody else is told."""
    found = []
    for folder in ("rasti/rules", "rasti/ledger", "rasti/steward", "models", "flows", "tasks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    calls = {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
                    clocks = calls & {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
                    found += [f"{path.relative_to(ROOT)}:{node.name}"] if clocks else []
    # `db upgrade` notes when it was installed; nothing depends on that.
    assert found == ["models/engine.py:database_clock", "models/upgrade.py:_next_migration"]


@AN_HOUR_OFF
def test_with_the_clock_it_is_given_a_story_is_the_same_whatever_the_machine_says(
    book: Book, clock: MovableClock, settings: Settings, off: timedelta
) -> None:
    """On SQLite all processes share the machine's clock; this is the one that is passed in, on both databases."""
    with machine_clock(off):
        won_month(book)
        met, violated = arrive(book, 1), arrive(book, 2)
        deliver(book, settings)
        clock.advance(minutes=59)
        log(book, met)
        clock.advance(minutes=1)
        assert guard_round(book, grace=timedelta(0)).judged == 0  # exactly at the due instant nothing is overdue
        clock.advance(seconds=1)
        report = guard_round(book, grace=timedelta(0))
    assert (report.judged, report.violations, report.switches) == (2, 1, 1)
    with book.read() as tx:
        rows = tx.all(select(Checkpoint).where(col(Checkpoint.verdict).in_(["met", "violated"])))
        verdicts = {tx.session.get_one(Attempt, row.attempt_id).lead_id: (row.verdict, row.judged_at) for row in rows}
    assert verdicts == {met: ("met", clock.now), violated: ("violated", clock.now)}


@ON_POSTGRES
@AN_HOUR_OFF
def test_due_times_and_verdicts_come_from_the_servers_clock(book: Book, settings: Settings, off: timedelta) -> None:
    """Steward and portal on a machine whose clock is an hour off: not a verdict too early, none too late."""
    book = replace(book, clock=database_clock)
    before = server_time(book)
    hold(replace(book, clock=lambda session: database_clock(session) - timedelta(hours=2)))
    with machine_clock(off):
        lead = arrive(book)
        receive(book, lead)
        began = begin_contact(book, lead, WINNER).began_at
        assert guard_round(book, grace=timedelta(0)).judged == 0
    after = server_time(book)
    with book.read() as tx:
        attempt, first = tx.all(select(Attempt))[0], min(tx.all(select(Checkpoint.due_at)))
        (contact,) = tx.all(select(Contact))
    assert before <= attempt.received_at <= began == contact.began_at <= after
    assert first == attempt.received_at + timedelta(hours=1)


@ON_POSTGRES
@AN_HOUR_OFF
def test_what_is_overdue_by_the_servers_clock_is_judged_by_a_steward_an_hour_off(
    book: Book, settings: Settings, off: timedelta
) -> None:
    book = replace(book, clock=database_clock)
    hold(replace(book, clock=lambda session: database_clock(session) - timedelta(hours=3)))
    nearly = replace(book, clock=lambda session: database_clock(session) - timedelta(minutes=59))
    overdue = replace(book, clock=lambda session: database_clock(session) - timedelta(hours=1, seconds=31))
    for number, when in enumerate((nearly, overdue), start=1):
        receive(when, arrive(when, number))
    with machine_clock(off):
        deliver(book, settings)
        report = guard_round(book, grace=timedelta(seconds=30))
    assert (report.judged, report.violations, report.switches) == (1, 1, 1)
    with book.read() as tx:
        (judged,) = tx.all(select(Checkpoint).where(col(Checkpoint.verdict) == "violated"))
        tenures = tx.all(select(Tenure).order_by(col(Tenure.id)))
    now = server_time(book)
    assert now - timedelta(minutes=5) < judged.judged_at < now
    assert tenures[0].ended_at == tenures[1].started_at < now
