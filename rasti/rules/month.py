"""A calendar month in the programme's time zone (D1)."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from rasti.errors import BadInput

# Years outside are slips; the first and last of datetime have no UTC, or no month after them.
FIRST_YEAR, LAST_YEAR = 1900, 2999
_PATTERN = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, order=True, slots=True)
class Month:
    """A calendar month; ordered, written `YYYY-MM`."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Read `YYYY-MM`. Raises BadInput."""
        match = _PATTERN.fullmatch(text)
        if match is None or not 1 < int(match[1]) < 9999:  # those have no month before or after them
            raise BadInput("{value!r} is not a month: write YYYY-MM, for example 2019-08.", value=text)
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month of a calendar day."""
        return cls(day.year, day.month)

    @classmethod
    def at(cls, instant: datetime, zone: ZoneInfo) -> "Month":
        """The month in which an instant (aware) falls, in `zone`."""
        return cls.of(instant.astimezone(zone).date())

    def shift(self, months: int) -> "Month":
        """The month so many later (or, negative, earlier)."""
        year, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, index + 1)

    @property
    def next(self) -> "Month":
        return self.shift(1)

    @property
    def previous(self) -> "Month":
        return self.shift(-1)

    def starts_at(self, zone: ZoneInfo) -> datetime:
        """Its first instant, UTC."""
        return datetime(self.year, self.number, 1, tzinfo=zone).astimezone(UTC)

    def ends_at(self, zone: ZoneInfo) -> datetime:
        """The first instant after it, UTC."""
        return self.next.starts_at(zone)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"
