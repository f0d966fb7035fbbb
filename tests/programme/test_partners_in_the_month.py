"""What suspending, resuming, accepting and importing partners in mid-month do to the holder and to leads (D10, R9)."""

import json

from .papers import partner_list
from .play import Play


def test_a_suspended_partner_works_on_and_a_neglected_lead_moves_without_a_second_switch_D10_D13(
    september: Play,
) -> None:
    called, neglected = september.at("2019-09-05 12:00").lead(), september.lead()
    september.at("2019-09-05 12:10").contact(called, "ALFA")

    september.at("2019-09-05 12:20").suspend("ALFA")
    assert (september.holder(), september.attempts(neglected)) == ("BETA", [("ALFA", None)])

    assert september.at("2019-09-05 13:00:01").settle().holder() == "BETA"
    assert september.attempts(neglected) == [("ALFA", "moved"), ("BETA", None)]
    assert september.at("2019-09-06 12:10").follow_up(called, "ALFA")["effect"] == "counted"
    assert september.attempts(called) == [("ALFA", None)]


def test_suspending_and_resuming_twice_changes_nothing_D10(september: Play) -> None:
    september.at("2019-09-05 12:00").suspend("ALFA")
    before = september.sandbox.fingerprint()
    september.later(minutes=5).suspend("ALFA")
    assert september.sandbox.fingerprint() == before

    september.resume("ALFA")
    before = september.sandbox.fingerprint()
    september.later(minutes=5).resume("ALFA")
    assert september.sandbox.fingerprint() == before
    assert september.holder() == "BETA"


def test_suspending_the_last_one_leaves_leads_waiting_and_alerts_D9_D10(september: Play) -> None:
    september.at("2019-09-05 12:00")
    for code in ("BETA", "GAMMA", "DELTA"):
        september.suspend(code)
    told = september.operator_mails()

    september.suspend("ALFA")

    lead = september.lead()
    assert (september.holder(), september.state(lead)) == (None, "waiting")
    assert september.operator_mails() == told + 1

    september.resume("BETA")
    assert (september.settle().holder(), september.state(lead)) == (None, "waiting")
    september.switch("BETA")
    assert september.attempts(lead) == [("BETA", None)]


def test_who_was_resumed_is_found_by_a_later_fallback_D9(september: Play) -> None:
    september.at("2019-09-05 12:00").suspend("GAMMA")
    september.resume("GAMMA")

    september.decline("2019-08", "ALFA")
    september.decline("2019-08", "BETA")

    assert september.holder() == "GAMMA"


def test_a_suspended_partner_gets_no_lead_assigned_until_the_suspension_ends_D14(september: Play) -> None:
    lead = september.at("2019-09-05 12:00").lead()
    september.suspend("GAMMA")
    with september.refusal("GAMMA"):
        september.assign(lead, "GAMMA")

    september.resume("GAMMA")
    september.assign(lead, "GAMMA")

    assert september.attempts(lead) == [("ALFA", "assigned"), ("GAMMA", None)]


def test_who_declines_again_after_an_operator_named_them_loses_the_leads_again_D10(september: Play) -> None:
    september.at("2019-09-05 12:00").decline("2019-08", "ALFA")
    september.switch("ALFA")

    september.later(minutes=5).decline("2019-08", "ALFA")

    assert september.holder() == "BETA"


def test_accepting_and_importing_change_neither_the_holder_nor_leads_R9_D5(september: Play) -> None:
    """The list of the month is imported without ALFA, who holds; NEW accepts. Nothing moves by itself."""
    lead = september.at("2019-09-05 12:00").lead()
    before = september.status()["tenure"]
    september.do("partners", "import", september.paper(partner_list("BETA", "GAMMA", not_ready=("NEW",))))
    september.accept("NEW")
    september.accept("ALFA")

    assert september.settle().status()["tenure"] == before
    assert september.attempts(lead) == [("ALFA", None)]
    assert september.attempts(september.lead()) == [("ALFA", None)]


def test_an_import_does_not_resume_and_the_next_mail_goes_to_the_new_address_R10(september: Play) -> None:
    september.at("2019-09-05 12:00").suspend("ALFA")
    moved = partner_list("ALFA", "BETA").replace("beta@partner.example", "leads@beta.example")
    assert json.loads(september.do("partners", "import", september.paper(moved), "--json"))["changed"] == 1

    lead = september.lead()

    assert september.attempts(lead) == [("BETA", None)]
    assert len(september.mails("leads@beta.example")) == 1
    with september.refusal("ALFA"):
        september.switch("ALFA")
