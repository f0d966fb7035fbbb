"""Outcomes that end or pause a lead, and what former holders report (D12, D14, D15)."""

import pytest

from .hours import START, arrived, past
from .papers import FIRST_CALL, after
from .play import Play
from .sandbox import ON_SQLITE


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
def test_what_a_former_holder_hears_from_the_client_is_told_once_and_pauses_nothing_D15(
    september: Play, outcome: str
) -> None:
    lead = arrived(september)
    september.at("2019-09-03 11:00:01").settle()
    alerts = september.operator_mails()

    answer = september.later(minutes=5).contact(lead, "ALFA", outcome=outcome)

    assert answer == {"lead": lead, "state": "in_work", "effect": "after_end"}
    assert september.operator_mails() == alerts + 1
    assert september.later(minutes=1).contact(lead, "ALFA", outcome=outcome)["state"] == "in_work"
    assert september.operator_mails() == alerts + 1, "once a lead and partner"
    assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]
    assert september.at("2019-09-03 12:30").settle().holder() == "GAMMA", "BETA's clock runs on"


def test_a_suspended_former_holder_adds_nothing_and_works_on_with_what_they_have_D10_D15(september: Play) -> None:
    moved = arrived(september)
    september.at("2019-09-03 11:00:01").settle()
    kept = september.lead()
    september.suspend("ALFA")
    september.suspend("BETA")

    with september.refusal("ALFA"):
        september.contact(moved, "ALFA", outcome="do_not_call")
    assert september.contact(kept, "BETA")["effect"] == "counted"


def test_a_satisfied_checkpoint_of_an_attempt_that_ends_is_met_D14(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=10).contact(lead, "ALFA")

    september.later(minutes=10).assign(lead, "BETA")

    assert september.verdicts(lead, attempt=0) == {"1h": "met", "3d": "void", "2w": "void"}


def test_a_violation_by_hand_on_a_satisfied_first_hour_does_not_move_the_lead_and_counts_D13(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=10).contact(lead, "ALFA")

    september.later(minutes=10).record(lead, "1h")

    assert september.verdicts(lead) == {"1h": "met", "3d": None, "2w": None}
    assert september.attempts(lead) == [("ALFA", None)]
    assert september.holder() == "BETA"


@ON_SQLITE
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


def test_the_reminders_of_an_ended_attempt_are_void_D14(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA", outcome="bought")
    mails = len(september.mails("alfa@partner.example"))

    past(september, "2w")

    assert len(september.mails("alfa@partner.example")) == mails
