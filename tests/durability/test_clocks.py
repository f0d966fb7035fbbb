"""Ends of months and years, leap days, and zones that change their clocks (D1, D11, D12)."""

import zoneinfo
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from models import Checkpoint, InvoiceRevision, Tenure
from rasti.errors import Refused
from rasti.ledger.book import Book
from rasti.ledger.ingest import IngestReport, ingest_register
from rasti.ledger.rankings import publish, rank
from rasti.ledger.tenures import activate
from rasti.rules.call_window import CallWindow
from rasti.rules.kinds import CheckpointKind
from rasti.rules.month import Month
from rasti.rules.programme import Rules, parse_programme
from rasti.rules.regulation import checkpoint_windows
from tests.builders import WINNER, add_cast, arrive, growing_register, publish_places, receive
from tests.clock import MOSCOW, MovableClock

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = "2020-03-29", "2020-10-25"  # days of 23 and of 25 hours in Berlin
RULES = Rules.model_validate({"from": "2019-08"})
HOURS = {"1h": 1, "3d": 72, "2w": 336}

# Where clocks are changed by an hour, by half of one, at midnight, not at all, and where a day was left out.
ZONES = [
    "Europe/Moscow",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Asuncion",
    "America/Havana",
    "Asia/Kathmandu",
    "Pacific/Apia",
]
every_zone = st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime"})).map(ZoneInfo)
months = st.builds(Month, st.integers(1971, 2036), st.integers(1, 12))
instants = st.integers(1_230_768_000, 1_924_991_999).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def read(book: Book, folder: Path, text: str) -> IngestReport:
    path = folder / "register.csv"
    path.write_text(text, encoding="utf-8")
    return ingest_register(book, path)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


# --- Months


@given(months, every_zone)
def test_a_month_is_the_instants_between_its_two_midnights_in_every_zone(month: Month, zone: ZoneInfo) -> None:
    start, end = month.starts_at(zone), month.ends_at(zone)
    assert (start.tzinfo, end.tzinfo) == (UTC, UTC)
    assert (Month.at(start, zone), Month.at(end, zone)) == (month, month.next)
    assert Month.at(end - timedelta(microseconds=1), zone) == month
    assert start == month.previous.ends_at(zone)


@given(months, st.sampled_from(ZONES))
def test_pendulum_has_the_same_months(month: Month, zone: str) -> None:
    first = pendulum.datetime(month.year, month.number, 1, tz=zone)
    assert month.starts_at(ZoneInfo(zone)) == first
    assert month.ends_at(ZoneInfo(zone)) == first.add(months=1)


@pytest.mark.parametrize(
    ("instant", "in_moscow"),
    [
        ("2019-12-31T20:59:59.999999+00:00", "2019-12"),
        ("2019-12-31T21:00:00+00:00", "2020-01"),  # the new year begins in Moscow
        ("2020-01-01T00:00:00+03:00", "2020-01"),
        ("2020-02-29T20:59:59+00:00", "2020-02"),
        ("2020-02-29T21:00:00+00:00", "2020-03"),
        ("2019-02-28T21:00:00+00:00", "2019-03"),
        ("2020-01-01T11:59:59+14:00", "2020-01"),
        ("2019-12-31T09:00:00-12:00", "2020-01"),
    ],
)
def test_an_instant_is_in_the_month_that_it_is_in_moscow(instant: str, in_moscow: str) -> None:
    assert str(Month.at(datetime.fromisoformat(instant), MOSCOW)) == in_moscow


def test_the_last_month_of_a_year_is_ranked_from_moscows_new_year_on(
    book: Book, clock: MovableClock, tmp_path: Path
) -> None:
    clock.set("2019-12-31T20:59:59.999999+00:00")
    add_cast(book)
    read(book, tmp_path, growing_register("2019-12"))
    with pytest.raises(Refused, match="has not ended"):
        rank(book, Month(2019, 12))
    clock.set("2019-12-31T21:00:00+00:00")
    rank(book, Month(2019, 12))
    publish(book, Month(2019, 12))
    assert activate(book, Month(2019, 12)).holder == WINNER
    with book.read() as tx:
        (tenure,) = tx.all(select(Tenure))
    assert (tenure.lead_month, tenure.started_at) == (Month(2020, 1), clock.now)


def test_a_leap_day_is_a_day_of_february_and_is_no_day_of_another_year(book: Book, tmp_path: Path) -> None:
    leap = growing_register("2020-02").replace("2020-02-15", "2020-02-29")
    assert read(book, tmp_path, leap).quarantined == []
    with book.read() as tx:
        assert {str(month) for month in tx.all(select(InvoiceRevision.month))} == {"2020-01", "2020-02"}
    none = growing_register("2019-02").replace("2019-02-15", "2019-02-29")
    report = read(book, tmp_path, none)
    assert len(report.quarantined) == 4
    assert all("2019-02-29" in row.reason for row in report.quarantined)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2020-02-27T23:30:00+03:00", {"1h": "2020-02-28T00:30", "3d": "2020-03-01T23:30", "2w": "2020-03-12T23:30"}),
        ("2020-02-29T12:00:00+03:00", {"1h": "2020-02-29T13:00", "3d": "2020-03-03T12:00", "2w": "2020-03-14T12:00"}),
        ("2019-12-31T23:30:00+03:00", {"1h": "2020-01-01T00:30", "3d": "2020-01-03T23:30", "2w": "2020-01-14T23:30"}),
        ("2019-02-27T12:00:00+03:00", {"1h": "2019-02-27T13:00", "3d": "2019-03-02T12:00", "2w": "2019-03-13T12:00"}),
    ],
)
def test_due_times_over_the_ends_of_months_and_years(received: str, due: dict[str, str]) -> None:
    start = datetime.fromisoformat(received)
    windows = checkpoint_windows(start, start, RULES, CallWindow.of(RULES, MOSCOW))
    assert {window.kind.value: f"{window.due_at.astimezone(MOSCOW):%Y-%m-%dT%H:%M}" for window in windows} == due


# --- Zones that change their clocks


@given(instants, st.sampled_from(ZONES))
def test_hours_are_elapsed_hours_wherever_clocks_are_changed(received: datetime, zone: str) -> None:
    local = received.astimezone(ZoneInfo(zone))  # however the instant is written
    for window in checkpoint_windows(local, local, RULES, CallWindow.of(RULES, ZoneInfo(zone))):
        assert window.due_at.timestamp() - received.timestamp() == HOURS[window.kind] * 3600
        assert window.due_at.tzinfo is UTC


@given(instants, st.sampled_from(ZONES), st.integers(0, 12), st.integers(13, 24), st.integers(0, 300))
def test_the_call_window_agrees_with_counting_minutes(
    instant: datetime, zone_name: str, first: int, last: int, steps: int
) -> None:
    """The oracle looks at a local clock every five minutes. Windows begin and end at hours that no zone changes."""
    zone = ZoneInfo(zone_name)
    first = first if first > 3 else 4
    window = CallWindow(zone, time(first), time.max if last == 24 else time(last))
    instant = instant.replace(minute=instant.minute // 5 * 5, second=0, microsecond=0)
    if _is_odd(zone, instant):
        return
    step, opened, walked = timedelta(minutes=5), None, 0
    moment = instant
    while walked < steps or opened is None:
        if first <= moment.astimezone(zone).hour < last:
            opened = opened or moment
            walked += 1
        moment += step
    assert window.opens_at_or_after(instant) == opened
    assert window.is_open(instant) is (opened == instant)
    if steps:
        assert window.add(instant.astimezone(zone), steps * step) == moment


def _is_odd(zone: ZoneInfo, instant: datetime) -> bool:
    """Offsets that are no whole five minutes, as before standard time."""
    return bool((instant.astimezone(zone).utcoffset() or timedelta(0)) % timedelta(minutes=5))


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), ("2020-06-01", 24)])
def test_a_window_of_the_whole_day_lasts_as_long_as_the_day(day: str, hours: int) -> None:
    always = CallWindow(BERLIN, time(0), time.max)
    midnight = berlin(f"{day}T00:00")
    assert always.add(midnight, timedelta(hours=hours)) == berlin(f"{day}T00:00") + timedelta(hours=hours)
    assert (midnight + timedelta(hours=hours)).astimezone(BERLIN).time() == time(0)


def test_a_window_that_the_change_of_clocks_leaves_out_does_not_open_that_day() -> None:
    """On that night 02:00 is 03:00: there is no half past two."""
    window = CallWindow(BERLIN, time(2, 30), time(3))
    evening = berlin("2020-03-28T20:00")
    assert window.opens_at_or_after(evening) == berlin("2020-03-30T02:30")
    assert window.add(evening, timedelta(minutes=45)) == berlin("2020-03-31T02:45")


def of_berlin(book: Book) -> Book:
    programme = parse_programme(
        {"timezone": "Europe/Berlin", "first_month": "2020-01", "last_month": None, "rules": [{"from": "2020-01"}]},
        source="test",
    )
    return replace(book, programme=programme)


@pytest.mark.parametrize(
    ("day", "opens"),
    [("2020-03-28", "08:00"), (SPRING, "07:00"), ("2020-10-24", "07:00"), (AUTUMN, "08:00")],
)
def test_a_tenure_that_begins_at_night_waits_for_nine_by_the_clock_on_the_wall(
    book: Book, clock: MovableClock, day: str, opens: str
) -> None:
    book = of_berlin(book)
    month = Month.parse(day[:7]).previous
    clock.set(berlin(f"{day}T00:30"))
    add_cast(book)
    publish_places(book, month)
    activate(book, month)
    clock.set(berlin(f"{day}T04:00"))
    receive(book, arrive(book))
    with book.read() as tx:
        due = {row.kind: row.due_at for row in tx.all(select(Checkpoint))}
    nine = datetime.fromisoformat(f"{day}T{opens}+00:00")
    assert due[CheckpointKind.FIRST_HOUR] == nine + timedelta(hours=1)
    assert due[CheckpointKind.TWO_WEEKS] == nine + timedelta(hours=336)


def test_an_hour_in_which_clocks_are_put_back_is_one_hour(book: Book, clock: MovableClock) -> None:
    book = of_berlin(book)
    clock.set(berlin("2020-10-01T10:00"))
    add_cast(book)
    publish_places(book, Month(2020, 9))
    activate(book, Month(2020, 9))
    clock.set("2020-10-25T00:45:00+00:00")  # a quarter to three, the first time
    receive(book, arrive(book))
    with book.read() as tx:
        first = min(tx.all(select(Checkpoint.due_at)))
    assert first == datetime(2020, 10, 25, 1, 45, tzinfo=UTC)
    assert first.astimezone(BERLIN).time() == time(2, 45)  # a quarter to three again
