"""Violations are acted on in the order of the instants at which their verdicts could first be given: whenever the guard
runs, the same partner holds the leads (D13)."""

import pytest

from .play import Play
from .test_same_verdict import Guarded


def told(play: Play, schedule: list[str]) -> Guarded:
    """A neglected lead is left to an operator, not handed over anew: when that happens is no question here."""
    play.programme(rules=[{"from": "2019-08", "automatic_attempts": 1}])
    return Guarded(play, schedule)


SCHEDULES = {
    "at once": ["2019-09-03 11:00:01", "2019-09-03 11:30:01"],
    "after each": ["2019-09-03 11:00:01", "2019-09-03 11:10:01", "2019-09-03 11:20:01", "2019-09-03 11:31"],
    "once": ["2019-09-03 11:31"],
    "late": ["2019-09-03 16:00"],
}
schedules = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())


def two_leads(play: Play) -> tuple[int, int]:
    """One of ALFA, received at 10:00; one that is assigned to BETA at 10:10."""
    first = play.at("2019-09-03 10:00").lead()
    second = play.at("2019-09-03 10:10").lead()
    play.assign(second, "BETA")
    return first, second


@schedules
def test_a_walk_looks_only_at_violations_before_its_own_D13(september: Play, schedule: list[str]) -> None:
    guarded = told(september, schedule)
    two_leads(guarded)
    guarded.sweep_the_rest()

    assert september.at("2019-09-03 16:10").settle().holder() == "BETA"
    assert [entry["partner"] for entry in september.violations()] == ["ALFA", "BETA"]


@schedules
def test_a_call_begun_in_time_has_its_violation_later_D12_D13(september: Play, schedule: list[str]) -> None:
    """ALFA's could be given at 11:14 only, after BETA's of 11:10: the walk for it passes BETA."""
    guarded = told(september, schedule)
    first, _second = two_leads(guarded)
    guarded.at("2019-09-03 10:59").calling(first, "ALFA")
    guarded.sweep_the_rest()

    assert september.at("2019-09-03 16:10").settle().holder() == "GAMMA"


@schedules
def test_a_call_completed_without_success_has_its_violation_then_D12_D13(september: Play, schedule: list[str]) -> None:
    """At 11:05, before BETA's of 11:10."""
    guarded = told(september, schedule)
    first, _second = two_leads(guarded)
    guarded.at("2019-09-03 10:59").calling(first, "ALFA")
    guarded.at("2019-09-03 11:05").no_answer(first, "ALFA")
    guarded.sweep_the_rest()

    assert september.at("2019-09-03 16:10").settle().holder() == "BETA"


@schedules
@pytest.mark.parametrize(
    ("step", "holder"),
    [
        # The leads are BETA's since 11:00, so ALFA gets them back by the operator's word, and keeps them.
        (lambda play, _lead: play.switch("ALFA"), "ALFA"),
        (lambda play, _lead: play.decline("2019-08", "BETA"), "GAMMA"),
        (lambda play, _lead: play.decline("2019-08", "ALFA"), "BETA"),
        (lambda play, _lead: play.suspend("BETA"), "GAMMA"),
        (lambda play, _lead: play.activate("2019-08", "--switch", "--reason", "looked again"), "BETA"),
        # In BETA's tenure, so what they neglect of it takes the leads from them.
        (lambda play, lead: play.assign(lead, "BETA"), "GAMMA"),
    ],
    ids=["switch", "decline", "the loser declines", "suspend", "activate", "assign"],
)
def test_who_decides_about_the_holder_finds_what_came_before_done_D13(
    september: Play, schedule: list[str], step: object, holder: str
) -> None:
    guarded = told(september, schedule)
    guarded.at("2019-09-03 10:00").lead()
    other = guarded.at("2019-09-03 10:05").lead()
    guarded.contact(other, "ALFA")

    step(guarded.at("2019-09-03 11:05"), other)  # type: ignore[operator]

    guarded.sweep_the_rest()
    assert september.at("2019-09-03 16:10").settle().holder() == holder


@schedules
def test_who_becomes_able_to_hold_after_a_violation_is_passed_for_it_D13(september: Play, schedule: list[str]) -> None:
    guarded = told(september, schedule)
    guarded.at("2019-09-03 09:50").suspend("BETA")
    guarded.at("2019-09-03 10:00").lead()

    guarded.at("2019-09-03 11:05").resume("BETA")

    guarded.sweep_the_rest()
    assert september.at("2019-09-03 16:10").settle().holder() == "GAMMA"


@schedules
def test_a_violation_that_is_reversed_later_still_counts_in_the_walks_before_D13(
    september: Play, schedule: list[str]
) -> None:
    guarded = told(september, schedule)
    other = guarded.at("2019-09-03 09:30").lead()
    guarded.assign(other, "BETA")
    guarded.at("2019-09-03 09:40").record(other, "1h")
    guarded.at("2019-09-03 10:00").lead()

    guarded.at("2019-09-03 11:05").reverse(september.violations()[0]["violation"])

    guarded.sweep_the_rest()
    assert september.at("2019-09-03 16:10").settle().holder() == "GAMMA"


@schedules
def test_a_violation_by_hand_comes_after_what_was_overdue_before_it_D13(september: Play, schedule: list[str]) -> None:
    guarded = told(september, schedule)
    guarded.at("2019-09-03 10:00").lead()
    other = guarded.at("2019-09-03 10:05").lead()
    guarded.assign(other, "BETA")

    guarded.at("2019-09-03 11:03").record(other, "1h")

    guarded.sweep_the_rest()
    assert september.at("2019-09-03 16:10").settle().holder() == "BETA"
