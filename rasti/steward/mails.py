"""Makes the mail of a message: reads the facts by their ids, renders subject, text and HTML in the chosen language.

A subject holds ids only. Names and addresses are read now, at sending; they are in no log, and in no header but `To`.
"""

import hashlib
import re
from collections.abc import Mapping
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from functools import lru_cache
from pathlib import Path
from typing import Any

from models import Message
from rasti.clients.envelope import Envelope, Unsendable, envelope_of
from rasti.clients.mailbox import KIND_HEADER, LEAD_HEADER, NUMBER_HEADER, RECIPIENT_HEADER
from rasti.errors import Reason, marked
from rasti.ledger.book import Tx
from rasti.rules.addresses import MailAddress, Sender, read_address, read_sender
from rasti.secret import load_secret
from rasti.settings import Settings
from rasti.steward.mail_facts import FACTS, Letterhead
from rasti.templates import Templates

_TEMPLATES = Path(__file__).parent / "templates"


class _Policy(EmailPolicy):
    """Headers are written as Python writes them, but for two things.

    Python loses spaces where it breaks a long Russian subject (CPython issue 92081); its older way does not. And it
    takes every header apart and puts it together again, which was half the work of making a mail.
    """

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        return _parsed(name, str(value)) if name in _REPEATED else super().header_store_parse(name, value)

    def fold(self, name: str, value: Any) -> str:
        line = str(value)
        # An address is no text to be broken: folded, a long one could become an encoded word.
        short = len(name) + len(": ") + len(line) <= (self.max_line_length or 0)
        if line.isascii() and (short or name == "To"):
            return f"{name}: {line}{self.linesep}"
        if name != "Subject" or line.isascii():
            return str(super().fold(name, value))
        encoded = Header(line, "utf-8", header_name=name).encode(linesep=self.linesep)
        return f"{name}: {encoded}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii", "surrogateescape")


# They say the same on one mail after the other, and nothing of a client.
_REPEATED = {
    "From",
    "Reply-To",
    "Auto-Submitted",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    KIND_HEADER,
    RECIPIENT_HEADER,
}


@lru_cache(128)
def _parsed(name: str, value: str) -> tuple[str, Any]:
    return EmailPolicy().header_store_parse(name, value)


_POLICY = _Policy()


def compose(tx: Tx, message: Message, settings: Settings) -> EmailMessage:
    """The mail of a message, as things stand now. The same message has the same Message-ID however often it is made.

    Raises Unsendable: the stored address cannot be sent to, or the mail would not go to it alone.
    """
    head = Letterhead(settings.language, settings.portal_url.rstrip("/"), tx.programme, lambda: load_secret(settings))
    to, facts = FACTS[message.kind](tx, message, head)
    rendered = render(message.kind.value, settings.language, facts)
    mail = addressed(read_sender(settings.mail_from), _recipient(settings.operator_email if to is None else to))
    mail["Subject"] = rendered["subject"]
    mail["Date"] = tx.now
    mail["Message-ID"] = message_id(message, settings.mail_from)
    mail["Auto-Submitted"] = "auto-generated"
    if to and settings.mail_reply_to:
        mail["Reply-To"] = _written(read_sender(settings.mail_reply_to))
    mail[NUMBER_HEADER] = str(message.id)
    mail[KIND_HEADER] = message.kind.value
    mail[RECIPIENT_HEADER] = message.partner_code or ("client" if to else "operator")
    if message.lead_id is not None:
        mail[LEAD_HEADER] = str(message.lead_id)
    mail.set_content(rendered["text"])
    mail.add_alternative(rendered["html"], subtype="html")
    for file in facts.get("attachments", ()):
        main, _, sub = file.content_type.partition("/")
        mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.file_name)
    # Last: the content takes away, or with it into its own part, every header whose name begins with "Content-".
    mail["Content-Language"] = settings.language
    return mail


def addressed(sender: Sender, to: MailAddress) -> EmailMessage:
    """A mail without content from a sender to one mailbox. Raises Unsendable: it would not go to that one alone."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _written(sender)
    mail["To"] = Address("", to.local, to.domain)
    if envelope_of(mail) != Envelope(sender.address.sent, to.sent):
        raise Unsendable("The mail cannot be sent: {why}.", why=Reason(marked("its addresses may be read as others")))
    return mail


def _written(sender: Sender) -> Address:
    return Address(sender.name, sender.address.local, sender.address.domain)


def _recipient(stored: str) -> MailAddress:
    try:
        # What a former version or the settings took may have no dot.
        return read_address(stored, dotless=True)
    except ValueError as error:
        raise Unsendable("The recipient’s mail address is wrong: {why}.", why=Reason(str(error))) from None


def message_id(message: Message, mail_from: str) -> str:
    """A Message-ID that depends on the message alone, so that a resent mail is recognised as a copy."""
    # With the instant of its creation, for ids begin anew in another database.
    identity = f"{message.id} {message.dedupe_key} {message.created_at.isoformat()}"
    domain = read_sender(mail_from).address.domain
    return f"<rasti.{message.id}.{hashlib.sha256(identity.encode()).hexdigest()[:24]}@{domain}>"


def render(kind: str, language: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """The parts of a mail: subject, text, html."""
    environment = _environment(language)
    known = dict(facts) | {"language": language}
    subject = " ".join(environment.get_template(f"{kind}/subject.txt.j2").render(known).split())
    known["subject"] = subject
    parts = {"text": "text.txt.j2", "html": "html.html.j2"}
    # Templates leave a blank line too many where something was left out.
    return {"subject": subject} | {
        part: re.sub(r"\n{3,}", "\n\n", environment.get_template(f"{kind}/{name}").render(known))
        for part, name in parts.items()
    }


@lru_cache
def _environment(language: str) -> Templates:
    environment = Templates(_TEMPLATES, language, autoescape=_is_html, keep_trailing_newline=True)
    for name, template in {"words": "words.j2", "text": "parts.txt.j2", "html": "parts.html.j2"}.items():
        environment.globals[name] = environment.get_template(f"base/{template}").module
    return environment


def _is_html(template: str | None) -> bool:
    return template is not None and template.endswith(".html.j2")
