"""One story that passes every point: from the partner list to the end of the programme."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from models import ApiToken, Message, QuarantinedRow, Violation
from models.engine import open_engine
from rasti.clients.bounce_folder import Maildir
from rasti.clients.inbox import Source, closes
from rasti.ledger.book import Book
from rasti.ledger.clients import correct_client
from rasti.ledger.contacts import begin_contact, log_contact
from rasti.ledger.desk import assign_lead, close_lead, detach_lead, keep_attached
from rasti.ledger.doubles import list_doubles, resolve_double
from rasti.ledger.fallback import fall_back
from rasti.ledger.handover import hand_over_waiting, open_lead
from rasti.ledger.heartbeats import beat, note_failure
from rasti.ledger.idempotency import KeyedRequest
from rasti.ledger.ingest import ingest_register
from rasti.ledger.issuers import accept_issuer, list_unknown_issuers
from rasti.ledger.leads import receive_lead
from rasti.ledger.months import close_month, note_incomplete, resolve_quarantined
from rasti.ledger.partners import accept_regulation, import_partners
from rasti.ledger.rankings import publish, rank
from rasti.ledger.resending import dismiss, resend
from rasti.ledger.tenures import activate, decline, resume, suspend, switch_holder
from rasti.ledger.tokens import add_token
from rasti.ledger.unreceived import alert_again
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.ledger.violations import record_violation, reverse_violation
from rasti.rules.bodies import parse_contact, parse_contacts, parse_lead
from rasti.rules.kinds import CheckpointKind, Keep, MessageKind, MessageState, TokenScope
from rasti.rules.month import Month
from rasti.settings import Settings
from rasti.steward.bounces import read_bounces
from rasti.steward.guard import guard_round
from rasti.steward.relay import deliver
from rasti.steward.runs import crash_dead_runs, create_runs, delete_decided_runs, recreate_missing_runs
from tasks.invoices import ingest_file
from tests.builders import FIRST_CALL, contact_data, invoice_row, lead_data, register
from tests.clock import moscow
from tests.durability.simulation.billing import ISSUER, PARTNERS, STRANGER, first_registers
from tests.durability.simulation.schedule import programme
from tests.durability.sweep.outside import MailLog, StoredPrefect, append
from tests.returned_mail import bounce, drop, new_maildir

MONTH = Month(2019, 8)
WHY = "the story has it so"


class Life:
    """A process from its start to its end: what it has in memory; what is outside is in the folder."""

    def __init__(self, url: str, folder: Path, at: datetime, points: Callable[[str], None] | None = None) -> None:
        self.folder, self.now = folder, at
        self.book = Book(open_engine(url), programme(), clock=lambda _session: self.now, actor="story", points=points)
        self.settings = Settings(home=folder, secret_key="a secret of the story, long enough for it")
        self.smtp = MailLog(folder)

    def close(self) -> None:
        self.book.engine.dispose()

    def tell(self, kind: str, **about: Any) -> None:
        append(self.folder / "acknowledged.jsonl", {"at": 0, "kind": kind} | about)

    def one(self, column: Any, *where: Any) -> Any:
        """The newest of something."""
        with self.book.read() as tx:
            return tx.session.execute(select(column).where(*where).order_by(column.desc()).limit(1)).scalar_one()

    def relay(self) -> None:
        deliver(self.book, self.settings, postman=self.smtp)

    def prefect(self, loop: Callable[[Book, Any], object]) -> None:
        api = StoredPrefect(self.folder).api()
        try:
            loop(self.book, api)
        finally:
            api.close()

    def lead(self, number: int, **changes: Any) -> None:
        body = lead_data(number, requested_at=f"2019-09-02T10:{number:02d}:00+03:00", **changes)
        arrival = receive_lead(self.book, parse_lead(body))
        self.tell("lead", source=body["source"], source_id=body["source_id"], lead=arrival.lead_id)

    def contact(self, lead: int, partner: str, outcome: str = "reached", key: str | None = None) -> None:
        items = {"reached": FIRST_CALL, "no_answer": []}.get(outcome, ["reached"])
        body = contact_data(partner, outcome=outcome, checklist=items, happened_at=self.now.isoformat(), note=key)
        request = KeyedRequest(self.one(col(ApiToken.id)), key, "0" * 64) if key else None
        logged = log_contact(self.book, lead, parse_contact(body), request=request)
        told = {"lead": lead, "partner": partner, "outcome": outcome, "checklist": items}
        self.tell("contact", **told, effect=logged.effect.value, contact=logged.contact_id)


def partners_are_imported(life: Life) -> None:
    path = life.folder / "partners.csv"
    accepted = {code: "" if code == "elk" else "2019-07-01" for code in PARTNERS}
    rows = "\n".join(f"{code};{code};{code}@partner.example;;{accepted[code]}" for code in PARTNERS)
    path.write_text(f"code;name;email;city;regulation_accepted_on\n{rows}\n", "utf-8")
    import_partners(life.book, path)


def register_is_dropped(life: Life) -> None:
    inbox = life.folder / "inbox"
    inbox.mkdir(exist_ok=True)
    path = inbox / "2019.csv"
    good = first_registers().good
    if not (inbox / "done").exists():  # whoever sent it does not send it again
        path.write_text(good + invoice_row(number="BAD", issued_on="2019-08-10", amount="1,5") + "\n", "utf-8")
    if path.exists():
        ingest_file(life.book, Source(inbox, is_folder=True), path)
    assert closes(path) is None
    life.tell("register", text=good)


def month_is_incomplete(life: Life) -> None:
    note_incomplete(life.book, MONTH, rank(life.book, MONTH).missing)


def month_is_given(life: Life) -> None:
    version = rank(life.book, MONTH).version
    publish(life.book, MONTH, version=version)
    activate(life.book, MONTH)
    life.tell("ranked", month=str(MONTH), version=version, last=False)


def row_is_resolved(life: Life) -> None:
    with life.book.read() as tx:
        still = tx.all(select(QuarantinedRow.id).where(col(QuarantinedRow.resolved_at).is_(None)))
    for row in still:
        resolve_quarantined(life.book, row, reason=WHY)


def doubts_are_settled(life: Life) -> None:
    """An invoice comes again with a zero before its number, one from an issuer whom nobody named."""
    month = f"{MONTH}-15"
    rows = [
        invoice_row(number=f"{zero}AGAIN", issued_on=month, partner_code="ant", partner="ant", amount="100.00")
        for zero in ("", "0")
    ]
    rows.append(invoice_row(issuer=STRANGER, number="1", issued_on=month, partner_code="bee", amount="100.00"))
    path = life.folder / "doubts.csv"
    path.write_text(register(*rows), "utf-8")
    ingest_register(life.book, path)
    life.tell("register", text=register(*rows))
    for double in list_doubles(life.book):
        resolve_double(life.book, double.id, keep=Keep.FIRST, reason=WHY)
    for unknown in list_unknown_issuers(life.book):
        accept_issuer(life.book, unknown.issuer, unknown.month, reason=WHY)


def lead_is_violated(life: Life) -> None:
    """As the flow of a checkpoint does it."""
    for checkpoint in due_checkpoints(life.book):
        judgement = judge_checkpoint(life.book, checkpoint)
        if judgement.violation_id is not None:
            fall_back(life.book, judgement.violation_id)
    with life.book.read() as tx:
        left = tx.all(select(Violation.id).where(col(Violation.acted_at).is_(None)))
    for violation in left:
        fall_back(life.book, violation)
    hand_over_waiting(life.book)


def run_is_deleted(life: Life) -> None:
    """Somebody deletes every run of Prefect; those that are still wanted are made again."""
    (life.folder / "prefect.json").unlink(missing_ok=True)
    life.prefect(lambda book, api: recreate_missing_runs(book, api))
    life.prefect(lambda book, api: create_runs(book, api))


def worker_is_dead(life: Life) -> None:
    """A worker took a run and was not heard of again; it is long beyond its timeout."""
    server = StoredPrefect(life.folder)
    run = next(iter(server.runs))
    if server.runs[run]["state_type"] == "SCHEDULED":
        server.take(run, "RUNNING")
    server.now += timedelta(hours=1)
    api = server.api()
    try:
        crash_dead_runs(life.book, api)
    finally:
        api.close()


def mail_of_a_lead(life: Life, lead: int) -> None:
    """The relay delivers what belongs to one lead."""
    with life.book.read() as tx:
        its = tx.all(select(Message.id).where(col(Message.lead_id) == lead))
    deliver(life.book, life.settings, only=its, postman=life.smtp)


def dead_mail_is_revived(life: Life) -> None:
    with life.book.read() as tx:
        dead = tx.all(select(Message.id).where(col(Message.state) == MessageState.DEAD))
    for message in dead:
        resend(life.book, [message])
    life.relay()


def mail_comes_back(life: Life) -> None:
    """A welcome is returned by a server on its way; the loop that reads it had been kept from reading."""
    maildir = life.folder / "bounces"
    if not maildir.exists():
        message_id = life.one(
            col(Message.external_id), col(Message.kind) == MessageKind.WELCOME, col(Message.state) == MessageState.SENT
        )
        mail = f"From: leads@vendor.example\nTo: a@client.example\nMessage-ID: {message_id}\n\nlink\n"
        drop(new_maildir(maildir), bounce(mail.encode()))
    note_failure(life.book, "bounces", "it was away")
    read_bounces(life.book, Maildir(maildir))
    beat(life.book, "bounces")
    with life.book.read() as tx:
        assert len(tx.all(select(Message.id).where(col(Message.bounced_at).is_not(None)))) == 1


def mail_is_put_aside(life: Life) -> None:
    """The welcome that came back: the client was called."""
    dismiss(life.book, life.one(col(Message.id), col(Message.bounced_at).is_not(None)), reason=WHY)


def violation_is_reversed(life: Life) -> None:
    reverse_violation(life.book, life.one(col(Violation.id)), reason=WHY)


def token_is_added(life: Life) -> None:
    with life.book.read() as tx:
        known = tx.all(select(ApiToken.id))
    if not known:
        add_token(life.book, "ant", TokenScope.CONTACTS_WRITE, partner="ant")


def next_month_is_given(life: Life) -> None:
    """September: what is billed for it, a holder, one switch by name and one by walking anew."""
    month = MONTH.next
    rows = [
        invoice_row(
            number=f"{partner}-{month}",
            issued_on=f"{month}-15",
            partner_code=partner,
            partner=partner,
            amount=f"{30_000 + 1000 * place}.00",
        )
        for place, partner in enumerate(PARTNERS)
    ]
    path = life.folder / "inbox" / f"next.closes-{ISSUER}-{month}.csv"
    if not (life.folder / "inbox" / "done" / path.name).exists():
        path.write_text(register(*rows), "utf-8")
    if path.exists():
        ingest_file(life.book, Source(path.parent, is_folder=True), path)
    life.tell("register", text=register(*rows))
    version = rank(life.book, month).version
    publish(life.book, month, version=version)
    activate(life.book, month)
    life.tell("ranked", month=str(month), version=version, last=False)


CORRECTED = {"name": "Пётр", "phone": "+7 495 111-11-11", "email": "petr@client.example"}

# When (Moscow time), and what; a step that broke off is done again by whoever asked for it.
STORY: list[tuple[str, Callable[[Life], object]]] = [
    ("2019-09-01 00:01", partners_are_imported),
    ("2019-09-01 00:02", register_is_dropped),
    ("2019-09-01 00:10", month_is_incomplete),
    ("2019-09-01 00:20", lambda life: close_month(life.book, ISSUER, MONTH)),
    ("2019-09-01 00:21", row_is_resolved),
    ("2019-09-01 00:22", doubts_are_settled),
    ("2019-09-01 00:30", month_is_given),
    ("2019-09-01 00:31", lambda life: accept_regulation(life.book, "elk", reason=WHY)),
    ("2019-09-01 00:32", token_is_added),
    ("2019-09-01 00:33", lambda life: beat(life.book, "relay")),
    *[(f"2019-09-02 10:{number:02d}", lambda life, number=number: life.lead(number)) for number in (1, 2, 3, 4, 5)],
    ("2019-09-02 10:06", lambda life: life.lead(6, client={"phone": "+7 495 000-00-01"})),
    ("2019-09-02 10:07", Life.relay),
    ("2019-09-02 10:08", Life.relay),
    ("2019-09-02 10:09", lambda life: open_lead(life.book, 1, "ant")),
    ("2019-09-02 10:10", lambda life: life.prefect(lambda book, api: create_runs(book, api))),
    ("2019-09-02 10:11", lambda life: life.contact(1, "ant", key="first-call")),
    ("2019-09-02 10:12", lambda life: begin_contact(life.book, 2, "ant")),
    ("2019-09-02 10:13", lambda life: life.contact(2, "ant")),
    ("2019-09-02 10:14", dead_mail_is_revived),
    ("2019-09-02 10:15", mail_comes_back),
    ("2019-09-02 10:50", Life.relay),  # reminders: void where the call was made
    ("2019-09-02 10:51", mail_is_put_aside),
    ("2019-09-02 10:51", lambda life: correct_client(life.book, 5, parse_contacts(CORRECTED), reason=WHY)),
    ("2019-09-02 10:52", run_is_deleted),
    ("2019-09-02 10:53", worker_is_dead),
    ("2019-09-02 11:30", lead_is_violated),
    ("2019-09-02 11:31", Life.relay),
    ("2019-09-02 11:32", lambda life: life.prefect(lambda book, api: create_runs(book, api))),
    ("2019-09-02 11:33", lambda life: life.contact(1, "ant", outcome="bought")),
    ("2019-09-02 11:34", lambda life: life.prefect(lambda book, api: delete_decided_runs(book, api))),
    ("2019-09-02 11:35", violation_is_reversed),
    ("2019-09-02 11:35", lambda life: keep_attached(life.book, 6, reason=WHY)),
    ("2019-09-02 11:36", lambda life: detach_lead(life.book, 6, reason=WHY)),
    ("2019-09-02 11:40", lambda life: record_violation(life.book, 2, CheckpointKind.THREE_DAYS, reason=WHY)),
    ("2019-09-02 11:41", lambda life: assign_lead(life.book, 3, "elk", reason=WHY)),
    ("2019-09-02 11:42", lambda life: close_lead(life.book, 4, reason=WHY)),
    ("2019-09-02 11:43", lambda life: decline(life.book, MONTH, "cat", reason=WHY)),
    ("2019-09-02 11:44", lambda life: suspend(life.book, "dog", reason=WHY)),
    ("2019-09-02 11:45", lambda life: resume(life.book, "dog", reason=WHY)),
    ("2019-09-02 11:46", lambda life: switch_holder(life.book, "dog", reason=WHY)),
    ("2019-09-02 11:47", lambda life: activate(life.book, MONTH, switch=True, reason=WHY)),
    ("2019-09-02 12:29", lambda life: begin_contact(life.book, 5, "bee")),
    # Completed in time, but nobody answered: its second first hour is violated, and the lead is paused meanwhile.
    ("2019-09-02 12:35", lambda life: life.contact(5, "bee", outcome="no_answer", key="too-late")),
    ("2019-09-02 12:36", lambda life: life.lead(7)),
    ("2019-09-02 12:37", lambda life: mail_of_a_lead(life, 7)),  # it is given up
    ("2019-09-02 12:48", lambda life: mail_of_a_lead(life, 7)),  # operators are told
    ("2019-09-02 13:40", lambda life: alert_again(life.book)),
    ("2019-10-01 00:10", next_month_is_given),
    ("2020-01-01 00:10", lambda life: guard_round(life.book, grace=timedelta(0))),
]


def calm(life: Life) -> None:
    """What two stewards do in the 90 seconds after the last fault."""
    for second in range(0, 91, 15):
        guard_round(replace(life.book, points=None), grace=timedelta(0))
        deliver(replace(life.book, points=None), life.settings, postman=life.smtp)
        life.now += timedelta(seconds=15 if second else 1)


def instant(step: int) -> datetime:
    return moscow(STORY[step][0])
