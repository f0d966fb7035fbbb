"""A violation, and what it moves (R13, D13, D14)."""

import pytest

from .papers import moment, moscow
from .play import Play

START = "2019-09-03 10:00"
JUDGED = "2019-09-03 11:00:01"


def neglected(play: Play) -> int:
    """A lead of ALFA whose first hour is violated and acted on."""
    lead = play.at(START).lead()
    play.at(JUDGED).settle()
    return lead


def test_a_neglected_hour_switches_to_the_next_and_moves_the_lead_R13_D13(september: Play) -> None:
    lead = neglected(september)

    (violation,) = september.violations()
    assert {name: violation[name] for name in ("lead", "partner", "checkpoint", "reversed_at")} == {
        "lead": lead,
        "partner": "ALFA",
        "checkpoint": "1h",
        "reversed_at": None,
    }
    assert moment(violation["recorded_at"]) == moscow(JUDGED)
    assert september.checkpoint(lead, "1h", attempt=0)["violation"] == violation["violation"]
    tenure = september.status()["tenure"]
    assert (tenure["partner"], tenure["lead_month"]) == ("BETA", "2019-09")
    assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]
    assert september.verdicts(lead, attempt=0) == {"1h": "violated", "3d": "void", "2w": "void"}
    assert september.verdicts(lead, attempt=1) == {"1h": None, "3d": None, "2w": None}
    assert september.state(lead) == "in_work"


def test_both_partners_are_told_of_a_fallback_R13(september: Play) -> None:
    september.at(START).lead()
    alfa, beta = (len(september.mails(f"{code}@partner.example")) for code in ("alfa", "beta"))
    september.at(JUDGED).settle()

    assert len(september.mails("alfa@partner.example")) > alfa
    assert len(september.mails("beta@partner.example")) > beta


def test_sweeping_again_records_and_switches_nothing_more_D13(september: Play) -> None:
    neglected(september)
    before = september.status()

    for _ in range(3):
        report = september.sweep()
        assert {report[name] for name in ("judged", "violations", "switches", "handed_over")} == {0}

    assert len(september.violations()) == 1
    assert september.status() == before


def test_five_neglected_leads_of_one_holder_make_one_switch_D13(september: Play) -> None:
    leads = [september.at(START).lead() for _ in range(5)]
    september.at(JUDGED).settle()

    assert september.holder() == "BETA"
    assert sorted(entry["lead"] for entry in september.violations()) == sorted(leads)
    assert {entry["partner"] for entry in september.violations()} == {"ALFA"}
    for lead in leads:
        assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]


def test_leads_neglected_one_after_the_other_make_one_switch_D13(september: Play) -> None:
    first, second = september.at(START).lead(), september.at("2019-09-03 10:20").lead()
    september.at(JUDGED).settle()

    september.at("2019-09-03 11:20:01").settle()

    assert september.holder() == "BETA"
    assert len(september.violations()) == 2
    assert september.attempts(first) == september.attempts(second) == [("ALFA", "moved"), ("BETA", None)]


def test_others_in_work_stay_D13(september: Play) -> None:
    handled = september.at("2019-09-03 09:50").lead()
    september.later(minutes=5).contact(handled, "ALFA")
    neglected(september)

    assert september.attempts(handled) == [("ALFA", None)]
    assert september.verdicts(handled) == {"1h": "met", "3d": None, "2w": None}


@pytest.mark.parametrize(("kind", "instant"), [("3d", "2019-09-06 10:00:01"), ("2w", "2019-09-17 10:00:01")])
def test_a_later_violation_switches_and_the_lead_stays_D13(september: Play, kind: str, instant: str) -> None:
    lead = september.at(START).lead()
    september.later(minutes=30).contact(lead, "ALFA")
    if kind == "2w":
        september.at("2019-09-05 10:00").follow_up(lead, "ALFA")

    september.at(instant).settle()

    assert september.verdicts(lead)[kind] == "violated"
    assert september.holder() == "BETA"
    assert [partner for partner, _ in september.attempts(lead)] == ["ALFA"]


def test_the_partner_goes_on_with_a_lead_after_a_violation_at_three_days_D13(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=30).contact(lead, "ALFA")
    september.at("2019-09-06 10:00:01").settle()

    assert september.at("2019-09-12 10:00").follow_up(lead, "ALFA")["effect"] == "counted"

    assert september.at("2019-09-17 10:00:01").settle().verdicts(lead) == {"1h": "met", "3d": "violated", "2w": "met"}
    assert september.holder() == "BETA"


def test_a_violation_of_an_old_tenure_makes_no_switch_D13(september: Play) -> None:
    """BETA has won 2019-09; ALFA's lead of September 29th is violated at three days in October."""
    lead = september.at("2019-09-29 10:00").lead()
    september.later(minutes=30).contact(lead, "ALFA")
    september.at("2019-10-01 00:10").bill({"BETA": {"2019-09": "26000.00"}, "GAMMA": {"2019-09": "13000.00"}})
    assert september.hand_to_winner("2019-09") == "BETA"
    before = september.status()["tenure"]

    september.at("2019-10-02 10:00:01").settle()

    assert [entry["checkpoint"] for entry in september.violations()] == ["3d"]
    assert september.status()["tenure"] == before
    assert september.attempts(lead) == [("ALFA", None)]


def test_the_neglected_hour_of_an_old_tenure_moves_the_lead_to_the_present_holder_D13(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=10).decline("2019-08", "ALFA")
    assert september.holder() == "BETA"

    september.at(JUDGED).settle()

    assert september.holder() == "BETA"
    assert len(september.violations()) == 1
    assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]


def test_a_lead_moved_at_night_waits_for_the_call_window_D13_D16(september: Play) -> None:
    lead = september.at("2019-09-03 19:30").lead()
    september.at("2019-09-03 20:30:01").settle()
    assert september.holder() == "BETA"
    assert (september.state(lead), september.attempts(lead)) == ("waiting", [("ALFA", "moved")])

    assert september.at("2019-09-04 08:59:59").settle().state(lead) == "waiting"
    assert september.at("2019-09-04 09:00").settle().attempts(lead) == [("ALFA", "moved"), ("BETA", None)]


def test_the_second_violated_hour_switches_and_pauses_the_lead_D14(september: Play) -> None:
    lead = neglected(september)
    alerts = september.operator_mails()

    september.at("2019-09-03 12:00:02").settle()

    assert september.holder() == "GAMMA"
    assert [entry["partner"] for entry in september.violations()] in (["ALFA", "BETA"], ["BETA", "ALFA"])
    assert september.state(lead) == "paused"
    assert [partner for partner, _ in september.attempts(lead)] == ["ALFA", "BETA"]
    assert september.operator_mails() > alerts
    assert september.at("2019-09-03 15:00").settle().state(lead) == "paused"


def test_how_many_automatic_attempts_is_a_rule_D14(september: Play) -> None:
    september.programme(rules=[{"from": "2019-08", "automatic_attempts": 1}])
    lead = neglected(september)

    assert september.holder() == "BETA"
    assert (september.state(lead), len(september.attempts(lead))) == ("paused", 1)


def test_a_lead_that_would_go_back_is_paused_D14(september: Play) -> None:
    lead = september.at("2019-09-03 19:30").lead()
    september.at("2019-09-03 20:30:01").settle()
    september.switch("ALFA")

    september.at("2019-09-04 09:00").settle()

    assert (september.state(lead), september.attempts(lead)) == ("paused", [("ALFA", "moved")])


def test_an_assignment_is_no_automatic_attempt_and_no_tenures_D14(september: Play) -> None:
    """ALFA neglects it, at night GAMMA does, to whom it is assigned; then it is BETA's, its second by itself."""
    lead = september.at("2019-09-03 19:30").lead()
    september.at("2019-09-03 20:30:01").settle()
    september.at("2019-09-03 21:00").assign(lead, "GAMMA")
    assert september.attempts(lead) == [("ALFA", "moved"), ("GAMMA", None)]

    september.at("2019-09-03 22:00:01").settle()
    assert september.holder() == "BETA"  # GAMMA held no tenure: nobody is toppled
    assert september.attempts(lead) == [("ALFA", "moved"), ("GAMMA", "moved")]

    september.at("2019-09-04 09:00").settle()
    assert september.attempts(lead)[-1] == ("BETA", None)


def test_an_assignment_takes_the_lead_without_blame_D14(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=30).assign(lead, "GAMMA")

    assert september.attempts(lead) == [("ALFA", "assigned"), ("GAMMA", None)]
    assert september.verdicts(lead, attempt=0) == {"1h": "void", "3d": "void", "2w": "void"}
    assert september.at("2019-09-03 11:20").settle().violations() == []
    assert september.contact(lead, "ALFA")["effect"] == "after_end"


def test_a_lead_assigned_to_the_holder_belongs_to_his_tenure_D14(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=10).assign(lead, "GAMMA")
    september.later(minutes=10).assign(lead, "ALFA")

    september.at("2019-09-03 11:20:01").settle()

    assert september.holder() == "BETA"


def test_assigning_needs_a_reason_D14(september: Play) -> None:
    lead = september.at(START).lead()
    for argv in (
        ("lead", "assign", str(lead), "GAMMA"),
        ("lead", "close", str(lead)),
        ("violation", "record", str(lead), "--checkpoint", "1h"),
        ("partners", "suspend", "GAMMA"),
        ("partners", "resume", "GAMMA"),
        ("decline", "2019-08", "GAMMA"),
    ):
        with september.refusal(statuses=(1, 2)):
            september.do(*argv)


def test_an_operator_moves_a_lead_that_was_violated_at_three_days_D13(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=30).contact(lead, "ALFA")
    september.at("2019-09-06 10:00:01").settle()

    september.at("2019-09-06 12:00").assign(lead, "BETA")

    assert september.attempts(lead) == [("ALFA", "assigned"), ("BETA", None)]


# Recorded by hand


def test_a_violation_by_hand_makes_an_open_checkpoint_violated_and_switches_D13(september: Play) -> None:
    lead = september.at(START).lead()

    september.later(minutes=20).record(lead, "1h")

    assert september.settle().verdicts(lead, attempt=0) == {"1h": "violated", "3d": "void", "2w": "void"}
    assert september.holder() == "BETA"
    assert september.attempts(lead) == [("ALFA", "moved"), ("BETA", None)]
    (violation,) = september.violations()
    assert violation["reason"] == "the client complained"


def test_a_violation_by_hand_on_a_met_hour_leaves_verdict_and_lead_and_counts_D13(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=20).contact(lead, "ALFA")
    september.at(JUDGED).settle()

    september.at("2019-09-03 15:00").record(lead, "1h")

    assert september.settle().verdicts(lead) == {"1h": "met", "3d": None, "2w": None}
    assert september.attempts(lead) == [("ALFA", None)]
    assert september.holder() == "BETA"
    assert len(september.violations()) == 1


def test_a_violation_by_hand_at_three_days_leaves_the_lead_D13(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=20).contact(lead, "ALFA")

    september.at("2019-09-04 15:00").record(lead, "3d")

    assert september.settle().verdicts(lead) == {"1h": "met", "3d": "violated", "2w": None}
    assert september.attempts(lead) == [("ALFA", None)]
    assert september.holder() == "BETA"


def test_recording_it_again_returns_the_first_D13(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=20).contact(lead, "ALFA")
    september.at("2019-09-04 15:00").record(lead, "3d")
    first = september.settle().violations()

    september.later(minutes=5).record(lead, "3d")

    assert september.settle().violations() == first
    assert september.holder() == "BETA"
    assert september.at("2019-09-06 10:00:01").settle().violations() == first  # nor does its due time record another


def test_recording_what_the_guard_recorded_returns_the_first_D13(september: Play) -> None:
    lead = september.at(START).lead()
    september.later(minutes=30).contact(lead, "ALFA")
    september.at("2019-09-06 10:00:01").settle()
    first = september.violations()

    september.record(lead, "3d")

    assert september.settle().violations() == first
    assert september.holder() == "BETA"


def test_a_violation_of_a_lead_that_nobody_had_is_refused(august: Play) -> None:
    lead = august.at(START).lead()

    with august.refusal(str(lead)):
        august.record(lead, "1h")


def test_reversing_changes_no_holder_and_no_lead_by_itself_D13(september: Play) -> None:
    lead = neglected(september)
    violation = september.violations()[0]["violation"]
    before = september.show(lead), september.status()["tenure"]

    september.at("2019-09-03 11:30").reverse(violation)

    september.settle()
    assert (september.show(lead), september.status()["tenure"]) == before
    assert moment(september.violations()[0]["reversed_at"]) == moscow("2019-09-03 11:30")


def test_reversing_needs_a_reason_D14(september: Play) -> None:
    neglected(september)

    with september.refusal(statuses=(1, 2)):
        september.do("violation", "reverse", str(september.violations()[0]["violation"]))


def test_an_unknown_checkpoint_is_wrong_usage_or_refused(september: Play) -> None:
    lead = september.at(START).lead()

    with september.refusal("4d", statuses=(1, 2)):
        september.record(lead, "4d")


def test_a_grace_leaves_the_verdict_to_others_for_a_while(september: Play) -> None:
    lead = september.at(START).lead()
    september.at("2019-09-03 11:00:20")
    assert september.ask("sweep", "--grace", "30", shape="sweep")["judged"] == 0
    assert september.verdicts(lead)["1h"] is None

    september.at("2019-09-03 11:00:31")

    assert september.ask("sweep", "--grace", "30", shape="sweep")["judged"] == 1
