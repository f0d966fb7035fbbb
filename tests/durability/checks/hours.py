"""Durations and call hours as programme.yaml writes them; an own reading of D11, for the checker."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(value: Any, *, number: str = "seconds") -> timedelta:
    """`20s`, `15m`, `1h`, `3d`, or a number of `number`."""
    match = re.fullmatch(r"([\d.]+)([smhd])", str(value))
    if match:
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    return timedelta(**{number: float(value)})


class CallHours:
    """The hours of each day in which partners may be called; only `working_days: all`, as the chaos rules have it."""

    def __init__(self, programme: Row, rules: Row) -> None:
        assert rules.get("working_days", "all") == "all", "the checker knows no holidays"
        assert rules.get("call_window_applies", "after_switch") == "after_switch"
        self.zone = ZoneInfo(programme["timezone"])
        self.start, self.end = (_time(text) for text in str(rules["call_window"]).split("-"))

    def next_open(self, instant: datetime) -> datetime:
        """The first instant from this one on that lies in the hours."""
        local = instant.astimezone(self.zone)
        opens = datetime.combine(local.date(), self.start, self.zone)
        if self.end is not None and local >= datetime.combine(local.date(), self.end, self.zone):
            opens = datetime.combine(local.date() + timedelta(days=1), self.start, self.zone)
        return max(opens.astimezone(UTC), instant)


def _time(text: str) -> time | None:
    return None if text == "24:00" else time.fromisoformat(text)
