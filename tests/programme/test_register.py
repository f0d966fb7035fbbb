"""The canonical invoice register: rows, revisions, quarantine (D1, D6 and the register's small print)."""

import pytest

from .papers import bills, kits, partner_list, register, row
from .play import Play
from .sandbox import ON_SQLITE

GOOD = row("good", "BETA", "2019-08-02", "100.00")

BAD_ROWS = {
    "not a number": row("bad", "ALFA", "2019-08-01", "NaN"),
    "signalling": row("bad", "ALFA", "2019-08-01", "sNaN"),
    "infinite": row("bad", "ALFA", "2019-08-01", "Infinity"),
    "absurd": row("bad", "ALFA", "2019-08-01", "9" * 40 + ".00"),
    "exponent": row("bad", "ALFA", "2019-08-01", "1e400"),
    "three decimals": row("bad", "ALFA", "2019-08-01", "12.345"),
    "comma": row("bad", "ALFA", "2019-08-01", "12,50"),
    "no amount": row("bad", "ALFA", "2019-08-01", ""),
    "text amount": row("bad", "ALFA", "2019-08-01", "ten"),
    "another currency": row("bad", "ALFA", "2019-08-01", "10.00", currency="EUR"),
    "half a piece": row("bad", "ALFA", "2019-08-01", "10.00", quantity="1.5"),
    "no quantity": row("bad", "ALFA", "2019-08-01", "10.00", quantity=""),
    "text quantity": row("bad", "ALFA", "2019-08-01", "10.00", quantity="many"),
    "no partner": row("bad", "", "2019-08-01", "10.00"),
    "no issuer": row("bad", "ALFA", "2019-08-01", "10.00", issuer=""),
    "no number": row("", "ALFA", "2019-08-01", "10.00"),
    "no date": row("bad", "ALFA", "", "10.00"),
    "a Russian date": row("bad", "ALFA", "01.08.2019", "10.00"),
    "no such day": row("bad", "ALFA", "2019-08-32", "10.00"),
    "no such period": row("bad", "ALFA", "2019-08-01", "10.00", period="2019-13"),
    "no such status": row("bad", "ALFA", "2019-08-01", "10.00", status="perhaps"),
}


@pytest.fixture
def books(august: Play) -> Play:
    """2019-08 as in `august`, looked at after its end."""
    return august.at("2019-09-01 12:00")


@ON_SQLITE
@pytest.mark.parametrize("bad", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_malformed_row_is_quarantined_and_the_rest_is_read(books: Play, bad: dict[str, str]) -> None:
    report = books.ingest(register(GOOD, bad, row("good-2", "BETA", "2019-08-03", "1.00")))

    assert [entry["row"] for entry in report["quarantined"]] == [3]
    assert report["quarantined"][0]["reason"]
    assert report["accepted"] == 2
    assert books.entry("2019-08", "BETA")["billed"] == "13101.00"
    assert books.entry("2019-08", "ALFA")["billed"] == "28000.00"
    assert books.rank("2019-08")["complete"] is False


def test_a_row_with_too_few_or_too_many_fields_is_quarantined(books: Play) -> None:
    lines = register(GOOD).splitlines()
    report = books.ingest("\n".join([*lines, "vendor;short;2019-08-01;ALFA", lines[1].replace("good", "long") + ";;x"]))

    assert [entry["row"] for entry in report["quarantined"]] == [3, 4]
    assert report["accepted"] == 1


def test_an_invoice_with_a_bad_row_is_quarantined_whole(books: Play) -> None:
    report = books.ingest(
        register(row("7", "ALFA", "2019-08-01", "10.00"), GOOD, row("7", "ALFA", "2019-08-01", "10.005"))
    )

    assert 4 in [entry["row"] for entry in report["quarantined"]]
    assert report["accepted"] == 1
    assert books.entry("2019-08", "ALFA")["billed"] == "28000.00"


def test_the_quarantine_tells_the_row_the_reason_the_invoice_and_its_months(books: Play) -> None:
    books.ingest(register(GOOD, row("7", "ALFA", "2019-08-01", "10.005")))

    (entry,) = books.quarantine()

    assert (entry["row"], entry["issuer"], entry["number"], entry["months"]) == (3, "vendor", "7", ["2019-08"])
    assert entry["reason"]


@ON_SQLITE
@pytest.mark.parametrize(
    "change",
    [{"issued_on": "2019-08-02"}, {"partner_code": "BETA"}, {"period": "2019-07"}, {"status": "cancelled"}],
    ids=lambda change: next(iter(change)),
)
def test_rows_of_one_invoice_that_disagree_are_malformed(books: Play, change: dict[str, str]) -> None:
    line = row("7", "ALFA", "2019-08-01", "10.00", period="", status="")

    report = books.ingest(register(line, GOOD, line | change))

    assert report["quarantined"]
    assert report["accepted"] == 1
    assert books.entry("2019-08", "ALFA")["billed"] == "28000.00"
    assert books.rank("2019-08")["complete"] is False


def test_rows_of_one_invoice_may_stand_anywhere(books: Play) -> None:
    report = books.ingest(
        register(
            row("7", "ALFA", "2019-08-01", "10.00"), GOOD, kits("7", "ALFA", "2019-08-01", "5.00", 4, product="Kit")
        )
    )

    assert (report["rows"], report["invoices"], report["accepted"]) == (3, 2, 2)
    assert books.entry("2019-08", "ALFA")["billed"] == "28015.00"
    assert books.entry("2019-08", "ALFA")["kits_sold"] == 4


def test_the_invoice_is_its_issuer_number_and_year(books: Play) -> None:
    report = books.ingest(
        register(
            row("7", "ALFA", "2019-08-01", "10.00"),
            row("7", "ALFA", "2019-08-01", "20.00", issuer="distributor"),
            row("7", "ALFA", "2018-08-01", "40.00"),
        )
    )

    assert (report["invoices"], report["accepted"], report["quarantined"]) == (3, 3, [])
    assert books.entry("2019-08", "ALFA")["billed"] == "28030.00"


def test_windows_line_ends_are_read(books: Play) -> None:
    report = books.ingest(register(row("7", "ALFA", "2019-08-01", "10.00")).replace("\n", "\r\n"))

    assert (report["accepted"], report["quarantined"]) == (1, [])


def test_an_unreadable_date_makes_all_months_of_the_file_incomplete(books: Play) -> None:
    books.ingest(register(row("7", "ALFA", "some day", "10.00"), row("8", "ALFA", "2019-07-01", "1.00")))

    assert books.rank("2019-08")["complete"] is False
    (entry,) = books.quarantine()
    assert entry["months"] == ["2019-07"]


def test_a_file_of_which_no_date_can_be_read_is_refused_whole(books: Play) -> None:
    with books.refusal("paper-"):
        books.ingest(register(row("7", "ALFA", "some day", "10.00"), row("8", "ALFA", "", "1.00")))


def test_reading_the_same_file_again_changes_nothing(books: Play) -> None:
    text = register(GOOD, row("7", "ALFA", "2019-08-01", "10.005"))
    books.ingest(text)
    before = books.rank("2019-08")

    again = books.ingest(text)

    assert (again["accepted"], again["revised"], again["cancelled"]) == (0, 0, 0)
    assert books.rank("2019-08") == before
    assert len(books.quarantine()) == 1


def test_invoices_that_did_not_change_are_counted_as_unchanged(books: Play) -> None:
    books.ingest(register(GOOD))

    report = books.ingest(register(GOOD, row("7", "ALFA", "2019-08-01", "10.00")))

    assert (report["invoices"], report["unchanged"], report["accepted"], report["revised"]) == (2, 1, 1, 0)
    assert books.entry("2019-08", "BETA")["billed"] == "13100.00"


def test_a_changed_invoice_replaces_its_former_revision(books: Play) -> None:
    books.ingest(register(row("7", "ALFA", "2019-08-01", "10.00"), row("7", "ALFA", "2019-08-01", "5.00")))

    report = books.ingest(register(row("7", "ALFA", "2019-08-01", "12.00")))

    assert (report["revised"], report["accepted"], report["unchanged"]) == (1, 0, 0)
    assert books.entry("2019-08", "ALFA")["billed"] == "28012.00"


def test_an_invoice_can_be_cancelled_by_a_later_file(books: Play) -> None:
    books.ingest(register(row("7", "ALFA", "2019-08-01", "10.00")))

    books.ingest(register(row("7", "ALFA", "2019-08-01", "10.00", status="cancelled")))

    assert books.entry("2019-08", "ALFA")["billed"] == "28000.00"


def test_a_file_that_was_read_before_is_skipped_also_after_a_newer_one_unless_again_is_said(books: Play) -> None:
    old, new = (register(row("7", "ALFA", "2019-08-01", amount)) for amount in ("10.00", "20.00"))
    books.ingest(old)
    books.ingest(new)

    skipped = books.ingest(old)
    assert (skipped["accepted"], skipped["revised"]) == (0, 0)
    assert books.entry("2019-08", "ALFA")["billed"] == "28020.00"

    assert books.ingest(old, "--again")["revised"] == 1
    assert books.entry("2019-08", "ALFA")["billed"] == "28010.00"


def test_replace_cancels_what_is_missing_from_the_month(books: Play) -> None:
    books.ingest(
        register(
            row("7", "ALFA", "2019-08-01", "10.00", issuer="distributor"),
            row("8", "ALFA", "2019-08-01", "20.00", issuer="distributor"),
            row("9", "ALFA", "2019-07-01", "40.00", issuer="distributor"),
        )
    )

    report = books.ingest(
        register(row("8", "ALFA", "2019-08-01", "20.00", issuer="distributor")), "--replace", "distributor", "2019-08"
    )

    assert (report["cancelled"], report["unchanged"]) == (1, 1)
    entry = books.entry("2019-08", "ALFA")
    assert (entry["previous_billed"], entry["billed"]) == ("20040.00", "28020.00")


def test_replace_with_a_bad_row_refuses_the_whole_file(books: Play) -> None:
    bad = register(
        row("7", "ALFA", "2019-08-01", "10.00", issuer="distributor"),
        row("8", "ALFA", "2019-08-01", "oops", issuer="distributor"),
    )

    with books.refusal("3"):
        books.ingest(bad, "--replace", "distributor", "2019-08")


def test_replace_takes_effect_also_with_a_file_that_is_known(books: Play) -> None:
    whole = register(row("8", "ALFA", "2019-08-01", "20.00", issuer="distributor"))
    books.ingest(whole)
    books.ingest(register(row("9", "ALFA", "2019-08-01", "40.00", issuer="distributor")))

    assert books.ingest(whole, "--replace", "distributor", "2019-08")["cancelled"] == 1
    assert books.entry("2019-08", "ALFA")["billed"] == "28020.00"


def test_strict_refuses_the_whole_file(books: Play) -> None:
    with books.refusal("3"):
        books.ingest(register(GOOD, row("7", "ALFA", "2019-08-01", "10.005")), "--strict")


def test_the_former_revision_counts_while_a_new_one_is_in_quarantine(books: Play) -> None:
    books.ingest(register(row("7", "ALFA", "2019-08-01", "10.00")))

    books.ingest(register(row("7", "ALFA", "2019-08-01", "20.005")))

    assert books.entry("2019-08", "ALFA")["billed"] == "28010.00"
    assert books.rank("2019-08")["complete"] is False


def test_the_accepted_revision_clears_the_quarantine(books: Play) -> None:
    books.ingest(register(GOOD, row("7", "ALFA", "2019-08-01", "20.005")))

    books.ingest(register(row("7", "ALFA", "2019-08-01", "20.00")))

    assert books.quarantine() == []
    assert books.rank("2019-08")["complete"] is True
    assert books.entry("2019-08", "ALFA")["billed"] == "28020.00"


def test_replace_clears_the_quarantine_of_its_issuer_and_month(books: Play) -> None:
    books.ingest(register(GOOD, row("7", "ALFA", "2019-08-01", "20.005", issuer="distributor")))

    books.ingest(
        register(row("8", "ALFA", "2019-08-01", "1.00", issuer="distributor")), "--replace", "distributor", "2019-08"
    )

    assert books.quarantine() == []
    assert books.rank("2019-08")["complete"] is True


def test_an_operator_clears_the_quarantine_with_a_reason(books: Play) -> None:
    books.ingest(register(GOOD, row("7", "ALFA", "2019-08-01", "20.005")))
    (entry,) = books.quarantine()
    with books.refusal(statuses=(1, 2)):
        books.do("quarantine", "resolve", str(entry["id"]))

    books.resolve(entry["id"])

    assert books.quarantine() == []
    assert books.rank("2019-08")["complete"] is True
    assert books.entry("2019-08", "ALFA")["billed"] == "28000.00"


@pytest.mark.parametrize("field", ["issuer", "number"])
def test_a_row_without_issuer_or_number_is_cleared_by_an_operator_only(books: Play, field: str) -> None:
    line = row("7", "ALFA", "2019-08-01", "20.00")
    books.ingest(register(GOOD, line | {field: ""}))

    books.ingest(register(line))
    assert len(books.quarantine()) == 1
    assert books.rank("2019-08")["complete"] is False

    books.resolve(books.quarantine()[0]["id"])
    assert books.rank("2019-08")["complete"] is True


def test_resolving_what_is_not_there_is_refused(books: Play) -> None:
    with books.refusal("4711"):
        books.resolve(4711)


def test_importing_partners_adds_and_changes_but_never_removes_or_revokes(august: Play) -> None:
    august.do("partners", "import", august.paper(partner_list("SIGMA", not_ready=("ALFA",))))

    assert august.places("2019-08") == ["ALFA", "BETA", "GAMMA", "DELTA"]
    assert august.at("2019-09-01 12:00").hand_to_winner("2019-08") == "ALFA"


def test_a_partner_list_that_comes_later_brings_strangers_into_the_ranking_D3(play: Play) -> None:
    play.at("2019-09-01 12:00")
    play.ingest(bills({"ALFA": {"2019-07": "20000.00", "2019-08": "28000.00"}}))
    assert play.entry("2019-08", "ALFA")["reason"] == "no_cabinet_access"

    play.partners("ALFA")

    assert play.entry("2019-08", "ALFA")["place"] == 1
