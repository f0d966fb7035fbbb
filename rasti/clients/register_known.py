"""Rows that are read at once, because every cell of theirs was read before in its column.

Registers repeat themselves: few issuers, days, partners, products. What a cell says depends on it and its column alone,
so what the careful reader (`register_rows.py`) made of it once holds for every row. Numbers of invoices and amounts do
not repeat; those of the usual form are read here, all others there.
"""

import re
from datetime import date
from operator import itemgetter

from rasti.clients.register_rows import REQUIRED, Columns, Row
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month

# Both are part of what the careful reader takes, and mean the same there. No blank, so that nothing is to be stripped.
_PLAIN_NUMBER = re.compile(r"[0-9A-Za-zА-Яа-яЁё/._-]{1,200}").fullmatch
_PLAIN_AMOUNT = re.compile(r"-?\d{1,12}\.\d\d", re.ASCII).fullmatch


class KnownCells:
    """The cells of one file's rows that the careful reader took, by column."""

    def __init__(self, columns: Columns) -> None:
        self._width = len(columns)
        self._required = itemgetter(*(columns[name] for name in REQUIRED))
        self._period = columns.get("period")
        self._status = columns.get("status")
        self._issuers: dict[str, str] = {}
        self._days: dict[str, tuple[date, Month]] = {}
        self._partner_codes: dict[str, str] = {}
        self._partners: dict[str, str] = {}
        self._product_codes: dict[str, str] = {}
        self._products: dict[str, str] = {}
        self._quantities: dict[str, int] = {}
        self._currencies: set[str] = set()
        self._periods: dict[str, Month | None] = {"": None}
        self._statuses = {"": InvoiceStatus.POSTED}

    def row(self, text: str) -> Row | None:
        """The row, if all of it is known and plain."""
        cells = text.split(";")
        if len(cells) != self._width:
            return None
        (issuer, number, issued_on, partner_code, partner, product_code, product, quantity, amount, currency) = (
            self._required(cells)
        )
        if currency not in self._currencies or not _PLAIN_NUMBER(number) or not _PLAIN_AMOUNT(amount):
            return None
        try:
            day, month = self._days[issued_on]
            period = None if self._period is None else self._periods[cells[self._period]]
            values = (
                self._issuers[issuer],
                number,
                day,
                period or month,
                self._partner_codes[partner_code],
                self._partners[partner],
                self._product_codes[product_code],
                self._products[product],
                self._quantities[quantity],
                int(amount.replace(".", "")),
                InvoiceStatus.POSTED if self._status is None else self._statuses[cells[self._status]],
            )
        except KeyError:
            return None
        return tuple.__new__(Row, values)  # as the class does it, in half the time

    def learn(self, text: str, row: Row) -> None:
        """Remember the cells of a line that the careful reader took as that row."""
        if '"' in text:  # its cells are not what stands between the semicolons
            return
        cells = text.split(";")
        (issuer, _number, issued_on, partner_code, partner, product_code, product, quantity, _amount, currency) = (
            self._required(cells)
        )
        self._issuers[issuer] = row.issuer
        self._days.setdefault(issued_on, (row.issued_on, Month.of(row.issued_on)))
        self._partner_codes[partner_code] = row.partner_code
        self._partners[partner] = row.partner
        self._product_codes[product_code] = row.product_code
        self._products[product] = row.product
        self._quantities[quantity] = row.quantity
        self._currencies.add(currency)
        # A cell without a period says nothing: the month is that of the day.
        if self._period is not None and cells[self._period].strip():
            self._periods[cells[self._period]] = row.month
        if self._status is not None:
            self._statuses[cells[self._status]] = row.status
