"""Where a tenure ends: nobody left, the next month, the end of the programme (D8, D9)."""

from .months import october, skipped
from .play import Play


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
    september.contact(lead, "ALFA")  # neglected, it would move before the month is activated (D13)

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
    with august.at("2019-10-01 00:00").refusal("2019-09"):
        august.activate("2019-08")

    assert august.at("2019-09-30 23:59").activate("2019-08")["holder"] == "ALFA"


def test_the_former_month_cannot_be_switched_after_the_next_was_activated_D9(september: Play) -> None:
    october(september).hand_to_winner("2019-09")

    with september.refusal("2019-09"):
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
