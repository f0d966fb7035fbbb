"""The demo's own home: the dealers example, moved in time so that its last month has just ended, and scaled rules."""

import csv
import shutil
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from rasti.errors import Refused, Unavailable
from rasti.portal.mailbox import STORY_IS_OVER
from rasti.rules.month import Month

DEALERS = Path(__file__).parents[3] / "examples" / "dealers"
LAST_EXAMPLE_MONTH = Month(2011, 7)
FIRST_EXAMPLE_MONTH = Month(2011, 2)  # the first that has a month before it
ZONE = "Europe/Moscow"
_MARK = ".rasti-demo"


@dataclass(frozen=True)
class DemoHome:
    """Where the demo lives, and the month it is about."""

    path: Path
    programme: Path
    partners: Path
    sources: Path
    month: Month


def make_home(path: Path, now: datetime) -> DemoHome:
    """Make the demo's home anew. Raises Refused: the folder holds something else; Unavailable: no example data."""
    if not DEALERS.is_dir():
        raise Unavailable("The example data is missing: there is no folder {path}.", path=DEALERS)
    _clear(path)
    month = Month.at(now, ZoneInfo(ZONE)).previous
    home = DemoHome(path, path / "programme.yaml", path / "partners.csv", path / "sources.yaml", month)
    months_later = _distance(LAST_EXAMPLE_MONTH, month)
    home.programme.write_text(_programme(FIRST_EXAMPLE_MONTH.shift(months_later)), encoding="utf-8")
    _copy(DEALERS / "partners.csv", home.partners, "regulation_accepted_on", months_later)
    home.sources.write_text("- folder: inbox\n", encoding="utf-8")
    (path / "inbox").mkdir()
    register = path / "inbox" / f"dealers-{month}.csv"
    _copy(DEALERS / "invoices.csv", register, "issued_on", months_later, until=LAST_EXAMPLE_MONTH)
    return home


def _clear(path: Path) -> None:
    if path.exists():
        if not (path / _MARK).exists() and any(path.iterdir()):
            raise Refused("{path} is not a demo's home and not empty: the demo would delete it.", path=path)
        shutil.rmtree(path)
    path.mkdir(parents=True)
    (path / _MARK).touch()


def _copy(source: Path, target: Path, dated: str, months_later: int, *, until: Month | None = None) -> None:
    """Copy a table with its dates so many months later, without the rows after `until`."""
    with source.open(encoding="utf-8", newline="") as read, target.open("w", encoding="utf-8", newline="") as written:
        rows = csv.DictReader(read, delimiter=";")
        writer = csv.DictWriter(written, rows.fieldnames or [], delimiter=";", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            day = date.fromisoformat(row[dated]) if row[dated] else None
            if day is None or until is None or Month.of(day) <= until:
                writer.writerow(row | {dated: _later(day, months_later).isoformat() if day else ""})


def _later(day: date, months: int) -> date:
    month = Month.of(day).shift(months)
    return date(month.year, month.number, min(day.day, monthrange(month.year, month.number)[1]))


def _distance(start: Month, end: Month) -> int:
    return (end.year - start.year) * 12 + end.number - start.number


def slow_down(home: DemoHome) -> None:
    """From now on minutes instead of seconds: slow enough for a person, quick enough to see it all."""
    programme = yaml.safe_load(home.programme.read_text("utf-8"))
    programme["rules"][0] |= _FOR_A_PERSON
    home.programme.write_text(yaml.safe_dump(programme, sort_keys=False), encoding="utf-8")
    (home.path / STORY_IS_OVER).touch()


# An hour of the letter is twenty seconds in the story; the days between the follow-ups are cut short.
_FOR_THE_STORY = {
    "regulation": {"1h": ["0s", "20s"], "3d": ["25s", "40s"], "2w": ["45s", "60s"]},
    "completion": "5s",
    "no_answer": {"calls": 2, "apart": "3s"},
    "reminders": {"1h": "7s", "3d": "5s", "2w": "5s"},
}
_FOR_A_PERSON = {
    "regulation": {"1h": ["0m", "3m"], "3d": ["4m", "8m"], "2w": ["9m", "15m"]},
    "completion": "1m",
    "no_answer": {"calls": 2, "apart": "30s"},
    "reminders": {"1h": "1m", "3d": "2m", "2w": "2m"},
}


def _programme(first_month: Month) -> str:
    rules = {
        "from": str(first_month),
        "call_window": "00:00-24:00",
        "drain_per_hour": 100,
        "alerts": {"undelivered": "10s", "welcome": "10s"},
    }
    programme = {
        "timezone": ZONE,
        "first_month": str(first_month),
        "last_month": None,
        "rules": [rules | _FOR_THE_STORY],
    }
    return yaml.safe_dump(programme, sort_keys=False)
