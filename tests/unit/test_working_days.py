"""Which days are worked: weekends, the holidays that are known, and lists of one's own (D11)."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rasti.clients.programme_file import load_programme
from rasti.errors import BadInput
from rasti.rules.call_window import CallWindow
from rasti.rules.programme import Programme, Rules
from rasti.rules.working_days import WorkingDays
from tests.clock import MOSCOW, moscow

RUSSIA = WorkingDays(weekends_off=True, holidays="RU")


def rules(**changes: Any) -> Rules:
    return Rules.model_validate({"from": "2019-08", **changes})


def load(folder: Path, *lines: str) -> Programme:
    """A programme whose rules have these lines, as YAML."""
    file = folder / "programme.yaml"
    text = "timezone: Europe/Moscow\nfirst_month: 2019-08\nrules:\n  - from: 2019-08\n"
    file.write_text(text + "".join(f"    {line}\n" for line in lines), "utf-8")
    return load_programme(file)


def refused(folder: Path, *lines: str) -> str:
    with pytest.raises(BadInput) as error:
        load(folder, *lines)
    return str(error.value)


def worked(days: WorkingDays, *texts: str) -> list[bool]:
    return [days.is_worked(date.fromisoformat(text)) for text in texts]


def test_weekends_and_holidays_are_off() -> None:
    assert worked(RUSSIA, "2020-02-21", "2020-02-22", "2020-02-23", "2020-02-24", "2020-02-25") == [
        *(True, False, False),
        *(False, True),  # a Monday in place of the Sunday that is a holiday
    ]


def test_what_the_list_of_holidays_knows_and_what_ones_own_lists_correct() -> None:
    """What docs/operations.md says of it: days to which holidays were moved are known; a day that a decree made free
    is not, and no Saturday becomes a working day."""
    moved = ("2020-05-04", "2020-05-05", "2021-02-22", "2021-11-05", "2021-12-31")
    assert worked(RUSSIA, *moved) == [False] * len(moved)
    assert worked(RUSSIA, "2020-06-24", "2020-07-01", "2021-02-20") == [True, True, False]

    corrected = rules(
        working_days="mon-fri", holidays="RU", days_off=["2020-06-24", "2020-07-01"], days_on=["2021-02-20"]
    ).calendar

    assert worked(corrected, "2020-06-24", "2020-07-01", "2021-02-20") == [False, False, True]
    assert worked(corrected, "2020-06-25", "2021-02-27") == [True, False]


def test_ones_own_days_go_before_holidays_and_weekends() -> None:
    days = rules(working_days="mon-fri", holidays="RU", days_on=["2019-11-04", "2019-11-10"]).calendar
    assert worked(days, "2019-11-04", "2019-11-09", "2019-11-10") == [True, False, True]


def test_days_off_narrow_a_calendar_of_all_days() -> None:
    window = CallWindow.of(rules(days_off=["2020-06-24"]), MOSCOW)
    assert not window.is_open(moscow("2020-06-24 12:00"))
    assert window.opens_at_or_after(moscow("2020-06-23 20:00")) == moscow("2020-06-25 09:00")


@pytest.mark.parametrize("written", ["[2020-06-24, 2020-07-01]", "['2020-06-24', \"2020-07-01\"]"])
def test_days_may_be_quoted_or_not_and_stand_in_any_order(tmp_path: Path, written: str) -> None:
    expected = (date(2020, 6, 24), date(2020, 7, 1))
    assert load(tmp_path, f"days_off: {written}").rules[0].days_off == expected
    assert load(tmp_path, "days_off: [2020-07-01, '2020-06-24']").rules[0].days_off == expected
    assert rules(days_off=list(expected)).days_off == expected


@pytest.mark.parametrize("name", ["days_off", "days_on"])
@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("[2020-02-30]", "2020-02-30"),
        ("['2020-6-24']", "2020-6-24"),
        ("[20200624]", "20200624"),
        ("['20200624']", "20200624"),
        ("[2020-06-24T10:00:00]", "2020-06-24T10:00:00"),
        ("[1812-09-07]", "1812-09-07"),
        ("[24 июня]", "24 июня"),
        ("[null]", "None"),
        ("2020-06-24", "2020-06-24"),
        ("{2020-06-24: off}", "[2020-06-24, 2020-07-01]"),
        ("[2020-06-24, '2020-06-24']", "2020-06-24 stands there twice"),
    ],
)
def test_a_wrong_list_of_days_is_named_by_key_and_value(tmp_path: Path, name: str, written: str, named: str) -> None:
    said = refused(tmp_path, f"{name}: {written}")
    assert f"rules.0.{name}" in said and named in said
    assert "datetime" not in said


def test_a_day_in_both_lists_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, "days_off: [2020-06-24, 2020-07-01]", "days_on: [2021-02-20, 2020-07-01]")
    assert "rules.0.days_off: 2020-07-01 stands in days_on too" in said


def days_of(first: str, count: int) -> Sequence[str]:
    start = date.fromisoformat(first).toordinal()
    return [date.fromordinal(start + number).isoformat() for number in range(count)]


def test_a_calendar_in_which_nobody_works_for_sixty_days_is_refused(tmp_path: Path) -> None:
    assert load(tmp_path, f"days_off: {list(days_of('2020-03-28', 59))}")
    said = refused(tmp_path, f"days_off: {list(days_of('2020-03-28', 60))}")
    assert "rules.0.days_off: no day is worked in the 60 days from 2020-03-28 on" in said


def test_weekends_and_holidays_count_for_the_sixty_days(tmp_path: Path) -> None:
    fridays_to = list(days_of("2020-03-28", 58))  # Saturday to Sunday two months later: Monday is worked
    assert load(tmp_path, f"days_off: {fridays_to}", "working_days: mon-fri")
    weekdays = [day for day in days_of("2020-03-28", 60) if date.fromisoformat(day).weekday() < 5]
    assert "2020-03-30" in refused(
        tmp_path, f"days_off: {[*weekdays, '2020-05-27', '2020-05-28']}", "working_days: mon-fri"
    )


def test_the_lists_belong_to_the_version_of_the_regulation() -> None:
    plain = rules()
    versions = {
        changed.regulation_version
        for changed in (
            plain,
            rules(days_off=["2020-06-24"]),
            rules(days_on=["2020-06-24"]),
            rules(days_off=["2020-07-01"]),
        )
    }
    assert len(versions) == 4
    assert rules(days_off=[], days_on=[]).regulation_version == plain.regulation_version


def test_rules_without_such_lists_keep_the_version_that_partners_accepted() -> None:
    """As it was before there were lists of days: nobody is asked to accept the regulation again by an upgrade."""
    assert rules().regulation_version == "e28aa67413d3"
    always = rules(call_window_applies="always", working_days="mon-fri", holidays="RU")
    assert always.regulation_version == "1a31ccf378c6"
