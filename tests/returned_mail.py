"""What comes back for a mail of ours, as mail servers write it: made from the sent bytes, with invented names.

`bounce(mail)` is the bounce of one mail in one of the SHAPES; `drop` puts it where the steward looks for it.
"""

from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from itertools import count
from pathlib import Path

SHAPES = ("postfix", "postfix-headers", "exim", "exchange", "gmail", "global")
_NUMBERS = count(1)


def bounce(mail: bytes, shape: str = "postfix", *, action: str = "failed", status: str = "5.1.1") -> bytes:
    """What the sender of `mail` hears: it `failed` for good, or is `delayed`, `relayed`, `delivered`, `expanded`."""
    original = message_from_bytes(mail)
    return _MAKERS[shape](mail, original, action, status).replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def vacation(mail: bytes) -> bytes:
    """An automatic answer of whoever got the mail (RFC 3834); it quotes what it answers."""
    original = message_from_bytes(mail)
    answer = EmailMessage(policy=policy.SMTP)
    answer["From"], answer["To"] = str(original["To"]), str(original["From"])
    answer["Subject"] = "Out of office: 5.1.1 things to do"
    answer["Auto-Submitted"] = "auto-replied"
    answer["In-Reply-To"] = answer["References"] = original["Message-ID"]
    answer.set_content(f"I am away.\n\n> Message-ID: {original['Message-ID']}\nMessage-ID: {original['Message-ID']}\n")
    answer.add_attachment(original_message(mail))
    return answer.as_bytes()


def original_message(mail: bytes) -> EmailMessage:
    """The mail as a part that can be attached."""
    parsed = message_from_bytes(mail, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def new_maildir(folder: Path) -> Path:
    """An empty Maildir."""
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    return folder


def drop(maildir: Path, content: bytes) -> Path:
    """Deliver a mail into a Maildir: written aside, then moved in one step."""
    name = f"1567407600.M{next(_NUMBERS):06d}P1.mx.vendor.example"
    part = maildir / "tmp" / name
    part.write_bytes(content)
    return part.rename(maildir / "new" / name)


def _headers(original: Message) -> str:
    return "\n".join(f"{name}: {value}" for name, value in original.items()).replace("\r\n", "\n")


def _report(
    original: Message, parts: list[str], *, more: str = "", daemon: str = "MAILER-DAEMON@mx.vendor.example"
) -> str:
    border = "8F1C2D3E/mx.vendor.example"
    body = "".join(f"--{border}\n{part}\n" for part in parts)
    return (
        "Return-Path: <>\n"
        "Date: Mon, 2 Sep 2019 10:05:00 +0300 (MSK)\n"
        f"From: Mail Delivery System <{daemon}>\n"
        f"To: {original['From']}\n"
        "Subject: Undelivered Mail Returned to Sender\n"
        "Auto-Submitted: auto-replied\n"
        f"{more}"
        "MIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="{border}"\n'
        "Message-Id: <20190902070500.8F1C2D3E@mx.vendor.example>\n"
        "\n"
        "This is a MIME-encapsulated message.\n"
        f"\n{body}--{border}--\n"
    )


def _text(words: str) -> str:
    return f"Content-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\n{words}\n"


def _status(original: Message, action: str, status: str, *, kind: str = "message/delivery-status") -> str:
    return (
        f"Content-Description: Delivery report\nContent-Type: {kind}\n\n"
        "Reporting-MTA: dns; mx.vendor.example\n"
        "X-Postfix-Queue-ID: 8F1C2D3E\n"
        f"X-Postfix-Sender: rfc822; {original['From']}\n"
        "Arrival-Date: Mon,  2 Sep 2019 10:04:59 +0300 (MSK)\n"
        "\n"
        f"Final-Recipient: rfc822; {original['To']}\n"
        f"Original-Recipient: rfc822;{original['To']}\n"
        f"Action: {action}\n"
        f"Status: {status}\n"
        "Remote-MTA: dns; mx.client.example\n"
        f"Diagnostic-Code: smtp; 550 {status} <{original['To']}>: Recipient address rejected: User unknown\n"
    )


def _returned(mail: bytes, *, kind: str = "message/rfc822") -> str:
    text = mail.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    return f"Content-Description: Undelivered Message\nContent-Type: {kind}\n\n{text}"


def _postfix(mail: bytes, original: Message, action: str, status: str) -> str:
    words = f"<{original['To']}>: host mx.client.example said: 550 {status} User unknown (in reply to RCPT TO command)"
    return _report(original, [_text(words), _status(original, action, status), _returned(mail)])


def _postfix_headers(_mail: bytes, original: Message, action: str, status: str) -> str:
    headers = (
        f"Content-Description: Undelivered Message Headers\nContent-Type: text/rfc822-headers\n\n{_headers(original)}\n"
    )
    return _report(original, [_text("It was too large to be returned."), _status(original, action, status), headers])


def _exim(mail: bytes, original: Message, action: str, status: str) -> str:
    """Before 4.90, and where `bounce_return_body` is plain; a warning of a delay has no X-Failed-Recipients."""
    failed = action == "failed"
    text = mail.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    subject = "Mail delivery failed: returning message to sender" if failed else "Warning: message 1iX delayed 24 hours"
    return (
        "Return-path: <>\n"
        "Envelope-to: leads@vendor.example\n"
        + (f"X-Failed-Recipients: {original['To']}\n" if failed else "")
        + "Auto-Submitted: auto-replied\n"
        "From: Mail Delivery System <Mailer-Daemon@relay.vendor.example>\n"
        f"To: {original['From']}\n"
        f"Subject: {subject}\n"
        "Message-Id: <E1iX-0001Yz-7Q@relay.vendor.example>\n"
        "Date: Mon, 02 Sep 2019 10:05:00 +0300\n"
        "\n"
        "This message was created automatically by mail delivery software.\n"
        "\n"
        "A message that you sent could not be delivered to one or more of its\n"
        "recipients. This is a permanent error. The following address(es) failed:\n"
        "\n"
        f"  {original['To']}\n"
        "    host mx.client.example [192.0.2.7]\n"
        f"    SMTP error from remote mail server after RCPT TO:<{original['To']}>:\n"
        f"    550 {status} User unknown\n"
        "\n"
        "------ This is a copy of the message, including all the headers. ------\n"
        "\n"
        "Return-path: <leads@vendor.example>\n"
        f"{text}"
    )


def _exchange(mail: bytes, original: Message, action: str, status: str) -> str:
    html = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPGI+VW56dXN0ZWxsYmFyPC9iPg==\n"
    words = (
        "Content-Type: multipart/alternative; boundary=inner\n\n"
        f"--inner\n{_text('Unzustellbar')}\n--inner\n{html}\n--inner--\n"
    )
    return _report(
        original,
        [words, _status(original, action, status), _returned(mail)],
        more="X-MS-Exchange-Message-Is-Ndr:\nContent-Language: de-DE\n"
        f"In-Reply-To: {original['Message-ID']}\nReferences: {original['Message-ID']}\n",
        daemon="MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@client.example",
    )


def _gmail(_mail: bytes, original: Message, action: str, status: str) -> str:
    """With a picture, and of our mail only the headers, as a whole message."""
    related = (
        'Content-Type: multipart/related; boundary="inner"\n\n--inner\n'
        f"{_text('Address not found')}\n--inner\n"
        'Content-Type: image/png; name="icon.png"\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--inner--\n'
    )
    return _report(
        original,
        [related, _status(original, action, status), f"Content-Type: message/rfc822\n\n{_headers(original)}\n\n"],
        more=f"X-Failed-Recipients: {original['To']}\nIn-Reply-To: {original['Message-ID']}\n",
        daemon="mailer-daemon@googlemail.example",
    )


def _global(mail: bytes, original: Message, action: str, status: str) -> str:
    """A report with Russian addresses (RFC 6533)."""
    return _report(
        original,
        [
            _text("Не доставлено"),
            _status(original, action, status, kind="message/global-delivery-status"),
            _returned(mail, kind="message/global"),
        ],
    )


_MAKERS = {
    "postfix": _postfix,
    "postfix-headers": _postfix_headers,
    "exim": _exim,
    "exchange": _exchange,
    "gmail": _gmail,
    "global": _global,
}
