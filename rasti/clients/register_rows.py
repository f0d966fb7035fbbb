"""One row of the invoice register: its cells in, typed values out, or why it is malformed (D1, D2)."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from rasti.errors import BadInput
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import FIRST_YEAR, LAST_YEAR, Month
from rasti.rules.spelling import spelling_key

REQUIRED = (
    "issuer",
    "number",
    "issued_on",
    "partner_code",
    "partner",
    "product_code",
    "product",
    "quantity",
    "amount",
    "currency",
)
OPTIONAL = ("period", "status")

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_AMOUNT = re.compile(r"([+-]?)(\d{1,18})(?:\.(\d{1,2}))?", re.ASCII)
_MORE_DECIMALS = re.compile(r"[+-]?\d+\.\d{3,}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_KOPECKS_BOUND = 10**14  # 10**12 roubles: no invoice line has that much, a shifted column does
_QUANTITY_BOUND = 10**9
_LONGEST = {"issuer": 200, "number": 200, "partner_code": 64, "product_code": 200}
_LONGEST_TEXT = 1000

Columns = Mapping[str, int]  # where each column stands


class Malformed(Exception):
    """A row that cannot be read; the template names the column, `value` what stands there."""

    def __init__(self, template: str, value: object = "") -> None:
        super().__init__(template)
        self.template = template
        self.value = f"{value[:40]}…" if isinstance(value, str) and len(value) > 40 else value

    def __str__(self) -> str:
        return self.template.format(value=self.value)


class Row(NamedTuple):
    """One line of an invoice with what it says about its invoice; the amount in kopecks."""

    issuer: str
    number: str
    issued_on: date
    month: Month
    partner_code: str
    partner: str
    product_code: str
    product: str
    quantity: int
    kopecks: int
    status: InvoiceStatus


@dataclass(frozen=True, slots=True)
class Trace:
    """What a malformed row still tells of its invoice; no year: its date cannot be read."""

    issuer: str | None
    number: str | None
    year: int | None
    months: frozenset[Month]


def read_columns(header: str) -> Columns:
    """Where each column stands. Raises Malformed unless the header is that of a register."""
    names = split_line(header)
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if missing:
        raise Malformed("its header has no column {value}", ", ".join(missing))
    if unknown:
        raise Malformed("its header has an unknown column {value!r}", unknown[0])
    if len(set(names)) < len(names):
        raise Malformed("its header names a column twice: {value}", next(n for n in names if names.count(n) > 1))
    return {name: index for index, name in enumerate(names)}


def split_line(text: str) -> list[str]:
    """The cells of a line; a quoted cell may hold `;`, not a line break. Raises Malformed."""
    if '"' not in text:
        return [cell.strip() for cell in text.split(";")]
    try:
        cells = next(csv.reader([text], delimiter=";", strict=True))
    except csv.Error as error:
        raise Malformed("row: a quote is not closed, or stands inside a cell") from error
    return [cell.strip() for cell in cells]


def read_row(cells: list[str], columns: Columns, currency: str, months: dict[str, Month]) -> Row:
    """The row's values; `months` remembers the periods read so far. Raises Malformed."""
    if len(cells) != len(columns):
        raise Malformed(f"row: {{value}} cells instead of {len(columns)}", len(cells))
    for name in REQUIRED:
        _check_text(name, cells[columns[name]])
    for name in ("issuer", "number", "partner_code", "product_code"):
        if not spelling_key(cells[columns[name]]):
            raise Malformed(f"{name}: empty")
    issued_on = _date(cells[columns["issued_on"]])
    if cells[columns["currency"]] != currency:
        raise Malformed(f"currency: {{value!r}} is not {currency}", cells[columns["currency"]])
    period = cells[columns["period"]] if "period" in columns else ""
    return Row(
        cells[columns["issuer"]],
        cells[columns["number"]],
        issued_on,
        _period(period, months) if period else Month.of(issued_on),
        cells[columns["partner_code"]],
        cells[columns["partner"]],
        cells[columns["product_code"]],
        cells[columns["product"]],
        _quantity(cells[columns["quantity"]]),
        _kopecks(cells[columns["amount"]]),
        _status(cells[columns["status"]] if "status" in columns else ""),
    )


def trace_of(cells: list[str], columns: Columns) -> Trace:
    """What can be read of a malformed row; cells are looked for where they should be."""

    def readable(name: str) -> str | None:
        index = columns.get(name, len(cells))
        text = cells[index].strip() if index < len(cells) else ""
        if len(text) > _LONGEST.get(name, 40) or _CONTROL.search(text):
            return None
        return text if spelling_key(text) else None

    try:
        issued_on = _date(readable("issued_on") or "")
    except Malformed:
        issued_on = None
    try:
        # With a wrong number of cells the last columns are shifted; the first ones are probably right.
        period = readable("period") if len(cells) == len(columns) else None
        month = _period(period, {}) if period else None
    except Malformed:
        month = None
    if month is None and issued_on is not None:
        month = Month.of(issued_on)
    return Trace(
        readable("issuer"),
        readable("number"),
        issued_on.year if issued_on else None,
        frozenset({month} if month else ()),
    )


def _check_text(name: str, text: str) -> None:
    if len(text) > _LONGEST.get(name, _LONGEST_TEXT):
        raise Malformed(f"{name}: longer than {_LONGEST.get(name, _LONGEST_TEXT)} characters")
    if _CONTROL.search(text):
        raise Malformed(f"{name}: holds a control character")


def _date(text: str) -> date:
    try:
        if _DATE.fullmatch(text) is None:
            raise ValueError(text)
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Malformed("issued_on: {value!r} is not a date YYYY-MM-DD", text) from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Malformed("issued_on: the year of {value} is absurd", text)
    return day


def _period(text: str, months: dict[str, Month]) -> Month:
    month = months.get(text)
    if month is None:
        try:
            month = Month.parse(text)
        except BadInput as error:
            raise Malformed("period: {value!r} is not a month YYYY-MM", text) from error
        if not FIRST_YEAR <= month.year <= LAST_YEAR:
            raise Malformed("period: the year of {value} is absurd", text)
        months[text] = month
    return month


def _quantity(text: str) -> int:
    if _WHOLE.fullmatch(text) is None:
        raise Malformed("quantity: {value!r} is not a whole number", text)
    quantity = int(text)
    if abs(quantity) >= _QUANTITY_BOUND:
        raise Malformed("quantity: {value} is absurd", text)
    return quantity


def _kopecks(text: str) -> int:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        if _MORE_DECIMALS.fullmatch(text):
            raise Malformed("amount: {value} has more than two decimals", text)
        raise Malformed("amount: {value!r} is not a number with a dot and at most two decimals", text)
    sign, roubles, kopecks = match.groups()
    amount = int(roubles) * 100 + int((kopecks or "").ljust(2, "0"))
    if amount >= _KOPECKS_BOUND:
        raise Malformed("amount: {value} is absurd", text)
    return -amount if sign == "-" else amount


def _status(text: str) -> InvoiceStatus:
    try:
        return InvoiceStatus(text or InvoiceStatus.POSTED)
    except ValueError as error:
        raise Malformed("status: {value!r} is neither posted nor cancelled", text) from error
