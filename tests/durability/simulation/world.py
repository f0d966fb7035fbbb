"""Everything around the ledger of one schedule: the clock, the processes, and what is outside and survives them."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, text

from models.engine import open_engine, read_only
from rasti.clients.mailbox import KIND_HEADER, LEAD_HEADER, NUMBER_HEADER, RECIPIENT_HEADER
from rasti.ledger.book import Book
from rasti.ledger.messages import LEASE
from rasti.rules.programme import Programme
from rasti.settings import Settings
from tests.clock import MovableClock
from tests.durability.simulation.faults import Faults, MailServer
from tests.fake_prefect import FakePrefect
from tests.returned_mail import SHAPES, bounce, drop, new_maildir

PROCESSES = {
    "intake-1": "intake",
    "intake-2": "intake",
    "steward-1": "steward",
    "steward-2": "steward",
    "worker-1": "worker",
    "worker-2": "worker",
    "desk": "steward",  # a command delivers the mail it caused itself
}


class Engines:
    """An engine a process; kept for many schedules over one path, for compiling statements is most of the time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._open: dict[str, Engine] = {}

    def open(self, name: str) -> Engine:
        if name not in self._open:
            self._open[name] = open_engine(self.url)
        return self._open[name]

    def dispose(self) -> None:
        """Close every connection."""
        for engine in self._open.values():
            engine.dispose()


class Process:
    """A process of ours: all it has in memory is its open ledger, and a kill takes that."""

    def __init__(self, name: str, start: Callable[[str], tuple[Engine, Book]]) -> None:
        self.name, self._start = name, start
        self.engine, self.book = start(name)

    def restart(self) -> None:
        self.engine.dispose()
        self.engine, self.book = self._start(self.name)


@dataclass
class Request:
    """What a client wants done and was not told is done: it asks again."""

    label: str
    ask: Callable[[Process], None]
    role: str


@dataclass
class World:
    """One schedule's world. The witnesses' journals are `acknowledged`, `mails`, `faults` and `readings`."""

    engines: Engines
    folder: Path
    programme: Programme
    random: Random
    clock: MovableClock
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    readings: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    pending: list[Request] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)  # processes in the middle of a step
    errors: list[str] = field(default_factory=list)  # what is neither a refusal nor the database's absence
    unhurried: bool = False  # a long schedule: it shall not run into the end of the programme
    act: Callable[[], None] = lambda: None  # lets somebody do something; set by the schedule

    def __post_init__(self) -> None:
        self.ticks = 0
        self._slow_ones: dict[str, list[dict[str, Any]]] = {}
        self.latest = self.clock.now
        self.leads: list[int] = []
        self.requests: list[dict[str, Any]] = []
        self.registers = 0
        self.seen_events = 0
        self.prefect = FakePrefect()
        self.settings = Settings(home=self.folder, secret_key="a secret of the simulation, long enough")
        self.at_points = Faults(self.random, self.note_fault, self._meanwhile, self._slow)
        self.smtp = MailServer(self.random, self)
        shutil.rmtree(self.folder / "bounces", ignore_errors=True)  # of a schedule before
        self.bounces = new_maildir(self.folder / "bounces")
        self.processes = {name: Process(name, self._open) for name in PROCESSES}
        self._reader = read_only(self.engines.open("reader"))

    def _open(self, name: str) -> tuple[Engine, Book]:
        engine = self.engines.open(name)
        points = self.at_points

        def reach(point: str) -> None:
            points.reach(name, point)

        return engine, Book(engine, self.programme, clock=self.clock, actor=name, points=reach)

    # --- witnesses

    def tick(self) -> int:
        """The witnesses' own clock: it never steps."""
        self.ticks += 1
        return self.ticks * 10  # apart by more than a witness's slack

    def say(self, what: str) -> None:
        self.trace.append(f"{self.clock.now:%m-%d %H:%M:%S.%f}"[:-3] + f" {'  ' * len(self.busy)}{what}")

    def note_fault(self, what: str, process: str) -> None:
        component = PROCESSES.get(process, process)
        self.counts[f"fault: {what}"] += 1
        self.say(f"! {what} ({process})")
        fault = {"at": self.tick(), "component": component, "what": what}
        self.faults.append(fault)
        if what == "slow":
            self._slow_ones.setdefault(process, []).append(fault)

    def note_refusal(self, mail: EmailMessage, reason: str) -> None:
        """The mail server said no, for a reason that will last."""
        number = int(mail[NUMBER_HEADER])
        self.say(f"! message {number} is refused: {reason}")
        self.faults.append({"at": self.tick(), "component": "refusal", "what": "refused", "number": number})

    def note_end(self, process: str) -> None:
        """A process is through with its step: until now it may have worked on with a claim that has run out."""
        for fault in self._slow_ones.pop(process, []):
            fault["until"] = self.tick()

    def acknowledge(self, kind: str, **about: Any) -> None:
        self.acknowledged.append({"at": self.tick(), "kind": kind, **about})

    def take_mail(self, mail: EmailMessage, *, answered: bool) -> None:
        lead = mail.get(LEAD_HEADER)
        self.mails.append(
            {
                "at": self.tick(),
                "number": int(mail[NUMBER_HEADER]),
                "message_id": mail["Message-ID"],
                "kind": mail[KIND_HEADER],
                "recipient": mail[RECIPIENT_HEADER],
                "lead": None if lead is None else int(lead),
                "answered": answered,
            }
        )

    def return_mail(self, mail: EmailMessage) -> None:
        """A server on the way could not deliver what was taken, and says so to the sender (a DSN)."""
        drop(self.bounces, bounce(mail.as_bytes(), self.random.choice(SHAPES)))

    def look(self) -> None:
        """A reader looks who holds the leads, and at what is new in the audit trail."""
        with self._reader.connect() as connection:
            count = connection.execute(text("SELECT count(*) FROM tenure WHERE ended_at IS NULL")).scalar_one()
            last = connection.execute(text("SELECT holder FROM walk ORDER BY id DESC LIMIT 1")).first()
            events = connection.execute(
                text("SELECT id, event, actor, lead_id, data FROM audit_event WHERE id > :seen ORDER BY id"),
                {"seen": self.seen_events},
            ).all()
        ends_at = self.programme.ends_at
        over = ends_at is not None and self.clock.now >= ends_at
        found = last is not None and last[0] is not None
        self.readings.append(
            {"at": self.tick(), "kind": "holders", "open": count, "last_walk_found": found, "over": over}
        )
        for id, event, actor, lead_id, data in events:
            row = [event, actor, lead_id, json.loads(data) if isinstance(data, str) else data]
            self.readings.append({"at": self.tick(), "kind": "event", "id": id, "row": row})
            self.seen_events = id

    # --- time and chance

    def now(self) -> datetime:
        return self.clock.now

    def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.latest = max(self.latest, self.clock.now)

    def set_time(self, to: datetime) -> None:
        self.clock.set(to)
        self.latest = max(self.latest, self.clock.now)

    def free(self, role: str) -> Process:
        """A process of this kind that is not in the middle of something."""
        names = [name for name, kind in PROCESSES.items() if kind == role and name not in self.busy]
        return self.processes[self.random.choice(names)]

    def has_free(self, role: str) -> bool:
        return any(kind == role and name not in self.busy for name, kind in PROCESSES.items())

    def book_of(self, process: Process, actor: str | None = None) -> Book:
        return replace(process.book, actor=actor or process.name, written=[])

    def _meanwhile(self, process: str) -> None:
        """While a process is in the middle of something, a reader looks and somebody acts, perhaps for long."""
        self.counts["fault: interleaved"] += 1
        began = self.clock.now
        self.look()
        self.act()
        if self.clock.now - began >= LEASE:
            self.note_fault("slow", process)

    def _slow(self) -> None:
        """So slow that the claim on what it is doing runs out."""
        self.pass_time(LEASE + timedelta(seconds=1))
        with self.at_points._deeper():
            self.act()

    def wait(self, seconds: int) -> None:
        self.pass_time(timedelta(seconds=seconds))
