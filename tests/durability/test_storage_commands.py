"""The command line while the database cannot be written: what is wrong on stderr, status 1, nothing written."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import select

from models import Lead
from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from tests.builders import lead_data, won_month
from tests.clock import MovableClock
from tests.durability.faults import disk_full, small_disk, sqlite_locked
from tests.durability.storage import ROOT


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def made(home: Path) -> Book:
    """An installation in which the winner holds the leads, and a lead to be sent."""
    engine = open_engine(f"sqlite:///{home}/rasti.sqlite3")
    upgrade_database(engine)
    book = Book(engine, load_programme(ROOT / "programme.yaml"), clock=MovableClock())
    won_month(book)
    (home / "lead.json").write_text(json.dumps(lead_data(comment="x" * 9_000)), "utf-8")
    engine.dispose()
    return book


def rasti(home: Path, *arguments: str, largest_file: int | None = None, **settings: str) -> tuple[int, str]:
    """A command as a process; `largest_file`: bytes beyond which the system lets no file grow."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    own = {"RASTI_HOME": str(home), "RASTI_PROGRAMME": str(ROOT / "programme.yaml"), "RASTI_LANGUAGE": "en"}
    done = subprocess.run(
        [sys.executable, "-m", "rasti.cli.main", *arguments],
        env=os.environ | own | settings,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    return done.returncode, done.stderr


def is_refused(answer: tuple[int, str]) -> bool:
    """Status 1 and an understandable line."""
    status, err = answer
    return status == 1 and "Nothing was written; try again." in err and "Traceback" not in err


def leads(book: Book) -> int:
    with book.read() as tx:
        return len(tx.all(select(Lead)))


def test_no_file_may_grow(tmp_path: Path) -> None:
    book = made(tmp_path)
    size = (tmp_path / "rasti.sqlite3").stat().st_size
    with closing(book.engine.connect()):  # the log beside the database stays, and is full
        assert is_refused(rasti(tmp_path, "lead", "add", "lead.json", largest_file=min(size, 40_000)))
    assert leads(book) == 0
    assert rasti(tmp_path, "lead", "add", "lead.json") == (0, "")
    assert leads(book) == 1


def test_another_process_holds_the_lock(tmp_path: Path) -> None:
    book = made(tmp_path)
    url = f"sqlite:///{tmp_path}/rasti.sqlite3?timeout=0.05"
    with sqlite_locked(book.engine):
        assert is_refused(rasti(tmp_path, "lead", "add", "lead.json", RASTI_DATABASE_URL=url))
    assert leads(book) == 0
    assert rasti(tmp_path, "lead", "add", "lead.json") == (0, "")
    assert leads(book) == 1


def test_the_disk_is_full(disk: Path) -> None:
    book = made(disk)
    with disk_full(book.engine):
        assert is_refused(rasti(disk, "lead", "add", "lead.json"))
        status, err = rasti(disk, "backup", str(disk / "backups"))
        assert (status, "Traceback" in err) == (1, False)
        assert not list(disk.glob("backups/*"))
    assert leads(book) == 0
    assert rasti(disk, "lead", "add", "lead.json") == (0, "")
    assert leads(book) == 1
    book.engine.dispose()


def test_the_file_system_became_read_only(disk: Path) -> None:
    book = made(disk)
    book.engine.dispose()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        status, err = rasti(disk, "lead", "add", "lead.json")
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert is_refused((status, err))
    assert leads(book) == 0
    assert rasti(disk, "lead", "add", "lead.json") == (0, "")
    assert leads(book) == 1
    book.engine.dispose()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "rasti.sqlite3").write_bytes(b"not a database, " * 1000)
    status, err = rasti(tmp_path, "status")
    assert (status, "not a database" in err, "Traceback" in err) == (1, True, False)
