"""Leads sent over HTTP at a fixed rate, or as fast as they are taken."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx

from tests.builders import lead_data

SENDERS = 48
_numbers = count(1)


@dataclass(frozen=True)
class Sent:
    """One lead: when its request was due and answered (monotonic seconds), the answer, the lead's id."""

    due: float
    answered: float
    status: str
    lead: str


def send_leads(
    urls: Sequence[str],
    total: int,
    *,
    rate: float | None,
    headers: dict[str, str] | None = None,
    senders: int = SENDERS,
) -> list[Sent]:
    """Send `total` leads, `rate` a second (None: each sender sends when its last was answered).

    A request counts from the instant at which it was due, so that a slow answer does not hide those behind it.
    """
    numbers, sent, taking = iter(range(total)), [], threading.Lock()
    with ExitStack() as stack:
        # Before the first is due: making one takes as long as handing a lead over, and that is no system's doing.
        clients = [
            stack.enter_context(httpx.Client(base_url=urls[own % len(urls)], headers=headers, timeout=60, verify=False))
            for own in range(senders)
        ]
        requested_at = datetime.now(UTC).isoformat()
        start = time.monotonic() + 0.2

        def sender(client: httpx.Client) -> None:
            while True:
                with taking:
                    number = next(numbers, None)
                if number is None:
                    return
                due = start + number / rate if rate else max(start, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))
                status, lead = _post(client, requested_at)
                sent.append(Sent(due, time.monotonic(), status, lead))

        threads = stack.enter_context(ThreadPoolExecutor(senders))
        for done in [threads.submit(sender, client) for client in clients]:
            done.result()
    return sent


def _post(client: httpx.Client, requested_at: str) -> tuple[str, str]:
    number = next(_numbers)
    body: dict[str, Any] = lead_data(number, source_id=f"bench-{number}", requested_at=requested_at)
    body["client"] |= {"phone": f"+7 901 {number:07d}", "email": f"client{number}@client.example"}
    try:
        answer = client.post("/api/v1/leads", json=body)
    except httpx.HTTPError as error:
        return type(error).__name__, ""
    return str(answer.status_code), str(answer.json()["lead"]) if answer.is_success else ""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
