"""SQLite: its online backup, which sees one instant of a database that others go on writing."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

from rasti.clients.disk import to_disk
from rasti.errors import Refused, Unavailable

_PATIENCE = 10.0  # seconds for a lock


def file_of(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(make_url(url).database or "").resolve()


def take(url: str, path: Path) -> str:
    """Copy the database into a new file that needs no other beside it; its schema revision. Raises Unavailable."""
    with _said(file_of(url)), closing(_open(file_of(url), "ro")) as source:
        _copy(source, path)
        with closing(_open(path, "rw")) as copy:
            if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise Unavailable("The database {path} is damaged: its copy was not kept.", path=file_of(url))
            return _revision(copy)


def is_empty(url: str) -> bool:
    """Whether there is no such file, or no table in it. Raises Unavailable."""
    path = file_of(url)
    if not path.exists():
        return True
    with _said(path), closing(_open(path, "ro")) as connection:
        return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def check_unused(url: str) -> None:
    """Raises Refused: another process has the database open; Unavailable."""
    if file_of(url).exists():
        with _said(file_of(url)):
            _alone(file_of(url)).close()


@contextmanager
def restoration(url: str, path: Path, stamp: str) -> Iterator["SqliteRestoration"]:
    """Load the snapshot into a file beside the database. Raises Unavailable."""
    target = file_of(url)
    loaded = SqliteRestoration(target, target.with_name(f".{target.name}.{stamp}.part"), stamp)
    try:
        with _said(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with closing(_open(path, "ro")) as source:
                _copy(source, loaded.path)
        yield loaded
    finally:
        for file in loaded.path.parent.glob(f"{loaded.path.name}*"):
            file.unlink()


class SqliteRestoration:
    """A copy of the snapshot beside the database."""

    def __init__(self, target: Path, path: Path, stamp: str) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._target, self._stamp = target, stamp

    def put_in_place(self) -> str | None:
        """Overwrite the database in one transaction, in its own file: whoever opens it sees the old one or the new."""
        if not self._target.exists():
            self._rename()
            return None
        kept = self._target.with_name(f"{self._target.stem}.before-{self._stamp}{self._target.suffix}")
        with (
            _said(self._target),
            closing(_open(self.path, "ro")) as source,
            closing(_alone(self._target)) as target,
        ):
            _copy(target, kept)
            source.backup(target)
        return str(kept)

    def _rename(self) -> None:
        with _said(self._target):
            with closing(_open(self.path, "rw")) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")
            to_disk(self.path)
            self.path.replace(self._target)
            to_disk(self._target.parent)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=_PATIENCE, isolation_level=None)


def _alone(path: Path) -> sqlite3.Connection:
    """A connection that keeps everybody else out until it is closed. Raises Refused: somebody has the file open."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        # Only the last connection can leave the WAL: an idle one of a portal is enough to be told.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        if connection.execute("PRAGMA journal_mode=DELETE").fetchone() != ("delete",):
            raise sqlite3.OperationalError("database is locked")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" not in str(error):
            raise
        raise Refused(
            "The database {name} is in use: stop stewards, portals, workers and the Prefect server first.", name=path
        ) from error
    return connection


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """One step, so that a busy writer cannot make it begin again; the file is the owner's alone, and on disk."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(_open(path, "rw")) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    to_disk(path)
    to_disk(path.parent)


def _revision(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0])


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Trouble with a file, in our words."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Unavailable("The database {path} cannot be used: {why}.", path=path, why=error) from error
