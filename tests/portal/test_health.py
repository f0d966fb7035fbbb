"""Health, readiness and metrics."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from sqlmodel import update

from models import Message
from rasti.ledger.book import Book
from rasti.ledger.heartbeats import beat
from rasti.ledger.pulse import lags_if_current, pulse
from rasti.ledger.restored import note_restored
from rasti.portal.app import create_app
from rasti.rules.kinds import MessageState
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.builders import arrive, receive, won_month
from tests.clock import MovableClock
from tests.portal.visitors import Browser


def metrics(browser: Browser) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, in the order of the labels' names."""
    text = browser.get("/metrics").text
    return {
        (sample.name, *(value for _label, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_process_says_that_it_lives_without_asking_the_database(settings: Settings, tmp_path: Path) -> None:
    from models.engine import open_engine
    from rasti.clients.programme_file import load_programme
    from tests.conftest import ROOT

    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    browser = Browser(create_app(Book(engine, load_programme(ROOT / "programme.yaml")), settings))
    assert browser.get("/healthz").status_code == 200
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, "down")
    page = browser.get("/")
    assert page.status_code == 503
    for address in ("nobody", "nowhere", "127.0.0.1"):
        assert address not in page.text, "who visits learns nothing of the database"
    assert browser.client.get("/api/v1/rankings").headers["retry-after"] == "5"
    found = metrics(browser)
    assert found[("rasti_database_up",)] == 0
    assert found["rasti_http_requests_total", "GET", "/", "503"] == 1


def test_ready_means_that_the_database_is_up_to_date(guest: Browser, book: Book) -> None:
    assert guest.get("/readyz").json() == {
        "status": "ready",
        "reasons": [],
        "database": "up",
        "prefect": "not configured",
        "workers": None,
        "relay_lag_seconds": 0.0,
        "guard_lag_seconds": 0.0,
        "heartbeat_age_seconds": {},
        "mail": None,
        "restored_at": None,
    }
    with book.write() as tx:
        tx.session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0001_first_tables'")
    answer = guest.get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, "not upgraded")


def test_a_lag_is_told_but_does_not_take_the_portal_away(guest: Browser, book: Book, clock: MovableClock) -> None:
    won_month(book)
    arrive(book)
    clock.advance(minutes=2)
    answer = guest.get("/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["relay_lag_seconds"]) == (200, "degraded", 120)


def test_a_loop_that_is_not_configured_is_not_missed(
    guest: Browser, book: Book, settings: Settings, clock: MovableClock
) -> None:
    """It was once: the reader of bounces without RASTI_BOUNCES."""
    beat(book, "bounces")
    beat(book, "relay")
    clock.advance(minutes=2)
    answer = guest.get("/readyz").json()
    assert (answer["reasons"], answer["heartbeat_age_seconds"]) == (["relay_silent"], {"relay": 120})
    assert ("rasti_heartbeat_age_seconds", "bounces") not in metrics(guest)
    reads = Browser(create_app(book, settings.model_copy(update={"bounces": "maildir:/var/mail/rasti"})))
    assert "bounces_silent" in reads.get("/readyz").json()["reasons"]
    assert metrics(reads)["rasti_heartbeat_age_seconds", "bounces"] == 120


def test_a_restore_is_told_for_a_week(guest: Browser, operator: Browser, book: Book, clock: MovableClock) -> None:
    note_restored(book, clock.now - timedelta(hours=1))
    clock.advance(minutes=1)
    answer = guest.get("/readyz").json()
    assert (answer["status"], answer["restored_at"]) == ("degraded", "2019-09-02T07:00:00+00:00")
    assert metrics(guest)[("rasti_restored_seconds",)] == 60
    assert operator.get("/desk").status_code == 303, "everybody signs in again"
    clock.advance(days=7)
    assert guest.get("/readyz").json()["restored_at"] is None
    assert ("rasti_restored_seconds",) not in metrics(guest)


def test_a_prefect_that_is_down_is_told(book: Book, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    answer = Browser(create_app(book, settings)).get("/readyz")
    assert (answer.status_code, answer.json()["prefect"], answer.json()["status"]) == (200, "down", "degraded")


def test_metrics_tell_how_the_programme_stands(
    guest: Browser, book: Book, settings: Settings, clock: MovableClock
) -> None:
    won_month(book)
    receive(book, arrive(book))
    deliver(book, settings)
    beat(book, "relay")
    clock.advance(hours=1, seconds=5)
    with book.write() as tx:
        tx.session.execute(
            update(Message).where(Message.kind == "reminder").values(state=MessageState.DEAD)  # type: ignore[arg-type]
        )
    found = metrics(guest)
    assert found[("rasti_database_up",)] == 1
    assert found["rasti_open_tenure", "2019-09", "winner"] == 1
    assert found["rasti_leads", "in_work"] == 1
    assert found[("rasti_checkpoints_overdue",)] == 1
    assert found[("rasti_oldest_overdue_seconds",)] == 5
    assert found["rasti_messages_dead", "mail"] == 3
    assert found["rasti_messages_due", "run"] >= 1
    assert found["rasti_heartbeat_age_seconds", "relay"] == 3605


def test_metrics_count_requests_by_the_template_of_their_path(
    guest: Browser, partner: Callable[[str], Browser], book: Book
) -> None:
    guest.get("/sign-in/a-token")
    guest.get("/nowhere/at/all")
    found = metrics(guest)
    assert found["rasti_http_requests_total", "GET", "/sign-in/{token}", "200"] == 1
    assert found["rasti_http_requests_total", "GET", "unmatched", "404"] == 1
    assert "a-token" not in guest.get("/metrics").text


def test_a_path_that_repeats_itself_and_a_strange_method_are_no_new_lines_of_the_metrics(guest: Browser) -> None:
    guest.get("/sign-in/sign-in")
    guest.client.request("BREW", "/sign-in/sign-in", headers=guest.headers)
    guest.client.get("/api/v1/leads/api")
    found = metrics(guest)
    assert found["rasti_http_requests_total", "GET", "/sign-in/{token}", "200"] == 1
    assert found["rasti_http_requests_total", "other", "/sign-in/{token}", "405"] == 1
    assert found["rasti_http_requests_total", "GET", "/api/v1/leads/{lead_id}", "401"] == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_is_asked_often_reads_no_table_from_end_to_end(book: Book) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(
        book.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, values, *_rest: asked.append((statement, values)),
    )
    pulse(book)
    lags_if_current(book)
    queries = [query for query in asked if query[0].startswith("SELECT")]
    with book.read() as tx:
        connection = tx.session.connection()
        steps = [
            str(row[-1])
            for statement, values in queries
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    whole = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
    assert {step.split()[1] for step in whole} <= {"heartbeat", "alembic_version"}
    assert any("ix_message_dead" in step for step in steps)
