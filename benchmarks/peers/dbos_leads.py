"""The lead workflow on DBOS: `PORT SMTP_PORT DATABASE_URL`. Timers are delayed enqueues."""

import sys
from typing import Any

from dbos import DBOS, SetEnqueueOptions

from benchmarks.peers.lead_intake import WINDOWS, serve, text_of
from benchmarks.peers.mail import send

PORT, SMTP, DATABASE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
DBOS(config={"name": "leads", "system_database_url": DATABASE, "log_level": "ERROR", "executor_id": str(PORT)})


@DBOS.step(retries_allowed=True)
def deliver(kind: str, lead: str, text: str) -> None:
    send(SMTP, kind, lead, text)


@DBOS.workflow()
def checkpoint(_lead: str, kind: str) -> str:
    return kind


@DBOS.workflow()
def handle(lead: str, body: dict[str, Any]) -> None:
    for kind in ("lead", "welcome"):
        deliver(kind, lead, text_of(body))
    for kind, seconds in WINDOWS.items():
        with SetEnqueueOptions(delay_seconds=seconds):
            DBOS.enqueue_workflow("checkpoints", checkpoint, lead, kind)


def accept(lead: str, body: dict[str, Any]) -> None:
    DBOS.start_workflow(handle, lead, body)


if __name__ == "__main__":
    DBOS.launch()
    DBOS.register_queue("checkpoints")
    serve(accept, PORT)
