"""The local mailbox: a file for each mail, and a mail server on this machine that writes such files."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from rasti.clients.disk import to_disk
from rasti.errors import Unavailable

# What we write into our own mails, so that a file can be named, and found, without a person in it.
NUMBER_HEADER = "X-Rasti-Message"
KIND_HEADER = "X-Rasti-Kind"
RECIPIENT_HEADER = "X-Rasti-Recipient"  # a partner's code, `client` or `operator`
LEAD_HEADER = "X-Rasti-Lead"


@dataclass(frozen=True)
class Letter:
    """A mail in the mailbox."""

    path: Path
    message_id: str
    number: int  # of the outbox message; 0: not one of ours
    kind: str
    recipient: str
    lead_id: int | None
    to: str
    subject: str
    text: str
    html: str
    written_at: datetime


class Mailbox:
    """Delivers into a folder; used where no mail server is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, mail: EmailMessage) -> None:
        """Write the mail: all of it or nothing, on disk when this returns. Raises Unavailable."""
        write_letter(self.folder, mail.as_bytes(policy=mail.policy.clone(linesep="\r\n")))

    def close(self) -> None:
        """Nothing is kept open."""


def write_letter(folder: Path, content: bytes) -> Path:
    """Write one mail into the folder; the same Message-ID again replaces its file. Raises Unavailable."""
    headers = BytesParser(policy=policy.default).parsebytes(content, headersonly=True)
    path = folder / _file_name(headers)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        to_disk(folder)  # the new name, too, before the mail counts as received
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise Unavailable("The mailbox {folder} cannot be written: {why}.", folder=folder, why=error) from error
    return path


def read_mailbox(folder: Path) -> list[Letter]:
    """Every mail in the mailbox, in the order of its outbox number."""
    return [read_letter(path) for path in sorted(folder.glob("*.eml"))]


def read_letter(path: Path) -> Letter:
    """One mail."""
    mail: Any = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    bodies = {kind: mail.get_body((kind,)) for kind in ("plain", "html")}
    content = {kind: body.get_content() if body is not None else "" for kind, body in bodies.items()}
    lead = str(mail.get(LEAD_HEADER, ""))
    return Letter(
        path,
        str(mail.get("Message-ID", "")),
        _number(mail),
        str(mail.get(KIND_HEADER, "")),
        str(mail.get(RECIPIENT_HEADER, "")),
        int(lead) if lead.isascii() and lead.isdigit() else None,
        str(mail.get("To", "")),
        str(mail.get("Subject", "")),
        content["plain"],
        content["html"],
        datetime.fromtimestamp(path.stat().st_mtime, UTC),
    )


@contextlib.contextmanager
def mail_server(folder: Path, port: int, *, host: str = "127.0.0.1") -> Iterator[int]:
    """A mail server on this machine that keeps what it gets in `folder`; yields its port (0: any free one).

    Raises Unavailable: the port is taken.
    """
    from aiosmtpd.controller import Controller

    class Keep:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            try:
                write_letter(folder, envelope.content)
            except Unavailable:
                return "451 4.3.0 the mailbox cannot be written"
            return "250 2.0.0 kept"

    class Server(Controller):
        def _trigger_server(self) -> None:
            # The controller connects to itself to see that it works: to the port it really has.
            listening: Any = self.server
            self.port = listening.sockets[0].getsockname()[1]
            super()._trigger_server()  # type: ignore[no-untyped-call]

    # With a name of its own it looks none up in the DNS.
    controller = Server(Keep(), hostname=host, port=port, server_hostname="localhost")
    try:
        controller.start()
    except OSError as error:
        controller.loop.close()
        raise Unavailable(
            "The mail server cannot listen on {host}:{port}: {why}.", host=host, port=port, why=error.strerror
        ) from error
    try:
        yield controller.port
    finally:
        controller.stop()


def _file_name(headers: Any) -> str:
    identity = hashlib.sha256(str(headers.get("Message-ID", "")).encode() or os.urandom(16)).hexdigest()[:8]
    number = _number(headers)
    if not number:
        return f"mail-{identity}.eml"
    words = (str(headers.get(name, "")) for name in (KIND_HEADER, RECIPIENT_HEADER))
    return "-".join((f"{number:06d}", *(re.sub(r"[^A-Za-z0-9_]", "_", word)[:64] for word in words), f"{identity}.eml"))


def _number(headers: Any) -> int:
    text = str(headers.get(NUMBER_HEADER, ""))
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0
