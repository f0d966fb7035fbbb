"""The mail server of a chaos run, a process: it writes down every mail it takes before it says 250, and it misbehaves.

    python -m tests.durability.chaos.sink PORT JOURNAL SEED

Of a thousand mails some get 421, 451 or 550, some hang, and some connections drop after DATA.
"""

import asyncio
import sys
import time
from email.parser import BytesParser
from pathlib import Path
from random import Random
from typing import Any

from aiosmtpd.controller import UnthreadedController

from rasti.clients.mailbox import KIND_HEADER, LEAD_HEADER, NUMBER_HEADER, RECIPIENT_HEADER
from tests.durability.evidence import Journal

HANG = 25  # seconds: longer than the relay waits for an answer


class Sink:
    """Answers as its seed has it."""

    def __init__(self, journal: Journal, refusals: Journal, random: Random) -> None:
        self.journal, self.refusals, self.random = journal, refusals, random

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        roll = self.random.randrange(2000)
        if roll < 20:
            return self._refuse("421 4.3.2 closing")
        if roll < 60:
            return self._refuse("451 4.3.0 later")
        if roll < 70:
            return self._refuse("550 5.1.1 never")
        if roll < 71:
            self._keep(envelope, answered=False, why="hang")
            await asyncio.sleep(HANG)
            return "250 2.0.0 too late"
        if roll < 111:
            self._keep(envelope, answered=False, why="drop")
            server.transport.abort()
            return "250 2.0.0 unheard"
        self._keep(envelope, answered=True, why="")
        return "250 2.0.0 kept"

    def _refuse(self, answer: str) -> str:
        self.refusals.write(at=time.time(), code=answer[:3])
        return answer

    def _keep(self, envelope: Any, *, answered: bool, why: str) -> None:
        mail = BytesParser().parsebytes(envelope.content, headersonly=True)
        lead = mail.get(LEAD_HEADER)
        self.journal.write(
            at=time.time(),
            number=int(mail[NUMBER_HEADER]),
            message_id=mail["Message-ID"],
            kind=mail[KIND_HEADER],
            recipient=mail[RECIPIENT_HEADER],
            lead=None if lead is None else int(lead),
            answered=answered,
            why=why,
        )


def main(port: str, journal: str, seed: str) -> None:
    loop = asyncio.new_event_loop()
    path = Path(journal)
    controller = UnthreadedController(
        Sink(Journal(path), Journal(path.with_name("refusals.jsonl")), Random(f"{seed} {time.time()}")),
        hostname="127.0.0.1",
        port=int(port),
        loop=loop,
        server_hostname="localhost",
    )
    controller.begin()
    loop.run_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
