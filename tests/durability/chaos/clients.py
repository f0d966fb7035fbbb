"""Who is outside in a chaos run: sites that send leads, partners who call, a reader. They know what they were told."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from queue import Empty, Queue
from random import Random
from typing import Any

import httpx
import psycopg

from tests.builders import FIRST_CALL, FOLLOW_UP, contact_data, lead_data
from tests.durability.evidence import Journal

_TIMEOUT = httpx.Timeout(6.0, connect=1.0)
FOLLOW_UPS = (27.0, 43.0)  # seconds after reception: inside the windows of chaos.yaml


@dataclass
class Api:
    """The portals' HTTP API; asks one, then the other, until somebody answers for good."""

    urls: Sequence[str]
    random: Random
    stopped: threading.Event
    tries: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._http = httpx.Client(timeout=_TIMEOUT)

    def post(self, path: str, body: dict[str, Any], token: str, key: str | None = None) -> httpx.Response | None:
        """The answer; None: the run is over, and nobody gave one."""
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        while True:
            url = self.random.choice(self.urls)
            try:
                response = self._http.post(f"{url}/api/v1/{path}", json=body, headers=headers)
            except httpx.HTTPError as error:
                self.tries[type(error).__name__] += 1
            else:
                self.tries[str(response.status_code)] += 1
                if response.status_code < 500:
                    return response
            if self.stopped.wait(0.2):
                return None


class Sites(threading.Thread):
    """Sends leads at a steady rate, each until it is taken; some of them twice."""

    def __init__(self, number: int, rate: float, seconds: float, api: Api, token: str, journal: Journal) -> None:
        super().__init__(name=f"site-{number}")
        self.number, self.rate, self.seconds = number, rate, seconds
        self.api, self.token, self.journal = api, token, journal
        self.acknowledged = 0

    def run(self) -> None:
        began = time.monotonic()
        sent = 0
        while time.monotonic() - began < self.seconds:
            if self.api.stopped.wait(max(0.0, began + sent / self.rate - time.monotonic())):
                return
            sent += 1
            body = self._lead(self.number * 1_000_000 + sent)
            for _once_or_twice in range(1 + (self.api.random.randrange(20) == 0)):
                self._send(body)

    def _send(self, body: dict[str, Any]) -> None:
        answer = self.api.post("leads", body, self.token)
        if answer is None:
            return
        if answer.status_code != 202:
            raise RuntimeError(f"a lead was answered {answer.status_code}: {answer.text}")
        told = answer.json()["lead"]
        self.journal.write(at=time.time(), kind="lead", source="site", source_id=body["source_id"], lead=told)
        self.acknowledged += 1

    def _lead(self, number: int) -> dict[str, Any]:
        client = {"phone": f"+7{number:010d}", "email": f"client{number}@client.example", "name": f"Client {number}"}
        return lead_data(
            1,
            source_id=f"request-{number}",
            client=client,
            requested_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )


@dataclass(order=True)
class Call:
    """A contact that a partner means to make."""

    at: float
    lead: int = field(compare=False)
    partner: str = field(compare=False)
    outcome: str = field(compare=False)
    checklist: list[str] = field(compare=False)


class Mailmen:
    """Reads the mail server's log as it grows, and tells the partners of the leads that came to them."""

    def __init__(self, journal: Path) -> None:
        self.journal, self.offset, self.seen = journal, 0, set[int]()

    def new_leads(self) -> list[tuple[int, str]]:
        if not self.journal.exists():
            return []
        with self.journal.open("rb") as file:
            file.seek(self.offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.offset += len(whole)
        mails = [json.loads(line) for line in whole.splitlines()]
        new = [mail for mail in mails if mail["kind"] == "lead" and mail["number"] not in self.seen]
        self.seen.update(mail["number"] for mail in new)
        return [(mail["lead"], mail["recipient"]) for mail in new]


class Partners(threading.Thread):
    """Plans what is done about each lead (most are handled, some neglected) and lets callers do it in time."""

    def __init__(self, mails: Path, random: Random, stopped: threading.Event) -> None:
        super().__init__(name="partners")
        self.mail, self.random, self.stopped = Mailmen(mails), random, stopped
        self.due: Queue[Call] = Queue()
        self._planned: list[Call] = []

    def run(self) -> None:
        while not self.stopped.wait(0.1):
            for lead, partner in self.mail.new_leads():
                self._plan(lead, partner)
            now = time.monotonic()
            for call in [call for call in self._planned if call.at <= now]:
                self._planned.remove(call)
                self.due.put(call)

    def _plan(self, lead: int, partner: str) -> None:
        roll, now = self.random.randrange(100), time.monotonic()
        soon = now + self.random.uniform(0.2, 6)
        if roll < 60:
            self._planned.append(Call(soon, lead, partner, "bought", ["reached"]))
        elif roll < 85:
            self._planned.append(Call(soon, lead, partner, "reached", FIRST_CALL))
            later = FOLLOW_UPS if roll < 78 else FOLLOW_UPS[:1]
            self._planned += [Call(now + wait, lead, partner, "reached", FOLLOW_UP) for wait in later]
        elif roll < 88:
            self._planned.append(Call(soon, lead, partner, "wrong_contact", []))


class Caller(threading.Thread):
    """Makes the calls that are due, and logs each until the portal says that it is logged."""

    def __init__(self, partners: Partners, api: Api, tokens: dict[str, str], journal: Journal) -> None:
        super().__init__(name="caller")
        self.partners, self.api, self.tokens, self.journal = partners, api, tokens, journal
        self.logged = 0

    def run(self) -> None:
        while not self.partners.stopped.is_set():
            try:
                call = self.partners.due.get(timeout=0.2)
            except Empty:
                continue
            self._log(call)

    def _log(self, call: Call) -> None:
        note = f"{call.partner}-{call.lead}-{call.at:.6f}"
        body = contact_data(
            call.partner,
            outcome=call.outcome,
            checklist=call.checklist,
            happened_at=datetime.now(UTC).isoformat(),
            note=note,
            lead=call.lead,
        )
        answer = self.api.post("contacts", body, self.tokens[call.partner], key=note)
        if answer is not None and answer.status_code == 200:
            told = {"partner": call.partner, "outcome": call.outcome, "checklist": sorted(call.checklist)}
            self.journal.write(
                at=time.time(), kind="contact", lead=call.lead, note=note, effect=answer.json()["effect"], **told
            )
            self.logged += 1
        elif answer is not None and answer.status_code != 409:
            raise RuntimeError(f"a contact was answered {answer.status_code}: {answer.text}")


class Reader(threading.Thread):
    """Looks many times a second who holds the leads, and at the newest of the audit trail."""

    def __init__(self, url: str, journal: Journal, stopped: threading.Event) -> None:
        super().__init__(name="reader")
        self.url, self.journal, self.stopped = url.replace("+psycopg", ""), journal, stopped
        self._seen: set[int] = set()

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as connection:
                    for look in count():
                        self._look_at_the_holder(connection)
                        if look % 4 == 0:
                            self._look_at_the_trail(connection)
                        if self.stopped.wait(0.025):
                            return
            except psycopg.Error:
                self.stopped.wait(0.3)

    def _look_at_the_holder(self, connection: "psycopg.Connection[Any]") -> None:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM tenure WHERE ended_at IS NULL), "
            "(SELECT holder FROM walk ORDER BY id DESC LIMIT 1)"
        ).fetchone()
        assert row is not None
        open_tenures, holder = row
        self.journal.write(
            at=time.time(), kind="holders", open=open_tenures, last_walk_found=holder is not None, over=False
        )

    def _look_at_the_trail(self, connection: "psycopg.Connection[Any]") -> None:
        events = connection.execute(
            "SELECT id, event, actor, lead_id, data FROM audit_event "
            "WHERE id > (SELECT max(id) FROM audit_event) - 100 ORDER BY id"
        ).fetchall()
        for id, *rest in events:
            if id not in self._seen:
                self._seen.add(id)
                self.journal.write(at=time.time(), kind="event", id=id, row=rest)


def start_all(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()


def guarded(threads: Sequence[threading.Thread], failed: Callable[[str], None]) -> None:
    """An error of a thread of ours is an error of the run."""

    def hook(problem: threading.ExceptHookArgs) -> None:
        failed(f"{problem.thread.name if problem.thread else 'a thread'}: {problem.exc_value!r}")

    threading.excepthook = hook
    start_all(threads)
