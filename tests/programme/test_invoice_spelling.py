"""Spellings of one invoice are one; what is probably there twice, or of an unknown issuer, keeps the month waiting."""

from typing import Any

import pytest

from .papers import bills, register, row
from .play import Play, Refusal

HOUSE = "ООО «Чайный дом»"
COLUMNS = "issuer;number;issued_on;partner_code;partner;product_code;product;quantity;amount;currency"
LINE = "2019-07-10;ALFA;Alpha;grm;GRM;1;1000.00;RUB"

FIRST = f"{COLUMNS}\n{HOUSE};000123;{LINE}\n"
NBSP = f"{COLUMNS}\nООО «Чайный\N{NO-BREAK SPACE}дом»;000123;{LINE}\n"
ZEROS = f"{COLUMNS}\n{HOUSE};123;{LINE}\n"
TWO_SPACES = f"{COLUMNS}\nООО  «Чайный дом»;900;2019-08-11;GAMMA;C;grm;GRM;1;99999.00;RUB\n"


@pytest.fixture
def books(august: Play) -> Play:
    """2019-08 as in `august`, looked at after its end."""
    return august.at("2019-09-01 12:00")


def _missing(play: Play) -> str:
    return play.do("rank", "2019-08")


def test_a_no_break_space_makes_no_second_invoice_D1(books: Play) -> None:
    books.ingest(FIRST)
    report = books.ingest(NBSP)
    assert (report["accepted"], report["unchanged"], report["revised"]) == (0, 1, 0)
    assert books.entry("2019-08", "ALFA")["previous_billed"] == "21000.00"
    assert books.rank("2019-08")["complete"] is True


def test_an_invoice_keeps_its_first_spelling_and_its_version_D1_D5(books: Play) -> None:
    books.ingest(FIRST)
    version = books.rank("2019-08")["version"]
    books.ingest(NBSP.replace("Чайный", "ЧАЙНЫЙ"), "--again")
    assert books.rank("2019-08")["version"] == version


def test_an_invoice_in_another_spelling_is_revised_and_not_added_D1(books: Play) -> None:
    books.ingest(FIRST)
    assert books.ingest(NBSP.replace("1000.00", "1200.00"))["revised"] == 1
    assert books.entry("2019-08", "ALFA")["previous_billed"] == "21200.00"


def test_zeros_lost_on_the_way_keep_the_month_incomplete_until_an_operator_says_which_D6(books: Play) -> None:
    books.ingest(FIRST)
    books.ingest(ZEROS)

    assert books.rank("2019-08")["complete"] is False
    assert "2019-07" in _missing(books)
    (double,) = books.doubles()
    assert (double["first"]["number"], double["second"]["number"], double["months"]) == ("000123", "123", ["2019-07"])
    with books.refusal("2019-08"):
        books.publish("2019-08")
    with books.refusal(statuses=(2,)):
        books.do("doubles", "resolve", str(double["id"]), "--keep", "first")
    with books.refusal(statuses=(2,)):
        books.do("doubles", "resolve", str(double["id"]), "--keep", "neither", "--reason", "test")

    books.do("doubles", "resolve", str(double["id"]), "--keep", "first", "--reason", "Excel took the zeros")

    assert books.doubles() == []
    assert books.rank("2019-08")["complete"] is True
    assert books.entry("2019-08", "ALFA")["previous_billed"] == "21000.00"
    assert books.publish("2019-08")["month"] == "2019-08"


def test_both_may_be_right_D6(books: Play) -> None:
    books.ingest(FIRST)
    books.ingest(ZEROS)
    books.do("doubles", "resolve", str(books.doubles()[0]["id"]), "--keep", "both", "--reason", "two boxes of tea")
    assert books.rank("2019-08")["complete"] is True
    assert books.entry("2019-08", "ALFA")["previous_billed"] == "22000.00"


@pytest.mark.parametrize("keep", ["both", "first", "second"])
def test_what_was_decided_does_not_come_back_with_its_file_D6(books: Play, keep: str) -> None:
    for text in (FIRST, ZEROS):
        books.ingest(text)
    books.do("doubles", "resolve", str(books.doubles()[0]["id"]), "--keep", keep, "--reason", "test")
    before = books.rank("2019-08")

    for text in (FIRST, ZEROS, NBSP):
        report = books.ingest(text, "--again")
        assert (report["unchanged"], report["revised"], report["accepted"]) == (1, 0, 0)

    assert books.doubles() == []
    assert books.rank("2019-08") == before


def _bill(books: Play, number: str, amount: str, *options: str, **more: str) -> dict[str, Any]:
    return books.ingest(register(row(number, "ALFA", "2019-07-10", amount, **more)), *options)


def _july(books: Play) -> tuple[str, bool]:
    """What ALFA was billed in July, and whether the month after it waits for nothing."""
    return books.entry("2019-08", "ALFA")["previous_billed"], books.rank("2019-08")["complete"]


@pytest.fixture
def decided(books: Play) -> Play:
    """`0077` and `77` of 5000.00 each; the first one counts by an operator's word."""
    _bill(books, "0077", "5000.00")
    _bill(books, "77", "5000.00")
    books.do("doubles", "resolve", str(books.doubles()[0]["id"]), "--keep", "first", "--reason", "Excel")
    assert _july(books) == ("25000.00", True)
    return books


def test_what_an_operator_left_out_stays_out_when_the_other_is_corrected_D6(decided: Play) -> None:
    _bill(decided, "0077", "6000.00")
    assert _july(decided) == ("26000.00", True)
    _bill(decided, "0077", "6000.00", status="cancelled")
    assert _july(decided) == ("20000.00", True)
    assert decided.doubles() == []


def test_a_correction_of_what_was_left_out_is_asked_about_again_D6(decided: Play) -> None:
    _bill(decided, "0077", "6000.00")
    _bill(decided, "77", "6000.00")  # says what the other one says: nothing to ask
    assert _july(decided) == ("26000.00", True)
    _bill(decided, "77", "7000.00")
    assert _july(decided) == ("33000.00", False)
    (double,) = decided.doubles()
    decided.do("doubles", "resolve", str(double["id"]), "--keep", "second", "--reason", "the correction")
    assert _july(decided) == ("27000.00", True)


def test_what_a_replaced_month_has_no_more_does_not_take_the_other_with_it_D6(decided: Play) -> None:
    rest = [row(code, code, "2019-07-05", "10.00") for code in ("ALFA", "BETA")]
    decided.ingest(register(row("77", "ALFA", "2019-07-10", "5000.00"), *rest), "--replace", "vendor", "2019-07")
    assert decided.rank("2019-08")["complete"] is False
    assert [(it["first"]["number"], it["second"]["number"]) for it in decided.doubles()] == [("0077", "77")]


def test_a_word_about_two_years_is_asked_for_again_when_one_is_corrected_D6(books: Play) -> None:
    _bill(books, "77", "5000.00")
    books.ingest(register(row("77", "ALFA", "2018-07-10", "5000.00")))
    books.do("doubles", "resolve", str(books.doubles()[0]["id"]), "--keep", "second", "--reason", "the year")
    assert _july(books) == ("20000.00", True)
    books.ingest(register(row("77", "ALFA", "2018-07-10", "6000.00")))
    assert _july(books) == ("25000.00", False)
    books.do("doubles", "resolve", str(books.doubles()[0]["id"]), "--keep", "both", "--reason", "two of them")
    assert _july(books) == ("25000.00", True)


@pytest.mark.parametrize(
    ("amount", "status", "waiting", "billed"),
    [("5000.00", "cancelled", "25000.00", "20000.00"), ("6000.00", "posted", "31000.00", "26000.00")],
    ids=["a cancellation", "a correction"],
)
def test_a_cancellation_or_correction_without_its_zeros_is_asked_about_D6(
    books: Play, amount: str, status: str, waiting: str, billed: str
) -> None:
    _bill(books, "0077", "5000.00")
    _bill(books, "77", amount, status=status)
    assert _july(books) == (waiting, False)
    assert ("отмена" in books.do("doubles", "list")) is (status == "cancelled")
    books.do("doubles", "resolve", str(books.doubles()[0]["id"]), "--keep", "second", "--reason", "Excel")
    assert _july(books) == (billed, True)
    for text in (("0077", "5000.00", "posted"), ("77", amount, status)):
        _bill(books, text[0], text[1], "--again", status=text[2])
    assert _july(books) == (billed, True)


def test_an_incomplete_month_is_published_with_a_reason_all_the_same_D6(books: Play) -> None:
    books.ingest(FIRST)
    books.ingest(ZEROS)
    assert books.publish("2019-08", "--allow-incomplete", "--reason", "the press waits")["places"]


def test_a_decision_about_what_is_not_there_is_refused(books: Play) -> None:
    with books.refusal("4711"):
        books.do("doubles", "resolve", "4711", "--keep", "both", "--reason", "test")


def test_an_issuer_with_two_spaces_is_the_issuer_whom_the_programme_names_D6(books: Play) -> None:
    books.programme(issuers=[HOUSE, "vendor"])
    books.ingest(TWO_SPACES)
    for issuer in ("vendor", "ооо «чайный\N{NO-BREAK SPACE}дом»"):
        books.close(issuer, "2019-08")
    assert books.rank("2019-08")["complete"] is True
    assert books.do("issuers", "list").strip()
    books.close(HOUSE, "2019-08")  # closed before: nothing is refused


def test_an_unknown_issuer_makes_the_month_incomplete_and_is_named_D6(books: Play) -> None:
    books.programme(issuers=["vendor"])
    books.ingest(TWO_SPACES)
    books.close("vendor", "2019-08")

    assert books.rank("2019-08")["complete"] is False
    assert "ООО  «Чайный дом»" in _missing(books)
    with pytest.raises(Refusal, match="Чайный дом"):
        books.publish("2019-08")

    books.do("issuers", "accept", HOUSE, "2019-08", "--reason", "a distributor for a month")

    assert books.rank("2019-08")["complete"] is True


def test_an_unknown_issuer_is_known_once_the_programme_names_it_D6(books: Play) -> None:
    books.programme(issuers=["vendor"])
    books.ingest(TWO_SPACES)
    books.programme(issuers=["vendor", HOUSE])
    for issuer in ("vendor", HOUSE):
        books.close(issuer, "2019-08")
    assert books.rank("2019-08")["complete"] is True


def test_a_month_that_an_unknown_issuer_cancelled_waits_for_an_operator_D6(books: Play) -> None:
    books.programme(issuers=["vendor"])
    books.ingest(TWO_SPACES)
    books.close("vendor", "2019-08")
    other = register(row("901", "GAMMA", "2019-08-11", "1.00", issuer=HOUSE, status="cancelled"))
    assert books.ingest(other, "--replace", HOUSE, "2019-08")["cancelled"] == 1
    # A cancellation of somebody unknown may be meant for another's invoice: an operator looks at it.
    assert books.rank("2019-08")["complete"] is False
    books.do("issuers", "accept", HOUSE, "2019-08", "--reason", "all of it is cancelled")
    assert books.rank("2019-08")["complete"] is True


def test_without_issuers_in_the_programme_nobody_is_unknown_D6(books: Play) -> None:
    books.ingest(TWO_SPACES)
    assert books.rank("2019-08")["complete"] is True


@pytest.mark.parametrize("issuer", ["nobody", "vendor"])
def test_who_is_not_unknown_cannot_be_accepted(books: Play, issuer: str) -> None:
    books.programme(issuers=["vendor"])
    with books.refusal(issuer):
        books.do("issuers", "accept", issuer, "2019-08", "--reason", "test")


def test_closes_and_replace_take_any_spelling_of_the_issuer_D6(books: Play) -> None:
    books.programme(issuers=["vendor", HOUSE])
    texts = [register(row(number, "ALFA", "2019-08-01", "10.00", issuer=HOUSE)) for number in ("7", "8")]
    books.ingest(texts[0])
    report = books.ingest(
        texts[1],
        "--replace",
        "ООО\N{NO-BREAK SPACE}«ЧАЙНЫЙ ДОМ»",
        "2019-08",
        "--closes",
        "ооо  «чайный дом»",
        "2019-08",
    )
    assert (report["accepted"], report["cancelled"]) == (1, 1)
    books.close("VENDOR", "2019-08")
    assert books.rank("2019-08")["complete"] is True


def test_a_published_month_whose_invoices_changed_is_named_by_status_D5(books: Play) -> None:
    books.publish("2019-08")
    assert "changed_since_published" not in books.status()

    books.ingest(register(row("late", "BETA", "2019-08-20", "5000.00")))

    assert books.status()["changed_since_published"] == ["2019-08"]
    assert "2019-08" in books.do("status")
    books.publish("2019-08")
    assert "changed_since_published" not in books.status()


def test_a_month_that_is_as_it_was_again_is_not_named_D5(books: Play) -> None:
    books.publish("2019-08")
    books.ingest(bills({"ALFA": {"2019-08": "29000.00"}}))
    books.ingest(bills({"ALFA": {"2019-08": "28000.00"}}))
    assert "changed_since_published" not in books.status()
