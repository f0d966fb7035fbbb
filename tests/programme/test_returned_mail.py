"""A mail comes back after the server's 250: marked, told to the operators, and no clock changes (D11)."""

import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.returned_mail import SHAPES, bounce, drop, new_maildir, vacation

from .play import Play, text_of
from .sandbox import ON_SQLITE

NOON = "2019-09-03 12:00"


@pytest.fixture
def returned(september: Play, tmp_path: Path) -> Path:
    """The Maildir into which mail to the sender comes."""
    maildir = new_maildir(tmp_path / "returned")
    september.environment["RASTI_BOUNCES"] = f"maildir:{maildir}"
    return maildir


def mail_of(play: Play, kind: str, to: str) -> bytes:
    """The one mail of a kind to this address."""
    (mail,) = (mail for mail in play.mails(to) if mail["X-Rasti-Kind"] == kind)
    return mail.as_bytes()


def alerts(play: Play) -> list[EmailMessage]:
    return [mail for mail in play.mails("operator@vendor.example") if mail["X-Rasti-Kind"] == "alert_bounced"]


def test_a_bounce_is_counted_and_told_and_the_clock_runs_on(september: Play, returned: Path) -> None:
    lead = september.at(NOON).lead()
    before = september.show(lead)
    drop(returned, bounce(mail_of(september, "lead", "alfa@partner.example"), status="5.2.1"))

    september.later(minutes=1).settle()

    assert september.status()["messages"].items() >= {"pending": 0, "dead": 0, "bounced": 1}.items()
    (alert,) = alerts(september)
    assert "ALFA" in text_of(alert)
    assert "5.2.1" in text_of(alert)
    assert "alfa@" not in text_of(alert)
    assert september.show(lead) == before
    september.at("2019-09-03 13:00:01").settle()
    assert september.verdicts(lead, 0)["1h"] == "violated"


def test_the_same_bounce_again_and_a_forged_one_change_nothing(september: Play, returned: Path) -> None:
    september.at(NOON).lead()
    mail = mail_of(september, "lead", "alfa@partner.example")
    for content in (mail, mail, mail.replace(b"<rasti.", b"<rasti.9")):
        drop(returned, bounce(content))
        september.later(minutes=1).settle()
    assert september.status()["messages"]["bounced"] == 1
    assert len(alerts(september)) == 1


@ON_SQLITE
def test_what_came_back_is_listed_shown_and_put_aside(september: Play, returned: Path) -> None:
    september.at(NOON).lead()
    drop(returned, bounce(mail_of(september, "lead", "alfa@partner.example"), status="5.2.1"))
    september.later(minutes=1).settle()
    (row,) = json.loads(september.do("messages", "list", "--state", "bounced", "--json"))
    assert (row["kind"], row["state"], row["bounce"]) == ("lead", "bounced", "5.2.1")
    assert row in json.loads(september.do("messages", "list", "--json"))
    number = str(row["message"])
    assert json.loads(september.do("messages", "show", number, "--json"))["bounced_at"]
    assert "5.2.1" in september.do("messages", "show", number)
    with september.refusal("--reason", statuses=(2,)):
        september.do("messages", "dismiss", number)
    dismissed = september.do("messages", "dismiss", number, "--reason", "the partner was called", "--json")
    assert json.loads(dismissed) == {"dismissed": True}
    assert json.loads(september.do("messages", "list", "--json")) == []
    assert september.status()["messages"]["bounced"] == 0


@ON_SQLITE
@pytest.mark.parametrize("shape", SHAPES)
def test_the_welcome_comes_back_in_any_shape(september: Play, returned: Path, shape: str) -> None:
    september.at(NOON).lead(client={"name": "Иван", "phone": "+7 900 000-00-01", "email": "ivan@client.example"})
    drop(returned, bounce(mail_of(september, "welcome", "ivan@client.example"), shape))
    september.later(minutes=1).settle()
    assert september.status()["messages"]["bounced"] == 1
    (alert,) = alerts(september)
    assert "ivan@" not in text_of(alert)


@ON_SQLITE
def test_a_delay_and_an_automatic_answer_are_no_bounces(september: Play, returned: Path) -> None:
    september.at(NOON).lead()
    mail = mail_of(september, "lead", "alfa@partner.example")
    drop(returned, bounce(mail, action="delayed", status="4.4.1"))
    drop(returned, vacation(mail))
    september.later(minutes=1).settle()
    assert september.status()["messages"]["bounced"] == 0
    assert alerts(september) == []


@ON_SQLITE
@pytest.mark.parametrize("address", ["maildir:/nowhere/at/all", "imap://u:p@127.0.0.1:9"])
def test_a_folder_that_cannot_be_read_stops_no_sweep(september: Play, address: str) -> None:
    september.environment["RASTI_BOUNCES"] = address
    lead = september.at(NOON).lead()
    september.at("2019-09-03 13:00:01").settle()
    assert september.verdicts(lead, 0)["1h"] == "violated"


@ON_SQLITE
def test_a_folder_whose_address_is_wrong_stops_the_start_without_its_password(september: Play) -> None:
    september.environment["RASTI_BOUNCES"] = "imap://leads:password@mail.vendor.example"
    answer = september.run("sweep")
    assert answer.status == 1
    assert "RASTI_BOUNCES" in answer.err
    assert "password@" not in answer.err + answer.out
