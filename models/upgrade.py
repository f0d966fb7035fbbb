"""Brings a database to the newest migration, and keeps the one fact of an installation: is it a playground."""

import time
from datetime import UTC, datetime

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from models.audit import Installation
from models.engine import read_only
from models.revision import MIGRATIONS, is_known, missing_revisions, revisions
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
    """Run the migrations that are missing, in one transaction; which ones: all of them if the database is new.

    `sandbox` marks a new database as a playground. Raises Refused: it exists already and is none; a newer version has
    upgraded it.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return _upgrade(engine, sandbox)
        except OperationalError as error:
            # Others are writing: on PostgreSQL they may hold one table and want the next, as we do. Ours is undone.
            if getattr(error.orig, "sqlstate", None) not in _IN_USE or time.monotonic() > deadline:
                raise


def _upgrade(engine: Engine, sandbox: bool) -> tuple[str, ...]:
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7261737469)")  # two upgrades at once
            # Whoever waits for us while we wait for them is let go soon, long before a deadlock is noticed.
            connection.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is not None and not is_known(revision):
            raise Refused(
                "The database was upgraded by a newer version already (schema {revision}): install that one.",
                revision=revision,
            )
        new = revision is None
        if not new and sandbox and not _marked(connection):
            raise Refused(
                "This database is in use already and no sandbox: `--sandbox` is for a new one "
                "(set RASTI_HOME or RASTI_DATABASE_URL)."
            )
        ran = revisions() if revision is None else missing_revisions(connection)
        command.upgrade(alembic_config(connection), "head")
        if new:
            with Session(connection, join_transaction_mode="create_savepoint") as session:
                session.add(Installation(sandbox=sandbox, created_at=datetime.now(UTC)))
                session.commit()
        return ran


def is_sandbox(engine: Engine) -> bool:
    """Whether this database is a playground."""
    with engine.connect() as connection:
        return inspect(connection).has_table("installation") and _marked(connection)


def _marked(connection: Connection) -> bool:
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        installation = session.get(Installation, 1)
        return installation is not None and installation.sandbox
