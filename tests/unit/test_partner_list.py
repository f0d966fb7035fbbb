"""The partner list as a file: one bad row refuses it (R6, R9)."""

from datetime import date
from pathlib import Path

import pytest

from rasti.clients.partner_list import ListedPartner, read_partner_list
from rasti.errors import BadInput, NotFound

HEADER = "code;name;email;city;regulation_accepted_on"
ALFA = "ALFA;ООО «Альфа»;alfa@partner.example;Москва;2019-07-15"


def _read(folder: Path, *rows: str, header: str = HEADER) -> list[ListedPartner]:
    path = folder / "partners.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return read_partner_list(path)


def test_a_row_is_a_partner_and_a_blank_date_says_nothing_R9(tmp_path: Path) -> None:
    alfa, beta = _read(tmp_path, ALFA, "", " BETA ;Beta;beta@partner.example;;")
    assert alfa == ListedPartner("ALFA", "ООО «Альфа»", "alfa@partner.example", "Москва", date(2019, 7, 15))
    assert beta == ListedPartner("BETA", "Beta", "beta@partner.example", "", None)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (ALFA, "code"),  # twice
        (";x;x@partner.example;;", "code"),
        ("x" * 65 + ";x;x@partner.example;;", "code"),
        ("BETA;;x@partner.example;;", "name"),
        ('BETA;"line\nbreak";x@partner.example;;', "name"),
        ("BETA;x;;;", "email"),
        ("BETA;x;no address;;", "email"),
        ("BETA;x;a@b@c;;", "email"),
        ("BETA;x;a b@c;;", "email"),
        ("BETA;x;<a@c>;;", "email"),
        ('BETA;x;"a@c\nBcc: d@e";;', "email"),
        ("BETA;x;a@c,d@e;;", "email"),
        ("BETA;x;x@partner.example;;15.07.2019", "regulation_accepted_on"),
        ("BETA;x;x@partner.example;;2019-02-30", "regulation_accepted_on"),
    ],
)
def test_a_bad_row_refuses_the_list_and_names_row_and_field(tmp_path: Path, row: str, field: str) -> None:
    with pytest.raises(BadInput) as info:
        _read(tmp_path, ALFA, row)
    assert info.value.field == field
    assert f"row {3 + row.count(chr(10))}" in str(info.value)


@pytest.mark.parametrize("row", ["BETA;x;x@partner.example", "BETA;x;x@partner.example;;;", '"BETA;x;x@y.example;;'])
def test_a_row_that_is_no_row_refuses_the_list(tmp_path: Path, row: str) -> None:
    with pytest.raises(BadInput, match="row 3"):
        _read(tmp_path, ALFA, row)


@pytest.mark.parametrize("header", ["", "code;name", HEADER.replace(";", ","), f"{HEADER};more"])
def test_a_file_with_another_header_is_no_partner_list(tmp_path: Path, header: str) -> None:
    with pytest.raises(BadInput, match="is no partner list"):
        _read(tmp_path, ALFA, header=header)


def test_a_wrong_encoding_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "partners.csv"
    path.write_bytes(f"{HEADER}\n{ALFA}\n".encode("cp1251"))
    with pytest.raises(BadInput, match=r"partners\.csv: line 2 is not UTF-8; it looks like Windows-1251"):
        read_partner_list(path)
    with pytest.raises(NotFound, match=r"nowhere\.csv"):
        read_partner_list(tmp_path / "nowhere.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        read_partner_list(tmp_path)
