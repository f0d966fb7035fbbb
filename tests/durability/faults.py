"""Faults of a database's storage, made for real: the database itself refuses, nothing of ours is replaced."""

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

BUSY = 0.05  # seconds that the application waits for SQLite's lock in these tests
_UNLIMITED = 2**31 - 2  # pages

Fault = Callable[[Engine], Any]  # a context in which the database of the engine cannot be written


@contextmanager
def sqlite_full(engine: Engine) -> Iterator[None]:
    """SQLite may not grow by a page: its own "database or disk is full"."""
    with closing(sqlite3.connect(_path(engine))) as connection:
        connection.execute("VACUUM")  # no free page is left; what fits into the pages that there are still does
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    with _each_connection(engine, f"PRAGMA max_page_count={pages}", f"PRAGMA max_page_count={_UNLIMITED}"):
        yield


@contextmanager
def sqlite_read_only(engine: Engine) -> Iterator[None]:
    """Connections that may only read, as on a file system that was mounted read-only after an error."""
    with _each_connection(engine, "PRAGMA query_only=ON", "PRAGMA query_only=OFF"):
        yield


@contextmanager
def sqlite_locked(engine: Engine) -> Iterator[None]:
    """Another process holds the write lock for longer than anybody waits."""
    with closing(sqlite3.connect(_path(engine), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def disk_full(engine: Engine) -> Iterator[None]:
    """The file system of the database has not a byte left (the database has to be on a small one: `small_disk`)."""
    ballast = _path(engine).with_name("ballast")
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of a few megabytes in memory; where that may not be mounted the test is skipped."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system may not be mounted here (only root can)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # also while a failed test has a file open


@contextmanager
def postgres_away(engine: Engine) -> Iterator[None]:
    """Connections are cut off, and no new one is let in."""
    name = engine.url.database
    with _server(engine) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        _cut_off(server, name)
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


SQLITE: dict[str, Fault] = {
    "no page left": sqlite_full,
    "disk full": disk_full,
    "read-only": sqlite_read_only,
    "locked": sqlite_locked,
}
POSTGRES: dict[str, Fault] = {"away": postgres_away}


@contextmanager
def _each_connection(engine: Engine, during: str, after: str) -> Iterator[None]:
    """A pragma on every connection that is used; those that are open already have it from their next use on."""
    pragma = during

    def use(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(pragma)

    event.listen(engine, "checkout", use)
    try:
        yield
    finally:
        pragma = after


def _path(engine: Engine) -> Path:
    return Path(engine.url.database or "")


@contextmanager
def _server(engine: Engine) -> Iterator[psycopg.Connection]:
    url = engine.url.set(drivername="postgresql", database="postgres")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        yield connection


def _cut_off(server: psycopg.Connection, name: str | None) -> None:
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
