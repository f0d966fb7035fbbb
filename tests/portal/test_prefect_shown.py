"""A missing worker stands in /readyz, in the metrics and on the desk's first page."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rasti.ledger.book import Book
from rasti.portal.app import create_app
from rasti.portal.prefect import Prefect
from rasti.settings import Settings
from tests.clock import MovableClock
from tests.fake_prefect import FakePrefect
from tests.portal.visitors import Browser


@pytest.fixture
def prefect(clock: MovableClock) -> FakePrefect:
    return FakePrefect(now=clock.now)


def visit(book: Book, settings: Settings, prefect: FakePrefect) -> Browser:
    """A portal that has seen nothing of Prefect yet."""
    return Browser(create_app(book, settings, Prefect("http://prefect.example/api", prefect.opened, prefect.opened)))


def test_with_a_worker_all_is_well(book: Book, settings: Settings, prefect: FakePrefect) -> None:
    answer = visit(book, settings, prefect).get("/readyz").json()
    assert (answer["status"], answer["reasons"], answer["workers"]["late_runs"]) == ("ready", [], 0)


def test_without_a_worker_the_portal_is_degraded_and_says_why(
    book: Book, settings: Settings, prefect: FakePrefect
) -> None:
    prefect.heard_at = prefect.now - timedelta(minutes=14)
    answer = visit(book, settings, prefect).get("/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["prefect"]) == (200, "degraded", "up")
    assert answer.json()["reasons"] == ["no_worker"]
    assert answer.json()["workers"]["pools"] == [{"name": "rasti", "paused": False, "workers": 0}]


def test_a_wrong_password_is_told(book: Book, settings: Settings, prefect: FakePrefect) -> None:
    prefect.password = "rasti:secret"
    answer = visit(book, settings, prefect).get("/readyz").json()
    assert (answer["status"], answer["reasons"]) == ("degraded", ["prefect_refuses"])


def test_the_metrics_tell_workers_late_runs_and_who_judges(
    book: Book, settings: Settings, prefect: FakePrefect
) -> None:
    prefect.heard_at = prefect.now - timedelta(minutes=14)
    prefect.paused = {"rasti"}
    text = visit(book, settings, prefect).get("/metrics").text
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found[("rasti_prefect_up",)] == 1
    assert found["rasti_prefect_workers_online", "rasti"] == 0
    assert found["rasti_prefect_pool_paused", "rasti"] == 1
    assert found[("rasti_prefect_runs_late",)] == 0
    assert found["rasti_verdicts_last_hour", "guard"] == 0
    prefect.down = True
    text = visit(book, settings, prefect).get("/metrics").text
    assert "rasti_prefect_up 0.0" in text
    assert "rasti_prefect_runs_late" not in text


def test_the_desk_tells_what_is_missing_and_what_is_paused(
    book: Book, settings: Settings, prefect: FakePrefect, operator: Browser
) -> None:
    prefect.heard_at = prefect.now - timedelta(minutes=14)
    prefect.paused = {"monthly-ranking"}
    operator.client.app.state.site = visit(book, settings, prefect).client.app.state.site  # type: ignore[attr-defined]
    page = operator.get("/desk").text
    assert "В пуле rasti нет ни одного работающего исполнителя" in page
    assert "приостановлено в Prefect</span> monthly-ranking" in page


def test_it_is_asked_once_in_ten_seconds(book: Book, settings: Settings, prefect: FakePrefect) -> None:
    browser = visit(book, settings, prefect)
    for _time in range(3):
        browser.get("/readyz")
        browser.get("/metrics")
    assert prefect.calls.count("deployments/filter") == 1
