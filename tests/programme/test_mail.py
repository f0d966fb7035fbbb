"""A mail server that refuses everybody, and what operators do about mail by the command line (D11)."""

import json

import pytest

from .play import Play
from .post_office import PostOffice
from .sandbox import ON_SQLITE

NOON = "2019-09-03 12:00"
DENIED = "554 5.7.1 Relay access denied"


def mail(play: Play, *options: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(play.do("messages", "list", *options, "--json"))
    return found


def test_a_relay_that_denies_everybody_for_an_hour_loses_no_lead_and_is_seen_D11(
    september: Play, post_office: PostOffice
) -> None:
    september.environment["RASTI_SMTP_URL"] = post_office.url
    post_office.refusing = DENIED
    leads = [september.at(NOON).lead() for _lead in range(3)]
    for _quarter in range(4):
        september.later(minutes=15).settle()

    messages = september.status()["messages"]
    assert (messages["dead"], messages["reason"]) == (0, "554 5.7.1 at RCPT TO")
    assert messages["pending"] >= 9
    assert {alert["lead"] for alert in messages["alerts"]} >= set(leads)
    said = september.do("status")
    assert "554 5.7.1 at RCPT TO" in said
    assert "разрешено ли этой машине отправлять" in said

    post_office.refusing = ""
    september.later(minutes=2).settle()

    assert post_office.delivered.count("alfa@partner.example") >= 3
    assert all(september.show(lead)["attempts"][0]["received_at"] for lead in leads)
    assert september.status()["messages"]["pending"] == 0
    assert mail(september) == []


@ON_SQLITE
def test_mail_that_was_given_up_is_listed_shown_and_sent_again(september: Play, post_office: PostOffice) -> None:
    september.environment["RASTI_SMTP_URL"] = post_office.url
    post_office.refusing = "550 5.1.1 unknown"
    lead = september.at(NOON).lead()
    dead = {str(row["kind"]): row for row in mail(september, "--state", "dead")}
    assert dead.keys() >= {"lead", "welcome"}
    assert mail(september, "--state", "waiting") == []
    assert [row["kind"] for row in mail(september, "--kind", "welcome")] == ["welcome"]
    number = str(dead["lead"]["message"])
    assert "исправьте адрес" in september.do("messages", "show", number)

    post_office.refusing = ""
    again = json.loads(september.later(hours=1).do("messages", "resend", number, "--json"))

    assert again == {"resent": [dead["lead"]["message"]]}
    assert september.show(lead)["attempts"][0]["received_at"]
    assert json.loads(september.do("messages", "resend", "--kind", "welcome", "--json")) == {
        "resent": [dead["welcome"]["message"]]
    }
    assert mail(september, "--kind", "lead") == []


@ON_SQLITE
def test_a_wrong_kind_names_those_there_are_and_a_wrong_id_is_not_found(september: Play) -> None:
    with september.refusal("leed", "welcome", "alert_undelivered"):
        september.do("messages", "resend", "--kind", "leed")
    with september.refusal("leed", "welcome"):
        september.do("messages", "list", "--kind", "leed")
    with september.refusal("999"):
        september.do("messages", "resend", "999")
    with september.refusal("999"):
        september.do("messages", "show", "999")
    with september.refusal(statuses=(2,)):
        september.do("messages", "resend", "1", "--kind", "lead")


@ON_SQLITE
def test_a_lead_that_reached_nobody_goes_to_the_next_partner_by_the_operators_word(
    september: Play, post_office: PostOffice
) -> None:
    september.environment["RASTI_SMTP_URL"] = post_office.url
    post_office.refused.add("alfa@partner.example")
    lead = september.at(NOON).lead()
    with september.refusal("BETA", statuses=(2,)):  # a partner has to be named; it says who would be next
        september.do("lead", "assign", str(lead), "--reason", "their mail does not work")
    september.assign(lead, "BETA")
    with september.refusal("PARTNER", statuses=(2,)):  # received: nobody would be next
        september.do("lead", "assign", str(lead), "--reason", "their mail does not work")
    assert [partner for partner, _end in september.attempts(lead)] == ["ALFA", "BETA"]
    assert september.show(lead)["attempts"][1]["received_at"]
    assert september.holder() == "ALFA"


@ON_SQLITE
@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [("", 0, "принял письмо"), (DENIED, 1, "разрешено ли этой машине"), ("550 5.1.1 no", 1, "исправьте адрес")],
)
def test_a_test_mail_says_what_the_server_answers(
    september: Play, post_office: PostOffice, answer: str, status: int, said: str
) -> None:
    september.environment["RASTI_SMTP_URL"] = post_office.url
    post_office.refusing = answer
    answered = september.run("mail", "test", "ops@vendor.example")
    assert (answered.status, said in answered.out + answered.err) == (status, True)
    assert post_office.delivered.count("ops@vendor.example") == (status == 0)


@ON_SQLITE
def test_a_test_mail_to_nowhere_says_what_to_do(september: Play) -> None:
    september.environment["RASTI_SMTP_URL"] = "smtp://127.0.0.1:1"
    answered = september.run("mail", "test", "ops@vendor.example")
    assert answered.status == 1
    assert "connection refused" in answered.err
    assert "запущен ли почтовый сервер" in answered.err
    september.environment["RASTI_SMTP_URL"] = ""
    assert "RASTI_SMTP_URL" in september.run("mail", "test", "ops@vendor.example").err
    assert september.run("mail", "test", "ops").status == 1


@ON_SQLITE
def test_a_password_that_is_not_encoded_stops_every_command_and_is_not_repeated(september: Play) -> None:
    september.environment["RASTI_SMTP_URL"] = "smtp://m@il/pw:1@mail.example:587"
    answered = september.run("status")
    assert answered.status == 1
    assert "RASTI_SMTP_URL" in answered.err
    assert "%40" in answered.err
    assert "pw" not in answered.err
