"""When partners may be expected to call: hours of the day, on working days (D11, D16)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from rasti.rules.programme import Rules


@dataclass(frozen=True)
class CallWindow:
    """`[start, end)` of each working day in `zone`; `time.max` as the end is midnight."""

    zone: ZoneInfo
    start: time
    end: time
    weekends_off: bool = False
    holidays: str | None = None  # country code

    @classmethod
    def of(cls, rules: Rules, zone: ZoneInfo) -> "CallWindow":
        start, end = rules.call_window
        return cls(zone, start, end, rules.working_days == "mon-fri", rules.holidays)

    def is_open(self, instant: datetime) -> bool:
        """Whether calls may be made at that instant."""
        return self.opens_at_or_after(instant) == instant.astimezone(UTC)

    def opens_at_or_after(self, instant: datetime) -> datetime:
        """The first instant not before `instant` at which the window is open, UTC."""
        start, _end = next(self._spans(instant))
        return max(start, instant.astimezone(UTC))

    def add(self, instant: datetime, length: timedelta) -> datetime:
        """The instant at which `length` of open time has passed since `instant`, UTC."""
        left = length
        for start, end in self._spans(instant):
            begin = max(start, instant.astimezone(UTC))  # local times are not added up: a day may have 23 or 25 hours
            if left <= end - begin:
                return begin + left
            left -= end - begin
        raise AssertionError("days never end")

    def _spans(self, instant: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open spans that end after `instant`, in order, UTC."""
        day = instant.astimezone(self.zone).date()
        while True:
            if self._is_worked(day):
                start = datetime.combine(day, self.start, self.zone).astimezone(UTC)
                last = (day + timedelta(days=1), time.min) if self.end == time.max else (day, self.end)
                end = datetime.combine(*last, self.zone).astimezone(UTC)
                # Where clocks go forward, a window of the hour that is left out ends before it starts: no window.
                if end > max(start, instant):
                    yield start, end
            day += timedelta(days=1)

    def _is_worked(self, day: date) -> bool:
        if self.weekends_off and day.weekday() >= 5:
            return False
        return self.holidays is None or day not in _holidays(self.holidays, day.year)


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # slow to import, needed only where holidays are set

    return frozenset(country_holidays(country, years=year))
