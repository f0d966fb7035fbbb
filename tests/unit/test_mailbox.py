"""The local mailbox: a file a mail, whole or not at all, and the mail server that writes into it."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from rasti.clients.mailbox import (
    KIND_HEADER,
    LEAD_HEADER,
    NUMBER_HEADER,
    RECIPIENT_HEADER,
    Mailbox,
    mail_server,
    read_mailbox,
)
from rasti.clients.smtp import Delayed, SmtpAddress, SmtpServer
from rasti.errors import Unavailable


def mail(number: int = 12, recipient: str = "D016", message_id: str = "<12.abc@localhost>") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "rasti@localhost", "someone@partner.example", "Заявка 7"
    mail["Message-ID"] = message_id
    mail[NUMBER_HEADER], mail[KIND_HEADER] = str(number), "lead"
    mail[RECIPIENT_HEADER], mail[LEAD_HEADER] = recipient, "7"
    mail.set_content("Позвоните клиенту\n")
    mail.add_alternative("<p>Позвоните клиенту</p>\n", subtype="html")
    return mail


def test_a_mail_is_one_file_named_by_ids_and_read_back(tmp_path: Path) -> None:
    Mailbox(tmp_path / "mailbox").send(mail())
    (letter,) = read_mailbox(tmp_path / "mailbox")
    assert letter.path.name.startswith("000012-lead-D016-")
    assert (letter.number, letter.kind, letter.recipient, letter.lead_id) == (12, "lead", "D016", 7)
    assert (letter.to, letter.subject) == ("someone@partner.example", "Заявка 7")
    assert letter.text.strip() == "Позвоните клиенту"
    assert "<p>Позвоните клиенту</p>" in letter.html
    assert [path.suffix for path in (tmp_path / "mailbox").iterdir()] == [".eml"], "nothing half-written is left"


def test_the_same_message_id_is_the_same_file_and_another_one_is_not(tmp_path: Path) -> None:
    box = Mailbox(tmp_path)
    box.send(mail())
    box.send(mail())
    box.send(mail(message_id="<12.other@localhost>"))
    assert len(read_mailbox(tmp_path)) == 2


@pytest.mark.parametrize("code", ["../../etc/passwd", "a/b", "Ж" * 64, "x\\y", "a b"])
def test_no_recipient_code_leads_out_of_the_folder(tmp_path: Path, code: str) -> None:
    Mailbox(tmp_path / "box").send(mail(recipient=code))
    (letter,) = read_mailbox(tmp_path / "box")
    assert letter.path.parent == tmp_path / "box"
    assert letter.recipient == code


def test_letters_come_in_the_order_of_the_outbox(tmp_path: Path) -> None:
    for number in (3, 100, 20):
        Mailbox(tmp_path).send(mail(number, message_id=f"<{number}@localhost>"))
    assert [letter.number for letter in read_mailbox(tmp_path)] == [3, 20, 100]
    assert read_mailbox(tmp_path / "nothing yet") == []


def test_a_mailbox_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="mailbox"):
        Mailbox(tmp_path / "file" / "mailbox").send(mail())


def test_the_mail_server_keeps_what_it_gets(tmp_path: Path) -> None:
    with mail_server(tmp_path, 0) as port:
        smtp = SmtpServer(SmtpAddress.parse(f"smtp://127.0.0.1:{port}"))
        smtp.send(mail())
        smtp.send(mail())
        stranger = EmailMessage()
        stranger["From"], stranger["To"] = "a@x.example", "b@y.example"
        smtp.send(stranger)
        smtp.close()
    letters = read_mailbox(tmp_path)
    assert [letter.number for letter in letters] == [12, 0]
    assert letters[0].text.strip() == "Позвоните клиенту"


def test_the_mail_server_answers_later_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with mail_server(tmp_path / "file" / "mailbox", 0) as port:
        smtp = SmtpServer(SmtpAddress.parse(f"smtp://127.0.0.1:{port}"))
        with pytest.raises(Delayed, match="451"):
            smtp.send(mail())
        smtp.close()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with (
        mail_server(tmp_path, 0) as port,
        pytest.raises(Unavailable, match=str(port)),
        mail_server(tmp_path, port),
    ):
        pass
