"""Whether the demo's story came out as it must: by the database, the mailbox and Prefect's runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from sqlmodel import col, select

from models import Lead, RankingEntry, Tenure, Violation, Walk
from rasti.cli.demo.cast import NEXT, NOT_READY, SOURCE, WINNER, Role, address_of, describe
from rasti.clients.mailbox import Letter, read_mailbox
from rasti.clients.prefect import PrefectApi
from rasti.i18n import _
from rasti.ledger.book import Book
from rasti.ledger.views import lead_view
from rasti.rules.kinds import MessageKind, TenureEnd

MET = ("met", "met", "met")

# The attempts each lead must have had: partner, how it ended, the verdicts.
ATTEMPTS = {
    Role.HANDLED: [(WINNER, "closed", MET)],
    Role.NEGLECTED: [(WINNER, "moved", ("violated", "void", "void")), (NEXT, "closed", MET)],
    Role.LATE: [(WINNER, "moved", ("violated", "void", "void")), (NEXT, "closed", MET)],
    Role.REFUSED: [(WINNER, "closed", ("met", "void", "void"))],
    Role.AFTER_SWITCH: [(NEXT, "closed", MET)],
}
PLACES = [(WINNER, "8895.41"), (NOT_READY, "540.34"), (NEXT, "87.15")]


def check_story(book: Book, mailbox: Path, prefect: PrefectApi) -> list[str]:
    """What is wrong, in the reader's language; nothing: the story came out as it must."""
    leads = _leads(book)
    missing = [role for role in Role if role not in leads]
    if missing:
        return [_("Did not arrive: {leads}.").format(leads=", ".join(map(describe, missing)))]
    return [
        *_wrong_in_ledger(book, leads),
        *_wrong_in_mailbox(mailbox, leads),
        *_wrong_in_prefect(book, leads, prefect),
    ]


def _leads(book: Book) -> dict[Role, dict[str, Any]]:
    with book.read() as tx:
        ids = {Role(lead.source_id): lead.id for lead in tx.all(select(Lead).where(col(Lead.source) == SOURCE))}
    return {role: cast(dict[str, Any], lead_view(book, lead_id)) for role, lead_id in ids.items()}


def _wrong_in_ledger(book: Book, leads: dict[Role, dict[str, Any]]) -> Iterator[str]:
    with book.read() as tx:
        tenures: list[Tenure] = tx.all(select(Tenure).order_by(col(Tenure.id)))
        walks: list[Walk] = tx.all(select(Walk).order_by(col(Walk.id)))
        violations: list[Violation] = tx.all(select(Violation))
        top = tx.session.execute(
            select(col(RankingEntry.partner_code), col(RankingEntry.growth_percent))
            .where(col(RankingEntry.place).is_not(None))
            .order_by(col(RankingEntry.place))
            .limit(3)
        ).all()
    yield from _differs(_("the ranking's top"), [(partner, growth) for partner, growth in top], PLACES)
    held = [(tenure.partner_code, tenure.end_reason) for tenure in tenures]
    yield from _differs(_("who held the leads"), held, [(WINNER, TenureEnd.VIOLATED), (NEXT, None)])
    passed = [[(skip["partner"], skip["reason"]) for skip in walk.skipped] for walk in walks]
    yield from _differs(_("who was passed"), passed, [[], [(NOT_READY, "not_ready")]])
    yield from _differs(_("violations of"), sorted(v.partner_code for v in violations), [WINNER, WINNER])
    for role, lead in leads.items():
        attempts = [
            (
                attempt["partner"],
                attempt["end_reason"],
                tuple(checkpoint["verdict"] for checkpoint in attempt["checkpoints"]),
            )
            for attempt in lead["attempts"]
        ]
        yield from _differs(_("lead “{role}”").format(role=describe(role)), attempts, ATTEMPTS[role])
    effects = [contact["effect"] for contact in leads[Role.LATE]["attempts"][0]["contacts"]]
    yield from _differs(_("the late contact"), effects, ["after_end"])


def _wrong_in_mailbox(mailbox: Path, leads: dict[Role, dict[str, Any]]) -> Iterator[str]:
    letters = read_mailbox(mailbox)
    ids = {role: lead["lead"] for role, lead in leads.items()}
    for role, attempts in ATTEMPTS.items():
        for partner, end, _verdicts in attempts:
            yield from _not_once(letters, MessageKind.LEAD, partner, ids[role])
            if end == "moved":
                yield from _not_once(letters, MessageKind.LEAD_TAKEN, partner, ids[role])
        yield from _not_once(letters, MessageKind.WELCOME, "client", ids[role])
        welcomed = [letter.to for letter in letters if letter.kind == "welcome" and letter.lead_id == ids[role]]
        yield from _differs(_("address of the welcome mail"), welcomed, [address_of(role)])
    yield from _not_once(letters, MessageKind.TENURE_ENDED, WINNER, None)
    for partner in (WINNER, NEXT):
        yield from _not_once(letters, MessageKind.TENURE_STARTED, partner, None)
        yield from _not_once(letters, MessageKind.TOP_THREE, partner, None)


def _not_once(letters: list[Letter], kind: MessageKind, recipient: str, lead_id: int | None) -> Iterator[str]:
    count = sum(
        letter.kind == kind and letter.recipient == recipient and (lead_id is None or letter.lead_id == lead_id)
        for letter in letters
    )
    if count != 1:
        yield _("The mailbox holds {count} mails “{kind}” to {recipient} about lead {lead}: there must be one.").format(
            count=count, kind=kind, recipient=recipient, lead=lead_id or "—"
        )


def _wrong_in_prefect(book: Book, leads: dict[Role, dict[str, Any]], prefect: PrefectApi) -> Iterator[str]:
    """Every verdict that was due was given by a flow run, which Prefect knows as completed; none by the guard."""
    judges: set[UUID] = set()
    for role, lead in leads.items():
        for attempt in lead["attempts"]:
            for checkpoint in attempt["checkpoints"]:
                judge = checkpoint["judged_by"] or ""
                if judge.startswith("flow-run:"):
                    judges.add(UUID(judge.removeprefix("flow-run:")))
                elif role is not Role.REFUSED and checkpoint["verdict"] != "void":
                    # A refusal ends the follow-up at once: its verdicts were given at the contact.
                    yield _("Lead “{role}”, {kind}: judged by {judge}, not by a Prefect run.").format(
                        role=describe(role), kind=checkpoint["kind"], judge=judge or "—"
                    )
    with book.read() as tx:
        acted_by = tx.all(select(Violation.acted_by))
    for actor in acted_by:
        if actor is None or not actor.startswith("flow-run:"):
            yield _("A violation was acted on by {actor}, not by a Prefect run.").format(actor=actor or "—")
        else:
            judges.add(UUID(actor.removeprefix("flow-run:")))
    known = {UUID(run["id"]): run["state_type"] for run in prefect.runs(judges)}
    for run_id in sorted(judges):
        yield from _differs(_("Prefect's run {id}").format(id=run_id), known.get(run_id), "COMPLETED")


def _differs(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield _("{what}: {found}, it must be {wanted}.").format(what=what, found=found, wanted=wanted)
