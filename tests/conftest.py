"""The databases, the clock and the programme of every test, and the summary of what was skipped."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from models.engine import open_engine
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.rules.programme import Programme
from tests.clock import MovableClock
from tests.databases import PostgresDatabases, SqliteDatabases, open_postgres

ROOT = Path(__file__).resolve().parent.parent
CI = os.environ.get("CI", "").lower() == "true"
# What must not be skipped where the result counts.
NEEDED = ("postgres", "prefect", "browser")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("RASTI_") and not name.startswith("RASTI_TEST_"):
            monkeypatch.delenv(name)
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", os.devnull)


@pytest.fixture(autouse=True)
def _no_log_left_behind() -> Iterator[None]:
    """A command that logs to stderr in one test does not log into the next one's."""
    yield
    logger = logging.getLogger("rasti")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def programme() -> Programme:
    """The programme as it is delivered."""
    return load_programme(ROOT / "programme.yaml")


@pytest.fixture
def clock() -> MovableClock:
    """The test's clock; it stands still until moved."""
    return MovableClock()


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Copies of one migrated SQLite file."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[PostgresDatabases]:
    """Copies of one migrated PostgreSQL database; without a server tests are skipped, in CI they fail."""
    try:
        databases = open_postgres()
    except Exception as error:
        if CI:
            raise
        pytest.skip(f"no PostgreSQL: {error}")
    try:
        yield databases
    finally:
        databases.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    """Which database; a test for one only says `@pytest.mark.parametrize("backend", ["postgres"], indirect=True)`."""
    return str(request.param)


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a new, migrated database of this test's own."""
    databases: SqliteDatabases | PostgresDatabases = request.getfixturevalue(f"{backend}_databases")
    with databases.new() as url:
        yield url


@pytest.fixture
def empty_database_url(backend: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without any table."""
    databases: SqliteDatabases | PostgresDatabases = request.getfixturevalue(f"{backend}_databases")
    with databases.new(migrated=False) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """This test's own database, open."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def book(engine: Engine, programme: Programme, clock: MovableClock) -> Book:
    """The ledger over this test's own database, with the test's clock."""
    return Book(engine, programme, clock=clock, actor="test")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped PostgreSQL, Prefect or browser test is a failure."""
    if CI and exitstatus == pytest.ExitCode.OK and _needed_but_skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say loudly what was not tested."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    needed = _needed_but_skipped(config)
    terminalreporter.section(f"{len(skipped)} NOT TESTED", red=bool(needed), yellow=not needed, bold=True)
    for name in needed:
        terminalreporter.line(f"{name}: needed; with CI=true this fails", red=True)


def _needed_but_skipped(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of pytest-xdist: its controller counts
        return []
    return [
        report.nodeid
        for report in reporter.stats.get("skipped", [])
        if any(marker in getattr(report, "keywords", {}) for marker in NEEDED)
    ]
