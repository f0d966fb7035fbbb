"""Leads that come again, and clients who ask twice (D17)."""

import pytest

from .papers import lead_body
from .play import Play

NOON = "2019-09-03 12:00"


def test_a_redelivered_lead_is_the_same_lead_D17(september: Play) -> None:
    body = lead_body(NOON)
    first = september.at(NOON).add(body)
    again = september.later(minutes=5).add(body)
    late = september.at("2019-10-20 12:00").add(body)

    assert (first["created"], again["created"], late["created"]) == (True, False, False)
    assert first["lead"] == again["lead"] == late["lead"]
    assert again["attached_to"] is None
    assert len(september.show(first["lead"])["attempts"]) == 1
    assert len(september.mails(body["client"]["email"])) == 1


def test_the_same_id_of_another_source_is_another_lead_D17(september: Play) -> None:
    body = lead_body(NOON)
    first = september.at(NOON).add(body)
    other = september.add(lead_body(NOON, source="partner-site", source_id=body["source_id"]))

    assert other["created"] is True
    assert other["lead"] != first["lead"]


def test_the_same_id_with_another_body_is_a_conflict_D17(september: Play) -> None:
    body = lead_body(NOON)
    september.at(NOON).add(body)

    with september.refusal(body["source_id"]):
        september.add(body | {"workplaces": 4})


def test_the_same_phone_within_thirty_days_is_attached_D17(september: Play) -> None:
    first = september.at(NOON).lead(phone="+74951112233")
    september.at("2019-09-03 12:10").contact(first, "ALFA")
    partner_mails = len(september.mails("alfa@partner.example"))

    answer = september.at("2019-09-03 12:20").add(
        lead_body("2019-09-03 12:20", phone="+74951112233", email="other@client.example")
    )

    assert (answer["created"], answer["attached_to"]) == (True, first)
    assert answer["lead"] != first
    assert september.show(answer["lead"]) == {"lead": answer["lead"], "state": "attached", "attempts": []}
    assert len(september.mails("other@client.example")) == 1  # the welcome mail goes out
    assert len(september.mails("alfa@partner.example")) == partner_mails + 1  # its partner is told
    assert september.status()["leads"]["attached"] == 1


def test_the_same_e_mail_within_thirty_days_is_attached_D17(september: Play) -> None:
    first = september.at(NOON).lead(email="marie@client.example")

    answer = september.later(minutes=5).add(lead_body(september.now, email="marie@client.example"))

    assert answer["attached_to"] == first


def test_a_request_that_is_attached_makes_no_second_hand_over_D17(september: Play) -> None:
    september.at(NOON).lead(email="marie@client.example")
    attached = september.later(minutes=5).add(lead_body(september.now, email="marie@client.example"))["lead"]

    september.at("2019-09-03 13:00:01").settle()

    assert (september.state(attached), september.attempts(attached)) == ("attached", [])


def test_a_third_request_is_attached_to_the_lead_and_not_to_the_second_D17(september: Play) -> None:
    first = september.at(NOON).lead(phone="+74951112233")
    second = lead_body(NOON, phone="+74951112233", email="marie@client.example")
    assert september.later(minutes=5).add(second)["attached_to"] == first

    third = september.later(minutes=5).add(lead_body(september.now, phone="+74951112233"))

    assert third["attached_to"] == first


def test_a_redelivered_attached_request_is_the_same_request_D17(september: Play) -> None:
    first = september.at(NOON).lead(phone="+74951112233")
    second = lead_body(NOON, phone="+74951112233")
    attached = september.later(minutes=5).add(second)["lead"]

    answer = september.later(minutes=5).add(second)

    assert answer == {"lead": attached, "created": False, "attached_to": first}


def test_a_closed_lead_attracts_nothing_D17(september: Play) -> None:
    first = september.at(NOON).lead(phone="+74951112233")
    september.later(minutes=5).contact(first, "ALFA", outcome="refused")
    assert september.state(first) == "closed"

    second = september.later(minutes=5).lead(phone="+74951112233")

    assert september.attempts(second) == [("ALFA", None)]


@pytest.mark.parametrize(("again", "attached"), [("2019-10-03 11:59", True), ("2019-10-03 12:01", False)])
def test_the_thirty_days_run_from_arrival_D17(september: Play, again: str, attached: bool) -> None:
    """The first lead is kept open by a pause; what its sender calls `requested_at` does not matter."""
    first = september.at("2019-09-03 12:00").lead(phone="+74951112233", requested_at="2019-08-01 12:00")
    september.later(minutes=5).contact(first, "ALFA", outcome="wrong_contact")

    answer = september.at(again).add(lead_body(again, phone="+74951112233"))

    assert answer["attached_to"] == (first if attached else None)


def test_how_many_days_is_a_rule_D17(september: Play) -> None:
    september.programme(rules=[{"from": "2019-08", "duplicate_days": 1}])
    september.at(NOON).lead(phone="+74951112233")

    assert september.later(hours=25).add(lead_body(september.now, phone="+74951112233"))["attached_to"] is None


def test_a_client_asks_again_while_the_lead_waits_D17(august: Play) -> None:
    first = august.at(NOON).lead(phone="+74951112233")
    again = august.later(minutes=5).add(lead_body(august.now, phone="+74951112233"))
    assert again["attached_to"] == first

    august.at("2019-09-03 13:00").hand_to_winner("2019-08")
    august.settle()

    assert august.attempts(first) == [("ALFA", None)]
    assert august.attempts(again["lead"]) == []
