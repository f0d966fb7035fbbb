"""Due times over weekends and holidays, own days off and worked Saturdays (D11, D16)."""

from pathlib import Path

import pytest

from .play import Play
from .sandbox import ON_SQLITE
from .test_clocks import windows

# As an operator writes it: days quoted or not.
HOLIDAYS = """\
timezone: Europe/Moscow
first_month: 2019-08
last_month: 2021-11
rules:
  - from: 2019-08
    call_window: "09:00-20:00"
    call_window_applies: always
    working_days: mon-fri
    holidays: RU
"""
CORRECTED = HOLIDAYS + '    days_off: [2020-06-24, "2020-07-01"]\n    days_on: [2021-02-20]\n'


def write(play: Play, text: str) -> Path:
    path = play.sandbox.folder / "programme.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def held(play: Play, month: str, since: str, text: str) -> Play:
    """ALFA holds the leads that `month` earned, under this programme."""
    write(play, text)
    year, number = int(month[:4]), int(month[5:])
    before = f"{year - (number == 1)}-{(number - 2) % 12 + 1:02d}"
    play.at(since).partners("ALFA", "BETA")
    play.bill({"ALFA": {before: "1.00", month: "3.00"}, "BETA": {before: "1.00", month: "2.00"}})
    assert play.hand_to_winner(month) == "ALFA"
    return play


def test_nothing_is_due_on_a_holiday_before_the_first_call_is_D11(play: Play) -> None:
    """A lead of Friday evening; Monday 2020-02-24 is a holiday. ALFA keeps the leads over it and calls on Tuesday."""
    held(play, "2020-01", "2020-02-03 12:00", HOLIDAYS)
    lead = play.at("2020-02-21 19:30").lead()

    points = {point["kind"]: point for point in play.show(lead)["attempts"][-1]["checkpoints"]}
    assert points["1h"]["due_at"] == "2020-02-25T06:30:00Z"
    assert points["3d"]["opens_at"] == "2020-02-25T06:30:00Z"
    assert points["3d"]["due_at"] == "2020-02-25T17:00:00Z"

    assert play.at("2020-02-24 21:00").settle().violations() == []
    play.at("2020-02-25 09:10").contact(lead, "ALFA")
    assert play.at("2020-02-25 15:00").follow_up(lead, "ALFA")["effect"] == "counted"
    play.at("2020-02-25 20:00:01").settle()
    assert play.verdicts(lead) == {"1h": "met", "3d": "met", "2w": None}
    assert play.holder() == "ALFA"


def test_who_does_not_call_on_the_first_worked_day_is_found_then_D11_R13(play: Play) -> None:
    held(play, "2020-01", "2020-02-03 12:00", HOLIDAYS)
    lead = play.at("2020-02-21 19:30").lead()

    assert play.at("2020-02-25 09:30").settle().holder() == "ALFA"
    assert play.at("2020-02-25 09:30:01").settle().holder() == "BETA"
    assert [violation["checkpoint"] for violation in play.violations()] == ["1h"]
    assert play.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]


@ON_SQLITE
def test_days_off_and_worked_saturdays_are_the_operators_D11(play: Play) -> None:
    """2020-06-24, a Wednesday, was made free; 2021-02-20 is a worked Saturday, and the Monday after it is free."""
    held(play, "2020-05", "2020-06-01 12:00", CORRECTED)
    lead = play.at("2020-06-23 19:30").lead()
    assert windows(play, lead)["1h"] == ("06-23 19:30", "06-25 09:30")
    assert windows(play, lead)["3d"] == ("06-25 09:30", "06-26 19:30")

    play.bill({"ALFA": {"2021-01": "9.00", "2020-12": "1.00"}})
    play.at("2021-02-01 12:00").hand_to_winner("2021-01")
    lead = play.at("2021-02-19 19:30").lead()
    assert windows(play, lead)["1h"] == ("02-19 19:30", "02-20 09:30")
    assert windows(play, lead)["3d"] == ("02-20 19:30", "02-24 20:00")  # after Monday and Tuesday, two holidays


@ON_SQLITE
def test_without_days_on_the_saturday_is_free_D11(play: Play) -> None:
    held(play, "2021-01", "2021-02-01 12:00", HOLIDAYS)
    lead = play.at("2021-02-19 19:30").lead()
    assert windows(play, lead)["1h"] == ("02-19 19:30", "02-24 09:30")


def test_an_attempt_that_runs_keeps_its_windows_when_the_calendar_changes_D11(play: Play) -> None:
    held(play, "2020-05", "2020-06-01 12:00", HOLIDAYS)
    lead = play.at("2020-06-23 19:30").lead()
    before = windows(play, lead)
    assert before["1h"] == ("06-23 19:30", "06-24 09:30")

    write(play, CORRECTED)

    assert windows(play, lead) == before
    assert play.at("2020-06-24 09:30:01").settle().holder() == "BETA"
    later = play.at("2020-06-24 12:00").lead()
    assert windows(play, later)["1h"] == ("06-24 12:00", "06-25 10:00")


ALL_DAYS = HOLIDAYS.replace("mon-fri", "all").replace("    holidays: RU\n", "")
AFTER_SWITCH = ALL_DAYS.replace("always", "after_switch") + "    days_off: [2020-06-24]\n"


def test_a_tenure_that_begins_on_a_day_off_starts_no_clock_before_the_next_morning_D11(play: Play) -> None:
    held(play, "2020-05", "2020-06-01 12:00", AFTER_SWITCH)
    play.at("2020-06-24 12:00").switch("BETA")

    lead = play.lead()

    assert windows(play, lead)["1h"] == ("06-24 12:00", "06-25 10:00")
    assert play.at("2020-06-25 10:00").settle().holder() == "BETA"


def test_waiting_leads_are_not_handed_over_on_a_day_off_D16(play: Play) -> None:
    held(play, "2020-05", "2020-06-01 12:00", AFTER_SWITCH)
    moved = play.at("2020-06-23 19:30").lead()
    assert play.at("2020-06-23 20:30:01").settle().holder() == "BETA"

    assert play.at("2020-06-24 12:00").settle().state(moved) == "waiting"
    assert play.attempts(play.lead()) == [("BETA", None)]  # a new lead goes to the holder at once, on any day
    assert play.at("2020-06-25 08:59").settle().state(moved) == "waiting"
    assert play.at("2020-06-25 09:00").settle().attempts(moved) == [("ALFA", "moved"), ("BETA", None)]


@ON_SQLITE
def test_a_reminder_is_not_sent_before_its_window_opens_D11(play: Play) -> None:
    """`3d` is due on Tuesday at 20:00; a day before it is a holiday, and the first call is not due yet."""
    held(play, "2020-01", "2020-02-03 12:00", HOLIDAYS)
    lead = play.at("2020-02-21 19:30").lead()
    play.at("2020-02-21 19:40").contact(lead, "ALFA")
    mails = len(play.mails("alfa@partner.example"))

    assert len(play.at("2020-02-24 20:00:01").settle().mails("alfa@partner.example")) == mails
    assert len(play.at("2020-02-25 09:29").settle().mails("alfa@partner.example")) == mails
    assert len(play.at("2020-02-25 09:30").settle().mails("alfa@partner.example")) == mails + 1


@ON_SQLITE
@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("    days_off: [2020-02-30]\n", ["rules.0.days_off", "2020-02-30"]),
        ("    days_on: [2020-06-24, 2020-06-24]\n", ["rules.0.days_on", "2020-06-24"]),
        ("    days_on: [2020-06-24]\n    days_off: [2020-06-24]\n", ["rules.0.days_off", "2020-06-24", "days_on"]),
        ("    days_off: 2020-06-24\n", ["rules.0.days_off", "2020-06-24"]),
    ],
)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_wrong_day_is_refused_with_its_key_and_value(play: Play, lines: str, named: list[str], language: str) -> None:
    write(play, HOLIDAYS + lines)
    play.environment["RASTI_LANGUAGE"] = language
    with play.refusal(*named):
        play.status()
