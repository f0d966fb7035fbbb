"""What meets a checkpoint (R12, D12, D15). Every lead here arrives on Tuesday 2019-09-03 at 10:00, in an open window."""

import pytest

from .papers import FIRST_CALL, FOLLOW_UP, after
from .play import Play

START = "2019-09-03 10:00"
DUE = {"1h": after(START, hours=1), "3d": after(START, hours=72), "2w": after(START, hours=336)}


def arrived(play: Play) -> int:
    return play.at(START).lead()


def past(play: Play, kind: str) -> Play:
    """A second after a due time, everything judged."""
    return play.at(after(DUE[kind], seconds=1)).settle()


@pytest.mark.parametrize("seconds", [0, 1, 1800, 3600])
def test_a_complete_call_within_the_hour_meets_it_both_ends_included_D12(september: Play, seconds: int) -> None:
    lead = arrived(september)

    assert september.later(seconds=seconds).contact(lead, "ALFA") == {
        "lead": lead,
        "state": "in_work",
        "effect": "counted",
    }

    assert past(september, "1h").verdicts(lead) == {"1h": "met", "3d": None, "2w": None}
    assert september.violations() == []


def test_a_verdict_tells_when_and_who_gave_it(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    checkpoint = past(september, "1h").checkpoint(lead, "1h")

    assert checkpoint["judged_at"]
    assert checkpoint["judged_by"]
    assert checkpoint["violation"] is None


@pytest.mark.parametrize("kind", ["call", "email", "meeting", "message"])
def test_any_kind_of_contact_with_a_complete_checklist_counts_D12(september: Play, kind: str) -> None:
    lead = arrived(september)

    assert september.later(minutes=30).contact(lead, "ALFA", kind=kind)["effect"] == "counted"


@pytest.mark.parametrize("forgotten", FIRST_CALL)
def test_the_first_call_needs_all_of_its_checklist_R12(september: Play, forgotten: str) -> None:
    lead = arrived(september)

    incomplete = [item for item in FIRST_CALL if item != forgotten]
    assert september.later(minutes=30).contact(lead, "ALFA", checklist=incomplete)["effect"] == "kept"

    assert past(september, "1h").verdicts(lead)["1h"] == "violated"


@pytest.mark.parametrize("forgotten", FOLLOW_UP)
def test_a_follow_up_needs_all_of_its_own_checklist_R12(september: Play, forgotten: str) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    incomplete = [item for item in FOLLOW_UP if item != forgotten]
    assert september.at(after(START, hours=30)).follow_up(lead, "ALFA", checklist=incomplete)["effect"] == "kept"

    assert past(september, "3d").verdicts(lead)["3d"] == "violated"


def test_the_checklist_of_the_first_call_is_not_that_of_a_follow_up_D12(september: Play) -> None:
    lead = arrived(september)
    assert september.later(minutes=30).follow_up(lead, "ALFA")["effect"] == "kept"
    assert september.later(minutes=5).contact(lead, "ALFA")["effect"] == "counted"

    assert september.at(after(START, hours=30)).contact(lead, "ALFA")["effect"] == "kept"


def test_the_items_of_two_contacts_do_not_add_up_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=10).contact(lead, "ALFA", checklist=FIRST_CALL[:3])
    september.later(minutes=10).contact(lead, "ALFA", checklist=FIRST_CALL[3:])

    assert past(september, "1h").verdicts(lead)["1h"] == "violated"


@pytest.mark.parametrize(
    ("hours", "effect"),
    [(1.1, "kept"), (23.99, "kept"), (24, "counted"), (48, "counted"), (72, "counted"), (73, "kept"), (167.9, "kept")],
)
def test_a_follow_up_counts_only_in_the_window_of_three_days_D12(september: Play, hours: float, effect: str) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    assert september.at(after(START, hours=hours)).follow_up(lead, "ALFA")["effect"] == effect

    assert past(september, "3d").verdicts(lead)["3d"] == ("met" if effect == "counted" else "violated")


@pytest.mark.parametrize(("hours", "verdict"), [(167.99, "violated"), (168, "met"), (336, "met")])
def test_a_follow_up_counts_only_in_the_window_of_two_weeks_D12(september: Play, hours: float, verdict: str) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")
    september.at(after(START, hours=30)).follow_up(lead, "ALFA")

    september.at(after(START, hours=hours)).follow_up(lead, "ALFA")

    assert past(september, "2w").verdicts(lead) == {"1h": "met", "3d": "met", "2w": verdict}


def test_three_contacts_in_the_first_hour_do_not_meet_the_follow_ups_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=10).contact(lead, "ALFA")
    everything = sorted({*FIRST_CALL, *FOLLOW_UP})
    for _ in range(2):
        september.later(minutes=10).contact(lead, "ALFA", checklist=everything)

    assert past(september, "2w").verdicts(lead) == {"1h": "met", "3d": "violated", "2w": "violated"}


def test_exactly_at_the_due_instant_nothing_is_overdue_yet_D12(september: Play) -> None:
    lead = arrived(september)

    september.at(DUE["1h"]).settle()
    assert september.verdicts(lead)["1h"] is None
    assert september.status()["overdue"] == 0
    assert september.contact(lead, "ALFA")["effect"] == "counted"


def test_a_second_after_the_due_instant_it_is_overdue_and_judged_D12(september: Play) -> None:
    lead = arrived(september)
    september.at(after(DUE["1h"], seconds=1))
    assert september.status()["overdue"] == 1

    report = september.sweep()

    assert (report["judged"], report["violations"], report["switches"]) == (1, 1, 1)
    assert september.verdicts(lead, attempt=0)["1h"] == "violated"
    assert september.status()["overdue"] == 0


def test_a_contact_first_judges_what_is_overdue_D12_D15(september: Play) -> None:
    """Nobody swept: the late contact itself finds the hour violated, which ends the attempt."""
    lead = arrived(september)

    answer = september.at(after(DUE["1h"], seconds=1)).contact(lead, "ALFA")

    assert answer["effect"] == "after_end"
    assert september.verdicts(lead, attempt=0) == {"1h": "violated", "3d": "void", "2w": "void"}
    assert len(september.violations()) == 1
    assert september.settle().holder() == "BETA"


def test_a_late_follow_up_is_kept_for_the_lead_stays_D12_D13(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    assert september.at(after(DUE["3d"], seconds=1)).follow_up(lead, "ALFA")["effect"] == "kept"

    assert september.settle().verdicts(lead) == {"1h": "met", "3d": "violated", "2w": None}
    assert september.attempts(lead) == [("ALFA", None)]


# A call that began in time and ended late


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


def test_a_call_that_began_late_does_not_count_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 11:00:01")
    try:
        september.calling(lead, "ALFA")
    except Exception:  # noqa: BLE001 whether begun or refused, it is too late
        pass
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

    assert september.settle().verdicts(lead, attempt=0)["1h"] == "violated"


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

    assert september.at("2019-09-03 11:30").contact(late, "ALFA", happened_at="2019-09-03 10:30")["effect"] == "after_end"


# The client does not pick up


def test_two_calls_without_answer_and_a_message_meet_the_hour_D12(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 10:05").no_answer(lead, "ALFA")
    september.at("2019-09-03 10:15").no_answer(lead, "ALFA")
    september.at("2019-09-03 10:16").no_answer(lead, "ALFA", kind="message")

    assert past(september, "1h").verdicts(lead)["1h"] == "met"


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


# Outcomes that end or pause


@pytest.mark.parametrize("outcome", ["refused", "bought", "do_not_call"])
def test_a_final_outcome_meets_the_checkpoint_and_ends_the_follow_up_D12(september: Play, outcome: str) -> None:
    lead = arrived(september)

    answer = september.later(minutes=30).contact(lead, "ALFA", outcome=outcome, checklist=["reached"])

    assert answer == {"lead": lead, "state": "closed", "effect": "counted"}
    assert september.verdicts(lead) == {"1h": "met", "3d": "void", "2w": "void"}
    assert september.attempts(lead) == [("ALFA", "closed")]
    assert past(september, "2w").violations() == []
    assert september.status()["leads"]["closed"] == 1


@pytest.mark.parametrize("outcome", ["refused", "bought", "do_not_call"])
def test_a_final_outcome_needs_reached_D12(september: Play, outcome: str) -> None:
    lead = arrived(september)

    with september.later(minutes=30).refusal("reached"):
        september.contact(lead, "ALFA", outcome=outcome, checklist=FIRST_CALL[1:])


def test_a_final_outcome_between_the_windows_voids_what_is_open_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    answer = september.at(after(START, hours=5)).contact(lead, "ALFA", outcome="bought", checklist=["reached"])

    assert answer["state"] == "closed"
    assert september.verdicts(lead) == {"1h": "met", "3d": "void", "2w": "void"}


def test_a_final_outcome_in_the_window_of_three_days_meets_it_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    september.at(after(START, hours=30)).contact(lead, "ALFA", outcome="bought", checklist=["reached"])

    assert september.verdicts(lead) == {"1h": "met", "3d": "met", "2w": "void"}


def test_a_refusal_after_an_overdue_hour_does_not_save_it_D12(september: Play) -> None:
    lead = arrived(september)

    answer = september.at("2019-09-03 11:30").contact(lead, "ALFA", outcome="refused")

    assert answer["effect"] == "after_end"
    assert september.settle().attempts(lead) == [("ALFA", "moved"), ("BETA", None)]


def test_a_wrong_contact_pauses_the_lead_and_asks_the_operator_D12(september: Play) -> None:
    lead = arrived(september)
    alerts = september.operator_mails()

    answer = september.later(minutes=30).contact(lead, "ALFA", outcome="wrong_contact", checklist=[])

    assert answer["state"] == "paused"
    assert september.operator_mails() == alerts + 1
    assert september.attempts(lead) == [("ALFA", "paused")]
    assert september.verdicts(lead) == {"1h": "void", "3d": "void", "2w": "void"}
    assert past(september, "2w").violations() == []
    assert september.status()["leads"]["paused"] == 1


def test_assigning_ends_the_pause_also_to_the_same_partner_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA", outcome="wrong_contact")

    september.at("2019-09-04 10:00").assign(lead, "ALFA")

    assert september.state(lead) == "in_work"
    assert september.attempts(lead) == [("ALFA", "paused"), ("ALFA", None)]
    assert september.verdicts(lead) == {"1h": None, "3d": None, "2w": None}
    assert september.at("2019-09-04 10:30").contact(lead, "ALFA")["effect"] == "counted"


def test_closing_ends_the_pause_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA", outcome="wrong_contact")

    september.close_lead(lead)

    assert september.state(lead) == "closed"


def test_a_paused_lead_is_not_handed_over_by_itself_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA", outcome="wrong_contact")
    september.switch("BETA")

    assert september.at("2019-09-05 12:00").settle().state(lead) == "paused"


@pytest.mark.parametrize("last", ["met", "violated"])
def test_no_checkpoint_left_open_the_lead_is_closed_D12(september: Play, last: str) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")
    september.at(after(START, hours=30)).follow_up(lead, "ALFA")
    if last == "met":
        september.at(after(START, hours=200)).follow_up(lead, "ALFA")

    assert past(september, "2w").verdicts(lead) == {"1h": "met", "3d": "met", "2w": last}
    assert september.state(lead) == "closed"
    assert september.attempts(lead) == [("ALFA", "closed")]


# Who may log


def test_a_contact_by_a_partner_who_never_held_the_lead_is_refused_D15(september: Play) -> None:
    lead = arrived(september)
    for code in ("BETA", "NOBODY"):
        with september.refusal(code):
            september.contact(lead, code)
    with september.refusal("BETA"):
        september.calling(lead, "BETA")


def test_a_contact_on_a_lead_that_nobody_had_is_refused_D15(august: Play) -> None:
    lead = august.at(START).lead()

    with august.refusal("ALFA"):
        august.contact(lead, "ALFA")


def test_a_contact_of_a_former_holder_is_kept_without_effect_D15(september: Play) -> None:
    lead = arrived(september)
    september.at("2019-09-03 11:00:01").settle()
    assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]
    before = september.verdicts(lead)

    answer = september.later(minutes=5).contact(lead, "ALFA")

    assert answer == {"lead": lead, "state": "in_work", "effect": "after_end"}
    assert september.verdicts(lead) == before
    assert september.at("2019-09-03 12:01").settle().verdicts(lead, attempt=1)["1h"] == "violated"


@pytest.mark.parametrize("outcome", ["do_not_call", "wrong_contact"])
def test_what_a_former_holder_hears_from_the_client_pauses_the_lead_D15(september: Play, outcome: str) -> None:
    lead = arrived(september)
    september.at("2019-09-03 11:00:01").settle()
    alerts = september.operator_mails()

    answer = september.later(minutes=5).contact(lead, "ALFA", outcome=outcome)

    assert answer == {"lead": lead, "state": "paused", "effect": "after_end"}
    assert september.operator_mails() > alerts
    assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", "paused")]
    assert september.at("2019-09-03 12:30").settle().holder() == "BETA"  # BETA's clock has stopped


@pytest.mark.parametrize("outcome", ["reached", "no_answer", "refused", "bought"])
def test_other_words_of_a_former_holder_change_nothing_D15(september: Play, outcome: str) -> None:
    lead = arrived(september)
    september.at("2019-09-03 11:00:01").settle()

    assert september.later(minutes=5).contact(lead, "ALFA", outcome=outcome)["state"] == "in_work"

    assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]


def test_a_contact_on_a_closed_lead_is_after_the_end_D15(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA", outcome="bought")

    assert september.later(minutes=30).contact(lead, "ALFA")["effect"] == "after_end"
    assert september.state(lead) == "closed"
