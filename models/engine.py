"""Opens the database. What differs between SQLite and PostgreSQL lives here and says why."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlmodel import Session

from rasti.errors import RastiError, Unavailable

READ_ONLY = "rasti_read_only"


def open_engine(url: str, *, busy_timeout: float = 10.0) -> Engine:
    """An engine for a SQLite or PostgreSQL URL; `busy_timeout` in seconds is how long SQLite waits for its lock."""
    if make_url(url).get_backend_name() == "sqlite":
        return _open_sqlite(url, busy_timeout)
    # hide_parameters: a statement's values may be a client's data, and errors end up in logs.
    return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True)


def _open_sqlite(url: str, busy_timeout: float) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # isolation_level None: pysqlite starts no transactions by itself, the handler below does.
    engine = create_engine(url, connect_args={"timeout": busy_timeout, "isolation_level": None}, hide_parameters=True)

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
        instant: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return instant.astimezone(UTC)
    return datetime.now(UTC)


def advisory_lock(session: Session, key: int, *, shared: bool = False) -> None:
    """Hold a named lock until the transaction ends. SQLite needs none: BEGIN IMMEDIATE locks all."""
    if session.get_bind().dialect.name == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        session.execute(text(f"SELECT {function}(:key)"), {"key": key})


def wake_relays(session: Session) -> None:
    """Tell the relays, when this transaction commits, that there is something to deliver (SQLite relays poll)."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("NOTIFY rasti_outbox"))


def as_unavailable(error: DBAPIError) -> RastiError | None:
    """What a database error means to a user, if it is about the database and not about our statement."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig is not None else str(error)
    if "no such table" in reason or getattr(error.orig, "sqlstate", None) == "42P01":
        return Unavailable("The database has no tables yet: run `rasti db upgrade`.")
    if isinstance(error, OperationalError | ProgrammingError) and (
        isinstance(error, OperationalError) or error.connection_invalidated
    ):
        return Unavailable("The database cannot be used now: {why}. Nothing was written; try again.", why=reason)
    return None
