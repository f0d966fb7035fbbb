"""One schedule: a seed decides who does what when and what breaks; then faults stop, and the checker judges."""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random

import yaml

from models import Partner
from rasti.clients.bounce_folder import Maildir
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.rankings import rank
from rasti.rules.month import Month
from rasti.rules.programme import Programme
from rasti.steward.bounces import read_bounces
from rasti.steward.guard import guard_round
from rasti.steward.relay import deliver
from tests.clock import MovableClock
from tests.durability.checker import check, complaints
from tests.durability.evidence import Evidence, read_tables
from tests.durability.simulation import clients, desk, machinery
from tests.durability.simulation.billing import ISSUER, NOT_READY, PARTNERS, first_registers
from tests.durability.simulation.steps import ask_again
from tests.durability.simulation.world import Engines, World

ROOT = Path(__file__).resolve().parents[3]
LAST_MONTH = "2019-11"
DRAIN_PER_HOUR = 3

# How often each happens, relative to the others.
ACTIONS: dict[Callable[[World], None], int] = {
    clients.lead_comes: 16,
    clients.lead_comes_again: 3,
    ask_again: 8,
    clients.partner_opens: 3,
    clients.partner_begins: 6,
    clients.partner_logs: 16,
    desk.operator_decides: 16,
    desk.operator_reverses: 26,
    desk.operator_detaches: 28,
    desk.operator_clears_quarantine: 17,
    desk.operator_settles_bills: 26,
    desk.operator_takes_version: 30,
    desk.operator_resends: 24,
    desk.operator_puts_aside: 12,
    desk.operator_corrects_address: 4,
    desk.operator_reassigns: 6,
    desk.register_comes: 5,
    desk.issuer_closes: 1,
    desk.month_is_run: 6,
    machinery.relay_delivers: 22,
    machinery.guard_looks: 16,
    machinery.bounces_are_read: 12,
    machinery.runs_are_kept: 13,
    machinery.run_executes: 34,
    machinery.prefect_suffers: 3,
    machinery.run_is_lost: 9,
    machinery.time_passes: 26,
    machinery.month_ends: 3,
    machinery.clock_steps: 3,
    machinery.somebody_reads: 5,
}


@dataclass
class Outcome:
    """What one schedule came to."""

    seed: int
    steps: int
    trace: list[str]
    complaints: list[str]
    events: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)


@cache
def programme_text() -> str:
    """The delivered programme with a pace that schedules reach, a last month they reach, and an issuer who closes."""
    written = yaml.safe_load((ROOT / "programme.yaml").read_text("utf-8"))
    written["last_month"] = LAST_MONTH
    written["issuers"] = [ISSUER]
    written["rules"][0]["drain_per_hour"] = DRAIN_PER_HOUR
    text: str = yaml.safe_dump(written)
    return text


@cache
def programme() -> Programme:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(programme_text())
        file.flush()
        return load_programme(Path(file.name))


def prepare(book: Book, folder: Path) -> None:
    """What every schedule begins with: the partners, and the registers of July and August."""
    with book.write() as tx:
        for code in PARTNERS:
            accepted = None if code == NOT_READY else date(2019, 7, 1)
            tx.session.add(
                Partner(code=code, name=code, email=f"{code}@partner.example", regulation_accepted_on=accepted)
            )
    path = folder / "first.csv"
    path.write_text(first_registers().text, "utf-8")
    ingest_register(book, path, closes=(ISSUER, first_registers().month))


def run_schedule(
    seed: int,
    engines: Engines,
    folder: Path,
    *,
    steps: int | None = None,
    keep: Callable[[Evidence], None] = lambda _evidence: None,
) -> Outcome:
    """Play one seed over a prepared database. The same seed is the same schedule. `keep` is given the evidence."""
    random = Random(seed)
    length = steps or random.randrange(20, 27)
    try:
        world = begin_world(random, engines, folder)
        world.unhurried = length > 100
        for _step in range(length):
            world.act()
            if random.randrange(3) == 0:
                world.look()
        drain(world)
        evidence = gather(world)
        keep(evidence)
        outcome = Outcome(seed, length, world.trace, [*world.errors, *complaints(check(evidence))])
        outcome.events.update(row["event"] for row in evidence.rows("audit_event"))
        outcome.counts.update(world.counts)
        outcome.crashes.update(world.at_points.crashes)
        return outcome
    finally:
        engines.dispose()


def begin_world(random: Random, engines: Engines, folder: Path) -> World:
    """A world over a prepared database: the first month has been run, and it is an hour of the first Monday."""
    world = World(engines, folder, programme(), random, MovableClock("2019-09-01 00:10"))
    world.acknowledge("register", text=first_registers().good)
    choices, weights = list(ACTIONS), list(ACTIONS.values())

    def act() -> None:
        """Somebody does something; who finds nothing to do now, takes no step."""
        world.pass_time(timedelta(milliseconds=world.random.randrange(1, 2000)))
        told = len(world.trace)
        while len(world.trace) == told:
            world.random.choices(choices, weights)[0](world)

    world.act = act
    desk.month_is_run(world)
    world.clock.set(f"2019-09-02 {random.choice(['03:00', '10:00', '19:40'])}")
    return world


def drain(world: World) -> None:
    """Faults stop; everybody asks again until told; both stewards run for 90 seconds more."""
    world.say("-- faults stop")
    world.at_points.quiet = world.smtp.quiet = True
    world.prefect.down = False
    world.set_time(max(world.clock.now, world.latest))  # the clock is right again
    for process in world.processes.values():
        process.restart()
    while world.pending:
        ask_again(world)
    for name, wait in (("steward-1", 1), ("steward-2", 44), ("steward-1", 45)):
        book = world.book_of(world.processes[name])
        deliver(book, world.settings, postman=world.smtp)
        read_bounces(book, Maildir(world.bounces))
        guard_round(book, grace=timedelta(seconds=30))
        world.pass_time(timedelta(seconds=wait))
    deliver(world.book_of(world.processes["steward-1"]), world.settings, postman=world.smtp)
    _rank_again(world)
    world.look()


def _rank_again(world: World) -> None:
    book = world.book_of(world.processes["worker-1"])
    month = Month.parse("2019-08")
    while month.ends_at(world.programme.zone) <= world.clock.now and str(month) <= LAST_MONTH:
        version = rank(book, month).version
        world.acknowledge("ranked", month=str(month), version=version, last=True)
        month = month.next


def gather(world: World) -> Evidence:
    """The witnesses' evidence of this schedule."""
    tables, _machine_time = read_tables(world.engines.url)
    journals = {name: getattr(world, name) for name in ("acknowledged", "mails", "faults", "readings")}
    return Evidence(tables, yaml.safe_load(programme_text()), world.clock.now, **journals)
