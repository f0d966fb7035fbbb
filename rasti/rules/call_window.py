"""When partners may be expected to call: hours of the day, on working days (D11, D16)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rasti.rules.programme import Rules
from rasti.rules.working_days import EVERY_DAY, WorkingDays


@dataclass(frozen=True)
class CallWindow:
    """`[start, end)` of each working day in `zone`; `time.max` as the end is midnight."""

    zone: ZoneInfo
    start: time
    end: time
    days: WorkingDays = EVERY_DAY

    @classmethod
    def of(cls, rules: Rules, zone: ZoneInfo) -> "CallWindow":
        start, end = rules.call_window
        return cls(zone, start, end, rules.calendar)

    def is_open(self, instant: datetime) -> bool:
        """Whether calls may be made at that instant."""
        return self.opens_at_or_after(instant) == instant.astimezone(UTC)

    def opens_at_or_after(self, instant: datetime) -> datetime:
        """The first instant not before `instant` at which the window is open, UTC."""
        start, _end = next(self._spans(instant))
        return max(start, instant.astimezone(UTC))

    def closes_after(self, instant: datetime) -> datetime:
        """The end of the first open span that ends after `instant`, UTC."""
        _start, end = next(self._spans(instant))
        return end

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
            if self.days.is_worked(day):
                start = datetime.combine(day, self.start, self.zone).astimezone(UTC)
                last = (day + timedelta(days=1), time.min) if self.end == time.max else (day, self.end)
                end = datetime.combine(*last, self.zone).astimezone(UTC)
                # Where clocks go forward, a window of the hour that is left out ends before it starts: no window.
                if end > max(start, instant):
                    yield start, end
            day += timedelta(days=1)
