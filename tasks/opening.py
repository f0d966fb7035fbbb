"""Opens the ledger for a step of a flow run."""

from functools import lru_cache

from prefect.runtime import flow_run
from sqlalchemy import Engine

from models.engine import open_engine
from models.revision import check_schema
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.settings import Settings, load_settings


def open_book() -> tuple[Book, Settings]:
    """The ledger, acted on in the name of the present flow run, and the settings.

    The engine is kept for the life of the process; settings and programme are read anew, so that a change of them
    needs no new worker. Raises NotFound, BadInput (a broken programme), NotUpgraded, Unavailable.
    """
    settings = load_settings()
    return Book(_engine(settings.database), load_programme(settings.programme), actor=acting_run()), settings


def acting_run() -> str:
    """Who acts, as the audit trail names it."""
    return f"flow-run:{flow_run.id}" if flow_run.id else "flow"


@lru_cache(maxsize=4)
def _engine(url: str) -> Engine:
    engine = open_engine(url)
    check_schema(engine)  # once: a schema that is new enough stays so, and an error is not kept
    return engine
