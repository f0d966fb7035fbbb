"""An upgrade of a database in use goes in short steps: broken off it is gone on with, and leads come in meanwhile."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, event, text
from sqlmodel import SQLModel

from models.engine import open_engine
from models.revision import revisions
from models.upgrade import is_sandbox, upgrade_database
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.kept_digests import wrong_digests
from rasti.ledger.rankings import rank
from tests.builders import MONTH, arrive, growing_register, won_month
from tests.durability.test_migrations_in_flight import PATIENCE, empty, to

__all__ = ["empty"]

BEFORE = "0005_open_attempts"

# Ends itself with SIGKILL once a statement was run: at once, or when the next transaction begins.
KILLED = """
import os, signal, sys
from sqlalchemy import event
from models.engine import open_engine
from models.upgrade import upgrade_database

url, last, when = sys.argv[1:]
engine, seen = open_engine(url), []

@event.listens_for(engine, "after_cursor_execute")
def look(connection, cursor, statement, *rest):
    if statement.startswith(last):
        seen.append(statement)
        if when == "at once":
            os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(engine, "begin")
def begin(connection):
    if seen:
        os.kill(os.getpid(), signal.SIGKILL)

upgrade_database(engine)
"""


@pytest.fixture
def in_use(book: Book, tmp_path: Path) -> Iterator[Book]:
    """A database of an older version, with invoices, and with a lead whose client has other keys now."""
    won_month(book)
    path = tmp_path / "register.csv"
    path.write_text(growing_register(), encoding="utf-8")
    ingest_register(book, path)
    arrive(book)
    to(book.engine, BEFORE)
    with book.engine.begin() as connection:
        connection.execute(text("UPDATE client SET phone = '12-345', phone_key = '12345'"))
    book.engine.dispose()
    yield book
    book.engine.dispose()


def _kill(url: str, last: str, when: str) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, url, last, when], timeout=PATIENCE, check=False)
    assert ended.returncode == -signal.SIGKILL


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _is_whole(engine: Engine) -> bool:
    with engine.connect() as connection:
        without_keys = connection.execute(text("SELECT count(*) FROM invoice WHERE number_key IS NULL")).scalar_one()
        return compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == [] and not without_keys


@pytest.mark.parametrize(
    ("last", "left"),
    [
        ("UPDATE alembic_version SET version_num='0008_bounces'", "0008_bounces"),
        ("UPDATE client", "0008_bounces"),
        ("ALTER TABLE lead ADD COLUMN doubted_at", "0009_addresses_and_phones"),
        ("CREATE INDEX ix_probable_double_open", "0010_doubted_requests"),
        ("UPDATE invoice SET issuer_key", "0010_doubted_requests"),
        ("CREATE UNIQUE INDEX uq_invoice_keys", "0010_doubted_requests"),
    ],
)
def test_an_upgrade_that_was_killed_between_two_steps_is_gone_on_with(
    in_use: Book, database_url: str, last: str, left: str
) -> None:
    _kill(database_url, last, "at the next step")
    assert _revision(in_use.engine) == left
    assert upgrade_database(in_use.engine) == revisions()[revisions().index(left) + 1 :]
    assert _is_whole(in_use.engine)
    assert rank(in_use, MONTH).complete
    assert wrong_digests(in_use) == []
    assert upgrade_database(in_use.engine) == ()


def test_a_new_database_is_made_at_once_or_not_at_all(empty: Engine, empty_database_url: str) -> None:
    _kill(empty_database_url, "UPDATE alembic_version SET version_num='0008_bounces'", "at once")
    assert _revision(empty) is None
    empty.dispose()
    assert upgrade_database(empty, sandbox=True) == revisions()
    assert is_sandbox(empty)
    assert _is_whole(empty)


class Intake:
    """The version before: takes leads, with the columns that it knows."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url, busy_timeout=1)
        self.known = MetaData()
        self.known.reflect(self.engine, only=["lead", "client", "partner", "message", "violation"])
        self.taken: list[str] = []

    def take(self) -> None:
        name = f"meanwhile-{len(self.taken)}"
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            connection.execute(self.known.tables["partner"].select()).all()
            connection.execute(self.known.tables["violation"].select()).all()
            lead = self._like_the_first(connection, "lead", source_id=name, state="waiting")
            self._like_the_first(connection, "client", lead_id=lead)
            self._like_the_first(connection, "message", dedupe_key=name)
        self.taken.append(name)

    def _like_the_first(self, connection: Connection, name: str, **values: object) -> object:
        table = self.known.tables[name]
        first = dict(connection.execute(table.select().limit(1)).mappings().one())
        first.pop("id", None)
        key = next(iter(table.primary_key))
        return connection.execute(table.insert().values(first | values).returning(key)).scalar_one()


@pytest.mark.parametrize("long_part", ["UPDATE client", "UPDATE invoice SET issuer_key", "SELECT one.id"])
def test_a_lead_is_taken_while_a_long_part_runs(in_use: Book, database_url: str, backend: str, long_part: str) -> None:
    intake = Intake(database_url)
    upgrading = open_engine(database_url)
    running: list[str] = []

    @event.listens_for(upgrading, "after_cursor_execute")
    def look(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().startswith(long_part):
            running.append(statement)
            if backend == "postgres":  # beside it
                intake.take()

    @event.listens_for(upgrading, "before_cursor_execute")
    def begin(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement == "BEGIN IMMEDIATE" and running:  # SQLite has one lock: between two steps
            running.clear()
            intake.take()

    try:
        assert upgrade_database(upgrading) == revisions()[revisions().index(BEFORE) + 1 :]
    finally:
        upgrading.dispose()
        intake.engine.dispose()
    assert intake.taken
    with in_use.engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM lead WHERE source_id LIKE 'meanwhile-%'")).scalar_one()
    assert found == len(intake.taken)
    assert _is_whole(in_use.engine)


def test_two_upgrades_at_once_wait_for_each_other(in_use: Book, database_url: str) -> None:
    first, second = open_engine(database_url), open_engine(database_url)
    ran: list[tuple[str, ...]] = []
    other = threading.Thread(target=lambda: ran.append(upgrade_database(second)))

    @event.listens_for(first, "commit")
    def commit(_connection: object) -> None:
        if not other.ident:
            other.start()

    try:
        assert upgrade_database(first) == revisions()[revisions().index(BEFORE) + 1 :]
        other.join(PATIENCE)
    finally:
        first.dispose()
        second.dispose()
    assert ran == [()]
    assert _is_whole(in_use.engine)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_upgrade_leaves_nothing_beside_the_database(in_use: Book, database_url: str) -> None:
    folder = Path(str(in_use.engine.url.database)).parent
    before = {path.name for path in folder.iterdir()}
    upgrade_database(in_use.engine)
    in_use.engine.dispose()
    assert {path.name.removesuffix("-wal").removesuffix("-shm") for path in folder.iterdir()} <= before
