"""Who gets the leads of a month: the walk down the published version (R7-R9, D8, D9)."""

import json

from .months import october, skipped
from .papers import moment, moscow, partner_list
from .play import Play


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
    play.bill(
        {code: {"2019-07": "100.00", "2019-08": billed} for code, billed in (("ALFA", "900.00"), ("BETA", "110.00"))}
    )
    play.publish("2019-08")

    answer = play.activate("2019-08")

    assert (answer["holder"], skipped(answer)) == ("BETA", [("ALFA", "not_ready")])


def test_accepting_the_regulation_makes_ready_R9(play: Play) -> None:
    play.at("2019-09-01 00:10").partners("BETA", not_ready=("ALFA",))
    play.bill(
        {code: {"2019-07": "100.00", "2019-08": billed} for code, billed in (("ALFA", "900.00"), ("BETA", "110.00"))}
    )

    play.accept("ALFA")

    assert play.hand_to_winner("2019-08") == "ALFA"


def test_a_list_with_a_later_day_revokes_no_acceptance_R9_D9(august: Play) -> None:
    """The list of a later export: ALFA and BETA are to accept in October. Both have accepted already."""
    august.at("2019-09-01 00:10").publish("2019-08")
    later = partner_list("ALFA", "BETA", accepted_on="2019-10-01")
    assert json.loads(august.do("partners", "import", august.paper(later), "--json"))["unchanged"] == 2

    assert august.activate("2019-08")["holder"] == "ALFA"

    august.at("2019-09-02 12:00").do("partners", "import", august.paper(later))
    august.decline("2019-08", "ALFA")
    assert august.holder() == "BETA"


def test_accepting_counts_from_today_where_a_later_day_was_imported_R9(play: Play) -> None:
    play.at("2019-09-01 00:10")
    play.do("partners", "import", play.paper(partner_list("ALFA", "BETA", accepted_on="2019-10-01")))
    play.bill(
        {code: {"2019-07": "100.00", "2019-08": billed} for code, billed in (("ALFA", "900.00"), ("BETA", "110.00"))}
    )
    assert play.hand_to_winner("2019-08") is None

    play.accept("ALFA")

    assert play.activate("2019-08", "--switch", "--reason", "ALFA is ready now")["holder"] == "ALFA"


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
