"""When each loop of the steward last finished a round, and why it does not."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col, select

from models import Heartbeat
from rasti.ledger.book import Book, Tx


def beat(book: Book, loop: str) -> None:
    """The loop has finished a round now."""
    with book.write() as tx:
        _note(tx, loop, seen_at=tx.now, error=None)


def note_failure(book: Book, loop: str, why: str) -> None:
    """The loop could not do its work; `why` without addresses. Its last round stays the one before."""
    with book.write() as tx:
        _note(tx, loop, error=why)


def _note(tx: Tx, loop: str, **values: object) -> None:
    done = tx.session.execute(update(Heartbeat).where(col(Heartbeat.loop) == loop).values(**values))
    if not done.rowcount:  # type: ignore[attr-defined]
        # The first ones of two stewards may come at the same moment.
        dialect_insert = postgresql_insert if tx.session.get_bind().dialect.name == "postgresql" else sqlite_insert
        first = dialect_insert(Heartbeat).values(**{"loop": loop, "seen_at": tx.now} | values)
        tx.session.execute(first.on_conflict_do_nothing(index_elements=["loop"]))


def heartbeats(book: Book) -> dict[str, datetime]:
    """The last round of each loop that ever finished one."""
    with book.read() as tx:
        return {row.loop: row.seen_at for row in tx.all(select(Heartbeat))}


def failures(book: Book) -> dict[str, str]:
    """Why loops cannot do their work."""
    with book.read() as tx:
        return {row.loop: row.error for row in tx.all(select(Heartbeat).where(col(Heartbeat.error).is_not(None)))}
