"""A whole database as one file, taken while it is in use, and put back in one step: all of it or nothing.

`take` makes the file. `restoration` loads a file beside the database it is for; what it yields can still be changed
(migrated, say) before `put_in_place` makes it the database. The former one is kept.
"""

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import make_url

from rasti.clients.snapshots import postgres, sqlite


class Restoration(Protocol):
    """A loaded snapshot that waits beside the database; `url`: where it is for now."""

    url: str

    def put_in_place(self) -> str | None:
        """Make it the database; where the former one is kept now. Raises Refused: somebody uses that one."""


def kind_of(url: str) -> str:
    """`sqlite` or `postgresql`."""
    return make_url(url).get_backend_name()


def _is_sqlite(url: str) -> bool:
    return kind_of(url) == "sqlite"


def take(url: str, path: Path) -> str:
    """Write the database as it is at one instant, not before this call, into a new file; its schema revision.

    Raises Unavailable: the database, a tool or the disk.
    """
    return sqlite.take(url, path) if _is_sqlite(url) else postgres.take(url, path)


def is_empty(url: str) -> bool:
    """Whether there is no database, or one without tables. Raises Unavailable."""
    return sqlite.is_empty(url) if _is_sqlite(url) else postgres.is_empty(url)


def check_unused(url: str) -> None:
    """Raises Refused: somebody is connected; Unavailable."""
    if _is_sqlite(url):
        sqlite.check_unused(url)
    else:
        postgres.check_unused(url)


def restoration(url: str, path: Path, stamp: str) -> AbstractContextManager[Restoration]:
    """Load a snapshot beside the database of `url`; `stamp` goes into the name under which the former one is kept.

    Left without `put_in_place` nothing has changed. Raises Unavailable.
    """
    return sqlite.restoration(url, path, stamp) if _is_sqlite(url) else postgres.restoration(url, path, stamp)


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
