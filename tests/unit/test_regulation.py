"""Clocks, windows and what a contact is worth (R12, D11, D12)."""

from datetime import datetime, timedelta

import pytest

from rasti.rules.call_window import CallWindow
from rasti.rules.kinds import CHECKLISTS, ChecklistItem, CheckpointKind, ContactKind, Outcome, Verdict
from rasti.rules.programme import Rules
from rasti.rules.regulation import ContactFact, Window, checkpoint_windows, clock_start, completes, credit, judge
from tests.clock import MOSCOW, moscow

FIRST, THREE_DAYS, TWO_WEEKS = CheckpointKind
RULES = Rules.model_validate({"from": "2019-08"})
CALLS = CallWindow.of(RULES, MOSCOW)
RECEIVED = moscow("2019-09-03 10:00")
TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)


def windows(received: datetime = RECEIVED, rules: Rules = RULES) -> list[Window]:
    return checkpoint_windows(received, received, rules, CallWindow.of(rules, MOSCOW))


def call(
    began: datetime, outcome: Outcome | None = Outcome.REACHED, kind: CheckpointKind = FIRST, number: int = 1
) -> ContactFact:
    checklist = CHECKLISTS[kind] if outcome is Outcome.REACHED else frozenset()
    return ContactFact(number, began, ContactKind.CALL, outcome, checklist)


def unanswered(*minutes: int, written: int | None = 59) -> list[ContactFact]:
    calls = [call(RECEIVED + at * MINUTE, Outcome.NO_ANSWER, number=at) for at in minutes]
    if written is None:
        return calls
    return [*calls, ContactFact(100, RECEIVED + written * MINUTE, ContactKind.MESSAGE, Outcome.NO_ANSWER)]


def verdict_at(now: datetime, *contacts: ContactFact, kind: CheckpointKind = FIRST) -> Verdict | None:
    return judge(kind, windows(), contacts, RULES, now).verdict


def test_windows_begin_and_end_where_the_letter_says() -> None:
    hours = [(window.opens_at - RECEIVED, window.due_at - RECEIVED) for window in windows()]
    assert [(int(a.total_seconds() // 3600), int(b.total_seconds() // 3600)) for a, b in hours] == [
        (0, 1),
        (24, 72),
        (168, 336),
    ]


def test_a_clock_does_not_start_before_the_call_window_was_open_once_since_the_tenure_began() -> None:
    """D11: a switch at 3 a.m. does not topple the next partner at 4."""
    night = moscow("2019-09-03 03:00")
    assert clock_start(night, night, CALLS) == moscow("2019-09-03 09:00")
    assert clock_start(moscow("2019-09-03 22:00"), night, CALLS) == moscow(
        "2019-09-03 22:00"
    )  # wall clock from then on
    assert clock_start(night, moscow("2019-09-02 15:00"), CALLS) == night  # open at its start: at once
    assert clock_start(night, None, CALLS) == night  # assigned outside a tenure (D14)


def test_the_first_window_opens_at_reception_even_if_its_clock_starts_later() -> None:
    received, starts = moscow("2019-09-03 03:00"), moscow("2019-09-03 09:00")
    first, three_days, _two_weeks = checkpoint_windows(received, starts, RULES, CALLS)
    assert (first.opens_at, first.due_at) == (received, moscow("2019-09-03 10:00"))
    assert three_days.opens_at == moscow("2019-09-04 09:00")


def test_with_always_only_the_first_hour_runs_in_the_call_window() -> None:
    """D11: call_window_applies: always."""
    always = Rules.model_validate({"from": "2019-08", "call_window_applies": "always"})
    received = moscow("2019-09-03 19:30")
    due = [window.due_at for window in windows(received, always)]
    assert due == [moscow("2019-09-04 09:30"), moscow("2019-09-06 19:30"), moscow("2019-09-17 19:30")]


@pytest.mark.parametrize(
    ("began", "met"),
    [
        (RECEIVED, True),
        (RECEIVED + 60 * MINUTE, True),  # both ends belong to the window
        (RECEIVED - TICK, False),
        (RECEIVED + 60 * MINUTE + TICK, False),
    ],
)
def test_a_contact_counts_if_it_began_in_the_window(began: datetime, met: bool) -> None:
    assert (verdict_at(RECEIVED + 61 * MINUTE, call(began)) is Verdict.MET) is met


def test_exactly_at_the_due_instant_nothing_is_overdue_yet() -> None:
    due = RECEIVED + 60 * MINUTE
    assert verdict_at(due) is None
    assert verdict_at(due + TICK) is Verdict.VIOLATED


def test_there_is_no_verdict_before_the_due_time_even_if_it_is_met() -> None:
    assert verdict_at(RECEIVED + 30 * MINUTE, call(RECEIVED)) is None


@pytest.mark.parametrize("missing", sorted(CHECKLISTS[FIRST]))
def test_the_checklist_has_to_be_complete(missing: ChecklistItem) -> None:
    partial = ContactFact(1, RECEIVED, ContactKind.CALL, Outcome.REACHED, CHECKLISTS[FIRST] - {missing})
    assert verdict_at(RECEIVED + 61 * MINUTE, partial) is Verdict.VIOLATED


def test_each_checkpoint_has_its_own_checklist() -> None:
    in_three_days = RECEIVED + timedelta(hours=30)
    late = RECEIVED + timedelta(hours=80)
    assert verdict_at(late, call(in_three_days), kind=THREE_DAYS) is Verdict.VIOLATED
    assert verdict_at(late, call(in_three_days, kind=THREE_DAYS), kind=THREE_DAYS) is Verdict.MET


def test_three_contacts_in_the_first_hour_do_not_meet_the_follow_ups() -> None:
    contacts = [call(RECEIVED + at * MINUTE, kind=kind, number=at) for at, kind in enumerate(CheckpointKind, start=1)]
    assert set(credit(windows(), contacts, RULES)) == {FIRST}


@pytest.mark.parametrize(
    ("contacts", "met"),
    [
        (unanswered(0, 10), True),
        (unanswered(0, 9), False),  # not far enough apart
        (unanswered(0, 5, 9), False),
        (unanswered(0, 5, 10), True),
        (unanswered(0, 10, written=None), False),
        (unanswered(0, 10, written=61), False),  # written too late
        (unanswered(0), False),
    ],
)
def test_two_unanswered_calls_and_a_message_meet_a_checkpoint(contacts: list[ContactFact], met: bool) -> None:
    assert (verdict_at(RECEIVED + 62 * MINUTE, *contacts) is Verdict.MET) is met


def test_a_contact_begun_in_the_window_is_waited_for_fifteen_minutes() -> None:
    begun = call(RECEIVED + 59 * MINUTE, outcome=None)
    assert judge(FIRST, windows(), [begun], RULES, RECEIVED + 74 * MINUTE).pending_until == RECEIVED + 74 * MINUTE
    assert verdict_at(RECEIVED + 74 * MINUTE + TICK, begun) is Verdict.VIOLATED
    assert verdict_at(RECEIVED + 70 * MINUTE, call(RECEIVED + 59 * MINUTE)) is Verdict.MET


def test_a_call_left_open_is_completed_by_a_complete_log_or_a_word_that_ends_it() -> None:
    """D12."""
    complete, began = CHECKLISTS[FIRST], RECEIVED + 58 * MINUTE
    ways = [(outcome, complete) for outcome in Outcome] + [(Outcome.REACHED, complete - {ChecklistItem.INTRODUCED})]
    left_open = [completes(began, windows(), *way, left_open=True) for way in ways]
    assert [way[0] for way, is_completed in zip(ways, left_open, strict=True) if not is_completed] == [
        Outcome.NO_ANSWER,
        Outcome.REACHED,
    ]
    assert completes(began, windows(), Outcome.NO_ANSWER, frozenset())


def test_a_refusal_in_the_window_meets_it_with_reached_alone() -> None:
    refused = ContactFact(1, RECEIVED, ContactKind.CALL, Outcome.REFUSED, frozenset({ChecklistItem.REACHED}))
    assert verdict_at(RECEIVED + 61 * MINUTE, refused) is Verdict.MET


HOLIDAYS = Rules.model_validate(
    {"from": "2019-08", "call_window_applies": "always", "working_days": "mon-fri", "holidays": "RU"}
)


def of_moscow(found: list[Window]) -> list[tuple[str, str]]:
    return [
        (f"{window.opens_at.astimezone(MOSCOW):%m-%d %H:%M}", f"{window.due_at.astimezone(MOSCOW):%m-%d %H:%M}")
        for window in found
    ]


def test_nothing_is_due_before_the_one_before_it_over_a_holiday() -> None:
    """D11: a lead of Friday evening; Monday 2020-02-24 is a holiday."""
    found = windows(moscow("2020-02-21 19:30"), HOLIDAYS)
    assert [window.due_at.isoformat() for window in found[:2]] == [
        "2020-02-25T06:30:00+00:00",
        "2020-02-25T17:00:00+00:00",
    ]
    assert of_moscow(found) == [
        ("02-21 19:30", "02-25 09:30"),
        ("02-25 09:30", "02-25 20:00"),
        ("02-28 19:30", "03-06 19:30"),  # calls are made then: the clock on the wall
    ]


@pytest.mark.parametrize(
    ("received", "three_days"),
    [
        ("2019-09-03 19:59", ("09-04 19:59", "09-06 19:59")),  # open until 20:00
        ("2019-09-03 20:00", ("09-04 20:00", "09-07 20:00")),  # closed at it
        ("2019-09-03 08:59", ("09-04 08:59", "09-06 20:00")),
        ("2019-09-03 09:00", ("09-04 09:00", "09-06 09:00")),
        ("2019-09-03 23:00", ("09-04 23:00", "09-07 20:00")),
    ],
)
def test_a_later_checkpoint_is_due_when_calls_are_made_or_at_the_end_of_the_next_hours_in_which_they_are(
    received: str, three_days: tuple[str, str]
) -> None:
    always = Rules.model_validate({"from": "2019-08", "call_window_applies": "always"})
    assert of_moscow(windows(moscow(received), always))[1] == three_days


def test_an_end_that_is_no_later_than_the_opening_goes_to_the_end_of_that_day() -> None:
    """The first hour, eleven of open time, is due on Monday at 12:00, as the second window would be."""
    rules = HOLIDAYS.model_copy(
        update={
            "regulation": dict(
                zip(
                    CheckpointKind,
                    [
                        (timedelta(0), timedelta(hours=11)),
                        (timedelta(hours=24), timedelta(hours=72)),
                        (timedelta(hours=80), timedelta(hours=81)),
                    ],
                    strict=True,
                )
            )
        }
    )
    found = of_moscow(windows(moscow("2019-09-06 12:00"), rules))
    assert found[:2] == [("09-06 12:00", "09-09 12:00"), ("09-09 12:00", "09-09 20:00")]
    assert found[2] == ("09-09 20:00", "09-10 20:00")


def test_without_always_holidays_move_no_due_time() -> None:
    after_switch = HOLIDAYS.model_copy(update={"call_window_applies": "after_switch"})
    friday = moscow("2020-02-21 19:30")
    assert [window.due_at - friday for window in windows(friday, after_switch)] == [
        timedelta(hours=hours) for hours in (1, 72, 336)
    ]


def test_one_contact_meets_one_checkpoint_where_windows_meet() -> None:
    """D11, D12: the first window ends at the instant at which the next one opens."""
    tuesday = moscow("2020-02-25 09:30")
    both = frozenset(CHECKLISTS[FIRST] | CHECKLISTS[THREE_DAYS])
    contact = ContactFact(1, tuesday, ContactKind.CALL, Outcome.REACHED, both)
    assert credit(windows(moscow("2020-02-21 19:30"), HOLIDAYS), [contact], HOLIDAYS) == {FIRST: {1}}
