"""Instants as they come in from outside: ISO 8601 with their offset, or a number of seconds that is near now."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, TypeAdapter, ValidationInfo

from rasti.errors import marked
from rasti.rules.month import FIRST_YEAR, LAST_YEAR

Clock = Callable[[], datetime]

# 20190903 and 2019 are no numbers of seconds, whatever they are.
_WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}[Tt _]\d{2}:\d{2}", re.ASCII)
_NEAR = timedelta(days=366)  # a number of seconds as far from now as that is something else
_MILLISECONDS = 2e10  # from here on it counts them; the seconds of the year 2603


def _written_out(value: object, info: ValidationInfo) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _WRITTEN.match(value)):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        clock: Clock | None = (info.context or {}).get("clock")
        instant = _counted(value)
        if clock is not None and instant is not None and abs(instant - clock()) <= _NEAR:
            return instant
        raise ValueError(marked("is a number that is no instant near now: write 2019-09-03T11:01:00+03:00"))
    raise ValueError(marked("is not an instant with its offset: write 2019-09-03T11:01:00+03:00"))


def _counted(number: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(number if abs(number) < _MILLISECONDS else number / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # not a number; outside all years
        return None


def _sane_year(instant: datetime) -> datetime:
    # The last days of datetime's range have no UTC, or no minute after them.
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError(f"the year of {instant.isoformat()} is absurd")
    return instant


# Numbers are taken where the validation's context has a `clock`.
Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_sane_year)]
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


def read_instant(text: str) -> datetime:
    """An instant as text. Raises ValueError."""
    return _INSTANT.validate_python(text)
