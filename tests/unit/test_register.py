"""The canonical register: what is read, what is set aside, what is refused whole (D1)."""

import sys
from pathlib import Path

import pytest

from rasti.clients.register import Register, read_register
from rasti.errors import BadInput, NotFound
from rasti.rules.kinds import InvoiceStatus
from rasti.rules.month import Month
from tests.builders import HEADER, invoice_row, register

WIDE = f"{HEADER};period;status"
JULY, AUGUST = Month(2019, 7), Month(2019, 8)


def _read(folder: Path, text: str | bytes) -> Register:
    path = folder / "register.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_register(path, currency="RUB")


def _bad(read: Register) -> list[tuple[int, str]]:
    return [(bad.row, bad.reason.split(":")[0]) for bad in read.bad_rows]


def test_rows_of_one_invoice_may_stand_anywhere(tmp_path: Path) -> None:
    rows = invoice_row(amount="1.50"), invoice_row(number="B-2"), invoice_row(amount="-0.25", quantity=-2)
    read = _read(tmp_path, register(*rows))

    assert (read.rows, len(read.invoices), read.bad_rows) == (3, 2, [])
    assert [(line.kopecks, line.quantity) for line in read.invoices[0].lines] == [(150, 1), (-25, -2)]


def test_an_invoice_belongs_to_its_period_else_to_its_date_D1(tmp_path: Path) -> None:
    rows = (
        invoice_row(number="1", period="2019-07", status="posted"),
        invoice_row(number="2", period="", status="cancelled"),
        invoice_row(number="3", period="2020-01", status=""),
    )
    read = _read(tmp_path, register(*rows, header=WIDE))

    assert [invoice.month for invoice in read.invoices] == [JULY, AUGUST, Month(2020, 1)]
    assert [invoice.status for invoice in read.invoices] == [
        InvoiceStatus.POSTED,
        InvoiceStatus.CANCELLED,
        InvoiceStatus.POSTED,
    ]


def test_the_year_of_issue_is_part_of_an_invoices_identity(tmp_path: Path) -> None:
    read = _read(
        tmp_path, register(invoice_row(), invoice_row(issued_on="2020-08-15"), invoice_row(issuer="distributor"))
    )
    assert [invoice.key for invoice in read.invoices] == [
        ("vendor", "b-1", 2019),
        ("vendor", "b-1", 2020),
        ("distributor", "b-1", 2019),
    ]


@pytest.mark.parametrize("form", ["\ufeff{}", "{}\n\n \n"], ids=["byte order mark", "blank lines"])
def test_a_byte_order_mark_and_blank_lines_are_no_rows(tmp_path: Path, form: str) -> None:
    read = _read(tmp_path, form.format(register(invoice_row(), invoice_row(number="B-2"))))
    assert (read.rows, len(read.invoices), read.bad_rows) == (2, 2, [])


def test_windows_line_ends_and_quoted_cells_are_read(tmp_path: Path) -> None:
    quoted = invoice_row(partner='"ООО ""Ромашка""; филиал"')
    header = ";".join(f'"{name}"' for name in HEADER.split(";"))
    read = _read(tmp_path, register(quoted, header=header).replace("\n", "\r\n"))
    assert read.invoices[0].partner_name == 'ООО "Ромашка"; филиал'


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amount", "10.005"),
        ("amount", "NaN"),
        ("amount", "inf"),
        ("amount", "-Infinity"),
        ("amount", "1e3"),
        ("amount", "1000,00"),
        ("amount", "1 000.00"),
        ("amount", "1000000000000.00"),
        ("amount", "9" * 400),
        ("amount", ""),
        ("amount", "."),
        ("amount", "١٠"),
        ("quantity", "1.5"),
        ("quantity", "two"),
        ("quantity", ""),
        ("quantity", "1000000000"),
        ("currency", "USD"),
        ("currency", ""),
        ("currency", "rub"),
        ("issued_on", "2019-02-30"),
        ("issued_on", "15.08.2019"),
        ("issued_on", "20190815"),
        ("issued_on", "0001-01-01"),
        ("issued_on", ""),
        ("period", "2019-13"),
        ("period", "August"),
        ("period", "0001-01"),
        ("status", "draft"),
        ("issuer", ""),
        ("number", "  "),
        ("number", "x" * 201),
        ("partner_code", ""),
        ("partner_code", "x" * 65),
        ("partner", "x" * 1001),
        ("partner", "a\x00b"),
        ("product_code", ""),
        ("product", "tab\there"),
    ],
)
def test_a_malformed_row_is_set_aside_and_its_column_named(tmp_path: Path, column: str, value: str) -> None:
    good = invoice_row(number="B-2", period="", status="")
    bad = invoice_row(**({"period": "", "status": ""} | {column: value}))
    read = _read(tmp_path, register(good, bad, header=WIDE))

    assert _bad(read) == [(3, column)]
    assert [invoice.number for invoice in read.invoices] == ["B-2"]
    assert (read.rows, read.quarantined_invoices) == (2, 0 if column in ("issuer", "number") else 1)
    assert read.bad_rows[0].months == {AUGUST}


@pytest.mark.parametrize(
    "line",
    [
        invoice_row() + ";more",
        invoice_row().rsplit(";", 1)[0],
        invoice_row(partner='"not closed'),
        invoice_row(partner='stray " quote" in "a" cell'.replace("stray", '"stray"')),
        invoice_row(partner="x" * 70_000),
    ],
    ids=["a cell too many", "a cell too few", "open quote", "stray quote", "huge"],
)
def test_a_row_that_is_no_csv_row_is_set_aside_with_its_invoice(tmp_path: Path, line: str) -> None:
    read = _read(tmp_path, register(invoice_row(), line, invoice_row(number="B-2")))
    assert [bad.row for bad in read.bad_rows] == [3]
    assert [invoice.number for invoice in read.invoices] == ["B-2"]  # B-1 is set aside whole


def test_an_invoice_with_one_bad_row_is_set_aside_whole(tmp_path: Path) -> None:
    rows = invoice_row(), invoice_row(amount="oops"), invoice_row(amount="7.00"), invoice_row(number="B-2")
    read = _read(tmp_path, register(*rows))
    assert [invoice.number for invoice in read.invoices] == ["B-2"]
    assert _bad(read) == [(3, "amount")]


@pytest.mark.parametrize(
    ("column", "value"),
    [("issued_on", "2019-08-16"), ("partner_code", "other"), ("period", "2019-07"), ("status", "cancelled")],
)
def test_rows_of_one_invoice_that_disagree_are_malformed(tmp_path: Path, column: str, value: str) -> None:
    usual = {"period": "2019-08", "status": "posted"}
    rows = invoice_row(**usual), invoice_row(**(usual | {column: value})), invoice_row(number="B-2", **usual)
    read = _read(tmp_path, register(*rows, header=WIDE))
    assert _bad(read) == [(3, column)]
    assert "row 2" in read.bad_rows[0].reason
    assert [invoice.number for invoice in read.invoices] == ["B-2"]


def test_a_row_without_a_date_makes_all_months_of_the_file_incomplete_D6(tmp_path: Path) -> None:
    rows = (
        invoice_row(number="B-2", issued_on="2019-07-01"),
        invoice_row(number="B-3"),
        invoice_row(issued_on="soon"),
    )
    read = _read(tmp_path, register(*rows))
    assert read.bad_rows[0].months == {JULY, AUGUST}
    assert (read.bad_rows[0].number, read.bad_rows[0].year) == ("B-1", None)


def test_a_row_without_a_date_sets_aside_its_invoice_too(tmp_path: Path) -> None:
    read = _read(tmp_path, register(invoice_row(), invoice_row(issued_on="soon"), invoice_row(number="B-2")))
    assert [invoice.number for invoice in read.invoices] == ["B-2"]
    assert read.bad_rows[0].year == 2019


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"issuer,number,issued_on\n",
        "Счета будут позже.\n".encode(),
        b"\x00\x01\x02\xff",
        register(invoice_row()).encode("utf-16"),
        register(invoice_row()).encode("cp1251"),
        register(invoice_row()).replace(";amount;", ";sum;").encode(),
        register(invoice_row()).replace("quantity;", "quantity;quantity;", 1).encode(),
        register(invoice_row()).replace("\n", "\r").encode(),
        HEADER.encode(),
        register(invoice_row(issued_on="soon")).encode(),
        b"x" * 1_000_000,
    ],
    ids=["empty", "blank", "commas", "prose", "binary", "utf-16", "cp1251", "other column", "column twice", "lone CR",
         "no rows", "no date", "one long line"],
)  # fmt: skip
def test_what_is_no_register_is_refused_by_the_name_of_the_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadInput, match=r"register\.csv"):
        _read(tmp_path, content)


def test_a_wrong_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    text = register(invoice_row(partner="a", product="b"), invoice_row(partner="Ромашка")).encode("cp1251")
    with pytest.raises(BadInput, match="line 3 is not UTF-8"):
        _read(tmp_path, text)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.csv"):
        read_register(tmp_path / "nowhere.csv", currency="RUB")
    with pytest.raises(BadInput, match="cannot be read"):
        read_register(tmp_path, currency="RUB")


def test_the_digest_of_an_invoice_does_not_depend_on_the_order_of_its_lines(tmp_path: Path) -> None:
    rows = [invoice_row(amount="1.00"), invoice_row(amount="2.00"), invoice_row(amount="2.00")]
    one, other = (_read(tmp_path, register(*some)).invoices[0].digest() for some in (rows, rows[::-1]))
    less = _read(tmp_path, register(*rows[:2])).invoices[0].digest()
    assert one == other != less


@pytest.mark.parametrize(
    "change",
    [{"amount": "1000.01"}, {"quantity": 2}, {"product_code": "x"}, {"partner_code": "x"}, {"issued_on": "2019-08-16"},
     {"period": "2019-07"}, {"status": "cancelled"}],
)  # fmt: skip
def test_the_digest_of_an_invoice_covers_what_ranking_reads(tmp_path: Path, change: dict[str, str]) -> None:
    usual: dict[str, object] = {"period": "", "status": ""}
    digests = {
        _read(tmp_path, register(invoice_row(**row), header=WIDE)).invoices[0].digest()
        for row in (usual, usual | change, usual | {"partner": "new name", "product": "new name"})
    }
    assert len(digests) == 2


def test_a_large_register_reports_progress(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_text(register(*(invoice_row(number=number) for number in range(4500))), encoding="utf-8")
    seen: list[tuple[str, int, int]] = []
    read_register(path, currency="RUB", progress=lambda *step: seen.append(step))
    assert len(seen) == 2
    assert all(stage == "read" and 0 < done <= total < sys.maxsize for stage, done, total in seen)
