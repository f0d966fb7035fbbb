"""What a mail server's answer means: is it about this mail, or can the server not be used (for any mail)?

The codes are those of RFC 5321 and RFC 3463 (`550 5.1.1`: the basic and the enhanced code), the steps those of a
session. An answer about the sender, the policy or the relay would come to every other mail too: no mail may die of it.
"""

import re
import socket
import ssl
from enum import Enum, StrEnum

from rasti.errors import marked


class Step(StrEnum):
    """At which step of the session the server answered."""

    CONNECT = "connect"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"


class Meaning(Enum):
    """What an answer says about this mail and the others."""

    SERVER = "every mail would fare the same: nothing can be sent now"
    DENIED = "the same, said of one mail: of policy, sender or relay"
    MAIL = "this mail will never be taken, others will"
    UNCLEAR = "this mail will never be taken; if every recipient is refused alike, it is the server"
    LATER = "this mail is not taken now"


_TALK = (Step.RCPT, Step.DATA)  # the server knows which mail it is about

# The first line that fits counts: the steps, the basic codes, the enhanced codes (as they begin), the meaning.
_TABLE: tuple[tuple[tuple[Step, ...], str, str, Meaning], ...] = (
    ((Step.CONNECT, Step.EHLO, Step.STARTTLS, Step.AUTH), "", "", Meaning.SERVER),
    (tuple(Step), "421", "", Meaning.SERVER),  # too busy, or going down: it closes the connection
    (tuple(Step), "5", "5.3.4", Meaning.MAIL),  # too large for the server
    (tuple(Step), "5", "5.2.3", Meaning.MAIL),  # too large for the mailbox
    (tuple(Step), "523 552", "", Meaning.MAIL),  # too large
    ((Step.MAIL,), "", "", Meaning.SERVER),  # the same sender stands on every mail
    (_TALK, "4", "", Meaning.LATER),
    (_TALK, "5", "5.1.7", Meaning.DENIED),  # the sender's address
    (_TALK, "5", "5.1.8", Meaning.DENIED),
    (_TALK, "5", "5.1. 5.2.", Meaning.MAIL),  # the recipient's address or mailbox
    (_TALK, "5", "5.6.", Meaning.MAIL),  # what stands in the mail cannot be carried
    (_TALK, "5", "5.3. 5.5. 5.7.", Meaning.DENIED),  # the server itself, the protocol, the policy (relay, login)
    (_TALK, "500 502 503 504 521 530 534 535 538", "", Meaning.DENIED),  # the same without an enhanced code
    (_TALK, "556", "", Meaning.MAIL),  # the recipient's domain takes no mail
    (_TALK, "5", "", Meaning.UNCLEAR),
    (tuple(Step), "", "", Meaning.LATER),
)


def meaning_of(step: Step, code: int, answer: bytes | str = "") -> Meaning:
    """What the answer `code` with its text means at a step."""
    enhanced = _enhanced(answer)
    return next(
        meaning
        for steps, codes, details, meaning in _TABLE
        if step in steps and _fits(str(code), codes, 3) and _fits(enhanced, details, 5)
    )


def said(step: Step, code: int, answer: bytes | str) -> str:
    """An answer in short: its codes and the step; its text may repeat an address."""
    return f"{' '.join(filter(None, (str(code), _enhanced(answer))))} at {step}"


def cause_of(error: BaseException) -> str:
    """Why a connection could not be made or was lost, in short."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or type(error).__name__).lower().replace('_', ' ')}"
    if isinstance(error, socket.gaierror):
        return f"DNS: {error.strerror}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "connection lost"


# How a reason begins, and what a person can do about it; the first that fits counts.
_ADVICE = (
    (r"connection refused", marked("Nothing listens there: does the mail server run, are host and port right?")),
    (r"DNS", marked("Its name is not known: is the host of RASTI_SMTP_URL spelled right, does the DNS work?")),
    (
        r"TLS: certificate",
        marked("Its certificate is not trusted: install its authority's certificate, or use the name it is made for."),
    ),
    (
        r"TLS|STARTTLS",
        marked("No encrypted connection comes about: smtps:// is for port 465, smtp+starttls:// for port 587 or 25."),
    ),
    (
        r"AUTH|5\d\d .*AUTH|53[0458]",
        marked("The login is refused: are user and password in RASTI_SMTP_URL right, and encoded?"),
    ),
    (
        r"no answer in time|connection lost|.*unreachable",
        marked("The server cannot be reached: look at the network, a firewall, and the server."),
    ),
    (
        r"552|523|5\d\d 5\.3\.4|5\d\d 5\.2\.3",
        marked("The mail is larger than the server takes: raise its limit, then send again."),
    ),
    (
        r"5\d\d.* MAIL FROM",
        marked("The server does not take the sender: is RASTI_MAIL_FROM an address that it may send for?"),
    ),
    (
        r"5\d\d 5\.7\.|5\d\d 5\.5\.|5\d\d 5\.3\.",
        marked("The server refuses to relay for us: does it want a login, is this machine allowed to send?"),
    ),
    (
        r"5\d\d 5\.1\.|5\d\d 5\.2\.",
        marked("The recipient's address or mailbox is refused: correct the address, then send again."),
    ),
    (r"4\d\d", marked("The server puts it off: it is tried again; if it stays so, read the server's log.")),
    (r"5\d\d", marked("The server refuses: read its log, then send again.")),
)


def advice_on(reason: str) -> str:
    """What to do about a reason that `said` or `cause_of` gave; to be translated. "": nothing is known."""
    return next((advice for begins, advice in _ADVICE if re.match(begins, reason)), "")


def _enhanced(answer: bytes | str) -> str:
    text = answer.decode("ascii", "replace") if isinstance(answer, bytes) else answer
    found = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", text)
    return found[1] if found else ""


def _fits(code: str, wanted: str, whole: int) -> bool:
    """Whether a code is one of those wanted, which may be given by their beginning; none wanted: any fits."""
    return not wanted or any(_matches(code, begins, whole) for begins in wanted.split())


def _matches(code: str, begins: str, whole: int) -> bool:
    return code == begins if len(begins) >= whole else code.startswith(begins)
