"""A file that is no CSV in UTF-8 is refused by what it is, with the way out; registers and partner lists alike."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from rasti.clients.partner_list import read_partner_list
from rasti.clients.register import read_register
from rasti.errors import BadInput
from tests.builders import invoice_row, register

LIST = "code;name;email;city;regulation_accepted_on\np1;Чайный дом;p1@partner.example;Омск;\n"


def _xlsx() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.add_worksheet().write_string(0, 0, "issuer")
    return out.getvalue()


def _zip(name: str, content: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


def _read_register(path: Path) -> object:
    return read_register(path, currency="RUB")


readers = pytest.mark.parametrize("read", [_read_register, read_partner_list], ids=["register", "partner list"])


@readers
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_xlsx(), "an Excel workbook (XLSX)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "an Excel workbook (XLS)"),
        (_zip("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), "an OpenDocument spreadsheet (ODS)"),
    ],
    ids=["xlsx", "xls", "ods"],
)
def test_a_workbook_is_called_one_and_saved_as_csv(
    tmp_path: Path, read: Callable[[Path], object], content: bytes, said: str
) -> None:
    path = tmp_path / "august.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read(path)
    assert f"august.csv is {said}, not a CSV file" in str(caught.value)
    assert "“CSV UTF-8”" in str(caught.value)


@readers
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_zip("august.csv", register(invoice_row())), "is a ZIP archive, not a CSV file: unpack it"),
        (gzip.compress(register(invoice_row()).encode()), "is an archive, not a CSV file: unpack it"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF document, not a CSV file: ask its issuer"),
    ],
    ids=["zip", "gzip", "pdf"],
)
def test_an_archive_is_to_be_unpacked_and_a_pdf_is_of_no_use(
    tmp_path: Path, read: Callable[[Path], object], content: bytes, said: str
) -> None:
    path = tmp_path / "august"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read(path)
    assert said in str(caught.value)


@readers
@pytest.mark.parametrize(
    ("encoding", "said"),
    [("cp1251", "Windows-1251"), ("cp866", "DOS (866)"), ("koi8-r", "KOI8-R"), ("utf-16", "UTF-16"),
     ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16")],
)  # fmt: skip
def test_another_encoding_is_named(tmp_path: Path, read: Callable[[Path], object], encoding: str, said: str) -> None:
    text = register(invoice_row(partner="Чайный дом", product="Место")) if read is _read_register else LIST
    path = tmp_path / "august.csv"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(BadInput) as caught:
        read(path)
    row = 1 if said == "UTF-16" else 2
    assert f"august.csv: line {row} is not UTF-8; it looks like {said}. Save the file as “CSV UTF-8”." in str(
        caught.value
    )


@pytest.mark.parametrize("partner", [b"M\xfcller", b"\xff", b"Caf\xe9 \xab"])
def test_an_encoding_that_nobody_can_tell_is_not_guessed(tmp_path: Path, partner: bytes) -> None:
    path = tmp_path / "august.csv"
    path.write_bytes(register(invoice_row(partner="@")).encode().replace(b"@", partner))
    with pytest.raises(BadInput, match=r"line 2 is not UTF-8 \(byte \d+\)"):
        read_register(path, currency="RUB")
