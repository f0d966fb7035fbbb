"""When each loop of the steward last finished a round."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import select

from models import Heartbeat
from rasti.ledger.book import Book


def beat(book: Book, loop: str) -> None:
    """The loop has finished a round now."""
    with book.write() as tx:
        done = tx.session.execute(
            update(Heartbeat).where(Heartbeat.loop == loop).values(seen_at=tx.now)  # type: ignore[arg-type]
        )
        if not done.rowcount:  # type: ignore[attr-defined]
            # The first ones of two stewards may come at the same moment.
            dialect_insert = postgresql_insert if tx.session.get_bind().dialect.name == "postgresql" else sqlite_insert
            first = dialect_insert(Heartbeat).values(loop=loop, seen_at=tx.now)
            tx.session.execute(first.on_conflict_do_nothing(index_elements=["loop"]))


def heartbeats(book: Book) -> dict[str, datetime]:
    """The last round of each loop that ever finished one."""
    with book.read() as tx:
        return {row.loop: row.seen_at for row in tx.all(select(Heartbeat))}
