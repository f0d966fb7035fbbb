"""The billing system outside: registers of a month, changed and bad ones too, and such as leave a doubt."""

from dataclasses import dataclass
from random import Random

from rasti.rules.month import Month
from tests.builders import invoice_row, register

ISSUER = "vendor"
STRANGER = "reseller"  # an issuer whom the programme does not name
PARTNERS = ("ant", "bee", "cat", "dog", "elk")
NOT_READY = "elk"


@dataclass(frozen=True)
class Register:
    """A register file; `good` is it without its bad rows, `closes` that the issuer's month is complete with it."""

    text: str
    good: str
    month: Month
    closes: bool


def new_register(random: Random, number: int, month: Month) -> Register:
    """A register of a month: every partner's invoice, or a few changed ones, or with a row nobody can read.

    Now and then an invoice comes a second time with a zero before its number, or from an issuer whom nobody named.
    """
    whole = random.randrange(3) > 0
    partners = [partner for partner in PARTNERS if whole or random.randrange(3) == 0] or [PARTNERS[0]]
    rows = [_row(partner, month, random.randrange(500, 900) * 100) for partner in partners]
    if whole and random.randrange(2):
        rows.append(
            invoice_row(
                number=f"KIT-{month}",
                issued_on=f"{month}-20",
                partner_code=random.choice(PARTNERS),
                product_code="support-kit",
                amount="100.00",
            )
        )
    if random.randrange(3) == 0:
        rows.append(random.choice(rows[: len(partners)]).replace(f"{ISSUER};", f"{ISSUER};0", 1))
    if random.randrange(3) == 0:
        rows.append(_row(random.choice(PARTNERS), month, 100).replace(f"{ISSUER};", f"{STRANGER};", 1))
    bad = invoice_row(number=f"BAD-{number}", issued_on=f"{month}-10", amount="1,5")
    is_bad = random.randrange(3) == 0
    return Register(
        register(*rows, *([bad] if is_bad else [])), register(*rows), month, closes=whole and random.randrange(4) > 0
    )


def first_registers() -> Register:
    """July and August 2019: everybody grew, in the order of the alphabet."""
    rows = [_row(partner, Month(2019, 7), 10_000) for partner in PARTNERS]
    rows += [_row(partner, Month(2019, 8), 20_000 - index * 1000) for index, partner in enumerate(PARTNERS)]
    return Register(register(*rows), register(*rows), Month(2019, 8), closes=True)


def _row(partner: str, month: Month, roubles: int) -> str:
    return invoice_row(
        number=f"{partner}-{month}",
        issued_on=f"{month}-15",
        partner_code=partner,
        partner=partner,
        amount=f"{roubles}.00",
    )
