"""What anybody may do in a schedule: clients, partners, operators, billing, our loops, Prefect's runs, time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import col

from models import Attempt, Checkpoint, Message, Partner, QuarantinedRow, Violation
from rasti.errors import RastiError, Unavailable
from rasti.ledger.contacts import begin_contact, log_contact
from rasti.ledger.desk import assign_lead, close_lead
from rasti.ledger.fallback import fall_back
from rasti.ledger.handover import hand_over, hand_over_waiting, open_lead
from rasti.ledger.ingest import ingest_register
from rasti.ledger.leads import receive_lead
from rasti.ledger.messages import revive
from rasti.ledger.months import close_month, note_incomplete, resolve_quarantined
from rasti.ledger.rankings import publish, rank
from rasti.ledger.tenures import activate, already_activated, decline, resume, suspend, switch_holder
from rasti.ledger.verdicts import judge_checkpoint
from rasti.ledger.violations import record_violation, reverse_violation
from rasti.rules.bodies import parse_contact, parse_lead
from rasti.rules.kinds import CheckpointKind, MessageState, Verdict
from rasti.rules.month import Month
from rasti.steward.guard import guard_round
from rasti.steward.relay import deliver
from rasti.steward.runs import create_runs, delete_decided_runs, recreate_missing_runs
from tests.builders import FIRST_CALL, FOLLOW_UP, contact_data, lead_data
from tests.durability.simulation.billing import ISSUER, PARTNERS, new_register
from tests.durability.simulation.faults import Killed
from tests.durability.simulation.world import Process, Request, World

WHY = "somebody decided so"

_CONVERSATIONS = [
    *[("call", "reached", FIRST_CALL)] * 6,
    *[("call", "reached", FOLLOW_UP)] * 6,
    ("meeting", "reached", sorted({*FIRST_CALL, *FOLLOW_UP})),
    ("call", "reached", FIRST_CALL[:-1]),
    *[("call", "no_answer", [])] * 3,
    *[("message", "no_answer", [])] * 2,
    *[("call", "wrong_contact", [])] * 2,
    ("call", "refused", ["reached"]),
    ("call", "bought", ["reached"]),
    ("message", "do_not_call", ["reached"]),
]


def do(world: World, label: str, process: Process, step: Callable[[], Any]) -> bool:
    """One step of one process: done, refused by a rule, or broken off by a fault (False: nobody was told)."""
    world.say(f"{process.name}: {label}")
    world.busy.append(process.name)
    try:
        step()
    except Unavailable:
        return False
    except RastiError as error:
        world.say(f"refused: {error}")
        world.counts["refused by a rule"] += 1
    except Exception as error:  # noqa: BLE001 - nothing else may happen: it is told at the end, the schedule goes on
        world.errors.append(f"{process.name}: {label}: {type(error).__name__}: {error}".partition("\n")[0])
        process.restart()
    except Killed:
        process.restart()
        return False
    finally:
        world.busy.remove(process.name)
    return True


def request(world: World, asked: Request) -> None:
    """A client asks one of the processes; not told that it is done, it will ask again."""
    if not world.has_free(asked.role):
        return
    process = world.free(asked.role)
    if not do(world, asked.label, process, lambda: asked.ask(process)):
        world.counts["asked again"] += 1
        world.pending.append(asked)


def ask_again(world: World) -> None:
    if world.pending:
        request(world, world.pending.pop(world.random.randrange(len(world.pending))))


# --- clients


def lead_comes(world: World) -> None:
    number = len(world.requests) + 1
    known = world.random.randrange(100) < 12 and world.requests
    client = world.random.choice(world.requests)["client"] if known else {}
    world.requests.append(lead_data(number, client=client, requested_at=world.clock.now.isoformat()))
    request(world, _lead_request(world, world.requests[-1]))


def lead_comes_again(world: World) -> None:
    if world.requests:
        body = world.random.choice(world.requests)
        changed = world.random.randrange(4) == 0
        request(world, _lead_request(world, body | {"workplaces": 7} if changed else body))


def _lead_request(world: World, body: dict[str, Any]) -> Request:
    def ask(process: Process) -> None:
        arrival = receive_lead(world.book_of(process), parse_lead(body))
        world.acknowledge("lead", source=body["source"], source_id=body["source_id"], lead=arrival.lead_id)
        if arrival.lead_id not in world.leads:
            world.leads.append(arrival.lead_id)

    return Request(f"lead {body['source_id']}", ask, "intake")


# --- partners


def partner_opens(world: World) -> None:
    lead_id, partner = _somebodys_lead(world)
    if lead_id:

        def ask(process: Process) -> None:
            open_lead(world.book_of(process), lead_id, partner)

        request(world, Request(f"{partner} opens lead {lead_id}", ask, "intake"))


def partner_begins(world: World) -> None:
    lead_id, partner = _somebodys_lead(world)
    if lead_id:

        def ask(process: Process) -> None:
            begun = begin_contact(world.book_of(process), lead_id, partner)
            world.acknowledge("calling", lead=lead_id, began_at=begun.began_at)

        request(world, Request(f"{partner} calls about lead {lead_id}", ask, "intake"))


def partner_logs(world: World) -> None:
    lead_id, partner = _somebodys_lead(world)
    if not lead_id:
        return
    kind, outcome, items = world.random.choice(_CONVERSATIONS)
    happened = world.clock.now.isoformat()
    body = contact_data(partner, kind=kind, outcome=outcome, checklist=items, happened_at=happened)

    def ask(process: Process) -> None:
        logged = log_contact(world.book_of(process), lead_id, parse_contact(body))
        about = {"partner": partner, "outcome": outcome, "checklist": sorted(items), "effect": logged.effect.value}
        world.acknowledge("contact", lead=lead_id, contact=logged.contact_id, **about)

    request(world, Request(f"{partner} logs {outcome} on lead {lead_id}", ask, "intake"))


def _somebodys_lead(world: World) -> tuple[int, str]:
    """A lead and who has it; now and then one who had it before, or never did."""
    attempts = _ask(world, select(Attempt.lead_id, Attempt.partner_code, Attempt.ended_at).order_by(col(Attempt.id)))
    if not attempts:
        return 0, ""
    if world.random.randrange(30) == 0:
        return world.random.choice(attempts)[0], world.random.choice(PARTNERS)
    still = [row for row in attempts if row[2] is None]
    lead_id, partner, _ended = world.random.choice(still if still and world.random.randrange(6) else attempts)
    return lead_id, partner


# --- operators


def operator_decides(world: World) -> None:
    """One of the decisions an operator may make, always with a reason."""
    lead = world.random.choice(world.leads) if world.leads else 0
    partner = world.random.choice(PARTNERS)
    month = _last_month(world)
    kind = world.random.choice(list(CheckpointKind))
    standing = col(Violation.reversed_at).is_(None)
    violations = [row[0] for row in _ask(world, select(Violation.id).where(standing).order_by(col(Violation.id)))]
    violation = world.random.choice(violations) if violations else 0
    suspended = _ask(world, select(Partner.code).where(col(Partner.suspended_at).is_not(None)))
    barred = suspended[0][0] if suspended else partner
    decisions: list[tuple[int, str, Callable[[Any], Any]]] = [
        (4 if lead else 0, f"assigns lead {lead} to {partner}", lambda b: assign_lead(b, lead, partner, reason=WHY)),
        (2 if lead else 0, f"closes lead {lead}", lambda b: close_lead(b, lead, reason=WHY)),
        (
            3 if lead else 0,
            f"records a violation of {lead} {kind}",
            lambda b: record_violation(b, lead, kind, reason=WHY),
        ),
        (
            6 if violation else 0,
            f"reverses violation {violation}",
            lambda b: reverse_violation(b, violation, reason=WHY),
        ),
        (2, f"switches to {partner}", lambda b: switch_holder(b, partner, reason=WHY)),
        (1, f"{partner} declines", lambda b: decline(b, month, partner, reason=WHY)),
        (2, "is told that everybody declines", lambda b: [decline(b, month, code, reason=WHY) for code in PARTNERS]),
        (4, f"suspends {partner}", lambda b: suspend(b, partner, reason=WHY)),
        (8 if suspended else 0, f"resumes {barred}", lambda b: resume(b, barred, reason=WHY)),
        (1, f"walks {month} anew", lambda b: activate(b, month, switch=True, reason=WHY)),
    ]
    weights = [weight for weight, _label, _decide in decisions]
    _weight, label, decide = world.random.choices(decisions, weights)[0]
    _at_the_desk(world, f"operator {label}", decide)


def operator_clears_quarantine(world: World) -> None:
    rows = _ask(world, select(QuarantinedRow.id).where(col(QuarantinedRow.resolved_at).is_(None)))
    if rows:
        row = world.random.choice(rows)[0]
        _at_the_desk(world, f"operator clears row {row}", lambda b: resolve_quarantined(b, row, reason=WHY))


def operator_revives(world: World) -> None:
    dead = _ask(world, select(Message.id).where(col(Message.state) == MessageState.DEAD))
    if dead:
        message = world.random.choice(dead)[0]
        _at_the_desk(world, f"operator revives message {message}", lambda book: revive(book, message))


def _at_the_desk(world: World, label: str, decide: Callable[[Any], Any]) -> None:
    if not world.has_free("steward") or "desk" in world.busy:
        return
    process = world.processes["desk"]

    def step() -> None:
        book = world.book_of(process, "operator:anna")
        decide(book)
        if book.written:
            deliver(book, world.settings, only=book.written, postman=world.smtp)

    do(world, label, process, step)


# --- billing and the month


def register_comes(world: World) -> None:
    """Billing sends a register of the last ended month: new, changed, or with a bad row; it asks until it is told."""
    if any(asked.label.startswith("register") for asked in world.pending):
        return
    register = new_register(world.random, world.registers, _last_month(world))
    world.registers += 1
    path = world.folder / f"register-{world.registers}.csv"
    path.write_text(register.text, "utf-8")
    closes = (ISSUER, register.month) if register.closes else None

    def ask(process: Process) -> None:
        ingest_register(world.book_of(process), path, closes=closes)
        world.acknowledge("register", text=register.good)

    request(world, Request(f"register {world.registers} of {register.month}", ask, "worker"))


def issuer_closes(world: World) -> None:
    month = _last_month(world)
    _at_the_desk(world, f"{ISSUER} closes {month}", lambda book: close_month(book, ISSUER, month))


def month_is_run(world: World) -> None:
    """The monthly run as the flow does it; two of them at once may meet."""
    if not world.has_free("worker"):
        return
    process, month = world.free("worker"), _last_month(world)

    def step() -> None:
        book = world.book_of(process, "flow-run:month")
        if already_activated(book, month) and world.random.randrange(2):
            return
        ranking = rank(book, month)
        world.acknowledge("ranked", month=str(month), version=ranking.version, last=False)
        if not ranking.complete:
            note_incomplete(book, month, ranking.missing)
            return
        publish(book, month, version=ranking.version)
        activate(book, month)

    do(world, f"monthly run of {month}", process, step)


def _last_month(world: World) -> Month:
    month = world.programme.month_at(world.clock.now).previous
    return max(month, world.programme.first_month)


# --- our loops


def relay_delivers(world: World) -> None:
    process = world.free("steward") if world.has_free("steward") else None
    if process is not None:
        limit = world.random.choice([1, 3, 100])
        book = world.book_of(process)
        do(world, "relay", process, lambda: deliver(book, world.settings, postman=world.smtp, limit=limit))


def guard_looks(world: World) -> None:
    if world.has_free("steward"):
        process, grace = world.free("steward"), timedelta(seconds=world.random.choice([0, 0, 30]))
        do(world, "guard", process, lambda: guard_round(world.book_of(process), grace=grace))


def runs_are_kept(world: World) -> None:
    """The steward's loop for Prefect, in part or whole."""
    if not world.has_free("steward"):
        return
    process, api = world.free("steward"), world.prefect.api()
    loops = [create_runs, create_runs, delete_decided_runs, recreate_missing_runs]
    loop = world.random.choice(loops)
    try:
        do(world, loop.__name__, process, lambda: loop(world.book_of(process), api))  # type: ignore[operator]
    finally:
        api.close()


# --- Prefect


def run_executes(world: World) -> None:
    """Any run that Prefect has: in time, late, or a second time; as the flows do it."""
    if not world.prefect.runs or not world.has_free("worker"):
        return
    process = world.free("worker")
    due = [run for run in world.prefect.runs.values() if _due(run) <= world.clock.now] or [*world.prefect.runs.values()]
    run = world.random.choice(due)
    name, number = next(iter(run["parameters"].items()))

    def step() -> None:
        book = world.book_of(process, "flow-run:run")
        if name == "lead_id":
            hand_over(book, number)
        elif name == "violation_id":
            fall_back(book, number)
            hand_over_waiting(book)
        else:
            judgement = judge_checkpoint(book, number)
            if judgement.violation_id is not None and judgement.verdict is Verdict.VIOLATED:
                fall_back(book, judgement.violation_id)
                hand_over_waiting(book)
        if world.random.randrange(5):
            run["state_type"] = "COMPLETED"

    again = " again" if run["state_type"] == "COMPLETED" else ""
    world.counts[f"fault: run executes{again}"] += 1
    do(world, f"run {name} {number}{again}", process, step)


def prefect_suffers(world: World) -> None:
    """Prefect's server goes down or comes back, or its database is wiped."""
    if world.random.randrange(2) == 0:
        world.prefect.forget_everything()
        world.note_fault("Prefect wiped", "prefect")
        return
    world.prefect.down = not world.prefect.down
    if world.prefect.down:
        world.note_fault("Prefect down", "prefect")


def run_is_lost(world: World) -> None:
    """Somebody deletes a run, or a deployment with its scheduled runs."""
    if world.prefect.runs:
        gone: UUID = world.random.choice([*world.prefect.runs])
        del world.prefect.runs[gone]
        world.note_fault("run deleted", "prefect")


def _due(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["state"]["state_details"]["scheduled_time"])


# --- time


def time_passes(world: World) -> None:
    ways = ["seconds", "seconds", "minutes", "minutes", *["due"] * 3, "hours", "night", "days"]
    how = world.random.choice(ways[:-2] if world.unhurried else ways)
    now = world.clock.now
    if how == "due":
        instants = _ask(world, select(Checkpoint.due_at).where(col(Checkpoint.verdict).is_(None)))
        instants += _ask(world, select(Message.not_before).where(col(Message.state) == MessageState.PENDING))
        later = sorted(instant for (instant,) in instants if instant > now)
        if later:
            world.set_time(later[0] + timedelta(seconds=world.random.choice([-60, 0, 1, 45])))
    elif how == "night":
        world.set_time((now + timedelta(days=1)).replace(hour=world.random.choice([0, 6, 9]), minute=0))
    else:
        most = {"seconds": 50, "minutes": 70, "hours": 30, "days": 9}[how]
        world.pass_time(timedelta(**{how: world.random.randrange(1, most)}))


def month_ends(world: World) -> None:
    if world.unhurried:
        return
    month = world.programme.month_at(world.clock.now)
    world.set_time(month.ends_at(world.programme.zone) + timedelta(minutes=world.random.choice([0, 10, 600])))


def clock_steps(world: World) -> None:
    """The database's clock is set: a little back, or hours on."""
    seconds = world.random.choice([-1, -20, -55, 90, 4000])
    world.pass_time(timedelta(seconds=seconds))
    world.note_fault("clock stepped back" if seconds < 0 else "clock stepped on", "machine")


def somebody_reads(world: World) -> None:
    world.look()


def _ask(world: World, statement: Select[Any]) -> list[Any]:
    """What somebody outside reads before they decide."""
    with world.processes["intake-1"].book.read() as tx:
        return list(tx.session.execute(statement).all())
