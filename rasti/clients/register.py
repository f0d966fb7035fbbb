"""The canonical invoice register: a CSV file in, invoices and rows that could not be read out (D1)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

from rasti.clients.register_known import KnownCells
from rasti.clients.register_lines import LONGEST_LINE, RegisterLines
from rasti.clients.register_rows import Columns, Malformed, Row, read_columns, read_row, split_line, trace_of
from rasti.errors import BadInput, NotFound
from rasti.garbage import garbage_left_alone
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month
from rasti.rules.spelling import spelling_key

Progress = Callable[[str, int, int], None]  # what is going on, how much of it is done, of how much

_REPORT_EVERY = 2_000  # rows


class Line(NamedTuple):
    """One line of an invoice; the amount in kopecks."""

    product_code: str
    product: str
    quantity: int
    kopecks: int


@dataclass(slots=True)
class ReadInvoice:
    """An invoice as the file has it; `key`, what identifies it: issuer and number as compared, year of issue."""

    key: tuple[str, str, int]
    issuer: str  # as first written in the file
    number: str
    issued_on: date
    month: Month
    partner_code: str
    partner_name: str
    status: InvoiceStatus
    first_row: int
    lines: list[Line] = field(default_factory=list)

    def digest(self, issuer: str | None = None, number: str | None = None, status: InvoiceStatus | None = None) -> str:
        """SHA-256 of what ranking reads, whatever the order of the lines; names are labels and not part of it.

        Issuer and number as they are stored, where they are: another spelling in a file is no other invoice.
        """
        head = (
            issuer or self.issuer,
            number or self.number,
            str(self.key[2]),
            self.issued_on.isoformat(),
            str(self.month),
            self.partner_code,
            (status or self.status).value,
        )
        lines = sorted(f"{line.product_code}\x1f{line.quantity}\x1f{line.kopecks}" for line in self.lines)
        # Control characters cannot stand in a field, so no two invoices write the same text.
        return hashlib.sha256("\x1e".join(("\x1f".join(head), *lines)).encode()).hexdigest()


@dataclass(slots=True)
class BadRow:
    """A row that could not be read: its line in the file, why, and what of its invoice is known."""

    row: int
    reason: str
    issuer: str | None
    number: str | None
    year: int | None
    months: set[Month]  # those it keeps incomplete (D6)

    @property
    def named(self) -> tuple[str, str] | None:
        """Its issuer and number as they are compared; None: one of them cannot be read."""
        return named(self.issuer, self.number)


def named(issuer: str | None, number: str | None) -> tuple[str, str] | None:
    """Issuer and number as they are compared; None: one of them is not known."""
    return None if issuer is None or number is None else (spelling_key(issuer), spelling_key(number))


@dataclass(frozen=True)
class Register:
    """A file that was read: its good invoices, its bad rows."""

    name: str
    digest: str  # SHA-256 of its bytes
    rows: int
    invoices: list[ReadInvoice]  # without those that are quarantined
    bad_rows: list[BadRow]
    quarantined_invoices: int


def read_register(path: Path, *, currency: str, progress: Progress | None = None) -> Register:
    """Read a register row by row.

    Raises NotFound, BadInput: no such file, not UTF-8, no register at all, or no row with a date that can be read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file, garbage_left_alone():
            return _Reading(path, currency).read(RegisterLines(path, file), size, progress)
    except FileNotFoundError as error:
        raise NotFound("There is no file {path}.", path=path) from error
    except OSError as error:
        raise BadInput("{path} cannot be read: {why}.", path=path, why=error.strerror) from error


class _Reading:
    """One pass over a file."""

    def __init__(self, path: Path, currency: str) -> None:
        self.path = path
        self.currency = currency
        self.rows = 0
        self.invoices: dict[tuple[str, str, int], ReadInvoice] = {}
        self.bad_rows: list[BadRow] = []
        self.undated: list[BadRow] = []
        self.dated = False
        self.months: set[Month] = set()
        self._months: dict[str, Month] = {}
        self._issuer_keys: dict[str, str] = {}
        # Rows of one invoice mostly stand together: issuer, number and day of the row before, and its invoice.
        self._last_named: tuple[object, ...] = ()
        self._last_invoice: ReadInvoice

    def read(self, lines: RegisterLines, size: int, progress: Progress | None) -> Register:
        columns = self._header(lines.header())
        known = KnownCells(columns)
        for first, texts, too_long in lines.blocks():
            for number, text in enumerate(texts, first):
                row = None if too_long else known.row(text)
                if row is not None and self._add(number, row):
                    self.rows += 1
                elif text.strip():
                    self.rows += 1
                    self._row(number, text, too_long, columns, known)
                else:
                    continue
                if progress is not None and self.rows % _REPORT_EVERY == 0:
                    progress("read", lines.read, size)
        if not self.dated:
            raise BadInput("{path}: no row has a date that can be read; nothing was taken from it.", path=self.path)
        for bad in self.undated:
            bad.months |= self.months
        quarantined = self._quarantine_whole_invoices()
        return Register(
            self.path.name,
            lines.digest.hexdigest(),
            self.rows,
            list(self.invoices.values()),
            sorted(self.bad_rows, key=lambda bad: bad.row),
            quarantined,
        )

    def _header(self, text: str) -> Columns:
        try:
            return read_columns(text)
        except Malformed as error:
            raise BadInput("{path} is no invoice register: {why}.", path=self.path, why=error) from error

    def _row(self, number: int, text: str, too_long: bool, columns: Columns, known: KnownCells) -> None:
        """Read a row with care: it is added, or a bad row."""
        cells: list[str] = []
        try:
            cells = split_line(text)
            if too_long:
                raise Malformed("row: longer than {value} bytes", LONGEST_LINE)
            row = read_row(cells, columns, self.currency, self._months)
            known.learn(text, row)
            if not self._add(number, row):
                _check_agreement(self.invoices[self._key(row)], row)
        except Malformed as error:
            trace = trace_of(cells or text.split(";"), columns)
            bad = BadRow(number, str(error), trace.issuer, trace.number, trace.year, set(trace.months))
            self.bad_rows.append(bad)
            if trace.year is None:
                self.undated.append(bad)
            self.dated |= trace.year is not None
            self.months |= trace.months

    def _add(self, number: int, row: Row) -> bool:
        """Add a row to its invoice; False: it does not agree with the rows before it."""
        named = row[:3]
        if named != self._last_named:
            key = self._key(row)
            self._last_named, self._last_invoice = named, self.invoices.get(key) or self._begin(key, number, row)
        invoice = self._last_invoice
        if not _agrees(invoice, row):
            return False
        invoice.lines.append(tuple.__new__(Line, row[6:10]))
        return True

    def _begin(self, key: tuple[str, str, int], number: int, row: Row) -> ReadInvoice:
        """An invoice with its first row."""
        self.dated = True
        self.months.add(row.month)
        invoice = self.invoices[key] = ReadInvoice(
            key,
            row.issuer,
            row.number,
            row.issued_on,
            row.month,
            row.partner_code,
            row.partner,
            row.status,
            number,
        )
        return invoice

    def _key(self, row: Row) -> tuple[str, str, int]:
        """What identifies the row's invoice."""
        issuer = self._issuer_keys.get(row.issuer)
        if issuer is None:
            issuer = self._issuer_keys[row.issuer] = spelling_key(row.issuer)
        return issuer, spelling_key(row.number), row.issued_on.year

    def _quarantine_whole_invoices(self) -> int:
        """Set aside every invoice that has a bad row; returns how many invoices are quarantined."""
        years: dict[tuple[str, str], list[int]] = {}
        for issuer, number, year in self.invoices:
            years.setdefault((issuer, number), []).append(year)
        for bad in self.bad_rows:
            # Without a date the row may belong to any invoice of that number.
            if bad.year is None and bad.named is not None:
                of_number = years.get(bad.named, [])
                bad.year = of_number[0] if len(of_number) == 1 else None
        whole: dict[tuple[tuple[str, str], int | None], set[Month]] = {}
        for bad in self.bad_rows:
            if bad.named is None:
                continue
            months = whole.setdefault((bad.named, bad.year), set())
            months |= bad.months
            for year in years.get(bad.named, []) if bad.year is None else [bad.year]:
                invoice = self.invoices.pop((*bad.named, year), None)
                if invoice is not None:
                    months.add(invoice.month)
        for bad in self.bad_rows:
            if bad.named is not None:
                bad.months = whole[bad.named, bad.year]
        return len(whole)


def _agrees(invoice: ReadInvoice, row: Row) -> bool:
    """Rows of one invoice agree on date, partner, period and status."""
    return (
        invoice.issued_on == row.issued_on
        and invoice.partner_code == row.partner_code
        # Mostly the same object: comparing months takes longer than all the rest.
        and (invoice.month is row.month or invoice.month == row.month)
        and invoice.status is row.status
    )


def _check_agreement(invoice: ReadInvoice, row: Row) -> None:
    """Rows of one invoice agree on date, partner, period and status. Raises Malformed."""
    for column, here, there in (
        ("issued_on", row.issued_on, invoice.issued_on),
        ("partner_code", row.partner_code, invoice.partner_code),
        ("period", row.month, invoice.month),
        ("status", row.status, invoice.status),
    ):
        if here != there:
            raise Malformed(
                f"{column}: {{value!r}} is not what row {invoice.first_row} of the same invoice says", str(here)
            )
