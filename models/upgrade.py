"""Brings a database to the newest migration, and keeps the one fact of an installation: is it a playground."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from models.audit import Installation
from models.engine import read_only
from models.revision import MIGRATIONS, is_known, missing_revisions, revisions
from models.steps import IN_STEPS
from rasti.errors import Refused

_PATIENCE = 60.0  # seconds in which the tables have to be got
_IN_USE = ("40P01", "55P03")  # deadlock, lock not available


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def pending_migrations(engine: Engine) -> tuple[str, ...]:
    """The migrations that an upgrade would run, in order; changes nothing."""
    with read_only(engine).connect() as connection:
        return missing_revisions(connection) if inspect(connection).has_table("alembic_version") else revisions()


def upgrade_database(engine: Engine, *, sandbox: bool = False) -> tuple[str, ...]:
    """Run the migrations that are missing, each in transactions of its own; which ones: all if the database is new.

    What was broken off is gone on with by the next call. A new database is made in one transaction: nobody uses it yet.
    `sandbox` marks a new database as a playground. Raises Refused: it exists already and is none; a newer version has
    upgraded it.
    """
    ran: list[str] = []
    with _alone(engine) as connection:
        while some := _patiently(connection, sandbox):
            ran += some
    return tuple(ran)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A connection while nobody else upgrades this database: two of them wait for each other."""
    with _locked_file(engine), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.detach()  # closed at the end: with it go its lock and settings
            connection.exec_driver_sql("SELECT pg_advisory_lock(7261737469)")
            # Whoever waits for us while we wait for them is let go soon, long before a deadlock is noticed.
            connection.exec_driver_sql("SET lock_timeout = '200ms'")
            connection.commit()
        yield connection


@contextmanager
def _locked_file(engine: Engine) -> Iterator[None]:
    """SQLite knows no lock that outlives a transaction: the folder of the database is locked."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path:
        yield
        return
    folder = os.open(Path(path).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _patiently(connection: Connection, sandbox: bool) -> tuple[str, ...]:
    """Run the next migration, again if others are writing: on PostgreSQL they may hold one table and want the next."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            ran = _next_migration(connection, sandbox)
            connection.commit()
            return ran
        except BaseException as error:
            connection.rollback()
            locked = isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) in _IN_USE
            if not locked or time.monotonic() > deadline:
                raise


def _next_migration(connection: Connection, sandbox: bool) -> tuple[str, ...]:
    """Run the first migration that is missing, or make a new database; which ones."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and not is_known(revision):
        raise Refused(
            "The database was upgraded by a newer version already (schema {revision}): install that one.",
            revision=revision,
        )
    if revision is None:
        command.upgrade(alembic_config(connection), "head")
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            session.add(Installation(sandbox=sandbox, created_at=datetime.now(UTC)))
            session.commit()
        return revisions()
    if sandbox and not _marked(connection):
        raise Refused(
            "This database is in use already and no sandbox: `--sandbox` is for a new one "
            "(set RASTI_HOME or RASTI_DATABASE_URL)."
        )
    missing = missing_revisions(connection)[:1]
    if missing:
        command.upgrade(alembic_config(connection.execution_options(**{IN_STEPS: True})), missing[0])
    return missing


def is_sandbox(engine: Engine) -> bool:
    """Whether this database is a playground."""
    with engine.connect() as connection:
        return inspect(connection).has_table("installation") and _marked(connection)


def _marked(connection: Connection) -> bool:
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        installation = session.get(Installation, 1)
        return installation is not None and installation.sandbox
