"""When calls may be made (D11, D16)."""

from datetime import timedelta

import pytest

from rasti.rules.call_window import CallWindow
from rasti.rules.programme import Rules
from tests.clock import MOSCOW, moscow


def window(**rules: object) -> CallWindow:
    return CallWindow.of(Rules.model_validate({"from": "2019-08", **rules}), MOSCOW)


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        ("2019-09-03 08:59:59.999999", False),
        ("2019-09-03 09:00", True),
        ("2019-09-03 19:59:59.999999", True),
        ("2019-09-03 20:00", False),
        ("2019-09-08 12:00", True),  # a Sunday
    ],
)
def test_the_window_is_open_from_nine_and_closed_at_twenty(instant: str, is_open: bool) -> None:
    assert window().is_open(moscow(instant)) is is_open


def test_it_opens_the_next_morning() -> None:
    assert window().opens_at_or_after(moscow("2019-09-03 20:00")) == moscow("2019-09-04 09:00")
    assert window().opens_at_or_after(moscow("2019-09-03 03:00")) == moscow("2019-09-03 09:00")
    assert window().opens_at_or_after(moscow("2019-09-03 10:30")) == moscow("2019-09-03 10:30")


def test_working_days_and_holidays_narrow_it() -> None:
    weekdays = window(working_days="mon-fri", holidays="RU")
    assert weekdays.opens_at_or_after(moscow("2019-09-06 20:00")) == moscow("2019-09-09 09:00")  # over a weekend
    assert not weekdays.is_open(moscow("2019-11-04 12:00"))  # Unity Day, a Monday


def test_an_hour_of_open_time_goes_over_the_night() -> None:
    hour = timedelta(hours=1)
    assert window().add(moscow("2019-09-03 19:30"), hour) == moscow("2019-09-04 09:30")
    assert window().add(moscow("2019-09-03 22:00"), hour) == moscow("2019-09-04 10:00")
    assert window().add(moscow("2019-09-03 19:00"), hour) == moscow("2019-09-03 20:00")
    assert window().add(moscow("2019-09-03 10:00"), timedelta(hours=12)) == moscow("2019-09-04 11:00")


def test_a_window_of_the_whole_day_is_always_open() -> None:
    always = window(call_window="00:00-24:00")
    midnight = moscow("2019-09-04 00:00")
    assert always.is_open(midnight) and always.is_open(midnight - timedelta(microseconds=1))
    assert always.add(moscow("2019-09-03 23:30"), timedelta(hours=1)) == moscow("2019-09-04 00:30")
