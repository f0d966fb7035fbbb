"""Which days are worked: days of the week, public holidays, and lists of one's own (D11)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from rasti.errors import Reason, WrongValue
from rasti.rules.month import FIRST_YEAR, LAST_YEAR

LONGEST_BREAK = 60  # days; a calendar in which nobody works for longer is a slip: clocks would wait for it

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True)
class WorkingDays:
    """A calendar of worked days; what its own lists say goes before weekends and holidays."""

    weekends_off: bool = False
    holidays: str | None = None  # country code
    days_off: frozenset[date] = frozenset()
    days_on: frozenset[date] = frozenset()

    def is_worked(self, day: date) -> bool:
        """Whether that day is a working day."""
        if day in self.days_off:
            return False
        if day in self.days_on:
            return True
        if self.weekends_off and day.weekday() >= 5:
            return False
        return self.holidays is None or day not in _holidays(self.holidays, day.year)

    def too_long_a_break(self) -> date | None:
        """The first of one's own days off after which no day is worked for 60 days."""
        return next((day for day in sorted(self.days_off) if not any(map(self.is_worked, _from(day)))), None)


EVERY_DAY = WorkingDays()


def _from(day: date) -> Iterator[date]:
    return (day + timedelta(days=days) for days in range(LONGEST_BREAK))


def parse_days(value: object) -> tuple[date, ...]:
    """A list of days as YAML gives it, dates or texts, in order. Raises WrongValue."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise WrongValue(Reason("a list of days is written [2020-06-24, 2020-07-01]"))
    days = sorted(map(_day, value))
    twice = next((day for day, after in pairwise(days) if day == after), None)
    if twice is not None:
        raise WrongValue(Reason("{day} stands there twice", day=twice))
    return tuple(days)


def _day(item: object) -> date:
    if isinstance(item, date) and not isinstance(item, datetime):
        day: date | None = item
    else:
        try:
            day = date.fromisoformat(item) if isinstance(item, str) and _DAY.fullmatch(item) else None
        except ValueError:
            day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise WrongValue(Reason("{value} is not a day: write YYYY-MM-DD", value=item))
    return day


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # slow to import, needed only where holidays are set

    return frozenset(country_holidays(country, years=year))
