"""Switches, declines and suspensions during a month (D9, D10)."""

import pytest

from .papers import Bills, moment, moscow
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
    with september.refusal("--reason", statuses=(2,)):
        september.activate("2019-08", "--switch")
    with september.refusal("--reason", statuses=(2,)):
        september.do("tenure", "switch", "BETA")


SWITCH = ("--switch", "--reason", "the bill was corrected")


def correct(september: Play, bills: Bills) -> None:
    """Version 2 is published."""
    september.at("2019-09-05 12:00").bill(bills)
    assert september.publish("2019-08")["version"] == 2


def test_a_switch_that_finds_the_present_holder_takes_the_new_version_D9(september: Play) -> None:
    """GAMMA goes before BETA; ALFA keeps the tenure, and the next one is GAMMA."""
    before = september.status()["tenure"]
    lead = september.at("2019-09-05 11:00").lead()
    correct(september, {"GAMMA": {"2019-08": "13500.00"}})

    assert september.activate("2019-08", *SWITCH)["holder"] == "ALFA"

    assert september.status()["tenure"] == before | {"ranking_version": 2}
    assert september.attempts(lead) == [("ALFA", None)]
    september.at("2019-09-05 12:10").suspend("ALFA")
    assert september.status()["tenure"]["ranking_version"] == 2
    assert september.holder() == "GAMMA"


def test_without_a_switch_fallbacks_go_by_the_version_that_was_activated_D5_D9(september: Play) -> None:
    correct(september, {"GAMMA": {"2019-08": "13500.00"}})
    september.activate("2019-08")

    september.suspend("ALFA")

    assert (september.holder(), september.status()["tenure"]["ranking_version"]) == ("BETA", 1)


def test_a_fallback_goes_below_the_place_of_the_present_holder_in_the_version_that_was_taken_D9(
    september: Play,
) -> None:
    """In version 1 GAMMA came after BETA; in version 2 BETA is second, and only ALFA, who declined, comes after."""
    september.at("2019-09-04 12:00").decline("2019-08", "ALFA")
    september.suspend("GAMMA")
    correct(september, {"DELTA": {"2019-08": "13500.00"}, "ALFA": {"2019-08": "20100.00"}})
    september.decline("2019-08", "DELTA")

    assert september.activate("2019-08", *SWITCH) == {
        "month": "2019-08",
        "lead_month": "2019-09",
        "holder": "BETA",
        "skipped": [{"partner": "DELTA", "reason": "declined"}],
    }

    september.resume("GAMMA")
    september.suspend("BETA")
    assert september.holder() is None


def test_a_holder_without_a_place_has_one_in_the_version_that_is_taken_D9(september: Play) -> None:
    september.at("2019-09-04 12:00").switch("OMEGA")
    before = september.status()["tenure"]
    correct(september, {"OMEGA": {"2019-07": "100.00", "2019-08": "900.00"}})

    assert september.activate("2019-08", *SWITCH)["holder"] == "OMEGA"

    assert september.status()["tenure"] == before | {"ranking_version": 2}
    september.decline("2019-08", "OMEGA")
    assert september.holder() == "ALFA"  # second in version 2, though the lowest place that held in version 1


def test_a_switch_that_finds_nothing_new_changes_nothing_D9(september: Play) -> None:
    september.at("2019-09-05 12:00")
    before = september.sandbox.fingerprint()
    assert september.activate("2019-08", *SWITCH)["holder"] == "ALFA"
    september.switch("ALFA")
    assert september.sandbox.fingerprint() == before

    correct(september, {"GAMMA": {"2019-08": "13500.00"}})
    september.activate("2019-08", *SWITCH)
    before = september.sandbox.fingerprint()
    assert september.activate("2019-08", *SWITCH)["holder"] == "ALFA"
    assert september.sandbox.fingerprint() == before


def test_naming_the_present_holder_takes_the_new_version_D9(september: Play) -> None:
    before = september.status()["tenure"]
    correct(september, {"GAMMA": {"2019-08": "13500.00"}})

    september.switch("ALFA")

    assert september.status()["tenure"] == before | {"ranking_version": 2}
    named = september.sandbox.fingerprint()
    september.switch("ALFA")
    assert september.sandbox.fingerprint() == named
    september.suspend("ALFA")
    assert september.holder() == "GAMMA"


def test_naming_another_goes_by_the_new_version_D9(september: Play) -> None:
    """In version 1 only DELTA came after GAMMA, in version 2 BETA does too."""
    correct(september, {"GAMMA": {"2019-08": "13500.00"}})

    september.switch("GAMMA")

    assert september.status()["tenure"]["ranking_version"] == 2
    september.decline("2019-08", "GAMMA")
    assert (september.holder(), september.status()["tenure"]["ranking_version"]) == ("BETA", 2)


def test_naming_one_without_a_place_in_the_new_version_gives_the_leads_back_to_nobody_D9(september: Play) -> None:
    """ALFA, who held by version 1, is the first in version 2 as well: the next is the second."""
    correct(september, {"GAMMA": {"2019-08": "13500.00"}})
    september.switch("OMEGA")

    september.decline("2019-08", "OMEGA")

    assert september.holder() == "GAMMA"


def test_a_switch_of_a_past_lead_month_is_refused_and_takes_no_version_D9(september: Play) -> None:
    correct(september, {"GAMMA": {"2019-08": "13500.00"}})
    september.at("2019-10-01 00:00")
    with september.refusal("2019-09"):
        september.activate("2019-08", *SWITCH)
    assert september.status()["tenure"]["ranking_version"] == 1


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
