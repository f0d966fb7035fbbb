"""The open ledger: what it says when the database cannot be used, and that transactions do not wait for each other."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from rasti.errors import Unavailable
from rasti.ledger.book import Book, Tx, usable_database


def test_too_many_requests_at_once_are_told_to_come_again() -> None:
    with pytest.raises(Unavailable, match="try again"), usable_database():
        raise PoolTimeout("QueuePool limit of size 10 overflow 20 reached")


def test_a_transaction_reads_the_clock_while_another_waits_for_it(book: Book) -> None:
    """As a reader does while a writer waits for SQLite's lock: its clock is its first statement."""
    asked, answered, in_time = threading.Event(), threading.Event(), []

    def busy(_session: Session) -> datetime:
        asked.set()
        in_time.append(answered.wait(10))
        return datetime(2019, 9, 2, tzinfo=UTC)

    with Session(book.engine) as session, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(lambda: Tx(replace(book, clock=busy), session).now)
        assert asked.wait(10)
        assert Tx(book, session).now
        answered.set()
        assert waiting.result().year == 2019
    assert in_time == [True]
