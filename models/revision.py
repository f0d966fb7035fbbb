"""Which schema a database has, and which one this version needs; asked at every start, so without Alembic."""

from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from models.engine import as_unavailable, read_only
from rasti.errors import NotUpgraded

MIGRATIONS = Path(__file__).parent / "migrations"


@lru_cache(maxsize=1)
def revisions() -> tuple[str, ...]:
    """All revisions of this version, the oldest first: a migration's file is named for its revision."""
    return tuple(sorted(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py")))


def is_known(revision: str) -> bool:
    """Whether this version has that migration: a database made by a newer one cannot be understood."""
    return revision in revisions()


def missing_revisions(connection: Connection) -> tuple[str, ...]:
    """The migrations that the database lacks, in order; none if a newer version upgraded it, for those only add."""
    revision = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    return revisions()[revisions().index(revision) + 1 :] if is_known(revision) else ()


def check_schema(engine: Engine) -> None:
    """Raises NotUpgraded: the database lacks tables or migrations; Unavailable: it cannot be used now."""
    try:
        with read_only(engine).connect() as connection:
            missing = missing_revisions(connection)
    except DBAPIError as error:
        meaning = as_unavailable(error)
        if meaning is None:
            raise
        raise meaning from error
    if missing:
        raise NotUpgraded(
            "The database is older than this version of rasti (it lacks {first}): run `rasti db upgrade`.",
            first=missing[0],
        )
