"""Opens the database. What differs between SQLite and PostgreSQL lives here and says why."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlmodel import Session

from rasti.errors import DatabaseUnavailable, NotUpgraded, RastiError, marked

READ_ONLY = "rasti_read_only"

# Of other classes than OperationalError, and no fault of a statement: a read-only transaction, a standby that may not
# write ("not supported"), damaged data or index.
_UNUSABLE_POSTGRES = {"25006", "0A000", "XX001", "XX002"}
_NO_RIGHT = "42501"
_UNUSABLE_SQLITE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def open_engine(url: str, *, busy_timeout: float = 10.0) -> Engine:
    """An engine for a SQLite or PostgreSQL URL; `busy_timeout` in seconds is how long SQLite waits for its lock.

    A URL may say that itself: `?timeout=30`.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return _open_sqlite(url, busy_timeout)
    # hide_parameters: a statement's values may be a client's data, and errors end up in logs.
    return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True)


def _open_sqlite(url: str, busy_timeout: float) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # isolation_level None: pysqlite starts no transactions by itself, the handler below does.
    arguments: dict[str, Any] = {"isolation_level": None}
    if "timeout" not in make_url(url).query:
        arguments["timeout"] = busy_timeout
    engine = create_engine(url, connect_args=arguments, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # WAL: readers do not wait for the writer. FULL: a commit is on disk before it is acknowledged.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE takes the one write lock first: what a transaction reads cannot change under it.
        reading = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def read_only(engine: Engine) -> Engine:
    """The same database for transactions that only read: they take no lock and cannot write on PostgreSQL."""
    options: dict[str, Any] = {READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options |= {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
    return engine.execution_options(**options)


def database_clock(session: Session) -> datetime:
    """The instant now, UTC: the server's clock on PostgreSQL (not `now()`, which is the transaction's start)."""
    if session.get_bind().dialect.name == "postgresql":
        # Past the compiler, which costs more than the answer: every transaction asks.
        instant: datetime = session.connection().exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return instant.astimezone(UTC)
    return datetime.now(UTC)


def advisory_lock(session: Session, keys: Sequence[int], *, shared: bool = False) -> None:
    """Hold named locks, taken in this order, until the transaction ends. SQLite: BEGIN IMMEDIATE locks all."""
    if session.get_bind().dialect.name == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        # The order of a subquery is that in which its rows are read.
        ordered = "SELECT key FROM unnest(%s::bigint[]) WITH ORDINALITY AS given(key, place) ORDER BY place"
        session.connection().exec_driver_sql(f"SELECT {function}(key) FROM ({ordered}) AS keys", (list(keys),))


def wake_relays(session: Session) -> None:
    """Tell the relays, when this transaction commits, that there is something to deliver (SQLite relays poll)."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql("NOTIFY rasti_outbox")


def as_unavailable(error: DBAPIError) -> RastiError | None:
    """What a database error means to a user, if it is about the database and not about our statement.

    Its disk is full or damaged, it is read-only, locked for too long, away, or takes no more connections.
    """
    reason = str(error.orig).strip().splitlines()[0] if error.orig is not None else str(error)
    if "no such table" in reason or getattr(error.orig, "sqlstate", None) == "42P01":
        return NotUpgraded("The database has no tables yet: run `rasti db upgrade`.")
    if "no such column" in reason or "has no column" in reason or getattr(error.orig, "sqlstate", None) == "42703":
        return NotUpgraded("The database is older than this version of rasti: run `rasti db upgrade`.")
    if getattr(error.orig, "sqlstate", None) == _NO_RIGHT:
        return DatabaseUnavailable(
            reason,
            marked(
                "The database does not let its role do this: {why}. Let the role of RASTI_DATABASE_URL own the "
                "database (ALTER DATABASE … OWNER TO …), and since PostgreSQL 15 its schema "
                "(ALTER SCHEMA public OWNER TO …)."
            ),
        )
    if (
        isinstance(error, OperationalError)
        or (isinstance(error, ProgrammingError) and error.connection_invalidated)
        or getattr(error.orig, "sqlstate", None) in _UNUSABLE_POSTGRES
        or getattr(error.orig, "sqlite_errorcode", None) in _UNUSABLE_SQLITE
    ):
        return DatabaseUnavailable(reason)
    return None
