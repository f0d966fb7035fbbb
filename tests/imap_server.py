"""An IMAP server on this machine with one folder: as much of RFC 3501 as a reader of bounces needs."""

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class ImapServer:
    """Mails by their number, which of them were seen, and how the server behaves."""

    mails: dict[str, bytes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    password: str = "secret of a server"
    read_only: bool = False
    silent_after: str = ""  # a command that is not answered any more
    commands: list[str] = field(default_factory=list)
    port: int = 0

    def add(self, content: bytes) -> str:
        """A mail comes in; its number."""
        name = str(len(self.mails) + 1)
        self.mails[name] = content
        return name


@contextmanager
def imap_server(server: ImapServer, *, certificate: Path | None = None) -> Iterator[ImapServer]:
    """Run it; with a certificate it speaks TLS from the beginning."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    stop = threading.Event()

    class Session(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            if tls is not None:
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def handle(self) -> None:
            self._say("* OK IMAP4rev1 ready")
            for line in self.rfile:
                tag, _, command = line.decode().strip().partition(" ")
                server.commands.append(command)
                if server.silent_after and command.upper().startswith(server.silent_after):
                    stop.wait(30)
                    return
                self._answer(tag, command)

        def _answer(self, tag: str, command: str) -> None:
            word = command.upper()
            status = "OK done"
            if word == "CAPABILITY":
                self._say("* CAPABILITY IMAP4rev1")
            elif word.startswith("LOGIN"):
                if f'"{server.password}"' not in command:
                    status = "NO [AUTHENTICATIONFAILED] who is leads@vendor.example?"
            elif word.startswith("SELECT"):
                self._say(f"* {len(server.mails)} EXISTS")
                status = "OK [READ-ONLY] done" if server.read_only else "OK [READ-WRITE] done"
            elif word.startswith("UID SEARCH"):
                unseen = [name for name in server.mails if name not in server.seen]
                self._say(f"* SEARCH {' '.join(unseen)}".rstrip())
            elif fetch := re.match(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", word):
                content = server.mails[fetch[1]][: int(fetch[2])]
                self.wfile.write(f"* 1 FETCH (UID {fetch[1]} BODY[]<0> {{{len(content)}}}\r\n".encode())
                self.wfile.write(content + b")\r\n")
            elif store := re.match(r"UID STORE (\d+) \+FLAGS\.SILENT \(\\SEEN\)", word):
                server.seen.add(store[1])
            elif word == "LOGOUT":
                self._say("* BYE")
            else:
                status = "BAD unknown"
            self._say(f"{tag} {status}")

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, _request: Any, _address: Any) -> None:
            """A client that hangs up is no news."""

    with Listener(("127.0.0.1", 0), Session) as listener:
        server.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            stop.set()
            listener.shutdown()
            thread.join()
