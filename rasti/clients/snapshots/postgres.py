"""PostgreSQL: `pg_dump` and `pg_restore`, and a change of names that is one transaction."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import errors, sql
from sqlalchemy import URL, make_url

from rasti.errors import Refused, Unavailable

_PATIENCE = 10  # seconds to connect
_LONGEST_NAME = 63  # bytes of a database's name


def take(url: str, path: Path) -> str:
    """Dump the database, one snapshot, in the custom format; its schema revision. Raises Unavailable."""
    with _connected(url) as connection:
        revision = _revision(connection)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return revision


def is_empty(url: str) -> bool:
    """Whether there is no such database, or no table in it. Raises Unavailable."""
    if not _exists(url):
        return True
    with _connected(url) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') LIMIT 1"
        ).fetchone()
    return found is None


def check_unused(url: str) -> None:
    """Raises Refused: somebody is connected; Unavailable."""
    with _maintenance(url) as connection:
        found = connection.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s LIMIT 1", [_name(url)]).fetchone()
    if found is not None:
        raise _in_use(url)


@contextmanager
def restoration(url: str, path: Path, stamp: str) -> Iterator["PostgresRestoration"]:
    """Load the dump into a new database on the same server. Raises Unavailable: also if that may not be created."""
    loaded = PostgresRestoration(url, stamp)
    with _maintenance(url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(loaded.name)))
    try:
        _run(
            "pg_restore",
            loaded.url,
            *("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(path)),
            option="--dbname",
        )
        yield loaded
    finally:
        with suppress(Unavailable), _maintenance(url) as connection:
            # After `put_in_place` there is none of this name.
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(loaded.name)))


class PostgresRestoration:
    """A database of its own, until it takes the name of the one it is for."""

    def __init__(self, url: str, stamp: str) -> None:
        self._target = url
        self._stamp = stamp
        self.name = _cut(_name(url), f"_restoring_{stamp}")
        self.url = make_url(url).set(database=self.name).render_as_string(hide_password=False)

    def put_in_place(self) -> str | None:
        """Exchange the names in one transaction: whoever connects gets the old one or the new."""
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        former, kept = _name(self._target), None
        exists = _exists(self._target)
        with _maintenance(self._target) as connection:
            try:
                with connection.transaction():
                    if exists:
                        kept = _cut(former, f"_before_{self._stamp}")
                        connection.execute(rename.format(sql.Identifier(former), sql.Identifier(kept)))
                    connection.execute(rename.format(sql.Identifier(self.name), sql.Identifier(former)))
            except errors.ObjectInUse as error:
                raise _in_use(self._target) from error
        return kept


def _run(tool: str, url: str, *arguments: str, option: str = "--dbname") -> None:
    """Run a client program of PostgreSQL; its password goes by the environment, where other users cannot read it."""
    program = shutil.which(tool)
    if program is None:
        raise Unavailable(
            "{tool} was not found: install the client programs of PostgreSQL, of the server's version or newer.",
            tool=tool,
        )
    parsed = make_url(url)
    address = parsed.set(drivername="postgresql")
    environment = os.environ | ({"PGPASSWORD": str(parsed.password)} if parsed.password else {})
    command = [program, f"{option}={_without_password(address)}", "--no-password", *arguments]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        why = done.stderr.strip().splitlines()
        raise Unavailable("{tool} failed: {why}", tool=tool, why=" ".join(why[:3]) or f"status {done.returncode}")


def _without_password(url: URL) -> str:
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query).render_as_string(
        hide_password=False
    )


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    """A connection without transactions of its own. Raises Unavailable, without the address."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(address, autocommit=True, connect_timeout=_PATIENCE) as connection:
            yield connection
    except psycopg.Error as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Unavailable("The database {path} cannot be used: {why}.", path=_name(url), why=why) from error


def _maintenance(url: str) -> AbstractContextManager[psycopg.Connection]:
    """A connection to the server that is not one to the database in question."""
    other = "postgres" if _name(url) != "postgres" else "template1"
    return _connected(make_url(url).set(database=other).render_as_string(hide_password=False))


def _exists(url: str) -> bool:
    with _maintenance(url) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_name(url)]).fetchone() is not None


def _revision(connection: psycopg.Connection) -> str:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def _name(url: str) -> str:
    return make_url(url).database or ""


def _cut(name: str, end: str) -> str:
    """A database's name with an ending, as long as it may be."""
    return name.encode()[: _LONGEST_NAME - len(end)].decode(errors="ignore") + end


def _in_use(url: str) -> Refused:
    return Refused(
        "The database {name} is in use: stop stewards, portals, workers and the Prefect server first.", name=_name(url)
    )
