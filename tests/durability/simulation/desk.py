"""What operators, billing and the monthly run may do in a schedule."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, or_, select
from sqlmodel import col

from models import (
    AcceptedIssuer,
    Attempt,
    AuditEvent,
    Invoice,
    InvoiceRevision,
    Lead,
    Message,
    Partner,
    ProbableDouble,
    QuarantinedRow,
    Violation,
)
from rasti.ledger.clients import correct_client
from rasti.ledger.desk import assign_lead, close_lead, detach_lead, keep_attached
from rasti.ledger.doubles import resolve_double
from rasti.ledger.ingest import ingest_register
from rasti.ledger.issuers import accept_issuer
from rasti.ledger.months import close_month, note_incomplete, resolve_quarantined
from rasti.ledger.partners import accept_regulation
from rasti.ledger.rankings import publish, rank
from rasti.ledger.resending import dismiss, resend
from rasti.ledger.tenures import activate, already_activated, decline, resume, suspend, switch_holder
from rasti.ledger.unreceived import next_partner
from rasti.ledger.violations import record_violation, reverse_violation
from rasti.rules.bodies import parse_contacts
from rasti.rules.kinds import ALERTS, CheckpointKind, Event, Keep, MessageKind, MessageState
from rasti.rules.month import Month
from rasti.steward.relay import deliver
from tests.durability.simulation.billing import ISSUER, PARTNERS, STRANGER, new_register
from tests.durability.simulation.steps import ask_first, do, request
from tests.durability.simulation.world import Process, Request, World

WHY = "somebody decided so"

# How often, in what words, and what is decided.
Decision = tuple[int, str, Callable[[Any], Any]]


def operator_decides(world: World) -> None:
    """One of the decisions an operator may make about partners or leads, always with a reason."""
    decisions = _about_leads(world) if world.leads and world.random.randrange(2) else _about_partners(world)
    weights = [weight for weight, _label, _decide in decisions]
    _weight, label, decide = world.random.choices(decisions, weights)[0]
    at_the_desk(world, f"operator {label}", decide)


def _about_partners(world: World) -> list[Decision]:
    partner = world.random.choice(PARTNERS)
    month = last_month(world)
    barred = ask_first(
        world, select(Partner.code).where(col(Partner.suspended_at).is_not(None)).order_by(col(Partner.code))
    )
    unready = ask_first(world, select(Partner.code).where(col(Partner.regulation_accepted_on).is_(None)))
    return [
        (2, f"switches to {partner}", lambda b: switch_holder(b, partner, reason=WHY)),
        (1, f"{partner} declines", lambda b: decline(b, month, partner, reason=WHY)),
        (2, "is told that everybody declines", lambda b: [decline(b, month, code, reason=WHY) for code in PARTNERS]),
        (4, f"suspends {partner}", lambda b: suspend(b, partner, reason=WHY)),
        (1, f"walks {month} anew", lambda b: activate(b, month, switch=True, reason=WHY)),
        *[(16, f"resumes {code}", lambda b, code=code: resume(b, code, reason=WHY)) for (code,) in barred[:1]],
        *[(3, f"notes that {code} accepts", lambda b, code=code: accept_regulation(b, code)) for (code,) in unready],
    ]


def _about_leads(world: World) -> list[Decision]:
    lead, partner = world.random.choice(world.leads), world.random.choice(PARTNERS)
    kind = world.random.choice(list(CheckpointKind))
    client = f"client{world.random.randrange(1, 9)}"
    contacts = parse_contacts({"name": client, "phone": "+7 495 000-99-99", "email": f"{client}@client.example"})
    return [
        (4, f"assigns lead {lead} to {partner}", lambda b: assign_lead(b, lead, partner, reason=WHY)),
        (2, f"closes lead {lead}", lambda b: close_lead(b, lead, reason=WHY)),
        (3, f"records a violation of {lead} {kind}", lambda b: record_violation(b, lead, kind, reason=WHY)),
        (3, f"corrects the client of lead {lead}", lambda b: correct_client(b, lead, contacts, reason=WHY)),
    ]


def operator_reverses(world: World) -> None:
    standing = ask_first(world, select(Violation.id).where(col(Violation.reversed_at).is_(None)))
    if standing:
        number = world.random.choice(sorted(standing))[0]
        at_the_desk(world, f"operator reverses violation {number}", lambda b: reverse_violation(b, number, reason=WHY))


def operator_detaches(world: World) -> None:
    """The same client, says an operator about a request in doubt; and then that it was another one after all."""
    attached = ask_first(world, select(Lead.id).where(col(Lead.attached_to).is_not(None)))
    if attached:
        lead = world.random.choice(sorted(attached))[0]

        def decide(book: Any) -> None:
            keep_attached(book, lead, reason=WHY)
            detach_lead(book, lead, reason=WHY)

        at_the_desk(world, f"operator detaches lead {lead}", decide)


def operator_clears_quarantine(world: World) -> None:
    rows = ask_first(world, select(QuarantinedRow.id).where(col(QuarantinedRow.resolved_at).is_(None)))
    if rows:
        row = world.random.choice(rows)[0]
        at_the_desk(world, f"operator clears row {row}", lambda b: resolve_quarantined(b, row, reason=WHY))


def operator_resends(world: World) -> None:
    """What was given up, came back or waits for its next try: one such mail, or all that the list has, at once."""
    waits = and_(col(Message.state) == MessageState.PENDING, col(Message.error).is_not(None))
    back = col(Message.bounced_at).is_not(None)
    troubled = or_(col(Message.state) == MessageState.DEAD, back, waits)
    found = ask_first(world, select(Message.id).where(troubled).order_by(col(Message.id)))
    if not found:
        return
    if world.random.randrange(8) == 0:
        at_the_desk(world, "operator sends all again", resend)
        return
    message = world.random.choice(found)[0]
    at_the_desk(world, f"operator sends message {message} again", lambda book: resend(book, [message]))


def operator_puts_aside(world: World) -> None:
    """Mail that was given up or came back and that nobody waits for: no lead's, and no alert."""
    over = or_(col(Message.state) == MessageState.DEAD, col(Message.bounced_at).is_not(None))
    dear = col(Message.kind).in_([MessageKind.LEAD, *ALERTS])
    found = ask_first(world, select(Message.id).where(over, ~dear).order_by(col(Message.id)))
    if found:
        message = world.random.choice(found)[0]
        at_the_desk(world, f"operator puts message {message} aside", lambda book: dismiss(book, message, reason=WHY))


def operator_corrects_address(world: World) -> None:
    """An address that the mail server did not know is right from now on; whoever corrected it sends again, or not."""
    if world.smtp.refused:
        recipient = world.random.choice(sorted(world.smtp.refused))
        world.say(f"the address of {recipient} is corrected")
        world.smtp.refused.remove(recipient)
        if world.random.randrange(2):
            operator_resends(world)


def operator_takes_version(world: World) -> None:
    """Bills have changed since the ranking was published: it is ranked and published anew, and walked anew."""
    month = last_month(world)
    latest = ask_first(
        world, select(AuditEvent.event).where(col(AuditEvent.event).in_(_OF_BILLS)).order_by(col(AuditEvent.id))
    )
    if not latest or latest[-1][0] == Event.RANKING_PUBLISHED.value:
        return

    def decide(book: Any) -> None:
        ranking = rank(book, month)
        why = None if ranking.complete else WHY
        publish(book, month, version=ranking.version, allow_incomplete=not ranking.complete, reason=why)
        activate(book, month, switch=True, reason=WHY)

    at_the_desk(world, f"operator ranks {month} and walks it anew", decide)


_OF_BILLS = [
    event.value
    for event in (
        Event.REGISTER_INGESTED,
        Event.QUARANTINE_RESOLVED,
        Event.DOUBLE_RESOLVED,
        Event.ISSUER_ACCEPTED,
        Event.RANKING_PUBLISHED,
    )
]


def operator_reassigns(world: World) -> None:
    """A lead whose mail died goes to the partner whom the desk proposes, or to anybody."""
    unreached = ask_first(
        world,
        select(Attempt.lead_id)
        .join(Message, col(Message.attempt_id) == col(Attempt.id))
        .where(
            col(Message.kind) == MessageKind.LEAD,
            col(Message.state) == MessageState.DEAD,
            col(Attempt.ended_at).is_(None),
        )
        .order_by(col(Attempt.id)),
    )
    if not unreached:
        return
    lead, anybody = world.random.choice(unreached)[0], world.random.choice(PARTNERS)

    def decide(book: Any) -> None:
        assign_lead(book, lead, next_partner(book, lead) or anybody, reason=WHY)

    at_the_desk(world, f"operator gives lead {lead}, whose mail died, to another", decide)


def operator_settles_bills(world: World) -> None:
    """Invoices that are probably one, or of an issuer whom nobody named: an operator says what counts."""
    doubles = ask_first(
        world, select(ProbableDouble.id).where(col(ProbableDouble.keep).is_(None)).order_by(col(ProbableDouble.id))
    )
    accepted = select(AcceptedIssuer.issuer_key, AcceptedIssuer.month)
    strangers = [month for (month,) in ask_first(world, _MONTHS_OF_STRANGERS)]
    strangers = [month for month in strangers if (STRANGER, month) not in set(map(tuple, ask_first(world, accepted)))]
    if doubles and (not strangers or world.random.randrange(3)):
        double, keep = world.random.choice(doubles)[0], world.random.choice(list(Keep))
        label = f"operator says of double {double}: {keep} counts"
        at_the_desk(world, label, lambda book: resolve_double(book, double, keep=keep, reason=WHY))
    elif strangers:
        month = world.random.choice(strangers)
        label = f"operator accepts {STRANGER} in {month}"
        at_the_desk(world, label, lambda book: accept_issuer(book, STRANGER, month, reason=WHY))


_MONTHS_OF_STRANGERS = (
    select(InvoiceRevision.month)
    .join(Invoice, col(Invoice.id) == col(InvoiceRevision.invoice_id))
    .where(col(Invoice.issuer) == STRANGER, col(InvoiceRevision.is_current))
    .distinct()
    .order_by(col(InvoiceRevision.month))
)


def at_the_desk(world: World, label: str, decide: Callable[[Any], Any]) -> None:
    if not world.has_free("steward") or "desk" in world.busy:
        return
    process = world.processes["desk"]

    def step() -> None:
        book = world.book_of(process, "operator:anna")
        decide(book)
        if book.written:
            deliver(book, world.settings, only=book.written, postman=world.smtp)

    do(world, label, process, step)


def register_comes(world: World) -> None:
    """Billing sends a register of the last ended month: new, changed, or with a bad row; it asks until it is told."""
    if any(asked.label.startswith("register") for asked in world.pending):
        return
    register = new_register(world.random, world.registers, last_month(world))
    world.registers += 1
    path = world.folder / f"register-{world.registers}.csv"
    path.write_text(register.text, "utf-8")
    closes = (ISSUER, register.month) if register.closes else None

    def ask(process: Process) -> None:
        asked = world.tick()
        ingest_register(world.book_of(process), path, closes=closes)
        world.acknowledge("register", text=register.good, asked=asked)

    request(world, Request(f"register {world.registers} of {register.month}", ask, "worker"))


def issuer_closes(world: World) -> None:
    month = last_month(world)
    at_the_desk(world, f"{ISSUER} closes {month}", lambda book: close_month(book, ISSUER, month))


def month_is_run(world: World) -> None:
    """The monthly run as the flow does it; two of them at once may meet."""
    if not world.has_free("worker"):
        return
    process, month = world.free("worker"), last_month(world)

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


def last_month(world: World) -> Month:
    month = world.programme.month_at(world.clock.now).previous
    return max(month, world.programme.first_month)
