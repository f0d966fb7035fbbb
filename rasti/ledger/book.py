"""The open ledger: one transaction is one state change, with its audit event and its messages."""

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import Engine, Table, bindparam, insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, col

from models import AuditEvent, Lead, Message
from models.engine import advisory_lock, as_unavailable, database_clock, read_only, wake_relays
from rasti.errors import DatabaseUnavailable, Reason
from rasti.rules.kinds import Channel, Event, MessageKind
from rasti.rules.programme import Programme

Clock = Callable[[Session], datetime]

# Tables, not classes: a statement about a class costs more than the database does, and these are written most.
MESSAGES: Table = Message.__table__  # type: ignore[attr-defined]
_EVENTS: Table = AuditEvent.__table__  # type: ignore[attr-defined]

# FOR NO KEY UPDATE: whoever writes a row that points to the lead (a relay, the event of a mail) does not wait for it,
# holding what we may want next.
_LOCKED = (
    select(Lead)
    .where(col(Lead.id) == bindparam("lead_id"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True)
class Book:
    """A database, the programme and the clock; who acts; and the ids of the messages written through it."""

    engine: Engine
    programme: Programme
    clock: Clock = database_clock
    actor: str = "cli"
    written: list[int] = field(default_factory=list, compare=False)
    # What this round has tried to settle, and does not wait for again (rasti.ledger.order): kind and id.
    tried: set[tuple[str, int]] = field(default_factory=set, compare=False)
    # Called with the name of every point at which the way of a change may break off: the tests of durability break it
    # off there. Every transaction has two such points, named for the transition: the function that opened it.
    points: Callable[[str], None] | None = field(default=None, compare=False)

    @contextmanager
    def write(self, step: str | None = None) -> Iterator["Tx"]:
        """One transaction: all of it, or nothing. `step`: its name at the points. Raises Unavailable."""
        with usable_database(), Session(self.engine, expire_on_commit=False) as session:
            tx = Tx(self, session)
            yield tx
            tx.write_messages()
            tx.write_events()
            if tx.wakes_relays:
                wake_relays(session)
            if self.points is None:
                session.commit()
            else:
                step = step or sys._getframe(2).f_code.co_name  # who opened it, behind contextlib's frame
                self.points(f"{step}.before_commit")
                session.commit()
                self.points(f"{step}.after_commit")
        self.written.extend(tx.sent)

    def reach(self, point: str) -> None:
        """Pass a named point beside a side effect that is no transaction."""
        if self.points is not None:
            self.points(point)

    @contextmanager
    def rehearse(self) -> Iterator["Tx"]:
        """A transaction like `write`, undone at its end: what would be written, and nothing is, nobody is woken."""
        with usable_database(), Session(self.engine, expire_on_commit=False) as session:
            yield Tx(self, session)
            session.rollback()

    @contextmanager
    def read(self) -> Iterator["Tx"]:
        """A transaction that only reads, one snapshot. Raises Unavailable."""
        with usable_database(), Session(read_only(self.engine), expire_on_commit=False) as session:
            yield Tx(self, session)

    def now(self) -> datetime:
        """The instant by the ledger's clock, UTC, for what is judged outside a transaction. Raises Unavailable."""
        with self.read() as tx:
            return tx.now


class Lock(IntEnum):
    """What a transaction may lock, in the one order in which locks are taken; a lead's row comes last."""

    BILLING = 1  # invoices, closes, rankings, publications
    CLIENT = 2  # one client's phone or mail address, while a lead arrives (D17)
    TENURE = 3  # who holds the leads; shared by those who only hand over to the holder


class Tx:
    """An open transaction. Take the locks first, then read `now`: a contact in time cannot lose to a verdict."""

    def __init__(self, book: Book, session: Session) -> None:
        self.book = book
        self.session = session
        self.sent: list[int] = []
        self.wakes_relays = False  # there is mail that is due at once
        self._messages: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._last_lock: tuple[int, int] = (0, 0)
        self._now: datetime | None = None

    @property
    def programme(self) -> Programme:
        return self.book.programme

    @property
    def now(self) -> datetime:
        """The instant of this transaction, UTC; read once, after the locks."""
        # No cached_property: until Python 3.12 its lock is one for all transactions, and they would wait for each
        # other's database.
        if self._now is None:
            now = self.book.clock(self.session)
            if now.tzinfo is None:
                raise ValueError(f"naive instant {now}: instants are aware")
            self._now = now.astimezone(UTC)
        return self._now

    def lock(self, what: Lock, *names: str, shared: bool = False) -> None:
        """Take a lock until the end of the transaction; `names` tell several of a kind apart."""
        keys = sorted({zlib.crc32(name.encode()) for name in names or ("",)})
        for key in keys:
            self._in_order((what, key))
        advisory_lock(self.session, [(what << 32) | key for key in keys], shared=shared)

    def lock_lead(self, lead_id: int) -> Lead | None:
        """The lead's row, locked; None: there is none. Several are taken in the order of their ids."""
        self._in_order((len(Lock) + 1, lead_id))
        return self.session.execute(_LOCKED, {"lead_id": lead_id}).scalar_one_or_none()

    def lock_leads(self, lead_ids: Iterable[int]) -> list[Lead]:
        """These leads' rows, locked in the order of their ids."""
        ordered = sorted(set(lead_ids))
        for lead_id in ordered:
            self._in_order((len(Lock) + 1, lead_id))
        rows = select(Lead).where(col(Lead.id).in_(ordered)).order_by(col(Lead.id))
        return self.all(rows.with_for_update(key_share=True).execution_options(populate_existing=True))

    def _in_order(self, lock: tuple[int, int]) -> None:
        assert lock >= self._last_lock, f"lock {lock} after {self._last_lock}: a deadlock waits to happen"
        assert self._now is None, "the clock was read before the locks"
        self._last_lock = lock

    def audit(
        self, event: Event, /, *, lead_id: int | None = None, partner_code: str | None = None, **data: object
    ) -> None:
        """The audit event of this change, written before its commit; `data` holds ids and reasons, no person."""
        self._events.append(
            {
                "at": self.now,
                "event": event.value,
                "actor": self.book.actor,
                "lead_id": lead_id,
                "partner_code": partner_code,
                "data": data,
            }
        )

    def write_events(self) -> None:
        """Write the audit events in one statement, in their order."""
        if self._events:
            self.session.flush()  # what they tell of comes first
            self.session.execute(insert(_EVENTS), self._events)
            self._events = []

    def message(
        self,
        kind: MessageKind,
        dedupe_key: str,
        /,
        *,
        channel: Channel = Channel.MAIL,
        partner_code: str | None = None,
        lead_id: int | None = None,
        attempt_id: int | None = None,
        not_before: datetime | None = None,
        **data: object,
    ) -> dict[str, Any]:
        """A message as `send_all` takes it; `data` holds ids and numbers, no person."""
        return {
            "channel": channel,
            "kind": kind,
            "dedupe_key": f"{kind}:{dedupe_key}",
            "partner_code": partner_code,
            "lead_id": lead_id,
            "attempt_id": attempt_id,
            "data": data,
            "created_at": self.now,
            "not_before": not_before or self.now,
            "state": "pending",
            "tries": 0,
        }

    def send(self, kind: MessageKind, dedupe_key: str, /, **about: Any) -> None:
        """Put a message into the outbox, before the commit; the same key twice is one message."""
        self.send_all([self.message(kind, dedupe_key, **about)])

    def send_all(self, messages: Sequence[dict[str, Any]]) -> None:
        """The same for several."""
        self._messages.extend(messages)
        self.wakes_relays |= any(
            message["channel"] is Channel.MAIL and message["not_before"] <= self.now for message in messages
        )

    def write_messages(self) -> int:
        """Write the messages in one statement; how many were not there already. For who reads or changes them."""
        if not self._messages:
            return 0
        self.session.flush()  # what they are about comes first
        dialect_insert = postgresql_insert if self.session.get_bind().dialect.name == "postgresql" else sqlite_insert
        statement = (
            dialect_insert(MESSAGES).on_conflict_do_nothing(index_elements=["dedupe_key"]).returning(MESSAGES.c.id)
        )
        # As a list of parameters: a statement that holds the rows is compiled anew each time, which costs more.
        written = list(self.session.execute(statement, self._messages).scalars())
        self._messages = []
        self.sent.extend(written)
        return len(written)

    def all(self, statement: Any) -> list[Any]:
        """The rows' first column, as a list."""
        return list(self.session.execute(statement).scalars())


@contextmanager
def usable_database() -> Iterator[None]:
    """A database that cannot be used (away, busy, or its disk full) is said as such. Raises Unavailable."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(Reason("too many requests wait for a connection")) from error
    except DBAPIError as error:
        meaning = as_unavailable(error)
        if meaning is None:
            raise
        raise meaning from error
