"""One Prefect server for all end-to-end tests; each module has a rasti of its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.rules.month import Month
from rasti.settings import Settings
from tests.clock import MOSCOW, MovableClock
from tests.e2e.prefect_server import PrefectServer

LAST_MONTH = Month.at(datetime.now(UTC), MOSCOW).previous


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.prefect)


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A running Prefect server with our deployments on the warm pool."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE"):
            environment.delenv(name, raising=False)
        server = PrefectServer(tmp_path_factory.mktemp("prefect"))
    try:
        server.start()
        server.deploy()
        yield server
    finally:
        server.processes.stop()
        server.api.close()


class Rasti:
    """An installation of its own: home, database, settings, and a ledger whose clock the test sets."""

    def __init__(self, home: Path) -> None:
        self.home = home
        programme = {
            "timezone": "Europe/Moscow",
            "first_month": str(LAST_MONTH.shift(-12)),
            "last_month": None,
            "rules": [{"from": str(LAST_MONTH.shift(-12)), "call_window": "00:00-24:00"}],
        }
        (home / "programme.yaml").write_text(yaml.safe_dump(programme))
        self.settings = Settings(home=home, programme=home / "programme.yaml", language="en")
        self.engine = open_engine(self.settings.database)
        upgrade_database(self.engine)
        # By the real clock, as everything that other processes do here.
        self.book = Book(self.engine, load_programme(home / "programme.yaml"), actor="test")

    def earlier(self, **ago: float) -> Book:
        """The ledger at an instant that is past, so that what happens in it is due by now."""
        clock = MovableClock()
        clock.set(datetime.now(UTC) - timedelta(**ago))
        return Book(self.engine, self.book.programme, clock=clock, actor="test")


@pytest.fixture(scope="module")
def rasti(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rasti]:
    """This module's installation."""
    installed = Rasti(tmp_path_factory.mktemp("rasti"))
    yield installed
    installed.engine.dispose()


@pytest.fixture(scope="module")
def worker(prefect: PrefectServer, rasti: Rasti) -> Iterator[None]:
    """A warm worker for this module's installation."""
    with prefect.worker(rasti.home):
        yield
