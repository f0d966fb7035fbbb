"""A mail server that takes everything and notes each mail's kind and id in a file: `PORT FILE`."""

import sys
import threading
from email import message_from_bytes
from pathlib import Path
from typing import Any

from rasti.clients.mailbox import KIND_HEADER
from tests.post_office import smtp_server


class Sink:
    """Notes a mail before it is acknowledged."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="ascii", buffering=1)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content)
        self._file.write(f"{mail[KIND_HEADER]} {mail['Message-ID']}\n")
        return "250 OK"


if __name__ == "__main__":
    with smtp_server(Sink(Path(sys.argv[2])), int(sys.argv[1])):
        threading.Event().wait()
