"""Who holds the leads does not depend on when the guard ran, nor on which runs came, or in which order (D13).

One script of facts is told to two ledgers that differ only in what judges and falls back meanwhile: rounds of the
guard, single verdicts, single fallbacks, or nothing at all. In the end both must hold the same.

A hand-over is a fact itself: which partner held the leads at that instant. So both ledgers are brought up to date
before a lead arrives, and a neglected lead is left to an operator here (`automatic_attempts: 1`), not handed over anew.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from sqlmodel import col, select

from models import Attempt, Checkpoint, Partner, Tenure, Violation, Walk
from models.engine import open_engine
from rasti.errors import RastiError
from rasti.ledger.book import Book
from rasti.ledger.contacts import begin_contact, log_contact
from rasti.ledger.desk import assign_lead
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.handover import open_lead
from rasti.ledger.leads import receive_lead
from rasti.ledger.partners import accept_regulation
from rasti.ledger.tenures import activate, decline, resume, suspend, switch_holder
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.ledger.violations import record_violation, reverse_violation
from rasti.rules.bodies import parse_contact, parse_lead
from rasti.rules.kinds import CheckpointKind
from rasti.rules.month import Month
from rasti.rules.programme import Programme
from rasti.steward.guard import guard_round
from tests.builders import FIRST_CALL, MONTH, add_partner, contact_data, lead_data, publish_places
from tests.clock import MovableClock
from tests.databases import PostgresDatabases, SqliteDatabases

CODES = [f"p{number}" for number in range(1, 7)]
NOT_READY = "p3"
LEADS = 6
# All three windows in one day: leads wait for no call window, and tenures that begin later have the same clocks.
REGULATION = {
    CheckpointKind.FIRST_HOUR: (timedelta(0), timedelta(minutes=20)),
    CheckpointKind.THREE_DAYS: (timedelta(minutes=30), timedelta(minutes=60)),
    CheckpointKind.TWO_WEEKS: (timedelta(minutes=90), timedelta(minutes=150)),
}

OUTCOMES = ["reached", "incomplete", "no_answer", "bought", "wrong_contact"]

partners = st.sampled_from(CODES)
leads = st.integers(1, LEADS)
FACTS = st.one_of(
    st.tuples(st.just("assign"), leads, partners),
    st.tuples(st.just("assign"), leads, st.just("holder")),
    st.tuples(st.just("call"), leads),
    st.tuples(st.just("log"), leads, st.sampled_from(OUTCOMES)),
    st.tuples(st.just("record"), leads, st.sampled_from(["1h", "3d", "2w"])),
    st.tuples(st.just("reverse"), st.integers(0, 9)),
    st.tuples(st.just("arrive")),
    st.tuples(st.sampled_from(["decline", "suspend", "resume", "switch", "accept"]), partners),
    st.tuples(st.just("activate")),
    st.tuples(st.just("nothing")),
)
# What happens by itself, in one ledger: a round of the guard, one verdict, one fallback (by its number in the queue).
GUARD = st.lists(st.tuples(st.sampled_from(["round", "judge", "act"]), st.integers(0, 9)), max_size=2)
SCRIPTS = st.lists(st.tuples(st.sampled_from([0, 1, 4, 10, 15, 21]), GUARD, GUARD, FACTS), min_size=4, max_size=15)

# Few examples are tried, so this one always is: a round between the violations of p1 and p2, or one after both.
BETWEEN = [(15, [("round", 0)], [], ("nothing",)), (10, [("round", 0)], [("round", 0)], ("nothing",))]


class Story:
    """One ledger, told facts; what it does by itself meanwhile is told as well."""

    def __init__(self, engine: Engine, programme: Programme) -> None:
        rules = programme.rules[0].model_copy(update={"automatic_attempts": 1, "regulation": REGULATION})
        self.clock = MovableClock("2019-09-02 09:00")
        self.book = Book(engine, programme.model_copy(update={"rules": (rules,)}), clock=self.clock, actor="story")
        self.arrived = 0
        for code in CODES:
            add_partner(self.book, code, ready=code != NOT_READY)
        publish_places(self.book, MONTH, tuple(CODES))
        activate(self.book, MONTH)
        for lead, partner in enumerate((None, None, "p2", "p4", "p5", "p6"), start=1):
            self._arrive()
            if partner:
                self.tell(("assign", lead, partner))
            self.clock.advance(minutes=1)

    def tell(self, fact: tuple[Any, ...]) -> None:
        """One fact; refused or not, it must be the same in every ledger."""
        name, *about = fact
        with suppress(RastiError):
            self._facts()[name](*about)

    def _facts(self) -> dict[str, Callable[..., Any]]:
        book, month = self.book, Month.parse("2019-08")
        return {
            "nothing": lambda: None,
            "arrive": lambda: (self.run("round", 0), self._arrive()),
            "assign": self._assign,
            "call": lambda lead: begin_contact(book, lead, self._partner_of(lead)),
            "log": self._log,
            "record": lambda lead, kind: record_violation(book, lead, CheckpointKind(kind), reason="test"),
            "reverse": self._reverse,
            "decline": lambda partner: decline(book, month, partner, reason="test"),
            "suspend": lambda partner: suspend(book, partner, reason="test"),
            "resume": lambda partner: resume(book, partner, reason="test"),
            "switch": lambda partner: switch_holder(book, partner, reason="test"),
            "accept": lambda partner: accept_regulation(book, partner),
            "activate": lambda: activate(book, month, switch=True, reason="test"),
        }

    def _arrive(self) -> None:
        self.arrived += 1
        body = lead_data(self.arrived, requested_at=self.clock.now.isoformat())
        lead = receive_lead(self.book, parse_lead(body)).lead_id
        self._open(lead)

    def _assign(self, lead: int, partner: str) -> None:
        if partner == "holder":
            self.run("round", 0)  # the operator looks who it is
            partner = self.holder() or "p6"
        assign_lead(self.book, lead, partner, reason="test")
        self._open(lead)

    def _open(self, lead: int) -> None:
        with suppress(RastiError):
            open_lead(self.book, lead, self._partner_of(lead))

    def _log(self, lead: int, outcome: str) -> None:
        items = {"reached": FIRST_CALL, "incomplete": FIRST_CALL[:2], "bought": ["reached"]}.get(outcome, [])
        said = {"outcome": "reached" if outcome == "incomplete" else outcome, "checklist": items}
        body = contact_data(self._partner_of(lead), happened_at=self.clock.now.isoformat(), **said)
        log_contact(self.book, lead, parse_contact(body))

    def _reverse(self, number: int) -> None:
        self.run("round", 0)  # only what is recorded can be reversed
        with self.book.read() as tx:
            ids = tx.all(select(Violation.id).order_by(col(Violation.checkpoint_id)))
        if ids:
            reverse_violation(self.book, ids[number % len(ids)], reason="test")

    def _partner_of(self, lead: int) -> str:
        """Who had the lead last."""
        with self.book.read() as tx:
            held = select(Attempt.partner_code).where(col(Attempt.lead_id) == lead).order_by(col(Attempt.id))
            return str(["nobody", *tx.all(held)][-1])

    def run(self, what: str, number: int) -> None:
        """What judges and falls back by itself; a single run may be any of those that are due."""
        if what == "round":
            guard_round(self.book, grace=timedelta(0))
            return
        due = (due_checkpoints if what == "judge" else violations_to_act_on)(self.book)
        if due:
            (judge_checkpoint if what == "judge" else fall_back)(self.book, due[number % len(due)])

    def holder(self) -> str | None:
        with self.book.read() as tx:
            return tx.session.execute(
                select(Tenure.partner_code).where(col(Tenure.ended_at).is_(None))
            ).scalar_one_or_none()

    def outcome(self) -> dict[str, Any]:
        """All that must not depend on who ran when: holders, walks, verdicts, violations and their instants."""
        with self.book.read() as tx:
            keys = {a.id: (a.lead_id, a.number) for a in tx.all(select(Attempt))}
            points = {p.id: (*keys[p.attempt_id], p.kind.value) for p in tx.all(select(Checkpoint))}
            return {
                "holder": self.holder(),
                "tenures": [(t.partner_code, t.end_reason) for t in tx.all(select(Tenure).order_by(col(Tenure.id)))],
                "walks": [(w.cause, w.holder, w.skipped) for w in tx.all(select(Walk).order_by(col(Walk.id)))],
                "attempts": {keys[a.id]: (a.partner_code, a.tenure_id, a.end_reason) for a in tx.all(select(Attempt))},
                "verdicts": {points[p.id]: p.verdict for p in tx.all(select(Checkpoint))},
                "violations": {
                    points[v.checkpoint_id]: (v.partner_code, v.source, v.occurred_at, v.reversed_at is not None)
                    for v in tx.all(select(Violation))
                },
                "suspended": {p.code for p in tx.all(select(Partner)) if p.suspended_at},
            }


@contextmanager
def told(databases: SqliteDatabases | PostgresDatabases, programme: Programme) -> Iterator[tuple[Story, Story]]:
    with ExitStack() as closing:
        stories = []
        for _story in range(2):
            engine = open_engine(closing.enter_context(databases.new()))
            closing.callback(engine.dispose)
            if engine.dialect.name == "sqlite":
                # Nobody pulls the plug here; FULL costs most of the time.
                event.listen(engine, "connect", lambda conn, _record: conn.execute("PRAGMA synchronous=OFF"))
            stories.append(Story(engine, programme))
        yield stories[0], stories[1]


def _play(databases: SqliteDatabases | PostgresDatabases, programme: Programme, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(script=SCRIPTS)
    @example(script=BETWEEN)
    def play(script: list[tuple[int, list[tuple[str, int]], list[tuple[str, int]], tuple[Any, ...]]]) -> None:
        with told(databases, programme) as both:
            for minutes, *runs, fact in script:
                for story, mine in zip(both, runs, strict=True):
                    story.clock.advance(minutes=minutes)
                    for what, number in mine:
                        story.run(what, number)
                    story.tell(fact)
            for story in both:
                story.clock.advance(hours=4)
                story.run("round", 0)
            assert both[0].outcome() == both[1].outcome()

    play()


@pytest.mark.timeout(1200)
def test_the_holder_does_not_depend_on_when_the_guard_ran(
    sqlite_databases: SqliteDatabases, programme: Programme
) -> None:
    _play(sqlite_databases, programme, examples=5)


@pytest.mark.timeout(1200)
@pytest.mark.postgres
def test_nor_does_it_on_postgres(postgres_databases: PostgresDatabases, programme: Programme) -> None:
    _play(postgres_databases, programme, examples=1)
