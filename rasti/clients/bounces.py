"""Reads a bounce: the mail in which a mail server says what became of one of ours after it had taken it.

Two shapes are known: reports as RFC 3464 has them (Postfix, Exchange, Gmail, Exim of today), and the plain text of Exim
with `X-Failed-Recipients`. What looks like neither is no bounce, also if it is an automatic answer to our mail. Nothing
of a bounce is kept but three words: no address, and no text that a server or a person wrote.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesParser, HeaderParser
from enum import StrEnum

LARGEST = 256 * 1024  # bytes that are read of a mail: the report and the headers of what came back stand before that

_REPORTS = ("message/delivery-status", "message/global-delivery-status")  # RFC 3464, RFC 6533
_RETURNED = ("message/rfc822", "message/global")
_RETURNED_HEADERS = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")

_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_UNKNOWN_STATUS = "5.0.0"  # "other undefined status" (RFC 3463)
_QUOTED_ID = re.compile(r"^Message-ID:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]{1,250}>)", re.I | re.M)

# What the standard library's parser is known to raise on what people send.
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class BounceAction(StrEnum):
    """What became of the mail (RFC 3464, 2.3.3); delivered, relayed and expanded are no bounces."""

    FAILED = "failed"
    DELAYED = "delayed"


@dataclass(frozen=True)
class Bounce:
    """What a bounce says of one of our mails: its Message-ID, with the brackets, and a status code (RFC 3463)."""

    message_id: str
    action: BounceAction
    status: str


def parse_bounce(content: bytes) -> Bounce | None:
    """The bounce that a mail is, by its first LARGEST bytes; None: it is none, or does not say of which mail."""
    try:
        return _parse(content)
    except _MALFORMED:
        return None


def _parse(content: bytes) -> Bounce | None:
    mail = BytesParser(policy=policy.compat32).parsebytes(content[:LARGEST])
    parts = list(_parts(mail))
    report = next((part for part in parts if part.get_content_type() in _REPORTS), None)
    if report is not None:
        found: tuple[BounceAction, str] | None = _reported(report)
    elif mail["X-Failed-Recipients"] is not None:
        found = BounceAction.FAILED, _status_in(_text_before_the_copy(parts))
    else:
        found = None
    message_id = _returned_id(mail, parts)
    return Bounce(message_id, *found) if found and message_id else None


def _parts(mail: Message) -> Iterator[Message]:
    """The parts of a mail in their order, without those of a mail that is returned inside it."""
    yield mail
    if mail.get_content_maintype() == "multipart" and mail.is_multipart():
        for part in mail.get_payload():
            if isinstance(part, Message):
                yield from _parts(part)


def _reported(report: Message) -> tuple[BounceAction, str] | None:
    """The worst that a report says of a recipient: failed before delayed."""
    said: dict[str, str] = {}
    for fields in _fields(report):
        action = str(fields["Action"] or "").split("(")[0].strip().lower()
        said.setdefault(action, _status_in(str(fields["Status"] or "")))
    return next(((action, said[action]) for action in BounceAction if action in said), None)


def _fields(report: Message) -> Iterator[Message]:
    """The groups of fields of a report: of the mail, then of each recipient."""
    for group in report.get_payload():
        if isinstance(group, Message):
            yield group
            # The parser takes the groups of an internationalised report apart only after the first.
            rest = group.get_payload()
            if isinstance(rest, str):
                yield from map(HeaderParser().parsestr, re.split(r"\r?\n[ \t]*\r?\n", rest.strip()))


def _returned_id(mail: Message, parts: list[Message]) -> str | None:
    """The Message-ID of what came back: in the returned mail or its headers, in the text, or in what is answered."""
    for part in parts:
        kind = part.get_content_type()
        if kind in _RETURNED or kind in _RETURNED_HEADERS:
            found = _returned_in(part)
            if found:
                return found
    plain = next((_text(part) for part in parts if part.get_content_type() == "text/plain"), "")
    return _quoted_id(plain) or _id_in(mail["In-Reply-To"])


def _returned_in(part: Message) -> str | None:
    inner = part.get_payload(0) if part.is_multipart() else None
    return _id_in(inner["Message-ID"]) if isinstance(inner, Message) else _quoted_id(_text(part))


def _quoted_id(text: str) -> str | None:
    found = _QUOTED_ID.search(text)
    return found[1] if found else None


def _id_in(header: object) -> str | None:
    found = _MESSAGE_ID.search(str(header or ""))
    return found[0] if found else None


def _text_before_the_copy(parts: list[Message]) -> str:
    """What the mail server says itself: before our mail begins, whose text may hold anything."""
    text = next((_text(part) for part in parts if part.get_content_type() == "text/plain"), "")
    copy = re.search(r"^-{3,}.*$", text, re.M)
    return text[: copy.start()] if copy else text


def _status_in(text: str) -> str:
    found = _STATUS.search(text)
    return found[1] if found else _UNKNOWN_STATUS


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
