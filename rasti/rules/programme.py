"""The programme's rules as data: `programme.yaml`, validated (R6, D4, D6)."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rasti.errors import BadInput, Reason, Refused, WrongValue
from rasti.rules.kinds import CheckpointKind
from rasti.rules.month import Month
from rasti.rules.spelling import spelling_key
from rasti.rules.working_days import LONGEST_BREAK, WorkingDays, parse_days

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_LONGEST = timedelta(days=3660)


def _duration(value: object) -> timedelta:
    """A number of hours, or a text such as 20s, 15m, 1h, 3d."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST.days * 24:
        return timedelta(hours=value)
    match = _DURATION.fullmatch(str(value))
    if match is None:
        raise ValueError("a duration is a number of hours, or a text such as 20s, 15m, 1h, 3d")
    length = timedelta(**{_UNITS[match[2]]: min(float(match[1]), 999_999_999)})
    if length > _LONGEST:
        raise ValueError("a duration is at most ten years")
    return length


def _month(value: object) -> Month:
    if isinstance(value, Month):
        return value
    try:
        return Month.parse(str(value))
    except BadInput as error:
        raise ValueError(str(error)) from error


def _window(value: object) -> tuple[time, time]:
    match = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", str(value), re.ASCII)
    if match is None:
        raise ValueError('a call window is written "09:00-20:00"')
    from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
    # 24:00 is the end of the day; time.max stands for it, so that "00:00-24:00" is always open.
    end = time.max if (to_hour, to_minute) == (24, 0) else time(to_hour, to_minute)
    start = time(from_hour, from_minute)
    if start >= end:
        raise ValueError("a call window ends after it begins, on the same day")
    return start, end


Duration = Annotated[timedelta, BeforeValidator(_duration)]
MonthField = Annotated[Month, BeforeValidator(_month)]
Window = tuple[Duration, Duration]
Days = Annotated[tuple[date, ...], BeforeValidator(parse_days)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class NoAnswer(_Strict):
    """How many unanswered calls, how far apart, stand for a contact (D12)."""

    calls: int = Field(2, ge=1, le=100)
    apart: Duration = timedelta(minutes=10)


class Alerts(_Strict):
    """How late something may be before operators are told."""

    undelivered: Duration = timedelta(minutes=10)
    welcome: Duration = timedelta(minutes=10)


class Rules(_Strict):
    """The rules in force from a month on; keys left out have the default of the programme's letter."""

    from_month: MonthField = Field(alias="from")
    growth_decimals: int = Field(2, ge=0, le=6)
    require_growth: bool = True
    minimum_base: Decimal = Field(Decimal(0), ge=0, allow_inf_nan=False, max_digits=15)
    counted_products: Literal["all"] | tuple[str, ...] = "all"
    support_kit: str = "support-kit"
    announced_places: int = Field(3, ge=1)
    regulation: dict[CheckpointKind, Window] = Field(
        default_factory=lambda: {
            CheckpointKind.FIRST_HOUR: (timedelta(0), timedelta(hours=1)),
            CheckpointKind.THREE_DAYS: (timedelta(hours=24), timedelta(hours=72)),
            CheckpointKind.TWO_WEEKS: (timedelta(hours=168), timedelta(hours=336)),
        }
    )
    call_window: Annotated[tuple[time, time], BeforeValidator(_window)] = Field("09:00-20:00", validate_default=True)
    call_window_applies: Literal["after_switch", "always"] = "after_switch"
    working_days: Literal["all", "mon-fri"] = "all"
    holidays: str | None = None
    days_on: Days = ()
    days_off: Days = ()
    completion: Duration = timedelta(minutes=15)
    no_answer: NoAnswer = NoAnswer()
    automatic_attempts: int = Field(2, ge=1)
    drain_per_hour: int = Field(10, ge=1)
    duplicate_days: int = Field(30, ge=0, le=3650)
    reminders: dict[CheckpointKind, Duration] = Field(
        default_factory=lambda: {
            CheckpointKind.FIRST_HOUR: timedelta(minutes=20),
            CheckpointKind.THREE_DAYS: timedelta(days=1),
            CheckpointKind.TWO_WEEKS: timedelta(days=2),
        }
    )
    alerts: Alerts = Alerts()

    @field_validator("regulation")
    @classmethod
    def _windows_in_order(cls, windows: dict[CheckpointKind, Window]) -> dict[CheckpointKind, Window]:
        if set(windows) != set(CheckpointKind):
            raise ValueError("the regulation has exactly the checkpoints 1h, 3d and 2w")
        ordered = {kind: windows[kind] for kind in CheckpointKind}
        last = timedelta(-1)
        for kind, (opens, due) in ordered.items():
            if not opens < due:
                raise ValueError(f"the window of {kind} ends before it begins")
            if opens <= last:
                raise ValueError(f"the window of {kind} overlaps the one before it (both ends belong to a window)")
            last = due
        return ordered

    @field_validator("holidays")
    @classmethod
    def _known_country(cls, country: str | None) -> str | None:
        if country is not None:
            from holidays.utils import list_supported_countries  # a second of imports, only where it is asked for

            if country not in list_supported_countries():
                raise ValueError("holidays is a country code such as RU")
        return country

    @model_validator(mode="after")
    def _holidays_need_working_days(self) -> "Rules":
        if self.holidays and self.working_days == "all":
            raise ValueError("holidays narrow working_days: mon-fri; with all days worked they have no meaning")
        return self

    @field_validator("days_off")
    @classmethod
    def _days_that_end(cls, days_off: tuple[date, ...], info: ValidationInfo) -> tuple[date, ...]:
        """Needs the fields above it: what is wrong with one of those is said there."""
        both = next((day for day in info.data.get("days_on", ()) if day in days_off), None)
        if both is not None:
            raise WrongValue(Reason("{day} stands in days_on too", day=both))
        since = _calendar(info.data | {"days_off": days_off}).too_long_a_break()
        if since is not None:
            raise WrongValue(
                Reason("no day is worked in the {days} days from {since} on", days=LONGEST_BREAK, since=since)
            )
        return days_off

    @cached_property
    def calendar(self) -> WorkingDays:
        """The days on which calls are made (D11)."""
        return _calendar(self.__dict__)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of these rules, stored with every ranking."""
        return self._digest_of()

    @cached_property
    def ranking_digest(self) -> str:
        """SHA-256 of the rules that a ranking reads, and of no others: part of the identity of a version (D5)."""
        products = self.counted_products if self.counted_products == "all" else sorted(set(self.counted_products))
        read = {
            "growth_decimals": self.growth_decimals,
            "require_growth": self.require_growth,
            "minimum_base": f"{self.minimum_base.normalize():f}",  # 0 and 0.00 are one base
            "counted_products": products,
            "support_kit": self.support_kit,
        }
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()

    @cached_property
    def regulation_version(self) -> str:
        """What a partner accepts (R9), as 12 hexadecimal digits: another when any of its terms is another."""
        terms = {
            "regulation",
            "call_window",
            "call_window_applies",
            "working_days",
            "holidays",
            "days_on",
            "days_off",
            "completion",
            "no_answer",
        }
        return self._digest_of(terms)[:12]

    def _digest_of(self, keys: set[str] | None = None) -> str:
        """Empty lists of days are left out: rules of before there were such lists keep their digests."""
        empty = {name for name in ("days_on", "days_off") if not getattr(self, name)}
        text = self.model_dump_json(include=keys, exclude=empty, by_alias=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _calendar(rules: Mapping[str, Any]) -> WorkingDays:
    """The calendar of rules, also of those that are still being read."""
    return WorkingDays(
        rules.get("working_days") == "mon-fri",
        rules.get("holidays"),
        frozenset(rules.get("days_off", ())),
        frozenset(rules.get("days_on", ())),
    )


class Programme(_Strict):
    """The programme: its months and its rules by the month from which they apply."""

    timezone: str
    first_month: MonthField
    last_month: MonthField | None = Month(2020, 11)  # None, an empty value in the file: open end
    rules: tuple[Rules, ...] = Field(min_length=1)
    currency: str = Field("RUB", pattern=r"^[A-Z]{3}$")
    issuers: tuple[str, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not a time zone of the IANA list, such as Europe/Moscow") from error
        return name

    @field_validator("last_month", mode="before")
    @classmethod
    def _open_end(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _months_in_order(self) -> "Programme":
        months = [rules.from_month for rules in self.rules]
        if months != sorted(set(months)):
            raise ValueError("rules stand in the order of their months, one entry a month")
        if months[0] > self.first_month:
            raise ValueError(f"no rules for {self.first_month}: the first rules begin at {months[0]}")
        if self.last_month is not None and self.last_month < self.first_month:
            raise ValueError("last_month is before first_month")
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property  # not cached: a copy with other issuers would keep the cache
    def issuer_keys(self) -> dict[str, str]:
        """The issuers as they are compared, each as it is written first (D6)."""
        return {spelling_key(issuer): issuer for issuer in reversed(self.issuers)}

    def rules_for(self, month: Month) -> Rules:
        """The rules in force in a month; before the first ones, the first."""
        return next((rules for rules in reversed(self.rules) if rules.from_month <= month), self.rules[0])

    def month_at(self, instant: datetime) -> Month:
        """The calendar month of an instant."""
        return Month.at(instant, self.zone)

    @property
    def ends_at(self) -> datetime | None:
        """The end of the last lead month, UTC; None: open end (R6, D8)."""
        return None if self.last_month is None else self.last_month.next.ends_at(self.zone)

    def check_in_programme(self, month: Month) -> None:
        """Raises Refused unless `month` is one of the reporting months (R6, D4)."""
        if month < self.first_month or (self.last_month is not None and month > self.last_month):
            raise Refused(
                "{month} is outside the programme: its reporting months are {first} to {last}.",
                month=month,
                first=self.first_month,
                last=self.last_month or "…",
            )

    def check_reporting_month(self, month: Month, now: datetime) -> None:
        """Raises Refused unless `month` is a reporting month that has ended (D4)."""
        self.check_in_programme(month)
        if now < month.ends_at(self.zone):
            raise Refused(
                "{month} has not ended yet: it can be ranked from {end} on.",
                month=month,
                end=month.ends_at(self.zone).astimezone(self.zone).isoformat(),
            )


def parse_programme(data: object, *, source: str) -> Programme:
    """Validate what a `programme.yaml` holds. Raises BadInput that names the source, the key and the value."""
    if not isinstance(data, Mapping):
        raise BadInput("{source}: a programme is a mapping with timezone, first_month and rules.", source=source)
    try:
        return Programme.model_validate(dict(data))
    except ValidationError as error:
        first: Any = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        raise BadInput(
            "{source}: {key}: {why} (it is {value!r}).",
            field=".".join(map(str, first["loc"])),
            source=source,
            key=".".join(map(str, first["loc"])) or "programme",
            why=cause.reason if isinstance(cause, WrongValue) else first["msg"].removeprefix("Value error, "),
            value=_readable(first.get("input")),
        ) from error


def _readable(value: object) -> object:
    """A value as it stands in the file: no mapping, and days as they are written."""
    if isinstance(value, Mapping):
        return "…"
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
