"""The partner list in the ledger: import and acceptance of the regulation (R6, R9)."""

from datetime import date
from pathlib import Path

import pytest

from models import AuditEvent, Partner
from rasti.errors import BadInput, NotFound
from rasti.ledger.book import Book
from rasti.ledger.partners import accept_regulation, import_partners
from tests.builders import add_partner
from tests.desk import Desk

HEADER = "code;name;email;city;regulation_accepted_on"
ALFA = "ALFA;Alfa;alfa@partner.example;Moscow;2019-07-15"
BETA = "BETA;Beta;beta@partner.example;;"


def _import(book: Book, folder: Path, *rows: str) -> dict[str, int]:
    path = folder / "partners.csv"
    path.write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8")
    return import_partners(book, path).as_json()


def _partner(book: Book, code: str) -> Partner:
    with book.read() as tx:
        return tx.session.get_one(Partner, code)


def test_a_list_adds_changes_and_leaves_alone(book: Book, tmp_path: Path) -> None:
    assert _import(book, tmp_path, ALFA, BETA) == {"added": 2, "changed": 0, "unchanged": 0}
    assert _import(book, tmp_path, ALFA, BETA) == {"added": 0, "changed": 0, "unchanged": 2}
    moved = ALFA.replace("Moscow", "Tver").replace("alfa@", "info@")
    assert _import(book, tmp_path, moved, BETA) == {"added": 0, "changed": 1, "unchanged": 1}

    alfa = _partner(book, "ALFA")
    assert (alfa.city, alfa.email, alfa.regulation_accepted_on) == ("Tver", "info@partner.example", date(2019, 7, 15))
    assert Desk(book, tmp_path).size(AuditEvent) == 2


def test_a_shorter_list_removes_nobody_and_a_blank_date_revokes_nothing_R9(book: Book, tmp_path: Path) -> None:
    _import(book, tmp_path, ALFA, BETA)
    report = _import(book, tmp_path, "ALFA;Alfa;alfa@partner.example;Moscow;")
    assert report == {"added": 0, "changed": 0, "unchanged": 1}
    assert _partner(book, "ALFA").regulation_accepted_on == date(2019, 7, 15)
    assert _partner(book, "BETA").code == "BETA"


@pytest.mark.parametrize(
    ("known", "listed", "kept"),
    [
        ("2019-07-15", "2019-10-01", "2019-07-15"),
        ("2019-07-15", "2019-07-01", "2019-07-01"),
        ("2019-07-15", "", "2019-07-15"),
        ("", "2019-10-01", "2019-10-01"),
    ],
)
def test_an_import_never_moves_an_acceptance_to_a_later_day_R9(
    book: Book, tmp_path: Path, known: str, listed: str, kept: str
) -> None:
    row = "ALFA;Alfa;alfa@partner.example;Moscow;"
    _import(book, tmp_path, row + known)
    report = _import(book, tmp_path, row + listed)
    assert str(_partner(book, "ALFA").regulation_accepted_on) == kept
    assert report == {"added": 0, "changed": int(kept != known), "unchanged": int(kept == known)}


def test_who_accepts_from_a_later_day_on_may_accept_today_R9(book: Book, tmp_path: Path) -> None:
    book.clock.set("2019-09-03 12:00")  # type: ignore[attr-defined]
    _import(book, tmp_path, "ALFA;Alfa;alfa@partner.example;Moscow;2019-10-01")

    done = accept_regulation(book, "ALFA", reason="by telephone")

    assert (done.accepted_on, done.accepted_now) == (date(2019, 9, 3), True)
    assert _partner(book, "ALFA").regulation_accepted_on == date(2019, 9, 3)


def test_another_version_is_accepted_and_the_day_stays_R9(book: Book) -> None:
    add_partner(book, "ALFA")  # on 2019-07-01
    book.clock.set("2019-09-03 12:00")  # type: ignore[attr-defined]
    version = book.programme.rules[0].regulation_version

    done = accept_regulation(book, "ALFA", version=version)

    alfa = _partner(book, "ALFA")
    assert (done.accepted_on, done.accepted_now) == (date(2019, 7, 1), True)
    assert (alfa.regulation_accepted_on, alfa.regulation_version) == (date(2019, 7, 1), version)


def test_an_import_does_not_end_a_suspension(book: Book, tmp_path: Path) -> None:
    add_partner(book, "ALFA", suspended=True)
    _import(book, tmp_path, ALFA)
    assert _partner(book, "ALFA").suspended_at is not None


def test_a_list_with_a_bad_row_imports_nobody(book: Book, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="row 3"):
        _import(book, tmp_path, ALFA, "BETA;Beta;no address;;")
    assert Desk(book, tmp_path).size(Partner) == 0


def test_a_partner_accepts_the_regulation_on_a_day_of_moscow_R9(book: Book) -> None:
    add_partner(book, "ALFA", ready=False)
    book.clock.set("2019-09-03 00:30")  # type: ignore[attr-defined]
    assert accept_regulation(book, "ALFA", reason="by mail").accepted_on == date(2019, 9, 3)

    book.clock.set("2019-10-01 00:00")  # type: ignore[attr-defined]
    again = accept_regulation(book, "ALFA")

    assert (again.accepted_on, again.accepted_now) == (date(2019, 9, 3), False)
    assert _partner(book, "ALFA").regulation_accepted_on == date(2019, 9, 3)


def test_a_partner_who_is_not_in_the_list_cannot_accept(book: Book) -> None:
    with pytest.raises(NotFound, match="NOBODY"):
        accept_regulation(book, "NOBODY")
