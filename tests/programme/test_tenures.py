"""Who holds the leads: activation, switches, declines, the end of a tenure (R7-R9, D8-D10)."""

import pytest

from .papers import moment, moscow
from .play import Play


def skipped(answer: dict[str, object]) -> list[tuple[str, str]]:
    return [(skip["partner"], skip["reason"]) for skip in answer["skipped"]]  # type: ignore[attr-defined]


def october(play: Play) -> Play:
    """2019-09 is billed: BETA, then GAMMA, then DELTA; it is the night of October 1st."""
    play.at("2019-10-01 00:05").bill(
        {"BETA": {"2019-09": "26000.00"}, "GAMMA": {"2019-09": "18000.00"}, "DELTA": {"2019-09": "12000.00"}}
    )
    return play


def test_the_winner_of_a_month_gets_the_leads_of_the_next_R8(august: Play) -> None:
    august.at("2019-09-01 00:10").publish("2019-08")

    answer = august.activate("2019-08")

    assert answer == {"month": "2019-08", "lead_month": "2019-09", "holder": "ALFA", "skipped": []}
    tenure = august.status()["tenure"]
    assert moment(tenure.pop("started_at")) == moscow("2019-09-01 00:10")
    assert tenure == {"partner": "ALFA", "month": "2019-08", "lead_month": "2019-09", "ranking_version": 1}


def test_all_leads_go_to_the_holder_only_R7(september: Play) -> None:
    leads = [september.at(f"2019-09-0{day} 12:00").lead() for day in range(2, 9)]

    assert {tuple(september.attempts(lead)) for lead in leads} == {(("ALFA", None),)}


def test_who_is_not_ready_is_skipped_R9_D9(play: Play) -> None:
    play.at("2019-09-01 00:10").partners("BETA", not_ready=("ALFA",))
    play.bill({code: {"2019-07": "100.00", "2019-08": billed} for code, billed in (("ALFA", "900.00"), ("BETA", "110.00"))})
    play.publish("2019-08")

    answer = play.activate("2019-08")

    assert (answer["holder"], skipped(answer)) == ("BETA", [("ALFA", "not_ready")])


def test_accepting_the_regulation_makes_ready_R9(play: Play) -> None:
    play.at("2019-09-01 00:10").partners("BETA", not_ready=("ALFA",))
    play.bill({code: {"2019-07": "100.00", "2019-08": billed} for code, billed in (("ALFA", "900.00"), ("BETA", "110.00"))})

    play.accept("ALFA")

    assert play.hand_to_winner("2019-08") == "ALFA"


def test_who_declined_before_activation_is_skipped_R8_D9(august: Play) -> None:
    august.at("2019-09-01 00:10").publish("2019-08")
    august.decline("2019-08", "ALFA")

    answer = august.activate("2019-08")

    assert (answer["holder"], skipped(answer)) == ("BETA", [("ALFA", "declined")])


def test_who_was_suspended_after_the_ranking_is_skipped_D9(august: Play) -> None:
    august.at("2019-09-01 00:10").publish("2019-08")
    august.suspend("ALFA")

    answer = august.activate("2019-08")

    assert (answer["holder"], skipped(answer)) == ("BETA", [("ALFA", "suspended")])


def test_activation_goes_below_the_announced_three_D9(august: Play) -> None:
    august.at("2019-09-01 00:10").publish("2019-08")
    for code in ("ALFA", "BETA", "GAMMA"):
        august.decline("2019-08", code)

    assert august.activate("2019-08")["holder"] == "DELTA"


def test_who_violated_in_this_lead_month_is_skipped_D9(september: Play) -> None:
    lead = september.at("2019-09-03 12:00").lead()
    september.later(hours=1, seconds=1).settle()
    assert september.holder() == "BETA"

    answer = september.activate("2019-08", "--switch", "--reason", "walk it again")

    assert (answer["holder"], skipped(answer)) == ("BETA", [("ALFA", "violated")])
    assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]


def test_a_reversed_violation_is_not_counted_D9(september: Play) -> None:
    september.at("2019-09-03 12:00").lead()
    september.later(hours=1, seconds=1).settle()
    september.reverse(september.violations()[0]["violation"])
    assert september.settle().holder() == "BETA"  # reversing changes no holder by itself

    answer = september.activate("2019-08", "--switch", "--reason", "it was wrong")

    assert (answer["holder"], skipped(answer)) == ("ALFA", [])


def test_an_assigned_lead_neglected_outside_a_tenure_is_a_violation_in_this_lead_month_D9(september: Play) -> None:
    lead = september.at("2019-09-03 12:00").lead()
    september.assign(lead, "BETA")
    september.later(hours=1, seconds=1).settle()
    assert september.holder() == "ALFA"  # BETA neglected it, but outside any tenure

    september.decline("2019-08", "ALFA")

    assert september.holder() == "GAMMA"


def test_a_violation_on_an_attempt_of_its_tenures_counts_though_recorded_in_a_later_month_D9(september: Play) -> None:
    """BETA held in September for a while; his 3d is violated in October, before October is activated."""
    september.at("2019-09-30 12:00").switch("BETA")
    lead = september.lead()
    september.switch("ALFA")
    september.at("2019-09-30 12:10").contact(lead, "BETA")
    september.at("2019-10-03 12:00:01").settle()
    assert [entry["partner"] for entry in september.violations()] == ["BETA"]
    assert september.holder() == "ALFA"

    september.suspend("ALFA")

    assert september.settle().holder() == "GAMMA"


def test_a_violation_recorded_in_the_lead_month_counts_though_the_tenure_is_older_D9(september: Play) -> None:
    """ALFA neglects a lead of October 1st, which belongs to his old tenure, and has won 2019-09."""
    october(september).bill({"ALFA": {"2019-09": "99000.00"}})
    september.at("2019-10-01 10:00").lead()
    september.at("2019-10-01 11:00:01").settle()
    september.publish("2019-09")

    answer = september.activate("2019-09")

    assert (answer["holder"], skipped(answer)) == ("BETA", [("ALFA", "violated")])


def test_activating_again_is_no_operation_D9(september: Play) -> None:
    before = september.status()["tenure"]

    answer = september.at("2019-09-10 12:00").activate("2019-08")

    assert answer["holder"] == "ALFA"
    assert september.status()["tenure"] == before


def test_activating_again_after_a_decline_does_not_bring_the_first_back_D9(september: Play) -> None:
    september.at("2019-09-02 12:00").decline("2019-08", "ALFA")
    before = september.status()["tenure"]

    september.activate("2019-08")

    assert september.status()["tenure"] == before


def test_a_switch_walks_the_new_version_and_leaves_open_attempts_where_they_are_D9(september: Play) -> None:
    lead = september.at("2019-09-05 12:00").lead()
    september.bill({"ALFA": {"2019-08": "1000.00"}})
    september.publish("2019-08")
    assert september.activate("2019-08")["holder"] == "ALFA"

    answer = september.activate("2019-08", "--switch", "--reason", "the bill was corrected")

    assert answer["holder"] == "BETA"
    assert september.status()["tenure"]["ranking_version"] == 2
    assert september.attempts(lead) == [("ALFA", None)]
    assert september.attempts(september.lead()) == [("BETA", None)]


def test_a_switch_needs_a_reason_D9(september: Play) -> None:
    with september.refusal(statuses=(1, 2)):
        september.activate("2019-08", "--switch")
    with september.refusal(statuses=(1, 2)):
        september.do("tenure", "switch", "BETA")


def test_a_switch_that_finds_the_present_holder_changes_nothing_D9(september: Play) -> None:
    before = september.status()["tenure"]

    assert september.at("2019-09-05 12:00").activate("2019-08", "--switch", "--reason", "look")["holder"] == "ALFA"
    september.switch("ALFA")

    assert september.status()["tenure"] == before


def test_an_operator_names_a_holder_D9(september: Play) -> None:
    lead = september.at("2019-09-05 12:00").lead()

    september.switch("GAMMA")

    tenure = september.status()["tenure"]
    assert (tenure["partner"], tenure["month"], tenure["lead_month"]) == ("GAMMA", "2019-08", "2019-09")
    assert moment(tenure["started_at"]) == moscow("2019-09-05 12:00")
    assert september.attempts(lead) == [("ALFA", None)]


def test_an_operator_may_name_who_declined_or_violated_D9(september: Play) -> None:
    september.at("2019-09-03 12:00").lead()
    september.later(hours=1, seconds=1).settle()  # ALFA violated: BETA
    september.decline("2019-08", "BETA")
    assert september.holder() == "GAMMA"

    september.switch("ALFA")
    assert september.holder() == "ALFA"
    september.switch("BETA")
    assert september.holder() == "BETA"


def test_an_operator_never_names_who_is_suspended_or_not_ready_D9(september: Play) -> None:
    september.partners(not_ready=("NEW",))
    september.suspend("GAMMA")
    for code in ("GAMMA", "NEW"):
        with september.refusal(code):
            september.switch(code)


def test_a_fallback_goes_strictly_down_D9(september: Play) -> None:
    september.at("2019-09-05 12:00").switch("GAMMA")

    september.decline("2019-08", "GAMMA")

    assert september.holder() == "DELTA"  # and not ALFA or BETA, who could


def test_a_fallback_skips_who_declined_while_another_held_D9(september: Play) -> None:
    september.at("2019-09-05 12:00").decline("2019-08", "BETA")
    assert september.holder() == "ALFA"

    september.decline("2019-08", "ALFA")

    assert september.holder() == "GAMMA"


def test_a_fallback_after_a_partner_without_a_place_goes_below_the_lowest_place_that_held_D9(september: Play) -> None:
    september.at("2019-09-05 12:00").switch("OMEGA")
    september.decline("2019-08", "OMEGA")
    assert september.holder() == "BETA"

    september.switch("GAMMA")
    september.switch("ALFA")
    september.switch("OMEGA")  # again named by an operator, though he declined
    september.decline("2019-08", "OMEGA")

    assert september.holder() == "DELTA"


def test_a_partner_without_a_place_has_the_tenure_of_the_published_version_D8(september: Play) -> None:
    september.at("2019-09-05 12:00").switch("OMEGA")

    tenure = september.status()["tenure"]

    assert (tenure["partner"], tenure["lead_month"], tenure["ranking_version"]) == ("OMEGA", "2019-09", 1)


@pytest.mark.parametrize("loses", ["decline", "suspend"])
def test_declining_or_suspending_moves_on_and_leads_in_work_stay_D10(september: Play, loses: str) -> None:
    lead = september.at("2019-09-05 12:00").lead()
    september.at("2019-09-05 12:10").contact(lead, "ALFA")
    september.at("2019-09-05 12:20")

    if loses == "decline":
        september.decline("2019-08", "ALFA")
    else:
        september.suspend("ALFA")

    assert september.settle().holder() == "BETA"
    assert september.attempts(lead) == [("ALFA", None)]
    september.at("2019-09-06 12:10").follow_up(lead, "ALFA")
    assert september.at("2019-09-08 13:00").settle().verdicts(lead)["3d"] == "met"
    assert september.attempts(september.lead()) == [("BETA", None)]


def test_resuming_does_not_bring_the_leads_back_D9(september: Play) -> None:
    september.at("2019-09-05 12:00").suspend("ALFA")

    september.resume("ALFA")

    assert september.settle().holder() == "BETA"


def test_suspending_another_changes_no_holder_D10(september: Play) -> None:
    before = september.status()["tenure"]

    september.at("2019-09-05 12:00").suspend("BETA")

    assert september.status()["tenure"] == before


def test_nobody_left_leads_wait_and_operators_are_alerted_D9(september: Play) -> None:
    september.at("2019-09-05 12:00")
    alerts = september.operator_mails()
    for code in ("DELTA", "GAMMA", "BETA", "ALFA"):
        september.decline("2019-08", code)

    status = september.settle().status()

    assert (status["holder"], status["tenure"]) == (None, None)
    assert september.operator_mails() > alerts
    lead = september.lead()
    assert (september.state(lead), september.attempts(lead)) == ("waiting", [])
    assert september.status()["leads"]["waiting"] == 1


def test_activation_that_finds_nobody_ends_the_old_tenure_too_D9(september: Play) -> None:
    october(september).publish("2019-09")
    for code in ("BETA", "GAMMA", "DELTA"):
        september.decline("2019-09", code)

    answer = september.activate("2019-09")

    assert answer["holder"] is None
    assert skipped(answer) == [("BETA", "declined"), ("GAMMA", "declined"), ("DELTA", "declined")]
    assert september.holder() is None
    assert september.state(september.lead()) == "waiting"


def test_activating_again_after_it_was_found_exhausted_is_no_operation_D9(play: Play) -> None:
    play.at("2019-09-01 00:10").partners(not_ready=("ALFA",))
    play.bill({"ALFA": {"2019-07": "100.00", "2019-08": "140.00"}})
    assert play.hand_to_winner("2019-08") is None
    play.accept("ALFA")

    assert play.activate("2019-08")["holder"] is None
    assert play.holder() is None
    assert play.activate("2019-08", "--switch", "--reason", "he accepted")["holder"] == "ALFA"
    assert play.holder() == "ALFA"


def test_the_holder_stays_until_the_next_activation_D8(september: Play) -> None:
    october(september)
    lead = september.lead()
    assert september.attempts(lead) == [("ALFA", None)]
    assert september.status()["tenure"]["lead_month"] == "2019-09"

    assert september.at("2019-10-03 10:00").hand_to_winner("2019-09") == "BETA"

    tenure = september.status()["tenure"]
    assert (tenure["partner"], tenure["lead_month"]) == ("BETA", "2019-10")
    assert september.attempts(september.lead()) == [("BETA", None)]
    assert september.attempts(lead)[0] == ("ALFA", None)


def test_a_decline_of_the_month_before_does_not_count_in_the_next_D9(september: Play) -> None:
    september.at("2019-09-05 12:00").decline("2019-08", "BETA")

    assert october(september).hand_to_winner("2019-09") == "BETA"


def test_a_past_lead_month_cannot_be_activated_D9(august: Play) -> None:
    august.at("2019-09-30 23:59").publish("2019-08")
    with august.at("2019-10-01 00:00").refusal("2019-08"):
        august.activate("2019-08")

    assert august.at("2019-09-30 23:59").activate("2019-08")["holder"] == "ALFA"


def test_the_former_month_cannot_be_switched_after_the_next_was_activated_D9(september: Play) -> None:
    october(september).hand_to_winner("2019-09")

    with september.refusal("2019-08"):
        september.activate("2019-08", "--switch", "--reason", "too late")


def test_the_last_tenure_ends_with_the_last_lead_month_D8(september: Play) -> None:
    september.programme(last_month="2019-08")
    lead = september.at("2019-09-30 23:59:59").lead()
    assert september.state(lead) == "in_work"

    late = september.at("2019-10-01 00:00:00").lead()

    assert (september.state(late), september.attempts(late)) == ("out_of_programme", [])
    assert september.settle().holder() is None
    assert september.status()["leads"]["out_of_programme"] == 1
    assert september.attempts(lead) == [("ALFA", None)]


def test_after_the_end_nothing_is_handed_over_and_nobody_is_named_D8(september: Play) -> None:
    september.programme(last_month="2019-08")
    late = september.at("2019-10-05 12:00").lead()

    september.settle()

    assert september.state(late) == "out_of_programme"
    with september.refusal(statuses=(1,)):
        september.switch("BETA")


def test_a_lead_before_the_first_tenure_waits_D16(august: Play) -> None:
    lead = august.at("2019-08-20 12:00").lead()

    assert august.settle().state(lead) == "waiting"


def test_a_partner_who_never_heard_of_it_cannot_decline_a_month_outside_D4(september: Play) -> None:
    with september.refusal("2019-07"):
        september.decline("2019-07", "ALFA")
