"""What people hand to the programme: registers, partner lists, leads, contacts and programme.yaml, as plain values.

Instants are Moscow wall-clock texts ("2019-09-03 10:00"), because the rules are written in Moscow time.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

MOSCOW = ZoneInfo("Europe/Moscow")

FIRST_CALL = ["reached", "introduced", "about_cloud_request", "asked_questions", "left_contacts"]
FOLLOW_UP = ["reached", "asked_how_trial_goes", "asked_questions"]

REGISTER_COLUMNS = [
    *("issuer", "number", "issued_on", "partner_code", "partner"),
    *("product_code", "product", "quantity", "amount", "currency"),
]
PARTNER_COLUMNS = ["code", "name", "email", "city", "regulation_accepted_on"]

_serial = count(1)


def moscow(text: str) -> datetime:
    """An instant from a Moscow wall-clock text."""
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW)


def after(text: str, **delta: float) -> str:
    """The Moscow text of an instant later (or earlier) by real elapsed time: after("2019-09-03 10:00", hours=1)."""
    later = moscow(text).astimezone(UTC) + timedelta(**delta)
    return later.astimezone(MOSCOW).replace(tzinfo=None).isoformat(" ")


def moment(text: str) -> datetime:
    """An instant that the programme printed: ISO 8601, in UTC."""
    instant = datetime.fromisoformat(text)
    assert instant.utcoffset() == timedelta(0), f"not in UTC: {text}"
    return instant


def row(number: str, partner: str, issued_on: str, amount: str, **more: str) -> dict[str, str]:
    """One line of an invoice in the canonical register; `period` and `status` appear only when given."""
    line = {
        "issuer": "vendor",
        "number": number,
        "issued_on": issued_on,
        "partner_code": partner,
        "partner": f"Partner {partner}",
        "product_code": "workplace",
        "product": "Workplace",
        "quantity": "1",
        "amount": amount,
        "currency": "RUB",
    }
    return line | more


def kits(number: str, partner: str, issued_on: str, amount: str, quantity: int, **more: str) -> dict[str, str]:
    """A line that sells support kits (R3)."""
    return row(number, partner, issued_on, amount, product_code="support-kit", quantity=str(quantity), **more)


def register(*rows: dict[str, str]) -> str:
    """The text of a canonical register."""
    optional = [name for name in ("period", "status") if any(name in line for line in rows)]
    columns = REGISTER_COLUMNS + optional
    lines = [";".join(columns)] + [";".join(line.get(name, "") for name in columns) for line in rows]
    return "\n".join(lines) + "\n"


Bills = Mapping[str, Mapping[str, str | tuple[str, int]]]


def bills(billed: Bills) -> str:
    """A register with one invoice a partner and month: {"ALFA": {"2019-07": "20000.00", "2019-08": ("28000.00", 2)}}.

    The number of an invoice names its partner and month, so another amount is a new revision; a pair sells kits.
    """
    rows = []
    for partner, months in billed.items():
        for month, amount in months.items():
            number, day = f"{partner}-{month}", f"{month}-15"
            if isinstance(amount, tuple):
                rows.append(kits(number, partner, day, *amount))
            else:
                rows.append(row(number, partner, day, amount))
    return register(*rows)


def partner_list(*codes: str, not_ready: tuple[str, ...] = (), accepted_on: str = "2019-07-15") -> str:
    """The partner list; those in `not_ready` have not accepted the regulation (R9)."""
    lines = [";".join(PARTNER_COLUMNS)]
    for code in (*codes, *not_ready):
        lines.append(f"{code};Partner {code};{mailbox(code)};Moscow;{'' if code in not_ready else accepted_on}")
    return "\n".join(lines) + "\n"


def mailbox(code: str) -> str:
    return f"{code.lower()}@partner.example"


def lead_body(
    requested_at: str, *, phone: str | None = None, email: str | None = None, **changes: Any
) -> dict[str, Any]:
    """A request of a client; phone, e-mail and source_id are new each time unless given."""
    n = next(_serial)
    return {
        "source": "site",
        "source_id": f"request-{n}",
        "requested_at": moscow(requested_at).isoformat(),
        "client": {
            "name": f"Client {n}",
            "phone": phone or f"+7495{n:07d}",
            "email": email or f"client-{n}@client.example",
        },
        "product": "1C:Accounting",
        "configuration_url": f"https://cloud.example/base/{n}",
        "workplaces": 3,
    } | changes


def contact_body(partner: str, happened_at: str, **changes: Any) -> dict[str, Any]:
    """A complete first call unless told otherwise."""
    return {
        "partner": partner,
        "kind": "call",
        "happened_at": moscow(happened_at).isoformat(),
        "checklist": FIRST_CALL,
        "outcome": "reached",
    } | changes


def programme(*, rules: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """programme.yaml with what has no default, the last month of the letter (R6), and what the story changes."""
    return {
        "timezone": "Europe/Moscow",
        "first_month": "2019-08",
        "last_month": "2020-11",
        "rules": rules or [{"from": changes.get("first_month", "2019-08")}],
    } | changes
