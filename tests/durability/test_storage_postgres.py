"""A PostgreSQL server that dies, becomes read-only or has no connection left: 503 until it is back, then as before."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlmodel import select

from models import Lead
from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.tokens import add_token
from rasti.portal.app import create_app
from rasti.rules.kinds import TokenScope
from rasti.settings import Settings
from tests.builders import lead_data, won_month
from tests.clock import MovableClock
from tests.durability.chaos.processes import Postgres, free_port
from tests.durability.storage import ROOT
from tests.portal.programs import Program, is_problem
from tests.portal.visitors import ORIGIN, Browser

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of this module's own, with its commits synced."""
    with tempfile.TemporaryDirectory(prefix="rasti-storage-") as folder:
        Path(folder).chmod(0o755)  # the server is another user
        postgres = Postgres(Path(folder), free_port())
        postgres.start()
        postgres.come_up()
        try:
            yield postgres
        finally:
            postgres.end()


@pytest.fixture(scope="module")
def book(server: Postgres) -> Iterator[Book]:
    """The winner holds the leads."""
    engine = open_engine(server.url)
    upgrade_database(engine)
    book = Book(engine, load_programme(ROOT / "programme.yaml"), clock=MovableClock())
    won_month(book)
    yield book
    engine.dispose()


@pytest.fixture(scope="module")
def token(book: Book) -> str:
    return add_token(book, "site", TokenScope.LEADS_WRITE)


def portal(book: Book, tmp_path: Path, token: str) -> tuple[Program, Browser]:
    """A program that sends leads, and a browser."""
    app = create_app(book, Settings(home=tmp_path, portal_url=ORIGIN))
    return Program(app, token), Browser(app)


def sources(book: Book) -> set[str]:
    with book.read() as tx:
        return set(tx.all(select(Lead.source_id)))


def test_a_server_that_is_killed_and_comes_back(server: Postgres, book: Book, token: str, tmp_path: Path) -> None:
    site, guest = portal(book, tmp_path, token)
    assert site.post("leads", lead_data(1)).status_code == 202
    server.kill()
    answer = site.post("leads", lead_data(2))
    assert is_problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert guest.get("/").status_code == 503
    server.come_up()
    assert sources(book) == {"request-1"}
    assert site.post("leads", lead_data(2)).json()["created"] is True
    assert guest.get("/").status_code == 200


def test_a_server_that_became_a_standby_is_read_and_not_written(
    server: Postgres, book: Book, token: str, tmp_path: Path
) -> None:
    site, guest = portal(book, tmp_path, token)
    signal = server.data / "standby.signal"
    server.kill()
    signal.touch()
    try:
        server.come_up()
        before = sources(book)
        answer = site.post("leads", lead_data(3))
        assert is_problem(answer, 503)
        assert answer.headers["retry-after"] == "5"
        assert guest.get("/").status_code == 200
        assert guest.get("/readyz").status_code == 200
    finally:
        server.kill()
        signal.unlink()
        server.come_up()
    assert sources(book) == before
    assert site.post("leads", lead_data(3)).json()["created"] is True


def test_a_server_without_a_connection_left(
    server: Postgres, book: Book, token: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 1")
        connection.execute("GRANT pg_read_all_data, pg_write_all_data TO crowded")
        connection.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO crowded")
    crowded = open_engine(server.url.replace("rasti@", "crowded@"))
    site, _guest = portal(replace(book, engine=crowded), tmp_path, token)
    before = sources(book)
    with psycopg.connect(server.url.replace("+psycopg", "").replace("rasti@", "crowded@")):
        answer = site.post("leads", lead_data(4))
        assert is_problem(answer, 503)
        assert "too many connections" not in answer.text, "it names the role: that is for the log"
        (told,) = [record for record in caplog.records if record.message == "portal.unavailable"]
        assert "too many connections" in str(told.fields["why"])  # type: ignore[attr-defined]
    assert sources(book) == before
    assert site.post("leads", lead_data(4)).json()["created"] is True
    crowded.dispose()
