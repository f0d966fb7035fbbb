"""Calls that begin in time and end late, and clients who do not pick up (D12)."""

import contextlib

import pytest

from .hours import DUE, START, arrived, past
from .papers import after
from .play import Play, Refusal
from .sandbox import ON_SQLITE


def test_a_call_that_began_in_time_and_ended_late_counts_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:58").calling(lead, "ALFA")
    september.at("2019-09-03 11:05").settle()
    assert september.verdicts(lead)["1h"] is None  # the verdict waits for the open contact

    assert september.at("2019-09-03 11:12:59").contact(lead, "ALFA")["effect"] == "counted"

    assert september.settle().verdicts(lead)["1h"] == "met"
    assert september.holder() == "ALFA"


def test_a_call_that_began_at_the_due_instant_counts_D12(september: Play) -> None:
    lead = arrived(september)
    september.at(DUE["1h"]).calling(lead, "ALFA")

    assert september.at("2019-09-03 11:14").contact(lead, "ALFA")["effect"] == "counted"


def test_a_call_that_is_not_completed_in_fifteen_minutes_is_no_contact_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:58").calling(lead, "ALFA")

    september.at("2019-09-03 11:13:01").settle()

    assert september.verdicts(lead, attempt=0)["1h"] == "violated"
    assert september.holder() == "BETA"


def test_a_contact_after_the_fifteen_minutes_began_when_it_was_logged_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:20").calling(lead, "ALFA")
    assert september.at("2019-09-03 10:40").contact(lead, "ALFA")["effect"] == "counted"

    other = september.at("2019-09-04 10:00").lead()
    september.at("2019-09-04 10:58").calling(other, "ALFA")
    assert september.at("2019-09-04 11:13:01").contact(other, "ALFA")["effect"] == "after_end"


def test_an_incomplete_log_leaves_the_call_open_and_the_next_complete_one_completes_it_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:58").calling(lead, "ALFA")

    answer = september.at("2019-09-03 11:05").contact(lead, "ALFA", checklist=["reached", "introduced"])

    assert (answer["effect"], answer["state"]) == ("kept", "in_work")
    assert answer["open_until"] == "2019-09-03T08:13:00Z"
    assert answer["missing"] == ["about_cloud_request", "asked_questions", "left_contacts"]
    assert "11:13" in answer["notice"] and "left_contacts" in answer["notice"]
    assert september.settle().verdicts(lead)["1h"] is None
    assert september.at("2019-09-03 11:13").contact(lead, "ALFA")["effect"] == "counted"
    assert september.settle().verdicts(lead)["1h"] == "met"
    assert september.holder() == "ALFA"


INCOMPLETE = ["reached", "introduced"]


@pytest.mark.parametrize("kind", ["message", "call"])
def test_what_reaches_nobody_does_not_use_up_a_call_that_was_left_open_D12(september: Play, kind: str) -> None:
    """The answer said that it is open until 11:13: a message written meanwhile is another contact."""
    lead = arrived(september)
    september.at("2019-09-03 10:58").calling(lead, "ALFA")
    september.at("2019-09-03 11:01").contact(lead, "ALFA", checklist=INCOMPLETE)

    answer = september.at("2019-09-03 11:03").no_answer(lead, "ALFA", kind=kind)

    assert (answer["effect"], answer["open_until"]) == ("kept", "2019-09-03T08:13:00Z")
    assert september.at("2019-09-03 11:05").contact(lead, "ALFA")["effect"] == "counted"
    assert september.settle().verdicts(lead)["1h"] == "met"
    assert september.holder() == "ALFA"
    begun = [contact["began_at"] for contact in september.show(lead)["attempts"][0]["contacts"]]
    assert sorted(begun) == ["2019-09-03T07:58:00Z", "2019-09-03T08:01:00Z", "2019-09-03T08:03:00Z"]


@pytest.mark.parametrize(
    ("outcome", "state", "verdict"), [("refused", "closed", "met"), ("wrong_contact", "paused", "void")]
)
def test_a_word_that_ends_or_pauses_completes_a_call_that_was_left_open_D12(
    september: Play, outcome: str, state: str, verdict: str
) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:58").calling(lead, "ALFA")
    september.at("2019-09-03 11:01").contact(lead, "ALFA", checklist=INCOMPLETE)

    checklist = ["reached"] if outcome == "refused" else []
    answer = september.at("2019-09-03 11:05").contact(lead, "ALFA", outcome=outcome, checklist=checklist)

    assert (answer["state"], "open_until" in answer) == (state, False)
    assert september.settle().verdicts(lead)["1h"] == verdict
    assert september.violations() == []


def test_a_call_that_began_late_does_not_count_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 11:00:01")
    with contextlib.suppress(Refusal):  # whether it is begun or refused: it is too late
        september.calling(lead, "ALFA")
    september.at("2019-09-03 11:05").contact(lead, "ALFA")

    assert september.settle().verdicts(lead, attempt=0)["1h"] == "violated"


def test_a_second_calling_while_one_is_open_changes_nothing_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:50").calling(lead, "ALFA")
    september.at("2019-09-03 11:00").calling(lead, "ALFA")

    assert september.at("2019-09-03 11:05:01").contact(lead, "ALFA")["effect"] == "after_end"
    assert september.settle().verdicts(lead, attempt=0)["1h"] == "violated"


def test_a_new_calling_after_the_first_expired_is_a_new_contact_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:30").calling(lead, "ALFA")
    september.at("2019-09-03 10:59").calling(lead, "ALFA")

    assert september.at("2019-09-03 11:13").contact(lead, "ALFA")["effect"] == "counted"


def test_an_incomplete_contact_that_began_in_time_does_not_save_the_hour_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:58").calling(lead, "ALFA")

    september.at("2019-09-03 11:05").contact(lead, "ALFA", checklist=["reached"])

    assert september.at("2019-09-03 11:13").settle().verdicts(lead)["1h"] is None
    assert september.at("2019-09-03 11:13:01").settle().verdicts(lead, attempt=0)["1h"] == "violated"


def test_a_contact_counts_for_the_window_in_which_it_began_D12(september: Play) -> None:
    """It began a minute before the window of three days opened and was completed in it."""
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")
    september.at(after(START, hours=24, minutes=-1)).calling(lead, "ALFA")

    assert september.at(after(START, hours=24, minutes=2)).follow_up(lead, "ALFA")["effect"] == "kept"


def test_the_time_to_complete_is_a_rule_D12(september: Play) -> None:
    september.programme(rules=[{"from": "2019-08", "completion": "5m"}])
    lead = arrived(september)
    september.at("2019-09-03 10:58").calling(lead, "ALFA")

    assert september.at("2019-09-03 11:03:01").contact(lead, "ALFA")["effect"] == "after_end"


def test_what_the_partner_says_about_the_time_decides_nothing_D12(september: Play) -> None:
    late, quick = arrived(september), september.lead()
    assert september.later(minutes=30).contact(quick, "ALFA", happened_at="2019-09-02 10:00")["effect"] == "counted"

    assert (
        september.at("2019-09-03 11:30").contact(late, "ALFA", happened_at="2019-09-03 10:30")["effect"] == "after_end"
    )


# The client does not pick up


def test_two_calls_without_answer_and_a_message_meet_the_hour_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:05").no_answer(lead, "ALFA")
    september.at("2019-09-03 10:15").no_answer(lead, "ALFA")
    september.at("2019-09-03 10:16").no_answer(lead, "ALFA", kind="message")

    assert past(september, "1h").verdicts(lead)["1h"] == "met"


@ON_SQLITE
@pytest.mark.parametrize(
    ("contacts", "verdict"),
    [
        ([("10:05", "call"), ("10:14", "call"), ("10:20", "email")], "violated"),  # nine minutes apart
        ([("10:05", "call"), ("10:10", "call"), ("10:15", "call"), ("10:20", "email")], "met"),  # first and last
        ([("10:05", "call"), ("10:30", "call")], "violated"),  # no message
        ([("10:05", "call"), ("10:20", "message"), ("10:25", "email")], "violated"),  # one call
        ([("10:00", "email"), ("10:05", "call"), ("11:00", "call")], "met"),  # the mail first, a call at the due time
        ([("10:05", "meeting"), ("10:30", "call"), ("10:40", "email")], "violated"),  # a meeting is no call
        ([("10:05", "message"), ("10:30", "email"), ("10:40", "message")], "violated"),
    ],
)
def test_what_is_enough_when_the_client_does_not_pick_up_D12(
    september: Play, contacts: list[tuple[str, str]], verdict: str
) -> None:
    lead = arrived(september)
    for time, kind in contacts:
        september.at(f"2019-09-03 {time}").no_answer(lead, "ALFA", kind=kind)

    assert past(september, "1h").verdicts(lead, attempt=0)["1h"] == verdict


def test_a_call_in_the_window_and_one_after_it_are_not_enough_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")
    september.at(after(START, hours=23)).no_answer(lead, "ALFA")
    september.at(after(START, hours=25)).no_answer(lead, "ALFA")
    september.at(after(START, hours=26)).no_answer(lead, "ALFA", kind="message")

    assert past(september, "3d").verdicts(lead)["3d"] == "violated"


def test_no_answer_meets_a_follow_up_too_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")
    september.at(after(START, hours=25)).no_answer(lead, "ALFA")
    september.at(after(START, hours=50)).no_answer(lead, "ALFA")
    september.at(after(START, hours=72)).no_answer(lead, "ALFA", kind="email")

    assert past(september, "3d").verdicts(lead)["3d"] == "met"


def test_how_often_and_how_far_apart_is_a_rule_D12(september: Play) -> None:
    september.programme(rules=[{"from": "2019-08", "no_answer": {"calls": 3, "apart": "5m"}}])
    two, three = arrived(september), september.lead()
    for time in ("10:05", "10:10", "10:15"):
        september.at(f"2019-09-03 {time}").no_answer(three, "ALFA")
        if time != "10:10":
            september.no_answer(two, "ALFA")
    for lead in (two, three):
        september.at("2019-09-03 10:20").no_answer(lead, "ALFA", kind="message")

    past(september, "1h")

    assert september.verdicts(two, attempt=0)["1h"] == "violated"
    assert september.verdicts(three)["1h"] == "met"
