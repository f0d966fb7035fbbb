"""Leads that come again, and clients who ask twice (D17)."""

import json

import pytest

from .papers import lead_body
from .play import Play, text_of

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


def test_a_repeated_request_counts_as_an_arrival_however_it_was_matched_D17(september: Play) -> None:
    """Attached by the mail address on the 25th, it keeps the lead recent for a request by the first phone."""
    first = september.at(NOON).add(lead_body(NOON, client=FIRST))["lead"]
    september.later(minutes=5).contact(first, "ALFA", outcome="wrong_contact")
    again = september.at("2019-09-25 12:00").add(lead_body("2019-09-25 12:00", client=AGAIN))
    third = september.at("2019-10-10 12:00").add(
        lead_body("2019-10-10 12:00", client=FIRST | {"email": "ivan@new.example"})
    )

    assert (again["attached_to"], third["attached_to"]) == (first, first)
    assert september.attempts(third["lead"]) == []


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


FIRST = {"name": "Иван", "phone": "+7 916 000-00-01", "email": "ivan@mail.example"}
AGAIN = {"name": "Иван", "phone": "+7 916 000-00-02", "email": "ivan@mail.example"}
OTHER = {"name": "Пётр", "phone": "+7 916 000-00-01", "email": "petr@mail.example"}  # behind one switchboard
OPERATOR = "operator@vendor.example"


def subjects_and_texts(play: Play, to: str) -> tuple[str, str]:
    """All subjects, and all texts, of the mails to an address."""
    mails = play.mails(to)
    return "\n".join(str(mail["Subject"]) for mail in mails), "\n".join(text_of(mail) for mail in mails)


def test_a_corrected_phone_reaches_the_partner_who_has_the_lead_D17(september: Play) -> None:
    first = september.at(NOON).add(lead_body(NOON, client=FIRST))["lead"]
    again = september.later(minutes=5).add(lead_body(september.now, client=AGAIN, workplaces=20, comment="Срочно"))
    assert again["attached_to"] == first

    mail = text_of(september.mails("alfa@partner.example")[-1])
    assert "+7 916 000-00-02" in mail
    assert "20" in mail
    assert "Срочно" in mail
    assert "916" not in subjects_and_texts(september, "alfa@partner.example")[0]


def test_a_corrected_phone_reaches_every_later_partner_D17(september: Play) -> None:
    first = september.at(NOON).add(lead_body(NOON, client=FIRST))["lead"]
    september.later(minutes=5).add(lead_body(september.now, client=AGAIN, comment="Срочно"))

    september.at("2019-09-03 13:00:01").settle()
    september.later(minutes=5).assign(first, "GAMMA")

    assert [partner for partner, _why in september.attempts(first)] == ["ALFA", "BETA", "GAMMA"]
    for partner in ("beta", "gamma"):
        (mail,) = [m for m in september.mails(f"{partner}@partner.example") if "+7 916 000-00-01" in text_of(m)]
        assert "+7 916 000-00-02" in text_of(mail)
        assert "Срочно" in text_of(mail)


def test_a_corrected_phone_reaches_the_operators_while_nobody_has_the_lead_D17(september: Play) -> None:
    first = september.at(NOON).add(lead_body(NOON, client=FIRST))["lead"]
    september.later(minutes=5).contact(first, "ALFA", checklist=[], outcome="wrong_contact")
    september.later(minutes=5).add(lead_body(september.now, client=AGAIN))

    subjects, texts = subjects_and_texts(september, OPERATOR)
    assert "+7 916 000-00-02" in texts
    assert "916" not in subjects
    assert "+7 916 000-00-02" not in subjects_and_texts(september, "alfa@partner.example")[1]


def test_two_people_behind_one_number_are_told_to_the_operators_who_detach_one_D17(september: Play) -> None:
    first = september.at(NOON).add(lead_body(NOON, client=FIRST))["lead"]
    told = september.operator_mails()
    other = september.later(minutes=5).add(lead_body(september.now, client=OTHER))
    assert other["attached_to"] == first
    assert september.operator_mails() == told + 1
    alert = text_of(september.mails(OPERATOR)[-1])
    for word in (f"rasti lead detach {other['lead']}", "Иван", "Пётр", "petr@mail.example"):
        assert word in alert

    september.later(minutes=5).do("lead", "detach", str(other["lead"]), "--reason", "another person")

    assert september.attempts(other["lead"]) == [("ALFA", None)]
    assert september.state(first) == "in_work"
    texts = subjects_and_texts(september, "alfa@partner.example")[1]
    assert "пришёл от другого клиента" in texts


def test_a_stranger_who_asked_twice_is_called_by_one_partner_D17(september: Play) -> None:
    september.at(NOON).add(lead_body(NOON, client=FIRST))
    one, two = (september.later(minutes=5).add(lead_body(september.now, client=OTHER))["lead"] for _ in range(2))
    september.do("lead", "detach", str(one), "--reason", "another person")
    september.switch("BETA")

    said = september.do("lead", "detach", str(two), "--reason", "another person")

    assert str(one) in said
    assert (september.state(two), september.attempts(two)) == ("attached", [])
    assert september.attempts(one) == [("ALFA", None)]


def test_an_operator_may_say_that_it_is_the_same_client_D17(september: Play) -> None:
    september.at(NOON).add(lead_body(NOON, client=FIRST))
    other = september.later(minutes=5).add(lead_body(september.now, client=OTHER))["lead"]

    kept = json.loads(september.do("lead", "keep", str(other), "--reason", "his wife", "--json"))
    again = json.loads(september.do("lead", "keep", str(other), "--reason", "his wife", "--json"))

    assert (kept, again) == ({"lead": other, "kept": True}, {"lead": other, "kept": False})
    assert september.state(other) == "attached"


def test_detaching_needs_a_reason_and_a_lead_and_changes_nothing_twice_D17(september: Play) -> None:
    september.at(NOON).add(lead_body(NOON, client=FIRST))
    other = september.later(minutes=5).add(lead_body(september.now, client=OTHER))["lead"]
    with september.refusal(statuses=(1, 2)):
        september.do("lead", "detach", str(other), "--reason", " ")
    with september.refusal("4711"):
        september.do("lead", "detach", "4711", "--reason", "another person")

    detach = ("lead", "detach", str(other), "--reason", "another person", "--json")
    first, second = json.loads(september.do(*detach)), json.loads(september.do(*detach))

    assert (first, second) == ({"lead": other, "detached": True}, {"lead": other, "detached": False})
    assert september.attempts(other) == [("ALFA", None)]


@pytest.mark.parametrize(
    "changes", [{"phone": AGAIN["phone"]}, {"name": "Пётр"}, {"name": " иван. ", "email": "i@x.ru"}]
)
def test_one_difference_alone_asks_no_operator_D17(september: Play, changes: dict[str, str]) -> None:
    september.at(NOON).add(lead_body(NOON, client=FIRST))
    told = september.operator_mails()

    september.later(minutes=5).add(lead_body(september.now, client=FIRST | changes))

    assert september.operator_mails() == told
