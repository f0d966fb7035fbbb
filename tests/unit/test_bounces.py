"""Which mails are bounces of ours: the shapes of real servers, and everything that only looks like one."""

import random
from email.message import EmailMessage

import pytest

from rasti.clients.bounces import LARGEST, Bounce, BounceAction, parse_bounce
from tests.returned_mail import SHAPES, bounce, vacation

OURS = "<rasti.7.0123456789abcdef01234567@vendor.example>"


def sent_mail(text: str = "Здравствуйте!", **headers: str) -> bytes:
    """A mail as it was sent."""
    mail = EmailMessage()
    for name, value in ({"From": "Leads <leads@vendor.example>", "To": "client1@client.example"} | headers).items():
        mail[name] = value
    mail["Subject"] = "Ваша заявка"
    mail["Message-ID"] = OURS
    mail.set_content(text)
    mail.add_alternative("<p>5.7.1</p>", subtype="html")
    return mail.as_bytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mail_that_failed_is_read_in_every_shape(shape: str) -> None:
    assert parse_bounce(bounce(sent_mail(), shape)) == Bounce(OURS, BounceAction.FAILED, "5.1.1")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_status_is_the_servers_not_one_that_stands_in_our_mail(shape: str) -> None:
    found = parse_bounce(bounce(sent_mail("5.9.9"), shape, status="5.2.2"))
    assert found is not None
    assert found.status == "5.2.2"


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "exim"])
def test_a_mail_that_is_delayed_has_not_failed(shape: str) -> None:
    found = parse_bounce(bounce(sent_mail(), shape, action="delayed", status="4.4.1"))
    assert found == Bounce(OURS, BounceAction.DELAYED, "4.4.1")


def test_what_expired_after_days_of_delays_has_failed() -> None:
    found = parse_bounce(bounce(sent_mail(), action="failed", status="4.4.1"))
    assert found == Bounce(OURS, BounceAction.FAILED, "4.4.1")


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_a_success_is_no_bounce(action: str) -> None:
    assert parse_bounce(bounce(sent_mail(), action=action, status="2.0.0")) is None


def test_of_several_recipients_one_who_failed_is_enough() -> None:
    report = bounce(sent_mail(), action="delivered", status="2.0.0")
    second = b"\r\nFinal-Recipient: rfc822; other@client.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    both = report.replace(b"User unknown\r\n\r\n--", b"User unknown\r\n" + second + b"\r\n--", 1)
    assert both != report
    assert parse_bounce(both) == Bounce(OURS, BounceAction.FAILED, "5.1.1")


def test_a_warning_of_exim_that_it_goes_on_trying_is_no_bounce() -> None:
    assert parse_bounce(bounce(sent_mail(), "exim", action="delayed", status="4.4.1")) is None


def test_an_automatic_answer_is_no_bounce_whatever_it_quotes() -> None:
    assert parse_bounce(vacation(sent_mail())) is None


def test_a_mail_of_a_person_is_no_bounce() -> None:
    assert parse_bounce(sent_mail()) is None


def test_without_the_returned_mail_the_answered_message_is_taken() -> None:
    report = bounce(sent_mail(), "exchange")
    cut = report[: report.index(b"Content-Description: Undelivered Message")]
    assert parse_bounce(cut) == Bounce(OURS, BounceAction.FAILED, "5.1.1")


def test_a_bounce_that_says_of_no_mail_is_none_of_ours() -> None:
    report = bounce(sent_mail(), "postfix")
    cut = report[: report.index(b"Content-Description: Undelivered Message")]
    assert parse_bounce(cut) is None


def test_a_status_that_is_none_becomes_the_unknown_one() -> None:
    found = parse_bounce(bounce(sent_mail(), status="user <client1@client.example> unknown"))
    assert found == Bounce(OURS, BounceAction.FAILED, "5.0.0")


def test_a_message_id_on_the_next_line_is_read() -> None:
    folded = sent_mail().replace(b"Message-ID: <", b"Message-ID:\n <")
    for shape in SHAPES:
        assert parse_bounce(bounce(folded, shape)) == Bounce(OURS, BounceAction.FAILED, "5.1.1"), shape


def test_nothing_of_a_person_is_kept() -> None:
    for shape in SHAPES:
        assert "client" not in repr(parse_bounce(bounce(sent_mail(), shape)))


def test_a_bounce_with_a_huge_attachment_is_read_by_its_beginning() -> None:
    report = bounce(sent_mail("x" * 20 * LARGEST))
    assert len(report) > 20 * LARGEST
    assert parse_bounce(report) == Bounce(OURS, BounceAction.FAILED, "5.1.1")


def nested(depth: int) -> bytes:
    """Parts within parts within parts."""
    opened = "".join(f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n" for level in range(depth))
    return opened.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 10,
        b"\xff\xfe" * 1000,
        b"Content-Type: multipart/report\n\n",
        b"Content-Type: multipart/report; boundary=\n\n--\n",
        b"Content-Type: message/delivery-status\n\nAction: failed\n\n",
        b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n!!!\n",
        b"X-Failed-Recipients: \xff\n\n",
        b"Content-Type: text/plain; charset*=utf-8''%ff\nX-Failed-Recipients: x\n\nMessage-ID: <\n",
        nested(5000),
        b"Content-Type: message/rfc822\n\n" * 5000,
        b"A:" * LARGEST,
        b"\n" * 2 * LARGEST,
        b"---\n" * LARGEST,
    ],
    ids=range(14),
)
def test_what_is_no_mail_at_all_is_no_bounce(content: bytes) -> None:
    assert parse_bounce(content) is None


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bounce_that_was_cut_or_spoilt_on_the_way_is_read_or_not_but_harms_nobody(shape: str) -> None:
    whole, chance = bounce(sent_mail(), shape), random.Random(shape)
    readable = 0
    for _try in range(300):
        spoilt = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.5 else whole)
        for _byte in range(chance.randrange(8)):
            if spoilt:
                spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        found = parse_bounce(bytes(spoilt))
        readable += found is not None and found.message_id == OURS
    assert readable > 30
