"""The SMTP client against a real mail server on this machine."""

import contextlib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from rasti.clients.smtp import IDLE, Delayed, Denied, Rejected, SmtpServer, Unclear
from rasti.errors import BadInput, RastiError, Unavailable
from rasti.smtp_url import SmtpAddress
from tests.post_office import Answers, smtp_server

ADDRESS = "someone@client.example"
PATIENCE = 20.0  # seconds; only something broken takes that long


def mail(subject: str = "Lead 1") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "rasti@localhost", ADDRESS, subject, "<1@localhost>"
    mail.set_content("Здравствуйте!\n")
    return mail


def client(port: int, **options: Any) -> SmtpServer:
    return SmtpServer(SmtpAddress.parse(f"smtp://127.0.0.1:{port}"), **options)


def test_one_connection_carries_all_mail() -> None:
    answers = Answers()
    with smtp_server(answers) as port, contextlib.closing(client(port)) as smtp:
        for number in range(3):
            smtp.send(mail(f"Lead {number}"))
    assert len(answers.mails) == 3
    assert len(answers.sessions) == 1


@pytest.mark.parametrize(
    ("answers", "error", "codes"),
    [
        ({"rcpt": f"451 4.3.0 <{ADDRESS}> later"}, Delayed, "451 4.3.0"),
        ({"rcpt": f"550 5.1.1 <{ADDRESS}> unknown"}, Rejected, "550 5.1.1"),
        ({"data": f"451 {ADDRESS} greylisted"}, Delayed, "451"),
        ({"data": f"554 {ADDRESS} spam"}, Unclear, "554"),
        ({"rcpt": f"550 {ADDRESS}"}, Unclear, "550"),
        ({"rcpt": f"554 5.7.1 <{ADDRESS}>: Relay access denied"}, Denied, "554 5.7.1"),
        ({"mail": "552 5.3.4 too big"}, Rejected, "552 5.3.4"),
        ({"data": "552 5.3.4 too big"}, Rejected, "552 5.3.4"),
        ({"mail": f"421 {ADDRESS} too busy"}, Unavailable, "421"),
        ({"rcpt": f"421 {ADDRESS} too busy"}, Unavailable, "421"),
        ({"data": f"421 {ADDRESS} too busy"}, Unavailable, "421"),
        ({"mail": "553 sender refused"}, Unavailable, "553"),
    ],
)
def test_an_answer_is_one_of_three_errors_without_an_address(
    answers: dict[str, str], error: type[RastiError], codes: str
) -> None:
    with smtp_server(Answers(**answers)) as port, contextlib.closing(client(port)) as smtp:
        with pytest.raises(error) as caught:
            smtp.send(mail())
        assert type(caught.value) is error
        assert codes in str(caught.value)
        assert "@" not in str(caught.value)


def test_after_a_refused_mail_the_next_one_gets_through() -> None:
    answers = Answers(rcpt="550 unknown")
    with smtp_server(answers) as port, contextlib.closing(client(port)) as smtp:
        with pytest.raises(Rejected):
            smtp.send(mail())
        answers.answers.clear()
        smtp.send(mail())
    assert len(answers.mails) == 1


def test_after_a_busy_server_the_next_mail_opens_a_new_connection() -> None:
    answers = Answers(mail="421 busy")
    with smtp_server(answers) as port, contextlib.closing(client(port)) as smtp:
        with pytest.raises(Unavailable):
            smtp.send(mail())
        answers.answers.clear()
        smtp.send(mail())
    assert len(answers.mails) == 1


def test_a_lost_connection_is_opened_again() -> None:
    answers = Answers()
    with smtp_server(answers) as port:
        smtp = client(port)
        smtp.send(mail())
    with smtp_server(answers, port=port), contextlib.closing(smtp):
        smtp.send(mail())
    assert len(answers.mails) == 2


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_a_session_that_the_server_closed_while_it_was_idle_is_opened_again_at_once(step: str) -> None:
    """Postfix says so with its answer to the next command: 421 4.4.2."""
    answers = Answers()
    with smtp_server(answers) as port, contextlib.closing(client(port)) as smtp:
        smtp.send(mail())
        answers.once[step] = "421 4.4.2 timeout exceeded"
        smtp.send(mail())
    assert len(answers.mails) == 2


def test_a_server_that_closes_idle_sessions_gets_the_next_mail_at_once() -> None:
    answers = Answers()
    with smtp_server(answers, timeout=0.2) as port, contextlib.closing(client(port)) as smtp:
        answers.closed.clear()  # the controller's own look whether it works
        smtp.send(mail())
        assert answers.closed.wait(PATIENCE), "the server has closed the session"
        smtp.send(mail())
    assert len(answers.mails) == 2


@pytest.mark.parametrize(("seconds", "sessions"), [(1, 1), (10, 1), (IDLE, 1), (IDLE + 1, 2), (400, 2)])
def test_a_connection_that_has_been_idle_for_long_is_opened_anew(seconds: float, sessions: int) -> None:
    answers, now = Answers(), [1000.0]
    with smtp_server(answers) as port, contextlib.closing(client(port, clock=lambda: now[0])) as smtp:
        smtp.send(mail())
        now[0] += seconds
        smtp.send(mail())
    assert (len(answers.mails), len(answers.sessions)) == (2, sessions)


def test_a_mail_larger_than_the_server_takes_is_not_sent_at_all() -> None:
    answers = Answers()
    with smtp_server(answers, data_size_limit=1000) as port, contextlib.closing(client(port)) as smtp:
        large = mail()
        large.set_content("x" * 70 + "\n" * 1000)
        with pytest.raises(Rejected, match=r"552 5\.3\.4 at MAIL FROM"):
            smtp.send(large)
        assert not answers.sessions, "MAIL FROM was not said"
        smtp.send(mail())
    assert len(answers.mails) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("smtp://127.0.0.1:{port}", "connection refused"),
        ("smtp://no-such-host.invalid:{port}", "DNS: "),
        ("smtp+starttls://127.0.0.1:{open}", "STARTTLS is not offered"),
        ("smtp://user:secret@127.0.0.1:{open}", "AUTH is not offered"),
        ("smtps://127.0.0.1:{open}", "TLS: wrong version number"),
    ],
)
def test_why_no_connection_comes_about_is_said(url: str, why: str) -> None:
    with smtp_server(Answers()) as closed:
        pass
    with smtp_server(Answers()) as port, pytest.raises(Unavailable, match=why) as caught:
        SmtpServer(SmtpAddress.parse(url.format(port=closed, open=port))).send(mail())
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with smtp_server(Answers()) as port:
        smtp = client(port)
        smtp.send(mail())
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        smtp.send(mail())
    with pytest.raises(Unavailable):
        client(port).send(mail())


def test_a_mail_the_server_cannot_carry_is_rejected() -> None:
    with smtp_server(Answers(), enable_SMTPUTF8=False) as port, contextlib.closing(client(port)) as smtp:
        strange = mail()
        strange.replace_header("To", "имя@client.example")
        with pytest.raises(Rejected):
            smtp.send(strange)


@pytest.mark.parametrize(("password", "works"), [("p@ss word", True), ("wrong", False)])
@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_login_is_made_and_a_refused_one_is_unavailable(password: str, works: bool) -> None:
    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"rasti", b"p@ss word"), handled=False)

    answers = Answers()
    options = {"authenticator": check, "auth_required": True, "auth_require_tls": False}
    with smtp_server(answers, **options) as port:
        url = f"smtp://rasti:{password.replace('@', '%40').replace(' ', '%20')}@127.0.0.1:{port}"
        with contextlib.closing(SmtpServer(SmtpAddress.parse(url))) as smtp:
            if works:
                smtp.send(mail())
            else:
                with pytest.raises(Unavailable, match="535"):
                    smtp.send(mail())
    assert len(answers.mails) == works


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
@pytest.mark.parametrize("trusted", [True, False])
def test_tls_is_used_and_an_unknown_certificate_refused(scheme: str, trusted: bool, certificate: Path) -> None:
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(certificate)
    options: dict[str, Any] = (
        {"ssl_context": inside} if scheme == "smtps" else {"tls_context": inside, "require_starttls": True}
    )
    trust = ssl.create_default_context(cafile=certificate) if trusted else None
    answers = Answers()
    with smtp_server(answers, **options) as port:
        address = SmtpAddress.parse(f"{scheme}://localhost:{port}")
        with contextlib.closing(SmtpServer(address, tls=trust)) as smtp:
            if trusted:
                smtp.send(mail())
            else:
                with pytest.raises(Unavailable, match="TLS: certificate verify failed: self-signed certificate"):
                    smtp.send(mail())
    assert len(answers.mails) == trusted


@pytest.mark.parametrize(
    "url",
    ["smtp://", "http://host", "smtp://host:x", "smtp://u:secret@host/path", "smtp://host:99999", "smtp://u:secret@"],
)
def test_a_wrong_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadInput, match="RASTI_SMTP_URL") as caught:
        SmtpAddress.parse(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("login", ["m@il/s3cr", "me:s3@cr", "me:s3/cr", "me:s3#cr", "me:s3%cr", "me:s3 cr", "me:s3?cr"])
def test_a_url_whose_login_is_not_encoded_says_how_to_encode_it_and_never_the_password(login: str) -> None:
    with pytest.raises(BadInput, match="percent-encoded") as caught:
        SmtpAddress.parse(f"smtp://{login}@mail.example:587")
    assert not any(part in str(caught.value) for part in ("m@il", "s3", "cr@"))


def test_a_url_is_read() -> None:
    assert SmtpAddress.parse("smtp+starttls://me%40here:a%3Ab@mail.example") == SmtpAddress(
        "smtp+starttls", "mail.example", 587, "me@here", "a:b"
    )
    assert SmtpAddress.parse("smtps://mail.example").port == 465
    assert SmtpAddress.parse("smtp://mail.example:2525").port == 2525


@pytest.mark.parametrize("login", ["%D0%B8:secret", "me:secret%D0%BF", "me:secretпароль"])
def test_a_login_that_is_not_ascii_is_refused_without_the_password(login: str) -> None:
    with pytest.raises(BadInput, match=r"RASTI_SMTP_URL is wrong: .* ASCII") as caught:
        SmtpAddress.parse(f"smtp://{login}@mail.example")
    assert "secret" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_what_cannot_be_said_to_a_server_is_unavailable_without_the_password() -> None:
    with smtp_server(Answers(), auth_require_tls=False) as port:
        smtp = SmtpServer(SmtpAddress("smtp", "127.0.0.1", port, "me", "секрет"))
        with pytest.raises(Unavailable, match="AUTH: UnicodeEncodeError") as caught:
            smtp.send(mail())
    assert "секрет" not in str(caught.value)


class StrangeLogin(Answers):
    """A server with a method to log in that we do not know."""

    async def auth_STRANGE(self, _server: Any, _args: list[str]) -> AuthResult:
        return AuthResult(success=False)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_server_without_a_login_method_that_we_know_says_so() -> None:
    options = {"auth_require_tls": False, "auth_exclude_mechanism": ["LOGIN", "PLAIN"]}
    with smtp_server(StrangeLogin(), **options) as port:
        smtp = SmtpServer(SmtpAddress("smtp", "127.0.0.1", port, "me", "secret"))
        with pytest.raises(Unavailable, match="AUTH: no login method that both know"):
            smtp.send(mail())
