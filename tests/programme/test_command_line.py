"""The conventions of the command line: exit statuses, --at, --json, reading that never writes; the executable."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .play import Play
from .sandbox import ON_SQLITE

NOON = "2019-09-03 12:00"


def test_reading_commands_never_write(september: Play) -> None:
    """Also when there is something overdue that a writer would judge."""
    lead = september.at(NOON).lead()
    september.bill({"ALFA": {"2019-08": "27000.00"}})
    september.rank("2019-08")
    september.at("2019-09-03 15:00")
    before = september.sandbox.fingerprint()

    september.status()
    september.show(lead)
    september.violations()
    september.quarantine()
    september.diff("2019-08", 1, 2)

    assert september.sandbox.fingerprint() == before
    assert september.status()["overdue"] == 1


@ON_SQLITE
@pytest.mark.parametrize(
    "argv",
    [
        ("rank",),
        ("nonsense",),
        ("rank", "2019-08", "--colour"),
        ("lead", "show", "seven"),
        ("violation", "record", "1", "--checkpoint"),
        ("lead", "dance"),
        ("lead", "show", "9" * 30),
        ("violation", "reverse", "9" * 30, "--reason", "x"),
        ("rank", "9999-12"),
        ("sweep", "--grace", "soon"),
    ],
)
def test_wrong_usage_ends_with_two(september: Play, argv: tuple[str, ...]) -> None:
    with september.at(NOON).refusal(statuses=(2,)):
        september.do(*argv)


@ON_SQLITE
@pytest.mark.parametrize(
    "text", ["yesterday", "2019-09-03T11:01:00", "2019-09-32T00:00:00+03:00", "9999-12-31T23:59:59-12:00"]
)
def test_an_instant_that_is_none_is_refused(september: Play, text: str) -> None:
    answer = september.run("--at", text, "status", "--json")

    assert answer.status in (1, 2)
    assert text in answer.err
    assert "Traceback" not in answer.err


@ON_SQLITE
@pytest.mark.parametrize(
    "argv",
    [
        ("rank", "2019-08"),
        ("publish", "2019-08"),
        ("activate", "2019-08"),
        ("diff", "2019-08", "1", "2"),
        ("status",),
        ("lead", "show", "1"),
        ("violation", "list"),
        ("quarantine", "list"),
        ("sweep",),
    ],
)
def test_without_json_a_person_gets_a_table_and_json_is_nothing_but_json(
    september: Play, argv: tuple[str, ...]
) -> None:
    september.at(NOON).lead()
    september.bill({"ALFA": {"2019-08": "27000.00"}})
    september.rank("2019-08")

    table = september.do(*argv)

    assert table.strip()
    with pytest.raises(json.JSONDecodeError):
        json.loads(table)
    json.loads(september.do(*argv, "--json"))


def test_the_table_of_a_ranking_shows_its_numbers(august: Play) -> None:
    table = august.at("2019-09-01 12:00").do("rank", "2019-08")

    for value in ("ALFA", "40.00", "BETA", "30.00"):
        assert value in table.replace(",", ".")


def test_at_may_run_backwards_on_a_sandbox(september: Play) -> None:
    later = september.at("2019-09-10 12:00").lead()
    earlier = september.at("2019-09-02 12:00").lead()

    assert september.attempts(later) == september.attempts(earlier) == [("ALFA", None)]


@ON_SQLITE
def test_at_is_refused_on_anything_but_a_sandbox(play: Play, tmp_path: Path) -> None:
    play.environment["RASTI_HOME"] = str(tmp_path / "production")
    (tmp_path / "production").mkdir()
    assert play.run("db", "upgrade").status == 0
    assert play.run("status", "--json").status == 0

    answer = play.run("status", "--json", at=NOON)

    assert answer.status == 1
    assert "--at" in answer.err or "sandbox" in answer.err
    play.run("db", "upgrade", "--sandbox")  # marks new databases only
    assert play.run("status", "--json", at=NOON).status == 1
    assert play.run("db", "upgrade").status == 0


def test_a_sandbox_without_at_lives_now(play: Play) -> None:
    answer = play.run("status", "--json")

    assert answer.status == 0
    assert json.loads(answer.out)["holder"] is None


def test_upgrading_twice_changes_nothing(september: Play) -> None:
    before = september.status()

    assert september.run("db", "upgrade").status == 0
    assert september.run("db", "upgrade", "--sandbox").status in (0, 1)

    assert september.status() == before


# The executable itself, on a sandbox


def rasti(play: Play, *argv: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RASTI_", "PREFECT_"))}
    return subprocess.run(
        [sys.executable, "-m", "rasti.cli.main", *argv],
        env=kept | play.environment | {"COLUMNS": "1000"},
        cwd=play.sandbox.folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_executable_answers_with_json_and_zero(september: Play) -> None:
    done = rasti(september, "--at", "2019-09-03T12:00:00+03:00", "status", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["holder"] == "ALFA"


@ON_SQLITE
def test_the_executable_refuses_with_one_and_a_message(september: Play) -> None:
    done = rasti(september, "--at", "2019-09-03T12:00:00+03:00", "rank", "2019-09", "--json")

    assert (done.returncode, done.stdout) == (1, "")
    assert "2019-09" in done.stderr
    assert "Traceback" not in done.stderr


@ON_SQLITE
def test_the_executable_shows_help_and_wrong_usage(september: Play) -> None:
    assert "rank" in rasti(september, "--help").stdout
    assert rasti(september, "nonsense").returncode == 2
