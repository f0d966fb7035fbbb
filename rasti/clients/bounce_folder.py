"""The folder into which bounces come: a Maildir, or one on an IMAP server. Mails are marked as seen, never removed."""

import contextlib
import imaplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import imap_tools
from imap_tools.errors import ImapToolsError

from rasti.clients.bounces import LARGEST
from rasti.errors import RastiError
from rasti.mail_folder import ImapAddress, MaildirAddress


class FolderUnreadable(RastiError):
    """The folder of bounces cannot be read now; what is in it stays there."""


class BounceFolder(Protocol):
    """Mails that nobody has seen. Raises FolderUnreadable."""

    def unseen(self) -> Iterator[tuple[str, bytes]]:
        """Each mail that is not marked as seen, the oldest first: what names it here, and its first LARGEST bytes."""

    def mark_seen(self, name: str, /) -> None:
        """Done with this mail, for good."""

    def close(self) -> None:
        """Let go of the folder."""


def open_bounce_folder(address: MaildirAddress | ImapAddress) -> BounceFolder:
    """The folder at an address; a server is connected to at the first look."""
    return Maildir(address.path) if isinstance(address, MaildirAddress) else ImapFolder(address)


class Maildir:
    """A folder of files: `new/` holds what came, `cur/` what somebody has looked at, with flags in its name.

    Not by the standard library's `mailbox`, which takes a whole mail into memory, however large, and opens whatever
    lies there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def unseen(self) -> Iterator[tuple[str, bytes]]:
        with self._errors():
            names = [f"new/{path.name}" for path in (self._path / "new").iterdir()]
            names += [f"cur/{path.name}" for path in (self._path / "cur").iterdir() if "S" not in _flags(path.name)]
        for name in sorted(names, key=lambda name: name.partition("/")[2]):
            content = self._read(self._path / name)
            if content is not None:
                yield name, content

    def mark_seen(self, name: str, /) -> None:
        path = self._path / name
        flags = "".join(sorted({*_flags(path.name), "S"}))
        with self._errors(), contextlib.suppress(FileNotFoundError):
            path.rename(self._path / "cur" / f"{path.name.partition(':2,')[0]}:2,{flags}")

    def close(self) -> None:
        """Nothing is kept open."""

    def _read(self, path: Path) -> bytes | None:
        """The beginning of a mail; None: it is none, or another steward was quicker."""
        with self._errors(), contextlib.suppress(FileNotFoundError):
            if not path.name.startswith(".") and path.is_file():
                with path.open("rb") as file:
                    return file.read(LARGEST)
        return None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise FolderUnreadable(
                "{folder} is no Maildir: it has to have the folders new and cur.", folder=self._path
            ) from None
        except OSError as error:
            raise FolderUnreadable(
                "The folder {folder} cannot be read: {why}.", folder=self._path, why=error.strerror
            ) from error


class ImapFolder:
    """A folder on an IMAP server (RFC 3501)."""

    def __init__(self, address: ImapAddress, *, timeout: float = 20.0, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self.timeout = timeout  # seconds for each answer
        self.tls = tls or ssl.create_default_context()
        self._opened: imap_tools.BaseMailBox | None = None

    def unseen(self) -> Iterator[tuple[str, bytes]]:
        with self._errors():
            names = self._mailbox().uids("UNSEEN", charset=None)
        for name in names:
            with self._errors():
                # A part of it, for a mail may be of any size; and PEEK: seen is what was worked through.
                answer = self._uid("FETCH", name, f"(BODY.PEEK[]<0.{LARGEST}>)")
            content = next((item[1] for item in answer if isinstance(item, tuple)), None)
            if content is not None:  # None: removed meanwhile
                yield name, content

    def mark_seen(self, name: str, /) -> None:
        with self._errors():
            # Not by imap-tools' `flag`: that also removes for good what others have marked as deleted.
            self._uid("STORE", name, "+FLAGS.SILENT", r"(\Seen)")

    def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with contextlib.suppress(imaplib.IMAP4.error, ImapToolsError, OSError):
                opened.logout()
            with contextlib.suppress(OSError):
                opened.client.shutdown()  # a server that did not answer leaves the connection open

    def _uid(self, *command: str) -> list[object]:
        status, answer = self._mailbox().client.uid(*command)
        if status != "OK":
            raise imaplib.IMAP4.error(status)
        return answer

    def _mailbox(self) -> imap_tools.BaseMailBox:
        if self._opened is None:
            at = self.address
            if at.scheme == "imaps":
                opened: imap_tools.BaseMailBox = imap_tools.MailBox(
                    at.host, at.port, self.timeout, ssl_context=self.tls
                )
            elif at.scheme == "imap+starttls":
                opened = imap_tools.MailBoxStartTls(at.host, at.port, self.timeout, ssl_context=self.tls)
            else:
                opened = imap_tools.MailBoxUnencrypted(at.host, at.port, self.timeout)
            self._opened = opened
            login = opened.login if (at.user + at.password).isascii() else opened.login_utf8
            login(at.user, at.password, initial_folder=at.folder)
        return self._opened

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError) as error:
            # What a server says may repeat the user's name.
            raise FolderUnreadable(
                "The mailbox at {host}:{port} cannot be read: {why}.",
                host=self.address.host,
                port=self.address.port,
                why=type(error).__name__,
            ) from error


def _flags(name: str) -> str:
    return name.partition(":2,")[2]
