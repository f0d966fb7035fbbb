"""The lead workflow on Temporal: `PORT SMTP_PORT SERVER`. One process: intake, workflows and activities."""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.peers.lead_intake import serve, text_of
from benchmarks.peers.mail import send
from benchmarks.peers.temporal_workflow import LeadWorkflow

PORT, SMTP, SERVER = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


@activity.defn(name="deliver")
def deliver(kind: str, lead: str, text: str) -> None:
    send(SMTP, kind, lead, text)


async def work(connected: "asyncio.Future[Client]") -> None:
    """The worker; the intake starts workflows through the same connection."""
    client = await Client.connect(SERVER)
    with ThreadPoolExecutor(16) as threads:
        worker = Worker(
            client, task_queue="leads", workflows=[LeadWorkflow], activities=[deliver], activity_executor=threads
        )
        connected.set_result(client)
        await worker.run()


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    connected: asyncio.Future[Client] = loop.create_future()
    threading.Thread(target=loop.run_until_complete, args=(work(connected),), daemon=True).start()

    def accept(lead: str, body: dict[str, Any]) -> None:
        starting = connected.result().start_workflow(
            LeadWorkflow.run, args=[lead, text_of(body)], id=lead, task_queue="leads"
        )
        asyncio.run_coroutine_threadsafe(starting, loop).result(60)

    serve(accept, PORT)
