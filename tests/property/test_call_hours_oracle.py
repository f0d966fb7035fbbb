"""Windows of checkpoints with `call_window_applies: always`, beside an oracle that looks at every minute (D11)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from holidays import country_holidays
from hypothesis import given, settings
from hypothesis import strategies as st

from rasti.rules.call_window import CallWindow
from rasti.rules.kinds import CheckpointKind
from rasti.rules.programme import Rules
from rasti.rules.regulation import Window, checkpoint_windows

MOSCOW = ZoneInfo("Europe/Moscow")
FREE_IN_RUSSIA = set(country_holidays("RU", years=range(2019, 2024)))
FIRST_DAY = date(2019, 12, 20)  # the ten days of the new year, February, May and June are within reach
A_DAY = 24 * 60

days = st.integers(0, 200).map(lambda number: FIRST_DAY + timedelta(days=number))


@st.composite
def programmes(draw: st.DrawFn) -> dict[str, Any]:
    """Rules with `always`: any hours, calendar and three windows in whole minutes."""
    opens = draw(st.integers(0, A_DAY - 60))
    closes = draw(st.integers(opens + 60, A_DAY))
    weekdays = draw(st.booleans())
    off = draw(st.lists(days, max_size=25, unique=True))
    on = draw(st.lists(days, max_size=10, unique=True))
    ends = sorted(draw(st.lists(st.integers(0, 5 * A_DAY), min_size=6, max_size=6, unique=True)))
    ends[0] = draw(st.sampled_from([0, ends[0]]))
    return {
        "from": "2019-08",
        "call_window_applies": "always",
        "call_window": f"{opens // 60:02d}:{opens % 60:02d}-{closes // 60:02d}:{closes % 60:02d}",
        "working_days": "mon-fri" if weekdays else "all",
        "holidays": "RU" if weekdays and draw(st.booleans()) else None,
        "days_off": [str(day) for day in off],
        "days_on": [day for day in on if day not in off],
        "regulation": {
            kind.value: [f"{ends[2 * place]}m", f"{ends[2 * place + 1]}m"] for place, kind in enumerate(CheckpointKind)
        },
    }


def is_called(data: dict[str, Any]) -> Callable[[int], bool]:
    """Whether calls are made in a minute, counted from midnight of the first day in Moscow."""
    opens, closes = (int(text[:2]) * 60 + int(text[3:]) for text in data["call_window"].split("-"))

    def works(day: date) -> bool:
        if str(day) in data["days_off"]:
            return False
        if day in data["days_on"]:
            return True
        weekend = data["working_days"] == "mon-fri" and day.strftime("%a") in ("Sat", "Sun")
        return not weekend and not (data["holidays"] and day in FREE_IN_RUSSIA)

    known = [works(FIRST_DAY + timedelta(days=number)) for number in range(1000)]
    return lambda minute: known[minute // A_DAY] and opens <= minute % A_DAY < closes


def slowly(data: dict[str, Any], received: int, start: int) -> list[tuple[int, int]]:
    """What D11 says, a minute at a time."""
    called, found = is_called(data), []
    for opens, due in data["regulation"].values():
        opening, end = start + int(opens[:-1]), start + int(due[:-1])
        if opens == "0m":
            opening = received
        if not found:
            left, end = int(due[:-1]), start
            while left:
                left -= called(end)
                end += 1
        else:
            opening = max(opening, found[-1][1])
            if not (end > opening and called(end)):
                end = max(opening, end)
                while not called(end):
                    end += 1
                while called(end):
                    end += 1
                    if end % A_DAY == 0:  # the hours of a day end with it
                        break
        found.append((opening, end))
    return found


def quickly(data: dict[str, Any], received: int, start: int) -> list[Window]:
    rules = Rules.model_validate(data)
    return checkpoint_windows(instant(received), instant(start), rules, CallWindow.of(rules, MOSCOW))


def instant(minute: int) -> datetime:
    midnight = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=MOSCOW).astimezone(UTC)
    return midnight + timedelta(minutes=minute)


@settings(max_examples=60, deadline=None)
@given(programmes(), st.integers(0, 200 * A_DAY), st.sampled_from([0, 0, 1, 7 * 60]))
def test_windows_agree_with_looking_at_every_minute_D11(data: dict[str, Any], received: int, waits: int) -> None:
    found = [(window.opens_at, window.due_at) for window in quickly(data, received, received + waits)]
    assert found == [(instant(opens), instant(due)) for opens, due in slowly(data, received, received + waits)]


@settings(max_examples=200, deadline=None)
@given(programmes(), st.integers(0, 200 * A_DAY))
def test_windows_are_in_order_and_end_while_calls_are_made_D11(data: dict[str, Any], received: int) -> None:
    """They meet at most in one instant; nothing is due before the one before it; every end is one that can be met."""
    windows = quickly(data, received, received)
    call_window = CallWindow.of(Rules.model_validate(data), MOSCOW)
    for window in windows:
        assert window.opens_at < window.due_at
        just_before = window.due_at - timedelta(microseconds=1)
        assert call_window.is_open(window.due_at) or call_window.is_open(just_before)
    for before, after in pairwise(windows):
        assert before.due_at <= after.opens_at


@settings(max_examples=100, deadline=None)
@given(programmes(), st.integers(0, 200 * A_DAY))
def test_without_always_windows_are_the_hours_of_the_regulation_whatever_the_calendar_D11(
    data: dict[str, Any], received: int
) -> None:
    windows = quickly(data | {"call_window_applies": "after_switch"}, received, received)
    hours = [tuple(int(text[:-1]) for text in span) for span in data["regulation"].values()]
    assert [(window.opens_at, window.due_at) for window in windows] == [
        (instant(received + opens), instant(received + due)) for opens, due in hours
    ]
