"""Who a mail goes to, as mail servers are told it: one mailbox, the same in its header and on its envelope."""

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

from rasti.errors import RastiError, Reason, marked

# Further recipients, and the names under which a mail is sent on.
_NEVER = ("Cc", "Bcc", "Resent-From", "Resent-To", "Resent-Cc", "Resent-Bcc")


class Unsendable(RastiError):
    """No mail server could take this mail to the one mailbox that it is for; its message holds no address."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The addresses of MAIL FROM and RCPT TO, ASCII."""

    sender: str
    recipient: str


def envelope_of(mail: EmailMessage) -> Envelope:
    """What the headers say, to two parsers that know nothing of each other. Raises Unsendable."""
    if any(name in mail for name in _NEVER):
        raise _unsendable(marked("it has further recipients"))
    return Envelope(_only_one(mail, "From"), _only_one(mail, "To"))


def _only_one(mail: EmailMessage, name: str) -> str:
    headers: list[Any] = mail.get_all(name, [])
    known: list[str] = [address.addr_spec for header in headers for address in header.addresses]
    # The parser of before 2012 takes the text as it is written, and knows no encoded words.
    read = [address for _name, address in getaddresses([str(header) for header in headers])]
    if len(known) != 1 or read != known:
        raise _unsendable(marked("its addresses may be read as others"))
    if not known[0].isascii():
        raise _unsendable(marked("its address has letters that mail cannot carry"))
    return known[0]


def _unsendable(why: str) -> Unsendable:
    return Unsendable("The mail cannot be sent: {why}.", why=Reason(why))
