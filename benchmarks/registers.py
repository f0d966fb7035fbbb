"""Registers and partner lists of any size, the same at every run: two months, a hundred lines a partner."""

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from rasti.rules.month import Month

MONTH = Month(2011, 7)  # ranked; the other half of the lines is of the month before
LINES_A_PARTNER = 100
LINES_A_FILE = 1_000_000  # a file is read whole, so that millions of lines come in several

_HEADER = "issuer;number;issued_on;partner_code;partner;product_code;product;quantity;amount;currency\n"
_PRODUCTS = (
    *(f"workplace-{size};Cloud workplace, {size} months" for size in (1, 3, 6, 12)),
    *(f"service-{number};Service {number}" for number in (1, 2, 3)),
    "support-kit;Basic support kit",
)


def write_partners(path: Path, lines: int) -> None:
    """The list of all partners that registers of so many lines name."""
    with path.open("w", encoding="utf-8") as file:
        file.write("code;name;email;city;regulation_accepted_on\n")
        for number in range(_partners(lines)):
            file.write(f"P{number:06d};Partner {number};p{number}@partner.example;Moscow;2011-05-01\n")


def write_registers(folder: Path, lines: int) -> list[Path]:
    """Registers of so many lines together, invoices of one to five lines, for partners in turn."""
    paths = []
    for first in range(0, lines, LINES_A_FILE):
        path = folder / f"register-{len(paths)}.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write(_HEADER)
            file.writelines(_rows(min(LINES_A_FILE, lines - first), _partners(lines), len(paths)))
        paths.append(path)
    return paths


def write_nothing(path: Path, number: int) -> None:
    """A register of one invoice of 0.00: it changes no sum, but what the ranking reads, so that a version is new."""
    path.write_text(f"{_HEADER}vendor;Z-{number};{MONTH}-01;P000000;Partner 0;service-1;Nothing;0;0.00;RUB\n", "utf-8")


def _partners(lines: int) -> int:
    return max(1, lines // LINES_A_PARTNER)


def _rows(count: int, partners: int, series: int) -> Iterator[str]:
    chance = random.Random(series)
    days = [date(month.year, month.number, day) for month in (MONTH.previous, MONTH) for day in range(1, 29)]
    written = invoice = 0
    while written < count:
        bits = chance.getrandbits(64)
        partner = (invoice + series * 7919) % partners
        issuer = "distributor" if bits % 10 == 0 else "vendor"
        head = f"{issuer};B{series}-{invoice};{days[bits % 56]};P{partner:06d};Partner {partner}"
        for line in range(min(1 + (bits >> 8) % 5, count - written)):
            some = bits >> (16 + 9 * line)
            yield f"{head};{_PRODUCTS[some % 8]};{1 + some % 3};{100 + some % 99_900}.{some % 100:02d};RUB\n"
            written += 1
        invoice += 1
