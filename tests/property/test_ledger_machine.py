"""The ledger under any order of steps, on both databases, beside a referee of plain dicts.

Each step is done by the ledger and by the referee; afterwards both must hold the same, whatever came late, twice or out
of order. Some invariants are read from the database alone, so that a fault shared by the two is seen as well.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, event, func, text
from sqlmodel import col, select

from models import Attempt, AuditEvent, Checkpoint, Message, Partner, Violation
from models.engine import open_engine
from rasti.errors import RastiError
from rasti.ledger.book import Book
from rasti.ledger.contacts import begin_contact, log_contact
from rasti.ledger.desk import assign_lead, close_lead
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.handover import hand_over, hand_over_waiting, open_lead
from rasti.ledger.leads import receive_lead
from rasti.ledger.messages import claim, complete
from rasti.ledger.tenures import activate, decline, end_programme, resume, suspend, switch_holder
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.ledger.violations import record_violation, reverse_violation
from rasti.rules.bodies import parse_contact, parse_lead
from rasti.rules.kinds import CheckpointKind, Event, MessageKind
from rasti.rules.month import Month
from rasti.rules.programme import Programme
from tests.builders import FIRST_CALL, FOLLOW_UP, contact_data, lead_data, publish_places
from tests.clock import MovableClock
from tests.databases import PostgresDatabases, SqliteDatabases
from tests.property.ledger_state import INVARIANTS, NOT_READY, PARTNERS, expected_of, stored
from tests.property.referee import Referee, Refusal, month_of, shift

DRAIN = 3
LAST_MONTH = "2019-11"

pick = st.integers(0, 999)  # which of what is there; a choice that shrinks
partners = st.sampled_from(PARTNERS)
moments = st.sampled_from(
    [
        ("minutes", 1),
        ("minutes", 9),
        ("minutes", 10),
        ("minutes", 15),
        ("minutes", 16),
        ("minutes", 59),
        ("hours", 1),
        ("hours", 12),
        ("days", 1),
        ("days", 5),
        ("night", 0),
        ("morning", 0),
        ("month", 0),
    ]
)
conversations = st.sampled_from(
    [
        ("call", "reached", FIRST_CALL),
        ("call", "reached", FIRST_CALL),
        ("call", "reached", FOLLOW_UP),
        ("call", "reached", FOLLOW_UP),
        ("meeting", "reached", sorted({*FIRST_CALL, *FOLLOW_UP})),
        ("call", "reached", sorted({*FIRST_CALL, *FOLLOW_UP})),
        ("call", "reached", FIRST_CALL[:-1]),
        ("call", "no_answer", []),
        ("call", "no_answer", []),
        ("message", "no_answer", []),
        ("email", "reached", []),
        ("call", "wrong_contact", []),
        ("email", "wrong_contact", []),
        ("call", "refused", ["reached"]),
        ("call", "bought", ["reached"]),
        ("message", "do_not_call", ["reached"]),
        ("call", "refused", []),
    ]
)


class LedgerMachine(RuleBasedStateMachine):
    """Steps of everybody who touches the ledger, in any order."""

    def __init__(self, new_engine: Callable[[ExitStack], Engine], programme: Programme) -> None:
        super().__init__()
        self.closing = ExitStack()
        rules = programme.rules[0].model_copy(update={"drain_per_hour": DRAIN})
        months = {"rules": (rules,), "last_month": Month.parse(LAST_MONTH)}
        self.clock = MovableClock("2019-09-01 00:10")
        self.book = Book(
            new_engine(self.closing), programme.model_copy(update=months), clock=self.clock, actor="machine"
        )
        self.referee = Referee(first_month="2019-08", last_month=LAST_MONTH, drain_per_hour=DRAIN)
        self.referee.now = self.clock.now
        self.versions: dict[str, int] = {}
        self.clients: list[dict[str, Any]] = []
        with self.book.write() as tx:
            for code in PARTNERS:
                ready = code != NOT_READY
                self.referee.world.partners[code] = {"ready": ready, "suspended": False}
                accepted = date(2019, 7, 1) if ready else None
                mail = f"{code}@partner.example"
                tx.session.add(Partner(code=code, name=code, email=mail, regulation_accepted_on=accepted))
        self.stored = stored(self.book)
        self.events = self._events()

    def teardown(self) -> None:
        self.closing.close()

    def both(self, ledger: Callable[[], Any], referee: Callable[[], Any]) -> tuple[Any, Any]:
        """Do a step in both; what one refuses, the other must refuse too."""
        refusal = None
        try:
            expected = self.referee.attempted(referee)
        except Refusal as error:
            refusal = error
        try:
            done = ledger()
        except RastiError as error:
            assert refusal is not None, f"the ledger refuses, the rules do not: {error}"
            return None, None
        assert refusal is None, "the rules refuse, the ledger does not"
        return done, expected

    def any_lead(self, number: int) -> int:
        leads = sorted(self.referee.world.leads)
        return leads[number % len(leads)]

    def any_attempt(self, number: int) -> dict[str, Any]:
        """An attempt, more often one that is open."""
        attempts = [attempt for attempt in self.referee.world.attempts if not attempt["ended"]]
        if number % 4 == 0 or not attempts:
            attempts = self.referee.world.attempts
        return attempts[number // 4 % len(attempts)]

    # --- time

    @rule(moment=moments)
    def time_passes(self, moment: tuple[str, int]) -> None:
        self._pass(moment)

    def _pass(self, moment: tuple[str, int]) -> None:
        unit, length = moment
        now, world = self.clock.now, self.referee.world
        if unit == "due":
            points = [
                p["due"] for a in world.attempts if not a["ended"] for p in a["points"].values() if not p["verdict"]
            ]
            later = [due for due in points if due + timedelta(seconds=length) > now]
            if not later:
                return
            self.clock.set(min(later))
        elif unit in ("night", "morning"):
            hour = 3 if unit == "night" else 9
            self.clock.set((now + timedelta(days=1)).replace(hour=hour - 3, minute=0, second=0, microsecond=0))
        elif unit == "month":
            self.clock.set(f"{shift(month_of(now), 1)}-01 00:10")
        else:
            self.clock.advance(**{unit: length})
        self.referee.now = self.clock.now

    @precondition(lambda self: self._due_times())
    @rule(seconds=st.sampled_from([0, 1, 1, -60]))
    def due_time_comes(self, seconds: int) -> None:
        """Exactly at the due time nothing is overdue yet; a second later it is."""
        later = [due + timedelta(seconds=seconds) for due in self._due_times()]
        self.clock.set(max(self.clock.now, min(later)))
        self.referee.now = self.clock.now

    def _due_times(self) -> list[datetime]:
        points = [point for attempt in self.referee.world.attempts for point in attempt["points"].values()]
        return [point["due"] for point in points if not point["verdict"] and point["due"] > self.clock.now]

    # --- the month

    @initialize(places=st.permutations(PARTNERS), hour=st.sampled_from([3, 12, 19]), leads=st.integers(0, 4))
    def first_month_is_won_and_leads_come(self, places: list[str], hour: int, leads: int) -> None:
        self.publish(0, places, 6)
        self.clock.set(f"2019-09-02 {hour:02d}:00")
        self.referee.now = self.clock.now
        self.activate(0, False)
        for client in range(leads):
            self._arrive(client, 0)
        self._deliver()

    def publish(self, month: int, places: list[str], length: int) -> None:
        name = shift(month_of(self.clock.now), month - 1)
        self.versions[name] = self.versions.get(name, 0) + 1
        publish_places(self.book, name, tuple(places[:length]), version=self.versions[name])
        self.referee.publish(name, places[:length])

    def activate(self, month: int, switch: bool) -> None:
        name = shift(month_of(self.clock.now), month - 1)
        self.both(
            lambda: activate(self.book, Month.parse(name), switch=switch, reason="test"),
            lambda: self.referee.activate(name, switch=switch),
        )

    @rule(
        places=st.permutations(PARTNERS),
        month=st.sampled_from([0, 0, 0, -1, 1]),
        switch=st.booleans(),
        new=st.booleans(),
    )
    def month_is_ranked_and_activated(self, places: list[str], month: int, switch: bool, new: bool) -> None:
        if new:
            self.publish(month, places, 6 - len(self.versions) % 3)
        self.activate(month, switch)

    @rule(places=st.permutations(PARTNERS), length=st.integers(0, 6))
    def next_month_begins(self, places: list[str], length: int) -> None:
        self._pass(("month", 0))
        self.publish(0, places, length)
        self.activate(0, False)

    @precondition(lambda self: self.referee.open_tenure() is not None and len(self.referee.world.leads) < 12)
    @rule(client=st.integers(1, 9), minutes=st.sampled_from([0, 600]))
    def everybody_declines_and_leads_wait(self, client: int, minutes: int) -> None:
        """Who holds the leads declines, and the next, until nobody is left."""
        while tenure := self.referee.open_tenure():
            month, partner = Month.parse(shift(tenure["month"], -1)), tenure["partner"]
            refused = self.referee.world.declined.copy()
            self.both(
                lambda: decline(self.book, month, partner, reason="test"),  # noqa: B023
                lambda: self.referee.decline(str(month), partner),  # noqa: B023
            )
            if refused == self.referee.world.declined:
                break
        self._arrive(client, minutes)

    # One rule for what is rare, so that the steps of every day come more often.
    @rule(
        what=st.sampled_from(["decline", "suspend", "resume", "switch", "back", "back"]),
        partner=partners,
        month=st.sampled_from([0, 0, -1, 1]),
    )
    def operator_decides_about_a_partner(self, what: str, partner: str, month: int) -> None:
        book, referee = self.book, self.referee
        if what == "decline":
            name = shift(month_of(self.clock.now), month - 1)
            parsed = Month.parse(name)
            self.both(lambda: decline(book, parsed, partner, reason="test"), lambda: referee.decline(name, partner))
        elif what == "suspend":
            self.both(lambda: suspend(book, partner, reason="test"), lambda: referee.suspend(partner))
        elif what == "resume":
            self.both(lambda: resume(book, partner, reason="test"), lambda: referee.resume(partner))
        else:
            if what == "back" and len(referee.world.tenures) > 1:
                partner = referee.world.tenures[-2]["partner"]
            self.both(lambda: switch_holder(book, partner, reason="test"), lambda: referee.switch(partner))

    # --- leads

    @precondition(lambda self: len(self.referee.world.leads) < 12)
    @rule(client=st.integers(1, 9), minutes_ago=st.sampled_from([0, 0, 5, 600]))
    def lead_arrives(self, client: int, minutes_ago: int) -> None:
        self._arrive(client, minutes_ago)

    @precondition(lambda self: len(self.referee.world.leads) < 12)
    @rule(client=st.integers(1, 9))
    def lead_arrives_and_is_received(self, client: int) -> None:
        self._arrive(client, 0)
        self._deliver()

    def _arrive(self, client: int, minutes_ago: int) -> None:
        number = len(self.clients) + 1
        requested = self.clock.now - timedelta(minutes=minutes_ago)
        body = lead_data(client, source_id=f"request-{number}", requested_at=requested.isoformat())
        arrival = receive_lead(self.book, parse_lead(body))
        assert arrival.created
        self.clients.append(body)
        self.referee.arrive(arrival.lead_id, client, requested)
        assert self.referee.world.leads[arrival.lead_id]["root"] == arrival.attached_to

    @precondition(lambda self: self.clients)
    @rule(number=pick, changed=st.booleans())
    def lead_is_sent_again(self, number: int, changed: bool) -> None:
        body = self.clients[number % len(self.clients)] | ({"workplaces": 77} if changed else {})
        try:
            arrival = receive_lead(self.book, parse_lead(body))
        except RastiError:
            assert changed
        else:
            assert not changed
            assert not arrival.created

    @precondition(lambda self: self.referee.world.attempts)
    @rule()
    def mail_is_delivered(self) -> None:
        self._deliver()

    def _deliver(self) -> None:
        for claimed in claim(self.book, "machine", limit=1000):
            assert complete(self.book, claimed)
        for attempt in self.referee.world.attempts:
            self.referee.receive(attempt)

    @precondition(lambda self: self.referee.world.attempts)
    @rule(number=pick, partner=st.one_of(st.none(), partners))
    def lead_is_opened(self, number: int, partner: str | None) -> None:
        attempt = self.any_attempt(number)
        lead, code = attempt["lead"], partner or attempt["partner"]
        self.both(lambda: open_lead(self.book, lead, code), lambda: self.referee.open_lead(lead, code))

    @precondition(lambda self: self.referee.world.leads)
    @rule(number=pick)
    def lead_is_handed_over(self, number: int) -> None:
        lead = self.any_lead(number)
        done = hand_over(self.book, lead)
        waits = self.referee.world.leads[lead]["state"] == "waiting"
        assert done.handed_over == (waits and lead in self.referee.hand_over_waiting())

    @rule()
    def waiting_leads_are_handed_over(self) -> None:
        assert hand_over_waiting(self.book) == self.referee.hand_over_waiting()

    # --- the regulation

    @precondition(lambda self: self.referee.world.attempts)
    @rule(number=pick, partner=st.one_of(st.none(), st.none(), st.none(), partners))
    def contact_begins(self, number: int, partner: str | None) -> None:
        self._begin(number, partner)

    def _begin(self, number: int, partner: str | None) -> None:
        attempt = self.any_attempt(number)
        lead, code = attempt["lead"], partner or attempt["partner"]
        self.both(lambda: begin_contact(self.book, lead, code), lambda: self.referee.begin(lead, code))

    @precondition(lambda self: self.referee.world.attempts)
    @rule(number=pick, partner=st.one_of(st.none(), st.none(), st.none(), partners), conversation=conversations)
    def contact_is_logged(self, number: int, partner: str | None, conversation: tuple[str, str, list[str]]) -> None:
        self._log(number, partner, conversation)

    @precondition(lambda self: any(not attempt["ended"] for attempt in self.referee.world.attempts))
    @rule(number=pick, conversation=conversations)
    def holder_logs_contact(self, number: int, conversation: tuple[str, str, list[str]]) -> None:
        self._log(number | 1, None, conversation)

    @precondition(lambda self: any(not attempt["ended"] for attempt in self.referee.world.attempts))
    @rule(number=pick, minutes=st.sampled_from([1, 14, 15, 16]), conversation=conversations)
    def holder_has_a_long_call(self, number: int, minutes: int, conversation: tuple[str, str, list[str]]) -> None:
        self._begin(number | 1, None)
        self._pass(("minutes", minutes))
        self._log(number | 1, None, conversation)

    @precondition(lambda self: self._due_times())
    @rule(number=pick, early=st.sampled_from([0, 1, 5]), minutes=st.sampled_from([15, 15, 16]), logged=st.booleans())
    def holder_calls_at_the_last_moment(self, number: int, early: int, minutes: int, logged: bool) -> None:
        """The call begins in the window and ends after it; or is never completed."""
        attempt = self.any_attempt(number | 1)
        times = [point["due"] for point in attempt["points"].values() if not point["verdict"]]
        if attempt["ended"] or not times or times[0] - timedelta(minutes=early) < self.clock.now:
            return
        self.clock.set(times[0] - timedelta(minutes=early))
        self.referee.now = self.clock.now
        self._begin(number | 1, None)
        self._pass(("minutes", minutes))
        if logged:
            self._log(number | 1, None, ("call", "reached", sorted({*FIRST_CALL, *FOLLOW_UP})))
        else:
            self.guard_makes_its_round()

    def _log(self, number: int, partner: str | None, conversation: tuple[str, str, list[str]]) -> None:
        attempt, (kind, outcome, items) = self.any_attempt(number), conversation
        lead, code = attempt["lead"], partner or attempt["partner"]
        happened = self.clock.now + timedelta(hours=number % 3)  # the partner's word decides nothing
        said = {"kind": kind, "outcome": outcome, "checklist": items, "happened_at": happened.isoformat()}
        body = parse_contact(contact_data(code, **said))
        logged, effect = self.both(
            lambda: log_contact(self.book, lead, body), lambda: self.referee.log(lead, code, kind, outcome, items)
        )
        if logged is not None:
            # One that repeats what was met already may be told either way.
            assert effect in (logged.effect, "kept")
            assert (effect == "after_end") == (logged.effect == "after_end")

    @precondition(lambda self: any(not attempt["ended"] for attempt in self.referee.world.attempts))
    @rule(number=pick)
    def holder_keeps_to_the_regulation(self, number: int) -> None:
        """The next checkpoint that is still open gets its contact, in time."""
        attempt = self.any_attempt(number | 1)
        times = [
            point for point in attempt["points"].values() if not point["verdict"] and point["due"] > self.clock.now
        ]
        if times:
            self.clock.set(max(self.clock.now, times[0]["opens"]))
            self.referee.now = self.clock.now
            self._log(number | 1, None, ("call", "reached", sorted({*FIRST_CALL, *FOLLOW_UP})))

    @precondition(lambda self: any(not attempt["ended"] for attempt in self.referee.world.attempts))
    @rule(number=pick, acted=st.booleans())
    def holder_neglects_a_lead(self, number: int, acted: bool) -> None:
        """The next due time passes without a contact; the leads move on, the lead perhaps, to nobody yet."""
        attempt = self.any_attempt(number | 1)
        kind = next((kind for kind, point in attempt["points"].items() if not point["verdict"]), None)
        if kind is None:
            return
        key = (attempt["lead"], attempt["number"], kind)
        self.clock.set(max(self.clock.now, attempt["points"][kind]["due"] + timedelta(seconds=1)))
        self.referee.now = self.clock.now
        judge_checkpoint(self.book, self._ids(Checkpoint)[key])
        self.referee.judge(attempt["lead"])
        violation = next((v for v in self.referee.world.violations if v["key"] == key), None)
        if acted and violation:
            fall_back(self.book, self._ids(Violation)[key])
            self.referee.fall_back(violation)

    @precondition(lambda self: self.stored["checkpoints"])
    @rule(number=pick, times=st.integers(1, 2))
    def checkpoint_is_judged(self, number: int, times: int) -> None:
        key, checkpoint = self._any_id(Checkpoint, number)
        for _time in range(times):
            judged = judge_checkpoint(self.book, checkpoint)
            self.referee.judge(key[0])
            assert judged.verdict == self.referee.attempt(*key[:2])["points"][key[2]]["verdict"]
            assert (judged.verdict is None) == (judged.not_before is not None)

    @precondition(lambda self: self.stored["violations"])
    @rule(number=pick)
    def violation_is_acted_on(self, number: int) -> None:
        key, violation = self._any_id(Violation, number)
        known = next(v for v in self.referee.world.violations if v["key"] == key)
        assert fall_back(self.book, violation).acted_now == (not known["acted"])
        self.referee.fall_back(known)

    @rule()
    def guard_comes(self) -> None:
        self.guard_makes_its_round()

    def guard_makes_its_round(self) -> None:
        ids = {identity: key for key, identity in self._ids(Checkpoint).items()}
        due = due_checkpoints(self.book)
        assert {ids[checkpoint] for checkpoint in due} == self.referee.due()
        for checkpoint in due:
            judge_checkpoint(self.book, checkpoint)
            self.referee.judge(ids[checkpoint][0])
        keys = {identity: key for key, identity in self._ids(Violation).items()}
        todo = violations_to_act_on(self.book)
        assert [keys[violation] for violation in todo] == [v["key"] for v in self.referee.to_act_on()]
        for violation, known in zip(todo, self.referee.to_act_on(), strict=True):
            fall_back(self.book, violation)
            self.referee.fall_back(known)
        end_programme(self.book)
        self.referee.end_programme()
        assert hand_over_waiting(self.book) == self.referee.hand_over_waiting()
        assert due_checkpoints(self.book) == violations_to_act_on(self.book) == []

    # --- operators

    @precondition(lambda self: self.referee.world.leads)
    @rule(number=pick, kind=st.sampled_from(["1h", "3d", "2w"]))
    def violation_is_recorded_by_hand(self, number: int, kind: str) -> None:
        lead = self.any_lead(number)
        self.both(
            lambda: record_violation(self.book, lead, CheckpointKind(kind), reason="test"),
            lambda: self.referee.record(lead, kind),
        )

    @precondition(lambda self: self.stored["violations"])
    @rule(number=pick)
    def violation_is_reversed(self, number: int) -> None:
        key, violation = self._any_id(Violation, number)
        known = next(v for v in self.referee.world.violations if v["key"] == key)
        assert reverse_violation(self.book, violation, reason="test") == (not known["reversed"])
        self.referee.reverse(known)

    @precondition(lambda self: self.referee.world.leads)
    @rule(number=pick, partner=st.one_of(st.none(), partners))
    def operator_decides_about_a_lead(self, number: int, partner: str | None) -> None:
        book, referee, lead = self.book, self.referee, self.any_lead(number)
        if partner is None:
            self.both(lambda: close_lead(book, lead, reason="test"), lambda: referee.close_by_hand(lead))
        else:
            self.both(lambda: assign_lead(book, lead, partner, reason="test"), lambda: referee.assign(lead, partner))

    # --- what must be so after each step

    @invariant()
    def ledger_and_referee_agree(self) -> None:
        before, self.stored = self.stored, stored(self.book)
        expected = expected_of(self.referee)
        for what, rows in expected.items():
            assert self.stored[what] == rows, what
        events, self.events = self.events, self._events()
        assert self.events >= events
        assert self.events > events or before == self.stored, "a change without an audit event"

    @invariant()
    def what_always_holds(self) -> None:
        # One statement for all: which of them finds a row.
        broken = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS ({query})" for name, query in INVARIANTS.items())
        with self.book.read() as tx:
            assert tx.all(text(broken)) == []

    @invariant()
    def leads_drain_at_their_pace(self) -> None:
        with self.book.read() as tx:
            started = tx.all(select(Attempt.started_at).where(col(Attempt.origin) == "waited"))
        for start in started:
            assert len([other for other in started if start <= other < start + timedelta(hours=1)]) <= DRAIN
            assert 9 <= start.astimezone(self.book.programme.zone).hour < 20

    @invariant()
    def former_holders_alert_once_a_lead_and_partner(self) -> None:
        with self.book.read() as tx:
            told = tx.all(select(Message.dedupe_key).where(col(Message.kind) == MessageKind.ALERT_AFTER_END))
        assert set(told) == {f"alert_after_end:{lead}:{partner}" for lead, partner in self.referee.world.warned}

    @invariant()
    def every_pause_alerts(self) -> None:
        with self.book.read() as tx:
            paused = tx.all(select(func.count()).where(col(AuditEvent.event) == Event.LEAD_PAUSED.value))
            alerts = tx.all(select(func.count()).where(col(Message.kind) == MessageKind.ALERT_PAUSED))
        assert paused == alerts

    def _events(self) -> int:
        with self.book.read() as tx:
            return int(tx.session.execute(select(func.count()).select_from(AuditEvent)).scalar_one())

    def _ids(self, table: type[Checkpoint] | type[Violation]) -> dict[tuple[int, int, str], int]:
        """The ids of all checkpoints, or of their violations, by lead, attempt and kind."""
        statement = select(table.id, Attempt.lead_id, Attempt.number, Checkpoint.kind).order_by(col(table.id))
        if table is Violation:
            statement = statement.join(Attempt, col(Violation.attempt_id) == col(Attempt.id))
            statement = statement.join(Checkpoint, col(Violation.checkpoint_id) == col(Checkpoint.id))
        else:
            statement = statement.join(Attempt, col(Checkpoint.attempt_id) == col(Attempt.id))
        with self.book.read() as tx:
            rows = tx.session.execute(statement).all()
        return {(lead, attempt, kind.value): identity for identity, lead, attempt, kind in rows}

    def _any_id(self, table: type[Checkpoint] | type[Violation], number: int) -> tuple[tuple[int, int, str], int]:
        ids = list(self._ids(table).items())
        return ids[number % len(ids)]


def _play(databases: SqliteDatabases | PostgresDatabases, programme: Programme, examples: int, steps: int) -> None:
    def new_engine(closing: ExitStack) -> Engine:
        engine = open_engine(closing.enter_context(databases.new()))
        closing.callback(engine.dispose)
        if engine.dialect.name == "sqlite":
            # Nobody pulls the plug here; FULL costs most of the time.
            event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
        return engine

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: LedgerMachine(new_engine, programme),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(1200)
def test_ledger_follows_the_rules_in_any_order_of_steps(
    sqlite_databases: SqliteDatabases, programme: Programme
) -> None:
    _play(sqlite_databases, programme, examples=50, steps=40)


@pytest.mark.timeout(1200)
@pytest.mark.postgres
def test_ledger_on_postgres_follows_them_too(postgres_databases: PostgresDatabases, programme: Programme) -> None:
    _play(postgres_databases, programme, examples=8, steps=30)
