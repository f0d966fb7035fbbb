"""A mail server on the loopback that refuses the recipients it is told to, and remembers whom it delivered to."""

import socket
from typing import Any

from aiosmtpd.controller import Controller


class PostOffice:
    """Answers 451 to a refused recipient, `refusing` to everybody while it is set, 250 to every other."""

    def __init__(self, *, smtputf8: bool = True) -> None:
        self.refused: set[str] = set()
        self.refusing = ""
        self.delivered: list[str] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=smtputf8)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def __enter__(self) -> "PostOffice":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    # aiosmtpd calls these by name

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.refusing or address in self.refused:
            return self.refusing or "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.delivered.extend(envelope.rcpt_tos)
        return "250 delivered"
