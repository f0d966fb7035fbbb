"""What a mail server's answer means, at which step of the session."""

import pytest

from rasti.clients.smtp_answers import Meaning, Step, advice_on, meaning_of, said

SERVER, DENIED, MAIL, UNCLEAR, LATER = Meaning.SERVER, Meaning.DENIED, Meaning.MAIL, Meaning.UNCLEAR, Meaning.LATER


@pytest.mark.parametrize(
    ("step", "answer", "meaning"),
    [
        # before a mail is named, it is always the server
        (Step.CONNECT, "554 5.7.1 no service for you", SERVER),
        (Step.CONNECT, "521 we take no mail", SERVER),
        (Step.EHLO, "550 who are you", SERVER),
        (Step.STARTTLS, "454 4.7.0 TLS not available", SERVER),
        (Step.AUTH, "535 5.7.8 authentication failed", SERVER),
        (Step.AUTH, "454 4.7.0 temporary", SERVER),
        # the sender is the same on every mail
        (Step.MAIL, "553 5.7.1 sender not owned", SERVER),
        (Step.MAIL, "550 5.1.8 sender's domain", SERVER),
        (Step.MAIL, "530 5.7.0 authentication required", SERVER),
        (Step.MAIL, "451 4.3.0 try later", SERVER),
        (Step.MAIL, "452 4.3.1 insufficient storage", SERVER),
        (Step.MAIL, "500 what", SERVER),
        # but not its size
        (Step.MAIL, "552 5.3.4 message size exceeds fixed limit", MAIL),
        (Step.MAIL, "552 too big", MAIL),
        (Step.MAIL, "550 5.3.4 too big", MAIL),
        (Step.MAIL, "554 5.2.3 too long", MAIL),
        (Step.MAIL, "523 too big", MAIL),
        # the recipient
        (Step.RCPT, "550 5.1.1 no such user", MAIL),
        (Step.RCPT, "550 5.1.10 null MX", MAIL),
        (Step.RCPT, "553 5.1.3 bad address syntax", MAIL),
        (Step.RCPT, "552 5.2.2 mailbox full", MAIL),
        (Step.RCPT, "550 5.2.1 mailbox disabled", MAIL),
        (Step.RCPT, "556 domain takes no mail", MAIL),
        # the policy, the relay, the server, the protocol
        (Step.RCPT, "554 5.7.1 Relay access denied", DENIED),
        (Step.RCPT, "550 5.7.1 blocked", DENIED),
        (Step.RCPT, "550 5.7.26 unauthenticated", DENIED),
        (Step.RCPT, "554 5.3.0 mail system", DENIED),
        (Step.RCPT, "554 5.3.5 misconfigured", DENIED),
        (Step.RCPT, "550 5.1.8 sender rejected", DENIED),
        (Step.RCPT, "504 5.5.2 need a full host name", DENIED),
        (Step.RCPT, "530 authentication required", DENIED),
        (Step.DATA, "554 5.7.1 spam", DENIED),
        # said of one, or of all
        (Step.RCPT, "550 no", UNCLEAR),
        (Step.RCPT, "551 not local", UNCLEAR),
        (Step.RCPT, "553 no", UNCLEAR),
        (Step.RCPT, "554 refused", UNCLEAR),
        (Step.RCPT, "550 5.4.4 unable to route", UNCLEAR),
        (Step.DATA, "554 transaction failed", UNCLEAR),
        (Step.DATA, "554 5.0.0 transaction failed", UNCLEAR),
        # what stands in the mail
        (Step.DATA, "554 5.6.0 malformed", MAIL),
        (Step.DATA, "552 5.7.0 attachment blocked", MAIL),
        # not now
        (Step.RCPT, "450 4.2.0 greylisted", LATER),
        (Step.RCPT, "451 4.7.1 greylisted", LATER),
        (Step.RCPT, "452 4.2.2 mailbox full", LATER),
        (Step.DATA, "451 local error", LATER),
        # it closes the connection
        (Step.MAIL, "421 4.4.2 timeout", SERVER),
        (Step.RCPT, "421 4.7.0 too many", SERVER),
        (Step.DATA, "421 going down", SERVER),
    ],
)
def test_an_answer_is_about_the_server_the_mail_or_the_moment(step: Step, answer: str, meaning: Meaning) -> None:
    code, text = answer.split(" ", 1)
    assert meaning_of(step, int(code), text) is meaning
    assert meaning_of(step, int(code), text.encode()) is meaning


def test_a_code_that_begins_like_another_is_another() -> None:
    assert meaning_of(Step.RCPT, 550, "5.3.40 no such") is DENIED
    assert meaning_of(Step.RCPT, 550, "5.1.70 no such") is MAIL


def test_an_answer_in_short_holds_its_codes_and_the_step_and_no_address() -> None:
    assert said(Step.RCPT, 550, b"5.1.1 <a@client.example> unknown") == "550 5.1.1 at RCPT TO"
    assert said(Step.DATA, 554, "a@client.example refused") == "554 at DATA"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("connection refused", "does the mail server run"),
        ("DNS: Name or service not known", "Its name is not known"),
        ("TLS: certificate verify failed: self-signed certificate", "certificate is not trusted"),
        ("TLS: wrong version number", "smtp+starttls:// for port 587"),
        ("STARTTLS is not offered", "smtp+starttls:// for port 587"),
        ("535 5.7.8 at AUTH", "user and password"),
        ("530 5.7.0 at MAIL FROM", "user and password"),
        ("no answer in time", "firewall"),
        ("553 5.7.1 at MAIL FROM", "RASTI_MAIL_FROM"),
        ("554 5.7.1 at RCPT TO", "refuses to relay"),
        ("550 5.1.1 at RCPT TO", "correct the address"),
        ("552 5.3.4 at MAIL FROM", "larger than the server takes"),
        ("451 4.3.0 at RCPT TO", "it is tried again"),
        ("550 at RCPT TO", "read its log"),
    ],
)
def test_a_reason_comes_with_what_can_be_done(reason: str, words: str) -> None:
    assert words in advice_on(reason)


def test_nothing_is_advised_on_what_nobody_knows() -> None:
    assert advice_on("NoResultFound") == ""
