"""Where a folder of incoming mail is, as a setting names it: `maildir:PATH` or `imaps://user:password@host/FOLDER`."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_PORTS = {"imaps": 993, "imap+starttls": 143, "imap": 143}
_MAILDIR = "maildir:"


@dataclass(frozen=True)
class MaildirAddress:
    """A folder of files, each one mail; relative to the working directory."""

    path: Path


@dataclass(frozen=True)
class ImapAddress:
    """A folder on a mail server, and how to log in."""

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"


def parse_mail_folder(text: str) -> MaildirAddress | ImapAddress:
    """Read the address of a folder; user, password and folder are percent-encoded. Raises ValueError, without them."""
    if text.startswith(_MAILDIR):
        if text == _MAILDIR or "\0" in text:
            raise ValueError("must name a folder: maildir:/var/mail/rasti")
        return MaildirAddress(Path(text.removeprefix(_MAILDIR)))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    user, password, folder = (
        unquote(part, errors="surrogateescape")
        for part in (
            (parts.username or "", parts.password or "", parts.path.removeprefix("/")) if host else ("", "", "")
        )
    )
    if not host or parts.scheme not in _PORTS or parts.query or parts.fragment or not user:
        raise ValueError("must be maildir:/var/mail/rasti or imaps://user:password@host[:port][/FOLDER]")
    if not (user + password + folder).isprintable():
        raise ValueError("must have a user, a password and a folder without control characters, percent-encoded UTF-8")
    if parts.scheme == "imap" and host not in _THIS_MACHINE:
        raise ValueError("must be imaps:// or imap+starttls://: without TLS the password goes to this machine only")
    return ImapAddress(parts.scheme, host, port or _PORTS[parts.scheme], user, password, folder or "INBOX")
