"""Switches, declines and suspensions during a month (D9, D10)."""

import pytest

from .papers import moment, moscow
from .play import Play


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
