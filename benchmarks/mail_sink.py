"""A mail server that takes everything and notes each mail in a file, `PORT FILE`.

A line a mail: kind, Message-ID, lead, and the instant on the machine's monotonic clock, which all processes share.
"""

import sys
import threading
import time
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from rasti.clients.mailbox import KIND_HEADER, LEAD_HEADER
from tests.post_office import smtp_server


class Sink:
    """Notes a mail before it is acknowledged."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="ascii", buffering=1)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        mail = BytesHeaderParser().parsebytes(envelope.content)
        self._file.write(f"{mail[KIND_HEADER]} {mail['Message-ID']} {mail[LEAD_HEADER]} {time.monotonic():.6f}\n")
        return "250 OK"


if __name__ == "__main__":
    with smtp_server(Sink(Path(sys.argv[2])), int(sys.argv[1])):
        threading.Event().wait()
