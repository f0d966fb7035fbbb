"""Waits for work in the outbox: PostgreSQL tells (LISTEN), SQLite is asked many times a second, which costs little."""

import sqlite3
import threading
import time
from typing import Protocol
from urllib.parse import quote

import psycopg
from sqlalchemy import Engine

from rasti.errors import DatabaseUnavailable

_LOOK_EVERY = 0.02  # seconds between two looks at the SQLite file
_LISTEN_FOR = 0.25  # seconds of listening between two looks at `stop`


class Alarm(Protocol):
    """Wakes whoever waits for the outbox. Raises DatabaseUnavailable."""

    def wait(self, stop: threading.Event, timeout: float) -> None:
        """Return when something may have been written, when `stop` is set, or after `timeout` seconds."""

    def close(self) -> None: ...


def outbox_alarm(engine: Engine) -> Alarm:
    """An alarm that hears every transaction committed from now on."""
    return _PostgresAlarm(engine) if engine.dialect.name == "postgresql" else _SqliteAlarm(engine)


class _PostgresAlarm:
    """`NOTIFY rasti_outbox` is sent with the commit of every transaction that writes mail which is due at once."""

    def __init__(self, engine: Engine) -> None:
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            self._connection = psycopg.connect(url, autocommit=True)
            self._connection.execute("LISTEN rasti_outbox")
        except psycopg.OperationalError as error:
            raise _unavailable(error) from error

    def wait(self, stop: threading.Event, timeout: float) -> None:
        until = time.monotonic() + timeout
        try:
            while not stop.is_set() and (left := until - time.monotonic()) > 0:
                if list(self._connection.notifies(timeout=min(left, _LISTEN_FOR), stop_after=1)):
                    return
        except psycopg.OperationalError as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        self._connection.close()


class _SqliteAlarm:
    """`data_version` changes with every commit of another connection; reading it takes no lock and no disk access."""

    def __init__(self, engine: Engine) -> None:
        path = quote(engine.url.database or "")
        try:
            # Used by one thread at a time; mode=rw: never make a new, empty file.
            self._connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, check_same_thread=False)
            self._version = self._read()
        except sqlite3.OperationalError as error:
            raise _unavailable(error) from error

    def wait(self, stop: threading.Event, timeout: float) -> None:
        until = time.monotonic() + timeout
        try:
            while not stop.wait(_LOOK_EVERY) and time.monotonic() < until:
                version = self._read()
                if version != self._version:
                    self._version = version
                    return
        except sqlite3.OperationalError as error:
            raise _unavailable(error) from error

    def _read(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def close(self) -> None:
        self._connection.close()


def _unavailable(error: Exception) -> DatabaseUnavailable:
    why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DatabaseUnavailable(why)
