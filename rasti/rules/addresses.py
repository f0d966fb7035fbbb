"""Mail addresses: one strict type for clients, partners, operators and settings.

Taken is what every part of the mail chain reads as one mailbox, the one that was typed. An international domain is kept
as it was typed and sent as IDNA, which every mail server takes.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rasti.errors import marked

if TYPE_CHECKING:
    from email_validator import ValidatedEmail

LONGEST = 254  # RFC 5321, with IDNA

# What the syntax allows before the @, and some programs read as another recipient: encoded words (=?utf-8?q?...?=) and
# the query of a `mailto:` (ann?bcc=b@c), routes (a%b@c, c!a@b), a pipe, an option of a command line.
_READ_OTHERWISE = re.compile(r"[?%!|]|^-")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """One mailbox, as mail servers are told it."""

    local: str  # ASCII, as typed
    domain: str  # ASCII; IDNA where it was typed in other letters

    @property
    def sent(self) -> str:
        """How it stands in the header and on the envelope."""
        return f"{self.local}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who all mail is from: a mailbox, with or without a name."""

    name: str
    address: MailAddress


def read_address(text: str, *, dotless: bool = False) -> MailAddress:
    """A mail address that can be sent. Raises ValueError, without the address.

    `dotless`: a domain without a dot is taken too, such as this machine's `localhost`. From outside it is not: a mail
    server may complete it to another domain.
    """
    local, _at, domain = text.rpartition("@")
    try:
        found = _validated(text, needs_dot="." in domain or not dotless)
    except ValueError as error:
        raise ValueError(marked("is not one plain mail address, such as ann@client.example")) from error
    if found.smtputf8:
        raise ValueError(marked("has letters before the @ that mail cannot carry: only Latin ones can stand there"))
    if _READ_OTHERWISE.search(local):
        raise ValueError(marked("is not one plain mail address, such as ann@client.example"))
    return MailAddress(local, domain if domain.isascii() else found.ascii_domain)


def check_address(text: str) -> str:
    """The same text, if it is an address as people have it. Raises ValueError."""
    read_address(text)
    return text


@lru_cache(maxsize=4)
def read_sender(text: str) -> Sender:
    """A mail address with or without a name before it: Leads <leads@vendor.example>. Raises ValueError."""
    if not text.isprintable():
        raise ValueError(marked("is not one line of text"))
    if not text.endswith(">"):
        return Sender("", read_address(text, dotless=True))
    name, _angle, address = text[:-1].rpartition("<")
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    if re.search(r"[<>@]|=\?", name):
        raise ValueError(marked("has a name that may be read as an address"))
    return Sender(name, read_address(address, dotless=True))


def email_key(text: str) -> str:
    """A mail address without differences of case and of how its domain is written, for comparison (D17).

    Of what is no address, too: that is like nothing but itself.
    """
    if text.isascii():
        return text.casefold()
    local, _at, domain = text.rpartition("@")
    try:
        return f"{local.casefold()}@{_validated(f'x@{domain}', needs_dot=False).ascii_domain}"
    except ValueError:
        return text.casefold()


def _validated(text: str, *, needs_dot: bool) -> "ValidatedEmail":
    # EmailNotValidError is a ValueError.
    found: ValidatedEmail = _library().validate_email(
        text, check_deliverability=False, strict=True, globally_deliverable=needs_dot
    )
    return found


@lru_cache(maxsize=1)
def _library() -> Any:
    import email_validator  # only where an address is read: `rasti --help` is quick without it

    # Names such as .test and .local are for networks of one's own. Whether mail gets there, their servers say.
    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    return email_validator
