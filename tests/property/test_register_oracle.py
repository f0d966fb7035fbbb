"""Registers, clean and dirty, read in bulk and by an obvious reader that takes one row at a time: the same comes out.

The obvious reader knows no blocks and remembers no cells; every row goes through `read_row` (D1).
"""

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rasti.clients import register_lines
from rasti.clients.register import Line, Register, read_register
from rasti.clients.register_rows import OPTIONAL, REQUIRED, Malformed, read_columns, read_row, split_line, trace_of
from rasti.errors import BadInput
from rasti.rules.month import Month

LONGEST = register_lines.LONGEST_LINE

# A few good words a column, that they meet again, with all that a hand or a program may do to a cell.
GOOD = {
    "issuer": ["vendor", "Vendor", "ООО «Ромашка»", "ООО\u00a0 «РОМАШКА»"],
    "number": ["B-1", "b-1", "B-2", "Ж/7", "ж/\u200b7", "B 3", "B\u202f3", "№4", "0001", "\u200b"],
    "issued_on": ["2019-08-15", "2019-08-16", "2019-07-01", "2020-08-15"],
    "partner_code": ["p1", "p2"],
    "partner": ["First", "", "Second\u00a0One", '"One; two"', '"One"'],
    "product_code": ["workplace", "support-kit"],
    "product": ["Workplace", "", '"Kit ""one"""'],
    "quantity": ["1", "-2", "+3", "007"],
    "amount": ["1.00", "-0.50", "0.00", "-0.00", "7", "7.5", "+7.05", "999999999999.99", "00.10"],
    "currency": ["RUB"],
    "period": ["", "2019-08", "2019-07", "2020-01"],
    "status": ["", "posted", "cancelled"],
}
BAD = [
    "", " ", "\u2003", "soon", "2019-02-30", "0019-08-15", "1,50", "1.005", "1e3", "٣", "1_0", "9" * 20, "x" * 201,
    "x" * 1001, "a\x00b", "a\rb", "a\x85b", "a\u2028b", "\ufeffvendor", 'a"b', '"', '"a;b"', '"a""b"', '"vendor"',
    "EUR", "1999-13", "drafted", "a\tb", "1000000000000.00", "-999999999999.99", "1000000000",
]  # fmt: skip


def _cell(name: str) -> st.SearchStrategy[str]:
    good = st.sampled_from(GOOD[name])
    padded = st.tuples(st.sampled_from(["", " ", "\t"]), good, st.sampled_from(["", " "])).map("".join)
    return st.one_of(good, good, good, good, good, good, padded, st.sampled_from(BAD))


columns = st.permutations(REQUIRED).flatmap(
    lambda names: st.lists(st.sampled_from(OPTIONAL), unique=True).map(lambda more: [*names, *more])
)


@st.composite
def registers(draw: Any) -> bytes:
    """A register with rows of few invoices; some of its lines, its encoding or its ends of line may be off."""
    names = draw(st.one_of(st.just([*REQUIRED]), st.just([*REQUIRED, *OPTIONAL]), columns))
    usual = {name: draw(st.sampled_from(GOOD[name])) for name in names}
    rows = []
    for _row in range(draw(st.integers(2, 14))):
        # Most cells of most rows are those of the row before: only such rows are read at once.
        changed = draw(st.lists(st.sampled_from(names), max_size=2))
        cells = usual | {name: draw(_cell(name)) for name in changed}
        rows.append(";".join(cells[name] for name in names))
        if draw(st.booleans()):
            usual = cells
    odd = st.sampled_from(["", "   ", ";", ";" * 9, ";" * 11, "a;b", "x" * (LONGEST + 1), "ж" * (LONGEST // 2), "\x0c"])
    for line in draw(st.lists(odd, max_size=2)):
        rows.insert(draw(st.integers(0, len(rows))), line)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join([";".join(names), *rows]) + draw(st.sampled_from(["", end, end * 2]))
    raw = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig"])))
    wrong = draw(st.sampled_from([b"", b"", b"", b"", b"\xff"]))
    place = draw(st.integers(0, len(raw)))
    return raw[:place] + wrong + raw[place:]


class Obvious:
    """Reads row by row, and keeps what the register does."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.invoices: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.bad: list[dict[str, Any]] = []
        self.rows = 0
        self.months: set[Month] = set()
        self.dated = False

    def read(self) -> dict[str, Any] | None:
        """What the file says; None: it is refused whole."""
        header: dict[str, int] | None = None
        for number, line in enumerate(io.BytesIO(self.raw), 1):
            too_long = len(line) > LONGEST
            try:
                text = line[:LONGEST].decode(
                    "utf-8-sig" if number == 1 else "utf-8", "replace" if too_long else "strict"
                )
            except UnicodeDecodeError:
                return None
            text = text.rstrip("\r\n")
            if header is None:
                try:
                    header = dict(read_columns(text))
                except Malformed:
                    return None
            elif text.strip():
                self.rows += 1
                self._row(number, text, too_long, header)
        return self._result() if self.dated else None

    def _row(self, number: int, text: str, too_long: bool, header: dict[str, int]) -> None:
        cells: list[str] = []
        try:
            cells = split_line(text)
            if too_long:
                raise Malformed("row: longer than {value} bytes", LONGEST)
            row = read_row(cells, header, "RUB", {})
            invoice = self.invoices.setdefault(
                (_key(row.issuer), _key(row.number), row.issued_on.year),
                {"row": number, "head": _head(row), "name": row.partner, "spelled": row[:2], "lines": []},
            )
            for name, there in invoice["head"].items():
                if _head(row)[name] != there:
                    what = f"is not what row {invoice['row']} of the same invoice says"
                    raise Malformed(f"{name}: {{value!r}} {what}", str(_head(row)[name]))
            invoice["lines"].append(Line(row.product_code, row.product, row.quantity, row.kopecks))
            self.dated = True
            self.months.add(row.month)
        except Malformed as error:
            trace = trace_of(cells or text.split(";"), header)
            self.dated |= trace.year is not None
            self.months |= trace.months
            self.bad.append({"row": number, "reason": str(error), "trace": trace})

    def _result(self) -> dict[str, Any]:
        good = dict(self.invoices)
        for bad in self.bad:
            trace = bad["trace"]
            for key in list(good):
                if key[:2] == (_key(trace.issuer), _key(trace.number)) and trace.year in (None, key[2]):
                    del good[key]
        return {
            "rows": self.rows,
            "digest": hashlib.sha256(self.raw).hexdigest(),
            "invoices": {
                key: (invoice["row"], invoice["head"], invoice["name"], invoice["spelled"], invoice["lines"])
                for key, invoice in good.items()
            },
            "bad": [(bad["row"], bad["reason"], bad["trace"].issuer, bad["trace"].number) for bad in self.bad],
        }


def _key(text: str | None) -> str | None:
    """As issuers and numbers of these registers are compared, said otherwise than by `spelling_key`."""
    return (
        None if text is None else re.sub(r"\s+", " ", text.replace("\u200b", "").replace("\ufeff", "").lower()).strip()
    )


def _head(row: Any) -> dict[str, Any]:
    return {
        "issued_on": row.issued_on, "partner_code": row.partner_code, "period": row.month, "status": row.status,
    }  # fmt: skip


def _result(register: Register) -> dict[str, Any]:
    return {
        "rows": register.rows,
        "digest": register.digest,
        "invoices": {
            invoice.key: (
                invoice.first_row,
                {
                    "issued_on": invoice.issued_on, "partner_code": invoice.partner_code,
                    "period": invoice.month, "status": invoice.status,
                },
                invoice.partner_name,
                (invoice.issuer, invoice.number),
                invoice.lines,
            )
            for invoice in register.invoices
        },
        "bad": [(bad.row, bad.reason, bad.issuer, bad.number) for bad in register.bad_rows],
    }  # fmt: skip


ROW = "vendor;B-1;2019-08-15;p1;First;workplace;Workplace;1;1.00;RUB"
HEAD = ";".join(REQUIRED)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registers") / "register.csv"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=registers(), block=st.sampled_from([1, 7, 64, 200, 262_144]))
@example(raw="\n".join([f"{HEAD};period", f"{ROW};2019-07", f"{ROW.replace('B-1', 'B-2')};2019-07"]).encode(), block=64)
@example(raw=f"{HEAD}\n{ROW}\n".encode() + b"x" * LONGEST + b"\n" + ROW.encode(), block=64)
@example(raw=f"{HEAD}\n{ROW}\n".encode() + b"x" * (LONGEST - 1) + b"\n" + ROW.encode(), block=64)
@example(raw=f"{HEAD}\n{ROW}\n".encode() + b"x" * LONGEST, block=LONGEST)
@example(raw=f"{HEAD}\n{ROW}\n".encode() + b"x" * (3 * LONGEST) + b"\n", block=262_144)
def test_reading_in_bulk_is_reading_row_by_row(raw: bytes, block: int, path: Path) -> None:
    path.write_bytes(raw)
    expected = Obvious(raw).read()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(register_lines, "_BLOCK", block)  # where a block ends must not matter
        try:
            read = _result(read_register(path, currency="RUB"))
        except BadInput:
            read = None
    assert read == expected
