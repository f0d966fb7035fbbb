"""SQLite's log of what was committed (WAL), cut off anywhere: what was acknowledged and is whole is there, no more."""

import multiprocessing
import resource
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import AuditEvent, Lead, Message
from models.engine import open_engine
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.rules.kinds import Event
from tests.builders import arrive, lead_state, won_month
from tests.clock import MovableClock
from tests.databases import SqliteDatabases
from tests.durability.storage import ROOT

CUTS = 60
_HEADER, _FRAME = 32, 24 + 4096


def opened(path: Path) -> Book:
    return Book(open_engine(f"sqlite:///{path}"), load_programme(ROOT / "programme.yaml"), clock=MovableClock())


@pytest.fixture
def database(sqlite_databases: SqliteDatabases, tmp_path: Path) -> Iterator[Book]:
    """The winner holds the leads, the log is empty; the connection is kept, so that the log stays."""
    path = tmp_path / "rasti.sqlite3"
    shutil.copyfile(sqlite_databases.template, path)
    book = opened(path)
    won_month(book)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    yield book
    book.engine.dispose()


def log_of(book: Book) -> Path:
    return Path(f"{book.engine.url.database}-wal")


def whole_leads(book: Book) -> list[int]:
    """The leads, each with its event and its mail: a transaction is there whole or not at all."""
    with book.read() as tx:
        leads: list[int] = tx.all(select(Lead.id).order_by(col(Lead.id)))
        arrived = tx.all(select(AuditEvent.lead_id).where(col(AuditEvent.event) == Event.LEAD_ARRIVED))
        welcomes = tx.all(select(Message.lead_id).where(col(Message.kind) == "welcome"))
    assert sorted(arrived) == leads == sorted(welcomes)
    return leads


def is_sound(book: Book) -> bool:
    with book.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("PRAGMA integrity_check")] == [("ok",)]


def test_a_log_that_was_cut_off_anywhere_loses_no_whole_transaction(database: Book, tmp_path: Path) -> None:
    log, ends = log_of(database), dict[int, int]()
    for number in range(1, 9):
        lead = arrive(database, number)
        ends[lead] = log.stat().st_size  # acknowledged: all of it is in the file
    size = log.stat().st_size
    offsets = sorted({size * cut // CUTS for cut in range(CUTS + 1)} | {_HEADER, _HEADER + _FRAME, size - 1})
    seen = set()
    for offset in offsets:
        copy = tmp_path / "copy" / "rasti.sqlite3"
        copy.parent.mkdir()
        shutil.copyfile(database.engine.url.database or "", copy)
        Path(f"{copy}-wal").write_bytes(log.read_bytes()[:offset])
        cut = opened(copy)
        assert is_sound(cut)
        leads = whole_leads(cut)
        assert leads == list(ends)[: len(leads)], "from the beginning, without a hole"
        assert {lead for lead, end in ends.items() if end <= offset} <= set(leads)
        seen.add(len(leads))
        cut.engine.dispose()
        shutil.rmtree(copy.parent)
    assert seen == set(range(len(ends) + 1))


@pytest.mark.parametrize("what", ["zeros", "garbage"])
def test_a_torn_tail_is_not_taken_for_a_transaction(database: Book, tmp_path: Path, what: str) -> None:
    """The length of the file is on the disk, the last blocks are not: zeros, or what was there before."""
    log = log_of(database)
    sure = arrive(database, 1)
    before = log.stat().st_size
    lost = arrive(database, 2)
    content = log.read_bytes()
    torn = bytes(len(content) - before) if what == "zeros" else content[:1000] + content[before:][1000:]
    copy = tmp_path / "copy.sqlite3"
    shutil.copyfile(database.engine.url.database or "", copy)
    Path(f"{copy}-wal").write_bytes(content[:before] + torn)
    book = opened(copy)
    assert is_sound(book)
    assert whole_leads(book) == [sure]
    assert arrive(book, 2) == lost, "it can be sent again"
    book.engine.dispose()


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """New processes quickly: forked from one that has everything imported."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.durability.test_storage_wal"])
    return server


def die_beyond(path: Path, number: int, size: int) -> None:
    """Take in a lead; the system ends this process in the write that would make a file larger than `size` bytes."""
    book = opened(path)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    arrive(book, number)


def test_a_process_that_dies_in_the_middle_of_writing_the_log_has_acknowledged_nothing(
    database: Book, context: ForkServerContext
) -> None:
    path, log = Path(database.engine.url.database or ""), log_of(database)
    first, before = arrive(database, 1), log.stat().st_size
    arrive(database, 2)
    written = log.stat().st_size - before
    died = 0
    for step in range(1, 11):
        known = whole_leads(database)
        size = log.stat().st_size + written * step // 11
        victim = context.Process(target=die_beyond, args=(path, 200 + step, size))
        victim.start()
        victim.join()
        died += victim.exitcode == -signal.SIGXFSZ
        assert victim.exitcode in (0, -signal.SIGXFSZ)
        assert is_sound(database)
        assert whole_leads(database)[: len(known)] == known
        again = arrive(database, 200 + step)
        assert whole_leads(database) == [*known, again], "sent again it is one lead"
        assert lead_state(database, again) == "in_work"
    assert died >= 8, "in as many places of the write"
    assert lead_state(database, first) == "in_work"
