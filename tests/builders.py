"""Builders with defaults: a test names only what its story needs.

The cast is always the same: `winner`, `second` and `third` have places 1 to 3; `stranger` is a partner without a place.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlmodel import col, select

from models import Attempt, Lead, Partner, Publication, Ranking, RankingEntry
from rasti.ledger.book import Book
from rasti.rules.addresses import email_key
from rasti.rules.kinds import CHECKLISTS, CheckpointKind, NotRanked
from rasti.rules.month import Month

WINNER, SECOND, THIRD, STRANGER = CAST = ("winner", "second", "third", "stranger")
MONTH = Month(2019, 8)  # the reporting month; its leads come in 2019-09

FIRST_CALL = sorted(CHECKLISTS[CheckpointKind.FIRST_HOUR])
FOLLOW_UP = sorted(CHECKLISTS[CheckpointKind.THREE_DAYS])

HEADER = "issuer;number;issued_on;partner_code;partner;product_code;product;quantity;amount;currency"


def add_partner(book: Book, code: str, *, ready: bool = True, suspended: bool = False, **changes: Any) -> str:
    """A partner in the list; `ready`: accepted the regulation (R9)."""
    with book.write() as tx:
        values: dict[str, Any] = {
            "name": f"ООО «{code}»",
            "email": f"{code}@partner.example",
            "city": "Москва",
            "regulation_accepted_on": date(2019, 7, 1) if ready else None,
            "suspended_at": tx.now if suspended else None,
            "suspended_reason": "test" if suspended else None,
        }
        values |= changes
        tx.session.add(Partner(code=code, email_key=email_key(values["email"]), **values))
    return code


def add_cast(book: Book, *, not_ready: tuple[str, ...] = (), suspended: tuple[str, ...] = ()) -> None:
    """The four partners of every story, all ready unless named."""
    for code in CAST:
        add_partner(book, code, ready=code not in not_ready, suspended=code in suspended)


def publish_places(
    book: Book, month: Month | str = MONTH, places: tuple[str, ...] = (WINNER, SECOND, THIRD), *, version: int = 1
) -> int:
    """A published ranking with these partners from place 1 on (growth 100 %, 90 %, ...); its id.

    Written as rows, so that a story can start from any ranking; how real invoices become one is tested elsewhere.
    """
    month = Month.parse(month) if isinstance(month, str) else month
    rules = book.programme.rules_for(month)
    with book.write() as tx:
        ranking = Ranking(
            month=month,
            version=version,
            digest=f"{version:064d}",
            rules_digest=rules.digest,
            complete=True,
            missing=[],
            inputs={},
            computed_at=tx.now,
        )
        tx.session.add(ranking)
        tx.session.flush()
        for place, code in enumerate(places, start=1):
            growth = Decimal(max(1, 110 - 10 * place))
            tx.session.add(
                RankingEntry(
                    ranking_id=ranking.id,
                    partner_code=code,
                    place=place,
                    growth_percent=f"{growth:.2f}",
                    previous_billed=Decimal("10000.00"),
                    billed=Decimal(10000) + growth * 100,
                    kits_sold=1,
                )
            )
        if STRANGER not in places:
            tx.session.add(
                RankingEntry(
                    ranking_id=ranking.id,
                    partner_code=STRANGER,
                    reason=NotRanked.NO_GROWTH,
                    growth_percent="0.00",
                    previous_billed=Decimal("10000.00"),
                    billed=Decimal("10000.00"),
                    kits_sold=0,
                )
            )
        tx.session.add(Publication(ranking_id=ranking.id, month=month, published_at=tx.now))
        return ranking.id


def won_month(
    book: Book, month: Month | str = MONTH, places: tuple[str, ...] = (WINNER, SECOND, THIRD), **cast: Any
) -> None:
    """The cast, a published ranking and its activation: place 1 holds the leads of the next month."""
    from rasti.ledger.tenures import activate

    month = Month.parse(month) if isinstance(month, str) else month
    with book.read() as tx:
        known = tx.session.get(Partner, WINNER) is not None
    if not known:
        add_cast(book, **cast)
    publish_places(book, month, places)
    activate(book, month)


def lead_data(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The body of a lead as the site sends it; each number is another client."""
    client = {
        "name": f"Иван Петров {number}",
        "phone": f"+7 495 {number // 10_000:03d}-{number // 100 % 100:02d}-{number % 100:02d}",
        "email": f"client{number}@client.example",
    }
    body: dict[str, Any] = {
        "source": "site",
        "source_id": f"request-{number}",
        "requested_at": "2019-09-02T10:00:00+03:00",
        "client": client | changes.pop("client", {}),
        "product": "1С:Бухгалтерия в облаке",
        "configuration_url": f"https://cloud.example/trial/{number}",
        "workplaces": 5,
    }
    return body | changes


def contact_data(partner: str = WINNER, **changes: Any) -> dict[str, Any]:
    """The body of a contact: a complete first call unless changed; `follow_up()` is the other list."""
    body: dict[str, Any] = {
        "partner": partner,
        "kind": "call",
        "happened_at": "2019-09-02T10:00:00+03:00",
        "checklist": FIRST_CALL,
        "outcome": "reached",
    }
    return body | changes


def follow_up(partner: str = WINNER, **changes: Any) -> dict[str, Any]:
    """The body of a complete follow-up call."""
    return contact_data(partner, checklist=FOLLOW_UP, **changes)


def no_answer(partner: str = WINNER, **changes: Any) -> dict[str, Any]:
    """The body of a call that the client did not pick up."""
    return contact_data(partner, checklist=[], outcome="no_answer", **changes)


def arrive(book: Book, number: int = 1, **changes: Any) -> int:
    """A lead arrives now and, if its turn has come, is handed over to the holder; its id."""
    from rasti.ledger.handover import hand_over
    from rasti.ledger.leads import receive_lead
    from rasti.rules.bodies import parse_lead

    with book.read() as tx:
        changes = {"requested_at": tx.now.isoformat()} | changes
    lead_id = receive_lead(book, parse_lead(lead_data(number, **changes))).lead_id
    hand_over(book, lead_id)
    return lead_id


def receive(book: Book, lead_id: int) -> int:
    """The partner who has the lead opens it in the cabinet now: the clock starts (D11); the attempt's id."""
    from rasti.ledger.handover import open_lead

    attempt = open_attempt(book, lead_id)
    assert attempt is not None, f"lead {lead_id} is in nobody's hands"
    open_lead(book, lead_id, attempt.partner_code)
    return attempt.id


def log(book: Book, lead_id: int, body: dict[str, Any] | None = None, **changes: Any) -> Any:
    """A contact is logged now, by the partner who has the lead unless the body says otherwise."""
    from rasti.ledger.contacts import log_contact
    from rasti.rules.bodies import parse_contact

    if body is None:
        attempt = open_attempt(book, lead_id)
        body = contact_data(attempt.partner_code if attempt else WINNER)
    with book.read() as tx:
        body = body | {"happened_at": tx.now.isoformat()} | changes
    return log_contact(book, lead_id, parse_contact(body))


def open_attempt(book: Book, lead_id: int) -> Attempt | None:
    """The lead's open attempt."""
    with book.read() as tx:
        attempt: Attempt | None = tx.session.execute(
            select(Attempt).where(col(Attempt.lead_id) == lead_id, col(Attempt.ended_at).is_(None))
        ).scalar_one_or_none()
        return attempt


def neglect_first(book: Book, clock: Any) -> None:
    """The hour of a received lead passes without a contact: the verdict, and what follows from it (R13)."""
    from rasti.ledger.fallback import fall_back, violations_to_act_on
    from rasti.ledger.handover import hand_over_waiting
    from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint

    clock.advance(hours=1, seconds=1)
    for checkpoint in due_checkpoints(book):
        judge_checkpoint(book, checkpoint)
    for violation in violations_to_act_on(book):
        fall_back(book, violation)
    hand_over_waiting(book)


def lead_state(book: Book, lead_id: int) -> str:
    """Where the lead stands."""
    with book.read() as tx:
        lead = tx.session.get(Lead, lead_id)
        assert lead is not None
        return lead.state.value


def invoice_row(**changes: object) -> str:
    """One row of a register; an amount of 1000.00 in 2019-08 by the winner unless changed."""
    row: dict[str, object] = {
        "issuer": "vendor",
        "number": "B-1",
        "issued_on": "2019-08-15",
        "partner_code": WINNER,
        "partner": "ООО «winner»",
        "product_code": "grm",
        "product": "1С:ГРМ",
        "quantity": 1,
        "amount": "1000.00",
        "currency": "RUB",
    }
    return ";".join(str(value) for value in (row | changes).values())


def register(*rows: str, header: str = HEADER) -> str:
    """The text of a register file; rows made by `invoice_row`. Extra columns (`period`, `status`) need a header."""
    return "\n".join((header, *rows)) + "\n"


def growing_register(month: Month | str = MONTH, growth: dict[str, str] | None = None) -> str:
    """A register in which each partner billed 10 000.00 the month before, and grew by so many percent in `month`."""
    month = Month.parse(month) if isinstance(month, str) else month
    growth = growth or {WINNER: "100", SECOND: "90", THIRD: "80", STRANGER: "0"}
    rows = []
    for index, (code, percent) in enumerate(growth.items(), start=1):
        for billed_month, amount in (
            (month.previous, Decimal(10000)),
            (month, Decimal(10000) + Decimal(percent) * 100),
        ):
            rows.append(
                invoice_row(
                    number=f"{billed_month}-{index}",
                    issued_on=f"{billed_month}-15",
                    partner_code=code,
                    partner=code,
                    amount=f"{amount:.2f}",
                )
            )
    return register(*rows)
