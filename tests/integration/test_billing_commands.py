"""The billing commands as a person and a script meet them: tables, JSON, exit status."""

import json
from pathlib import Path
from typing import Any

import pytest

from rasti.cli.main import run
from tests.builders import SECOND, WINNER, growing_register, invoice_row, register

ROOT = Path(__file__).resolve().parents[2]

PARTNERS = "code;name;email;city;regulation_accepted_on\n" + "".join(
    f"{code};{code};{code}@partner.example;;2019-07-15\n" for code in (WINNER, SECOND, "third", "stranger")
)


class Terminal:
    """Runs commands over this test's own installation."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def __call__(self, *argv: str) -> tuple[int, str, str]:
        """Exit status, stdout and stderr of one command."""
        status = run(argv)
        out, err = self.capsys.readouterr()
        return status, out, err

    def ask(self, *argv: str) -> Any:
        status, out, err = self(*argv, "--json")
        assert status == 0, err
        return json.loads(out)

    def file(self, text: str, name: str = "paper.csv") -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def rasti(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """An installation with the four partners and a complete August."""
    monkeypatch.setenv("RASTI_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("RASTI_PROGRAMME", str(ROOT / "programme.yaml"))
    monkeypatch.setenv("RASTI_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(tmp_path, capsys)
    assert terminal("db", "upgrade")[0] == 0
    assert terminal.ask("partners", "import", terminal.file(PARTNERS)) == {"added": 4, "changed": 0, "unchanged": 0}
    terminal.ask("ingest", terminal.file(growing_register()))
    return terminal


def test_a_month_goes_from_register_to_announcement(rasti: Terminal) -> None:
    ranking = rasti.ask("rank", "2019-08")
    assert (ranking["month"], ranking["version"], ranking["complete"]) == ("2019-08", 1, True)
    assert [entry["partner"] for entry in ranking["entries"]] == [WINNER, SECOND, "third", "stranger"]

    published = rasti.ask("publish", "2019-08")
    assert [place["partner"] for place in published["places"]] == [WINNER, SECOND, "third"]

    corrected = invoice_row(number="2019-08-1", amount="10000.01", partner_code=WINNER)
    assert rasti.ask("ingest", rasti.file(register(corrected)))["revised"] == 1
    assert rasti.ask("rank", "2019-08")["version"] == 2
    moved = rasti.ask("diff", "2019-08", "1", "2")["moved"]
    assert {move["partner"]: (move["from"], move["to"]) for move in moved}[WINNER] == (1, 3)


def test_without_json_a_person_reads_tables(rasti: Terminal) -> None:
    status, out, _err = rasti("rank", "2019-08")
    assert status == 0
    for text in ("Ranking 2019-08, version 1", "100.00", "20000.00", "no_growth"):
        assert text in out
    assert "winner" in rasti("publish", "2019-08")[1]
    assert "Nothing changed" in rasti("publish", "2019-08")[1]
    assert "Nobody moved" in rasti("diff", "2019-08", "1", "1")[1]
    assert "was read before" in rasti("ingest", rasti.file(growing_register()))[1]
    assert "Nothing is in quarantine" in rasti("quarantine", "list")[1]


def test_of_a_very_long_ranking_a_person_sees_the_beginning(rasti: Terminal) -> None:
    rows = [invoice_row(number=f"N-{number}", partner_code=f"N-{number}") for number in range(320)]
    rasti.ask("ingest", rasti.file(register(*rows)))
    out = rasti("rank", "2019-08")[1]
    assert "The first 300 of 324 partners" in out
    assert len(rasti.ask("rank", "2019-08")["entries"]) == 324


def test_quarantined_rows_are_listed_and_resolved(rasti: Terminal) -> None:
    path = rasti.file(register(invoice_row(amount="oops")))
    status, out, _err = rasti("ingest", path)
    assert status == 0
    assert "oops" in out
    assert "in quarantine: 1" in rasti("rank", "2019-08")[1]
    (row,) = rasti.ask("quarantine", "list")
    assert set(row) == {"id", "row", "reason", "issuer", "number", "months"}
    assert "paper.csv" in rasti("quarantine", "list")[1]

    assert rasti("quarantine", "resolve", str(row["id"]), "--reason", "a test invoice")[0] == 0

    assert rasti.ask("quarantine", "list") == []
    assert rasti.ask("rank", "2019-08")["complete"] is True


def test_closing_and_accepting_are_said(rasti: Terminal) -> None:
    assert rasti.ask("close", "vendor", "2019-08") == {"issuer": "vendor", "month": "2019-08", "closed_now": True}
    assert "was closed before" in rasti("close", "vendor", "2019-08")[1]
    assert rasti.ask("partners", "accept", WINNER) == {"partner": WINNER, "accepted_on": "2019-07-15"}
    whole = rasti.file(register(invoice_row(number="2019-08-1", partner_code=WINNER, amount="1.00")))
    report = rasti.ask("ingest", whole, "--replace", "vendor", "2019-08", "--closes", "vendor", "2019-07")
    assert (report["revised"], report["cancelled"]) == (1, 3)


@pytest.mark.parametrize(
    "argv",
    [
        ("rank", "2019-13"),
        ("rank",),
        ("publish", "August"),
        ("publish", "2019-08", "--version", "0"),
        ("close", "vendor", "2019-8"),
        ("ingest", "paper.csv", "--closes", "vendor", "2019-8"),
        ("ingest", "paper.csv", "--replace", "vendor"),
        ("diff", "2019-08", "1"),
        ("quarantine", "resolve", "1"),
    ],
)
def test_wrong_usage_ends_with_two_and_no_trace(rasti: Terminal, argv: tuple[str, ...]) -> None:
    status, out, err = rasti(*argv)
    assert (status, out) == (2, "")
    assert err.strip()
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (("rank", "2019-07"), "2019-07"),
        (("publish", "2019-08", "--version", "7"), "7"),
        (("diff", "2019-08", "1", "2"), "2019-08"),
        (("ingest", "nowhere.csv"), "nowhere.csv"),
        (("ingest", "."), "."),
        (("partners", "import", "nowhere.csv"), "nowhere.csv"),
        (("partners", "accept", "NOBODY"), "NOBODY"),
        (("quarantine", "resolve", "4711", "--reason", "x"), "4711"),
    ],
)
def test_what_a_rule_refuses_ends_with_one_and_names_the_value(
    rasti: Terminal, argv: tuple[str, ...], named: str
) -> None:
    status, out, err = rasti(*argv)
    assert (status, out) == (1, "")
    assert named in err
    assert "Traceback" not in err
