"""Mail addresses: what is typed is who gets the mail, and nobody else; domains in any letters (D11, D17)."""

import pytest

from .papers import PARTNER_COLUMNS, bills, lead_body
from .play import Play
from .post_office import PostOffice
from .sandbox import ON_SQLITE

NOON = "2019-09-03 12:00"

# What some part of the mail chain takes for another mailbox than the one that was typed.
ANOTHER_MAILBOX = [
    *("a(b)c@client.example", "team:boss@client.example", "mailto:ann@client.example", "g:a@b.example;"),
    *("=?utf-8?q?victim=40evil.test=2C?=x@client.example", "a@b.example(c)", "..a@b..example"),
    *("a@b.example,c@d.example", "Ann <ann@client.example>", '"a b"@client.example', "victim%evil.test@client.example"),
]
NOT_SENT = ["имя@почта.рф", "ann@client", "ann@client.example."]


def _partners(play: Play, email: str) -> str:
    return play.paper(f"{';'.join(PARTNER_COLUMNS)}\nALFA;Alpha;{email};Moscow;2019-07-15\n")


def test_mail_to_domains_in_russian_letters_goes_through_a_server_without_SMTPUTF8(play: Play) -> None:
    play.at("2019-09-01 00:05").do("partners", "import", _partners(play, "info@партнёр.рф"))
    play.ingest(bills({"ALFA": {"2019-07": "20000.00", "2019-08": "28000.00"}}))
    with PostOffice(smtputf8=False) as office:
        play.environment["RASTI_SMTP_URL"] = office.url
        assert play.hand_to_winner("2019-08") == "ALFA"

        lead = play.at(NOON).lead(email="info@почта.рф")

        assert sorted(set(office.delivered)) == ["info@xn--80a0aefbk0i.xn--p1ai", "info@xn--80a1acny.xn--p1ai"]
    (attempt,) = play.show(lead)["attempts"]
    assert attempt["received_at"] is not None
    assert [checkpoint["kind"] for checkpoint in attempt["checkpoints"]] == ["1h", "3d", "2w"]
    assert play.status()["messages"]["dead"] == 0


def test_the_partner_sees_the_address_as_it_was_typed(september: Play) -> None:
    september.at(NOON).lead(email="Info@ПОЧТА.рф")

    (mail,) = september.mails("Info@xn--80a1acny.xn--p1ai")
    assert str(mail["To"]) == "Info@xn--80a1acny.xn--p1ai"
    lead_mail = september.mails("alfa@partner.example")[-1]
    assert any("Info@ПОЧТА.рф" in part.get_content() for part in lead_mail.walk() if not part.is_multipart())


@pytest.mark.parametrize("again", ["info@xn--80a1acny.xn--p1ai", "INFO@ПОЧТА.РФ", "info@почта.рф"])
def test_one_mailbox_is_one_client_however_it_is_written_D17(september: Play, again: str) -> None:
    first = september.at(NOON).lead(email="Info@Почта.РФ")

    assert september.later(minutes=5).add(lead_body(september.now, email=again))["attached_to"] == first


@ON_SQLITE
@pytest.mark.parametrize("email", ANOTHER_MAILBOX + NOT_SENT)
def test_a_lead_whose_mail_would_go_elsewhere_is_refused_by_its_field(september: Play, email: str) -> None:
    with september.at(NOON).refusal("client.email"):
        september.add(lead_body(september.now, email=email))


@ON_SQLITE
@pytest.mark.parametrize("email", ANOTHER_MAILBOX + NOT_SENT)
def test_a_partner_whose_mail_would_go_elsewhere_is_refused_by_row_and_field(august: Play, email: str) -> None:
    quoted = f'"{email.replace(chr(34), chr(34) * 2)}"'
    path = _partners(august, quoted)

    with august.refusal(f"{path}: строка 2: email"):
        august.do("partners", "import", path)


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "value"),
    [("RASTI_OPERATOR_EMAIL", value) for value in (*ANOTHER_MAILBOX, "имя@почта.рф")]
    + [("RASTI_MAIL_FROM", value) for value in (*ANOTHER_MAILBOX, "имя@почта.рф") if "<" not in value]
    + [("RASTI_MAIL_FROM", "Заявки <имя@vendor.example>"), ("RASTI_MAIL_FROM", "a@b.example <c@d.example>")],
)
def test_a_setting_that_no_mail_can_be_sent_from_or_to_is_refused_by_name(august: Play, name: str, value: str) -> None:
    august.environment[name] = value

    answer = august.run("status", "--json", at=NOON)

    assert (answer.status, answer.out) == (1, "")
    assert name in answer.err
    assert "Traceback" not in answer.err


def test_a_sender_and_an_operator_may_have_domains_in_russian_letters(august: Play) -> None:
    august.environment |= {"RASTI_MAIL_FROM": "Заявки <info@почта.рф>", "RASTI_OPERATOR_EMAIL": "ops@почта.рф"}

    august.at(NOON).lead()  # nobody holds the leads: the operators are told

    (alert,) = august.mails("ops@xn--80a1acny.xn--p1ai")
    (sender,) = alert["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Заявки", "info@xn--80a1acny.xn--p1ai")
